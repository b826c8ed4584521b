// SPDX-License-Identifier: Apache-2.0
/* Option rows in short, for a file that has many of them and nothing else: AT(member), which the
 * file defines before the first row, is the member's offset in its values. See base/options.h. */
#pragma once

#include "base/options.h"

#define FLAG(short_name, name, member, help)                                                       \
    {                                                                                              \
        short_name, name, OPTION_FLAG, AT(member), NULL, help                                      \
    }
#define TEXT(short_name, name, member, metavar, help, ...)                                         \
    {                                                                                              \
        short_name, name, OPTION_STRING, AT(member), metavar, help, __VA_ARGS__                    \
    }
#define LIST(short_name, name, member, metavar, help, ...)                                         \
    {                                                                                              \
        short_name, name, OPTION_LIST, AT(member), metavar, help, __VA_ARGS__                      \
    }
#define NUMBER(short_name, name, type, member, metavar, help)                                      \
    {                                                                                              \
        short_name, name, type, AT(member), metavar, help                                          \
    }
