// SPDX-License-Identifier: Apache-2.0
/* The program and its applets' paths ("bin/sh", one a line), taken in by the assembler: the build
 * gives the paths and has checked that the program is static. */
#include "image/store/busybox_data.h"

#define INCLUDE_FILE(name, path)                                                                   \
    __asm__(".section .rodata\n"                                                                   \
            ".global " #name "_begin\n" #name "_begin:\n"                                          \
            ".incbin \"" path "\"\n"                                                               \
            ".global " #name "_end\n" #name "_end:\n"                                              \
            ".byte 0\n"                                                                            \
            ".previous\n")

INCLUDE_FILE(busybox_program, BUSYBOX_PATH);
INCLUDE_FILE(busybox_applets, BUSYBOX_APPLETS);

const long busybox_date = BUSYBOX_DATE;
