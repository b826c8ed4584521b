// SPDX-License-Identifier: Apache-2.0
/* --chmod: octal, or chmod(1)'s symbols. Pure. */
#include <string.h>
#include <sys/stat.h>

#include "build/copy_job.h"

static mode_t who_bits(const char **s)
{
    mode_t who = 0;
    for (; **s && strchr("ugoa", **s); (*s)++) {
        who |= **s == 'u'   ? S_IRWXU | S_ISUID
               : **s == 'g' ? S_IRWXG | S_ISGID
               : **s == 'o' ? S_IRWXO | S_ISVTX
                            : 07777;
    }
    return who ? who : 07777;
}

static mode_t permission_bits(const char **s, mode_t mode)
{
    mode_t bits = 0;
    for (; **s && strchr("rwxXst", **s); (*s)++) {
        switch (**s) {
        case 'r':
            bits |= 0444;
            break;
        case 'w':
            bits |= 0222;
            break;
        case 'x':
            bits |= 0111;
            break;
        case 'X':
            bits |= S_ISDIR(mode) || (mode & 0111) ? 0111 : 0;
            break;
        case 's':
            bits |= S_ISUID | S_ISGID;
            break;
        default:
            bits |= S_ISVTX;
        }
    }
    return bits;
}

mode_t chmod_apply(const char *text, mode_t mode)
{
    int64_t number;
    if (str_to_i64(text, 8, &number) == 0) {
        return (mode & ~07777u) | (mode_t)number;
    }
    while (*text) {
        mode_t who = who_bits(&text);
        while (*text && strchr("+-=", *text)) {
            char op = *text++;
            mode_t bits = permission_bits(&text, mode) & who;
            mode = op == '-' ? mode & ~bits : op == '+' ? mode | bits : (mode & ~who) | bits;
        }
        text += *text == ',';
        if (*text && !strchr("ugoa+-=", *text)) {
            break;
        }
    }
    return mode;
}
