// SPDX-License-Identifier: Apache-2.0
#include "oci/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"

int oci_log_open(struct oci_log *log, const char *path, const char *format, bool debug,
                 struct error **err)
{
    *log = (struct oci_log){.fd = -1, .json = str_equal(format, "json"), .debug = debug};
    if (format && *format && !log->json && strcmp(format, "text") != 0) {
        return error_set(err, ERROR_USAGE, 0, "invalid log-format: '%s' is not text or json",
                         format);
    }
    if (!path || !*path) {
        return 0;
    }
    log->fd = open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_APPEND, 0644, err);
    return log->fd < 0 ? error_wrap(err, log->fd, "--log") : 0;
}

void oci_log_close(struct oci_log *log)
{
    log->fd = fd_close(log->fd);
}

/* As Go writes a quoted text: what is not printable ASCII or UTF-8 is escaped. */
static void add_quoted(struct strbuf *out, const char *text)
{
    strbuf_addc(out, '"');
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\') {
            strbuf_addf(out, "\\%c", *c);
        } else if (*c == '\n') {
            strbuf_adds(out, "\\n");
        } else if ((unsigned char)*c < ' ' || *c == 0x7f) {
            strbuf_addf(out, "\\x%02x", (unsigned char)*c);
        } else {
            strbuf_addc(out, *c);
        }
    }
    strbuf_addc(out, '"');
}

static char *line_of(const struct oci_log *log, const char *level, const char *text)
{
    char when[sizeof("2026-01-02T15:04:05Z")];
    time_t now = time(NULL);
    struct tm utc;
    (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    if (log->json) {
        CLEANUP(json)
        json_t *o =
            json_pack("{s:s,s:s%,s:s}", "level", level, "msg", text, strlen(text), "time", when);
        CLEANUP(free) char *dumped = o ? json_dumps(o, JSON_COMPACT) : NULL;
        if (dumped) {
            return str_format("%s\n", dumped);
        } /* not UTF-8: the other form takes any byte */
    }
    CLEANUP(strbuf) struct strbuf line = {0};
    strbuf_addf(&line, "time=\"%s\" level=%s msg=", when, level);
    add_quoted(&line, text);
    strbuf_addc(&line, '\n');
    return strbuf_take(&line);
}

static void write_line(const struct oci_log *log, const char *level, const char *text)
{
    CLEANUP(free) char *line = line_of(log, level, text);
    /* There is nowhere left to say that the log is full. */
    (void)write_all(log->fd >= 0 ? log->fd : STDERR_FILENO, line, strlen(line));
}

void oci_log_error(const struct oci_log *log, const struct error *e)
{
    CLEANUP(free) char *text = error_text(e);
    if (log->fd >= 0 || log->json) {
        write_line(log, "error", text);
    }
    if (log->fd >= 0 || !log->json) {
        error_print(e, stderr);
    }
}

void oci_log_warning(const struct oci_log *log, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    CLEANUP(free) char *text = str_vformat(format, ap);
    va_end(ap);
    write_line(log, "warning", text);
}

void oci_log_debug(const struct oci_log *log, const char *format, ...)
{
    if (!log->debug) {
        return;
    }
    va_list ap;
    va_start(ap, format);
    CLEANUP(free) char *text = str_vformat(format, ap);
    va_end(ap);
    write_line(log, "debug", text);
}
