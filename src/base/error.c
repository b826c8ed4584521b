// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

static const struct {
    const char *name;
    int code;
    int exit_status;
    int http_status;
} kinds[ERROR_KIND_COUNT] = {
    [ERROR_USAGE] = {"usage", EINVAL, 125, 400},
    [ERROR_NOT_FOUND] = {"not-found", ENOENT, 1, 404},
    [ERROR_EXISTS] = {"exists", EEXIST, 125, 409},
    [ERROR_BUSY] = {"busy", EBUSY, 1, 409},
    [ERROR_DENIED] = {"denied", EPERM, 125, 403},
    [ERROR_UNSUPPORTED] = {"unsupported", EOPNOTSUPP, 125, 501},
    [ERROR_INVALID_INPUT] = {"invalid-input", EINVAL, 125, 400},
    [ERROR_KERNEL] = {"kernel", EIO, 125, 500},
    [ERROR_NETWORK] = {"network", ECONNREFUSED, 125, 502},
    [ERROR_CORRUPT] = {"corrupt", EBADMSG, 125, 500},
    [ERROR_COMMAND_NOT_FOUND] = {"command-not-found", ENOENT, 127, 400},
    [ERROR_COMMAND_NOT_EXECUTABLE] = {"command-not-executable", EACCES, 126, 400},
    [ERROR_INTERNAL] = {"internal", EINVAL, 125, 500},
};

static const char *program = "cloison";

static int set_va(struct error **err, enum error_kind kind, int code, bool with_strerror,
                  const char *format, va_list ap)
{
    assert(kind < ERROR_KIND_COUNT);
    if (code == 0) {
        code = kinds[kind].code;
    }
    if (!err) {
        return -code;
    }
    assert(!*err);
    struct error *e = xcalloc(1, sizeof(*e));
    e->kind = kind;
    e->code = code;
    e->message = str_vformat(format, ap);
    if (with_strerror) {
        char *bare = e->message;
        e->message = str_format("%s: %s", bare, strerror(code));
        free(bare);
    }
    *err = e;
    return -code;
}

int(error_set)(struct error **err, enum error_kind kind, int code, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int r = set_va(err, kind, code, false, format, ap);
    va_end(ap);
    return r;
}

int(error_set_errno)(struct error **err, enum error_kind kind, int code, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int r = set_va(err, kind, code, true, format, ap);
    va_end(ap);
    return r;
}

int(error_wrap)(struct error **err, int result, const char *format, ...)
{
    if (!err || !*err) {
        return result;
    }
    va_list ap;
    va_start(ap, format);
    CLEANUP(free) char *context = str_vformat(format, ap);
    va_end(ap);
    char *bare = (*err)->message;
    (*err)->message = str_format("%s: %s", context, bare);
    free(bare);
    return result;
}

int(error_hint)(struct error **err, int result, const char *format, ...)
{
    if (!err || !*err || (*err)->hint) {
        return result;
    }
    va_list ap;
    va_start(ap, format);
    (*err)->hint = str_vformat(format, ap);
    va_end(ap);
    return result;
}

int(error_move)(struct error **to, struct error **from, int result)
{
    if (to) {
        assert(!*to);
        *to = *from;
    } else {
        error_free(*from);
    }
    *from = NULL;
    return result;
}

void error_free(struct error *e)
{
    if (e) {
        free(e->message);
        free(e->hint);
        free(e);
    }
}

char *error_text(const struct error *e)
{
    char *text = e->hint ? str_format("%s (%s)", e->message, e->hint) : xstrdup(e->message);
    str_replace_control(text);
    return text;
}

void error_print(const struct error *e, FILE *stream)
{
    CLEANUP(free) char *text = error_text(e);
    bool denied = (e->code == EACCES || e->code == EPERM) && !e->hint && geteuid() != 0;
    fprintf(stream, "%s: %s%s\n", program, text, denied ? " (run it as root, with sudo)" : "");
}

const char *error_kind_name(enum error_kind kind)
{
    return kinds[kind].name;
}

int error_exit_status(const struct error *e)
{
    return kinds[e->kind].exit_status;
}

int error_http_status(const struct error *e)
{
    return kinds[e->kind].http_status;
}

void error_set_program(const char *name)
{
    program = name;
}

const char *error_program(void)
{
    return program;
}
