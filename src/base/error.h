// SPDX-License-Identifier: Apache-2.0
/* Errors that carry their story from where they happen to whoever knows the user.
 *
 * A fallible function takes `struct error **err` last and returns >= 0 on success, a negative errno
 * on failure, *err then set. A NULL err means "the number is enough": nothing is allocated.
 * *err must be NULL on entry (asserted): an error is never overwritten. No side effects but memory;
 * any thread; never in the child after clone3 (it has struct step_failure).
 *
 * Use: error_set() where it fails; error_wrap() on the way up to put context in front;
 * error_hint() where a way out is known; main() prints with error_print() and exits with
 * error_exit_status(). Nobody else prints. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/macros.h"

enum error_kind {
    ERROR_USAGE,                  /* the command line is wrong */
    ERROR_NOT_FOUND,              /* an object the user named does not exist */
    ERROR_EXISTS,                 /* a name is in use */
    ERROR_BUSY,                   /* an object is in a state that forbids it */
    ERROR_DENIED,                 /* this user may not */
    ERROR_UNSUPPORTED,            /* this host or this wall cannot */
    ERROR_INVALID_INPUT,          /* a file, image or message is malformed */
    ERROR_KERNEL,                 /* a system call refused */
    ERROR_NETWORK,                /* a peer refused or failed */
    ERROR_CORRUPT,                /* the store or content is not what its digest says */
    ERROR_COMMAND_NOT_FOUND,      /* the workload's program does not exist (127) */
    ERROR_COMMAND_NOT_EXECUTABLE, /* the workload's program cannot be executed (126) */
    ERROR_INTERNAL,               /* our own mistake */
    ERROR_KIND_COUNT,
};

struct error {
    enum error_kind kind;
    int code;      /* a positive errno, never 0 */
    char *message; /* one line, lower case, no full stop */
    char *hint;    /* what to do, or NULL */
};

/* Makes *err (unless err is NULL). `code` is a positive errno, or 0 for the kind's usual one.
 * Returns -code. The message does not repeat strerror(code): error_set_errno() appends it. */
int error_set(struct error **err, enum error_kind kind, int code, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* As error_set() with ": <strerror(code)>" at the end. */
int error_set_errno(struct error **err, enum error_kind kind, int code, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* Puts "<format>: " in front of the message of *err, when there is one. Returns `result`, so that a
 * failing path reads: return error_wrap(err, r, "pulling '%s'", ref); */
int error_wrap(struct error **err, int result, const char *format, ...) PRINTF_LIKE(3, 4);

/* Adds the way out, when there is none yet. Returns `result`. */
int error_hint(struct error **err, int result, const char *format, ...) PRINTF_LIKE(3, 4);

/* Moves *from into *to, which must be empty; frees it when `to` is NULL. Returns `result`. */
int error_move(struct error **to, struct error **from, int result);

#ifdef __clang_analyzer__
/* clang's analyzer sees one file at a time: that what failed is negative it must be told. */
#define error_set(...) ((error_set)(__VA_ARGS__), -EINVAL)
#define error_set_errno(...) ((error_set_errno)(__VA_ARGS__), -EINVAL)
#define error_move(to, from, result)                                                               \
    ({                                                                                             \
        int failed_ = (result);                                                                    \
        (void)(error_move)((to), (from), failed_);                                                 \
        failed_;                                                                                   \
    })
#define error_wrap(err, result, ...)                                                               \
    ({                                                                                             \
        int failed_ = (result);                                                                    \
        (void)(error_wrap)((err), failed_, __VA_ARGS__);                                           \
        failed_;                                                                                   \
    })
#define error_hint(err, result, ...)                                                               \
    ({                                                                                             \
        int failed_ = (result);                                                                    \
        (void)(error_hint)((err), failed_, __VA_ARGS__);                                           \
        failed_;                                                                                   \
    })
#endif

/* Frees; NULL is fine. */
void error_free(struct error *e);
DEFINE_CLEANUP(error, struct error *, error_free)

/* The whole text in one line: message, and the hint in brackets. Control characters are replaced.
 * The caller frees it. */
char *error_text(const struct error *e);

/* Prints "cloison: <text>\n" on the stream; to a user who was denied something, with the way out.
 */
void error_print(const struct error *e, FILE *stream);

/* The kind's name as in logs and JSON ("not-found"), its exit status and its HTTP status. */
const char *error_kind_name(enum error_kind kind);
int error_exit_status(const struct error *e);
int error_http_status(const struct error *e);

/* The program's name in front of messages; "cloison" unless set. The string is borrowed. */
void error_set_program(const char *name);
const char *error_program(void);
