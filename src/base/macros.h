// SPDX-License-Identifier: Apache-2.0
/* The few macros that every file may use: scope-bound cleanup, handing over, array sizes. */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* A variable declared with CLEANUP(thing) is released by thing_cleanup(&variable) at the end of its
 * scope. Always initialise it. Types bring their own thing_cleanup(), made by DEFINE_CLEANUP. */
#define CLEANUP(thing) __attribute__((cleanup(thing##_cleanup)))

#define DEFINE_CLEANUP(thing, type, release)                                                       \
    static inline void thing##_cleanup(type *p)                                                    \
    {                                                                                              \
        release(*p);                                                                               \
    }

static inline void free_cleanup(void *p)
{
    free(*(void **)p);
}

/* Hands the pointer over to the caller and leaves NULL behind. */
#define take_ptr(p)                                                                                \
    ({                                                                                             \
        __typeof__(p) *take_p_ = &(p);                                                             \
        __typeof__(p) take_v_ = *take_p_;                                                          \
        *take_p_ = NULL;                                                                           \
        take_v_;                                                                                   \
    })

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* For a result that is ignored on purpose: with the reason beside it. gcc does not take (void) for
 * an answer from warn_unused_result. */
#define IGNORE(call)                                                                               \
    do {                                                                                           \
        if (call) {                                                                                \
        }                                                                                          \
    } while (0)
#define NODISCARD __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))
#define UNUSED __attribute__((unused))

static inline const char *str_or(const char *s, const char *otherwise)
{
    return s ? s : otherwise;
}
