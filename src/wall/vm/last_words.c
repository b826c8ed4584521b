// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "wall/vm/vm.h"

enum { LOG_BYTES_MAX = 1 << 20, LINES = 3, WORDS_BYTES_MAX = 400 };

/* Each kernel that finds no PCI complains, and is right. */
static bool says_something(const char *line)
{
    return line[0] != '\0' && !strstr(line, "PCI: Fatal: No config space access function found");
}

/* The last lines that say something, " | " between them. A kernel that only booted says nothing. */
static char *last_lines(const struct strv *lines)
{
    CLEANUP(strv) struct strv kept = {0};
    size_t first = lines->count;
    for (unsigned count = 0; first > 0 && count < LINES; first--) {
        count += says_something(lines->items[first - 1]);
    }
    for (; first < lines->count; first++) {
        if (says_something(lines->items[first])) {
            strv_add(&kept, lines->items[first]);
        }
    }
    return kept.count ? strv_join(&kept, " | ") : NULL;
}

char *vm_last_words(int log)
{
    CLEANUP(free) char *text = xcalloc(1, LOG_BYTES_MAX + 1);
    CLEANUP(strv) struct strv lines = {0};
    const char *panic = NULL;
    if (log < 0 || pread(log, text, LOG_BYTES_MAX, 0) <= 0 || !text[0]) {
        return NULL;
    }
    for (char *c = text; *c; c++) {
        *c = *c == '\r' ? '\n' : *c;
    }
    strv_split(&lines, text, '\n');
    for (size_t i = 0; i < lines.count && !panic; i++) {
        panic = strstr(lines.items[i], "Kernel panic");
        panic = panic ? panic : strstr(lines.items[i], "cloison-guest: ");
    }
    char *words = panic ? xstrdup(panic) : last_lines(&lines);
    if (words) {
        str_replace_control(words);
        words[strnlen(words, WORDS_BYTES_MAX)] = '\0';
    }
    return words;
}
