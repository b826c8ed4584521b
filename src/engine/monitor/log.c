// SPDX-License-Identifier: Apache-2.0
#include "engine/monitor/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

/* The length of the well-formed UTF-8 character at p (Unicode 15, table 3-7), or 0. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    static const struct {
        unsigned char first, last, low, high;
        size_t len;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        if (*p < forms[i].first || *p > forms[i].last) {
            continue;
        }
        if (left < forms[i].len || p[1] < forms[i].low || p[1] > forms[i].high) {
            return 0;
        }
        for (size_t k = 2; k < forms[i].len; k++) {
            if ((p[k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return forms[i].len;
    }
    return 0;
}

/* The escapes are those of Docker's writer: HTML's brackets too, U+2028 and U+2029, and U+FFFD for
 * bytes that are no UTF-8. */
static size_t escape_one(struct strbuf *out, const unsigned char *p, size_t left)
{
    if (*p < 0x80) {
        switch (*p) {
        case '\\':
        case '"':
            strbuf_addc(out, '\\');
            strbuf_addc(out, (char)*p);
            break;
        case '\n':
            strbuf_adds(out, "\\n");
            break;
        case '\r':
            strbuf_adds(out, "\\r");
            break;
        default:
            strbuf_addf(out, "\\u%04x", *p);
        }
        return 1;
    }
    size_t n = utf8_length(p, left);
    if (n == 0) {
        strbuf_adds(out, "\\ufffd");
        return 1;
    }
    if (n == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) {
        strbuf_addf(out, "\\u202%c", p[2] == 0xa8 ? '8' : '9');
    } else {
        strbuf_add(out, p, n);
    }
    return n;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '\\' && c != '"' && c != '<' && c != '>' && c != '&';
}

static void escape(struct strbuf *out, const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len;
    while (p < end) {
        const unsigned char *run = p;
        while (p < end && is_plain(*p)) {
            p++;
        }
        strbuf_add(out, run, (size_t)(p - run));
        if (p < end) {
            p += escape_one(out, p, (size_t)(end - p));
        }
    }
}

void log_format(struct strbuf *out, const char *stream, const struct timespec *time,
                const char *line, size_t len, bool whole)
{
    char when[TIME_TEXT_BYTES];
    time_text(time, when);
    strbuf_adds(out, "{\"log\":\"");
    escape(out, line, len);
    strbuf_addf(out, "%s\",\"stream\":\"%s\",\"time\":\"%s\"}\n", whole ? "\\n" : "", stream, when);
}

static int open_log(struct log *log)
{
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    struct stat st;
    log->size = log->fd >= 0 && fstat(log->fd, &st) == 0 ? st.st_size : 0;
    return log->fd < 0 ? -errno : 0;
}

int log_open(struct log *log, const char *path, int64_t size_max, int files_max, struct error **err)
{
    *log = (struct log){.fd = -1, .size_max = size_max, .files_max = files_max};
    log->path = xstrdup(path);
    int r = open_log(log);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "opening the log '%s'", path) : 0;
}

static void rotate(struct log *log)
{
    for (int n = log->files_max - 1; n > 0; n--) {
        CLEANUP(free) char *to = str_format("%s.%d", log->path, n);
        CLEANUP(free)
        char *from = n > 1 ? str_format("%s.%d", log->path, n - 1) : xstrdup(log->path);
        (void)rename(from, to); /* the parts that do not exist yet */
    }
    if (log->files_max <= 1) {
        (void)unlink(log->path);
    }
    fd_close(log->fd);
    (void)open_log(log); /* without a file, entries are lost: said in the header */
}

void log_flush(struct log *log)
{
    if (log->fd >= 0 && log->pending.len &&
        write_all(log->fd, log->pending.data, log->pending.len) == 0) {
        log->size += (int64_t)log->pending.len;
    }
    strbuf_done(&log->pending);
    log->pending = (struct strbuf){0};
}

void log_add(struct log *log, const char *stream, const struct timespec *time, const char *line,
             size_t len, bool whole)
{
    if (!log->path) {
        return;
    }
    if (log->size_max && log->size + (int64_t)log->pending.len >= log->size_max) {
        log_flush(log);
        rotate(log);
    }
    log_format(&log->pending, stream, time, line, len, whole);
}

void log_close(struct log *log)
{
    log_flush(log);
    log->fd = fd_close(log->path ? log->fd : -1);
    free(log->path);
    log->path = NULL;
}
