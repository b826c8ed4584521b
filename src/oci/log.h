// SPDX-License-Identifier: Apache-2.0
/* --log and --log-format: lines as runc's logger writes them, since callers read the last error
 * from the file: {"level":"error","msg":"…","time":"…"}, or time="…" level=error msg="…".
 *
 * Side effects: the log file; without one, standard error. One write a line, so that several
 * programs may append to one file. */
#pragma once

#include "base/error.h"

struct oci_log {
    int fd;    /* -1: there is no log file */
    bool json; /* also on standard error, when there is no file */
    bool debug;
};

/* path NULL or "": no file; format NULL: text. ERROR_USAGE for a format that is none. */
int oci_log_open(struct oci_log *log, const char *path, const char *format, bool debug,
                 struct error **err) NODISCARD;
void oci_log_close(struct oci_log *log);

/* The command's failure: into the file, and one line on standard error. */
void oci_log_error(const struct oci_log *log, const struct error *e);
/* Of what goes on all the same: into the file, else on standard error. */
void oci_log_warning(const struct oci_log *log, const char *format, ...) PRINTF_LIKE(2, 3);
/* With --debug alone. */
void oci_log_debug(const struct oci_log *log, const char *format, ...) PRINTF_LIKE(2, 3);
