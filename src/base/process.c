// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"

enum { FIELD_STATE = 3, FIELD_THREADS = 20, FIELD_START = 22, STAT_BYTES_MAX = 4096 };

uint64_t process_start_parse(const char *stat)
{
    uint64_t threads = 0, start = 0;
    char state = '\0';
    /* The name in brackets may hold anything: fields are counted from its end, which is field 2. */
    const char *at = strrchr(stat, ')');
    for (int field = FIELD_STATE; at && field <= FIELD_START; field++) {
        at = strchr(at + 1, ' ');
        CLEANUP(free) char *word = at ? xstrndup(at + 1, strcspn(at + 1, " \n")) : NULL;
        bool number = field == FIELD_THREADS || field == FIELD_START;
        if (word && field == FIELD_STATE) {
            state = *word;
        } else if (word && number &&
                   str_to_u64(word, 10, field == FIELD_START ? &start : &threads) < 0) {
            return 0;
        }
    }
    /* The first thread alone may have ended: then the others are the process. */
    return (state == 'Z' || state == 'X') && threads <= 1 ? 0 : start;
}

uint64_t process_start_time(int proc_fd, pid_t pid)
{
    CLEANUP(free) char *path = str_format("%s%d/stat", proc_fd < 0 ? "/proc/" : "", (int)pid);
    CLEANUP(free) char *text = NULL;
    bool there =
        file_read(proc_fd < 0 ? AT_FDCWD : proc_fd, path, STAT_BYTES_MAX, &text, NULL, NULL) >= 0;
    return there ? process_start_parse(text) : 0;
}
