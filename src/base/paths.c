// SPDX-License-Identifier: Apache-2.0
#include "base/paths.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

char *program_path(const char *name)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n > 0) {
        self[n] = '\0';
        char *slash = strrchr(self, '/');
        if (slash) {
            *slash = '\0';
            char *beside = str_format("%s/%s", self, name);
            if (access(beside, X_OK) == 0) {
                return beside;
            }
            free(beside);
        }
    }
    return str_format("%s/%s", CLOISON_LIBEXEC, name);
}
