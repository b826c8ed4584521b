// SPDX-License-Identifier: Apache-2.0
/* What the monitor of a machine has to say while it runs: one line each on standard error, which
 * whoever started it reads. One write(2), no allocation: any thread, also after the lock-in. */
#pragma once

#include "base/macros.h"

void vmm_log(const char *format, ...) PRINTF_LIKE(1, 2);
/* Fuzz targets misuse devices all the time. */
void vmm_log_silence(void);
