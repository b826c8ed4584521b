// SPDX-License-Identifier: Apache-2.0
#include "base/paths.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

/* The folder of the running program in `folder`, which it fits. A program executed sealed
 * (base/sealed.h) has no path of its own any more: its argv[0] is the one that its starter, one of
 * ours, opened it by. */
static bool own_folder(char folder[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", folder, PATH_MAX - 1);
    if (n <= 0) {
        return false;
    }
    folder[n] = '\0';
    if (access(folder, X_OK) < 0 || str_equal(folder, "/")) {
        size_t len = strlen(program_invocation_name);
        if (program_invocation_name[0] != '/' || len >= PATH_MAX) {
            return false;
        }
        memcpy(folder, program_invocation_name, len + 1);
    }
    *strrchr(folder, '/') = '\0';
    return true;
}

char *program_path(const char *name)
{
    char folder[PATH_MAX];
    if (own_folder(folder)) {
        char *beside = str_format("%s/%s", folder, name);
        if (access(beside, X_OK) == 0) {
            return beside;
        }
        free(beside);
    }
    return str_format("%s/%s", CLOISON_LIBEXEC, name);
}
