// SPDX-License-Identifier: Apache-2.0
/* What users mount: -v, --mount and --tmpfs as one struct each. Pure. Syntax and meaning are
 * Docker's. Strings live in the arena. */
#pragma once

#include "base/error.h"
#include "base/str.h"

enum volume_type { VOLUME_BIND, VOLUME_NAMED, VOLUME_TMPFS, VOLUME_IMAGE };

struct volume {
    enum volume_type type;
    const char *source;      /* bind: the host's path; named: the name, NULL: anonymous; image: its
                                reference or ID */
    const char *destination; /* absolute, clean */
    bool read_only;
    bool nocopy;                /* named: not filled from the image */
    bool ours;                  /* bind: a file of the engine's own */
    bool must_exist;            /* bind by --mount: a missing source is an error, not made */
    bool not_recursive;         /* bind-recursive=disabled */
    bool flat_read_only;        /* bind-recursive=writable: read-only, but mounts below are not */
    const char *propagation;    /* "rprivate", …; NULL: the default of the type */
    const char *relabel;        /* "z" or "Z" (SELinux) */
    const char *subpath;        /* image: the folder or file of it; NULL: all of it */
    const char **tmpfs_options; /* as given, checked */
    size_t tmpfs_option_count;
};

/* "NAME:DST[:OPTIONS]", "HOST:DST[:OPTIONS]" or "DST". A HOST that starts with '.' is relative to
 * `cwd` (NULL: refused). */
int volume_parse(struct arena *a, const char *text, const char *cwd, struct volume *ret,
                 struct error **err) NODISCARD;
/* "type=bind,src=…,dst=…,readonly": CSV, as --mount takes it. */
int volume_parse_mount(struct arena *a, const char *text, const char *cwd, struct volume *ret,
                       struct error **err) NODISCARD;
/* "DST[:OPTIONS]". */
int volume_parse_tmpfs(struct arena *a, const char *text, struct volume *ret,
                       struct error **err) NODISCARD;
/* A name for a volume: [a-zA-Z0-9][a-zA-Z0-9_.-]+. */
int volume_name_check(const char *name, struct error **err) NODISCARD;
