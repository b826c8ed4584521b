// SPDX-License-Identifier: Apache-2.0
#include "vmm/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 256 };

static bool is_silent;

void vmm_log_silence(void)
{
    is_silent = true;
}

void vmm_log(const char *format, ...)
{
    static const char prefix[] = "cloison-vmm: ";
    char line[LINE_MAX_BYTES];
    size_t len = sizeof(prefix) - 1;
    va_list arguments;
    if (is_silent) {
        return;
    }
    memcpy(line, prefix, len);
    va_start(arguments, format);
    int n = vsnprintf(line + len, sizeof(line) - len - 1, format, arguments);
    va_end(arguments);
    if (n > 0) {
        size_t room = sizeof(line) - len - 2;
        len += (size_t)n < room ? (size_t)n : room;
    }
    line[len++] = '\n';
    IGNORE(write(STDERR_FILENO, line, len) < 0); /* nobody listens: nothing to be done */
}
