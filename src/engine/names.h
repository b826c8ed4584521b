// SPDX-License-Identifier: Apache-2.0
/* Names for containers that were given none: "quiet_lovelace". Pure but for the random digits. */
#pragma once

/* One of some ten thousand; with `tries` > 0 a digit is added. The caller frees. */
char *name_generate(int tries);
