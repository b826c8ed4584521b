// SPDX-License-Identifier: Apache-2.0
/* What the embedded image is made of. Constant. */
#pragma once

extern const char busybox_program_begin[], busybox_program_end[];
extern const char busybox_applets_begin[], busybox_applets_end[]; /* a NUL stands at the end */
extern const long busybox_date; /* seconds since the epoch: of the program, for all of the image */
