// SPDX-License-Identifier: Apache-2.0
/* JSON objects as C structs by tables: one row a property, and the same rows read and write.
 *
 * A `shape` lists the properties of one JSON object and where each lives in a C struct. FIELD()
 * takes the property's type from the struct member itself, so a row cannot disagree with the
 * struct. shape_read() copies everything into the arena; shape_write() leaves out what is absent.
 * Pure; any thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/options.h"
#include "base/str.h"
#include "spec/spec.h"

/* Where in a document we are, for messages: "config.json: linux.namespaces[1]". On the stack. */
struct place {
    const struct place *up;
    const char *name; /* NULL: an array's item */
    size_t index;
};
/* ERROR_INVALID_INPUT "<place>: <text>". */
int place_error(const struct place *p, struct error **err, const char *format, ...)
    PRINTF_LIKE(3, 4);

enum field_type {
    FIELD_STRING,
    FIELD_BOOL,
    FIELD_I32,
    FIELD_U32,
    FIELD_I64,
    FIELD_U64,
    FIELD_OPT_BOOL,
    FIELD_OPT_U32,
    FIELD_OPT_I64,
    FIELD_OPT_U64,
    FIELD_STRV,           /* struct strv: written only (requests) */
    FIELD_OPTION_INTEGER, /* struct option_integer: written only */
    FIELD_STRINGS,        /* const char **, count at `extra` */
    FIELD_U32S,           /* uint32_t *, count at `extra` */
    FIELD_PAIRS,          /* struct spec_pair *, count at `extra`: {"k": "v"} */
    FIELD_OBJECT,         /* `shape` at offset; bool at `extra` when has_extra: it was present */
    FIELD_POINTER,        /* as FIELD_OBJECT, behind a pointer; NULL when absent */
    FIELD_LIST,           /* array of `shape`, count at `extra` */
    FIELD_MAP,            /* {"key": {shape}}: as FIELD_LIST, the key in the item's first member */
    FIELD_ENUM,           /* an enum as one of `words` */
    FIELD_CUSTOM,         /* `read` and `write` */
};

struct shape;
struct field {
    const char *key;
    enum field_type type;
    size_t offset, extra;
    bool has_extra;
    bool always;     /* written even when it is 0 or false */
    bool required;   /* an object without it is refused */
    bool keep_empty; /* [] is written, as it differs from absent (a NULL pointer) */
    bool alias;      /* read, never written: another name for the same thing */
    const struct shape *shape;
    const char *const *words; /* NULL-terminated, the enum's value is the index */
    int (*read)(struct arena *a, const json_t *value, const struct place *p, void *member,
                struct error **err);
    json_t *(*write)(const void *member); /* NULL: nothing to write */
};
struct shape {
    const struct field *fields;
    size_t field_count;
    size_t size; /* of the C struct */
};
#define SHAPE(name, type, rows)                                                                    \
    const struct shape name = {(rows), ARRAY_SIZE(rows), sizeof(struct type)}

#define FIELD_TYPE_OF(member)                                                                      \
    _Generic((member), const char *                                                                \
             : FIELD_STRING, bool                                                                  \
             : FIELD_BOOL, int32_t                                                                 \
             : FIELD_I32, uint32_t                                                                 \
             : FIELD_U32, int64_t                                                                  \
             : FIELD_I64, uint64_t                                                                 \
             : FIELD_U64, struct opt_bool                                                          \
             : FIELD_OPT_BOOL, struct opt_u32                                                      \
             : FIELD_OPT_U32, struct opt_i64                                                       \
             : FIELD_OPT_I64, struct opt_u64                                                       \
             : FIELD_OPT_U64, struct strv                                                          \
             : FIELD_STRV, struct option_integer                                                   \
             : FIELD_OPTION_INTEGER)
/* A row: FIELD(spec_hook, "path", path, .required = true). */
#define FIELD(s, k, m, ...)                                                                        \
    {                                                                                              \
        .key = (k), .type = FIELD_TYPE_OF(((struct s *)0)->m), .offset = offsetof(struct s, m),    \
        __VA_ARGS__                                                                                \
    }
#define FIELD_ARRAY(s, k, t, m, n, ...)                                                            \
    {                                                                                              \
        .key = (k), .type = (t), .offset = offsetof(struct s, m), .extra = offsetof(struct s, n),  \
        .has_extra = true, __VA_ARGS__                                                             \
    }
#define FIELD_STRUCT(s, k, m, sh, ...)                                                             \
    {                                                                                              \
        .key = (k), .type = FIELD_OBJECT, .offset = offsetof(struct s, m), .shape = (sh),          \
        __VA_ARGS__                                                                                \
    }
/* A nested JSON object whose properties live in the same C struct. */
#define FIELD_FLAT(k, sh, ...)                                                                     \
    {                                                                                              \
        .key = (k), .type = FIELD_OBJECT, .offset = 0, .shape = (sh), __VA_ARGS__                  \
    }

/* Reads an object into a zeroed struct. Unknown properties and nulls are ignored. */
int shape_read(struct arena *a, const struct shape *shape, const json_t *json,
               const struct place *p, void *object, struct error **err) NODISCARD;
/* A new JSON object; empty when nothing is set. */
json_t *shape_write(const struct shape *shape, const void *object);

/* 64 bits without a sign: beyond what jansson holds, a number is a string of its digits, in memory
 * alone; see json_number.h. */
int read_u64(const json_t *value, const struct place *p, uint64_t *ret,
             struct error **err) NODISCARD;
json_t *write_u64(uint64_t value);

/* The parts of a spec (shape_*.c). */
extern const struct shape shape_process, shape_mount, shape_hook, shape_id_map, shape_linux,
    shape_resources, shape_seccomp, shape_spec;
