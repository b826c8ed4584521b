// SPDX-License-Identifier: Apache-2.0
/* Unpacking one layer's tar into a folder that becomes an overlay lower folder.
 *
 * An archive is a stranger's: nothing it says leads outside the folder. Entries are made by *at
 * calls on a descriptor of their parent folder, which openat2 resolves with RESOLVE_IN_ROOT, so
 * that a link planted earlier stays inside, as it would in a chroot; with that a symlink may say
 * what it likes. Refused by name: a '..' component, a hard link whose target is outside, absent or
 * behind a symlink, a whiteout of nothing, more than the limits. A leading "/" or "./" is dropped.
 *
 * Whiteouts (image-spec layer.md "Whiteouts") become overlayfs's: ".wh.x" the character device 0/0
 * x, ".wh..wh..opq" a name in `opaque`, for the caller to set the folder's attribute
 * trusted.overlay.opaque=y, which takes a right that nothing else here does. Attributes of
 * overlayfs in the archive itself are dropped: they would be orders to the kernel.
 *
 * Kept: modes, owners, times (ns), xattrs and file capabilities, hard links, devices, fifos, holes.
 *
 *     unpack_init(); unpack_entry() for each; unpack_finish(); unpack_done().
 * Side effects: files below the folder. One thread at a time; several at once in different folders.
 */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

struct unpack_limits {
    int64_t bytes_max;   /* of all files of one layer */
    int64_t entries_max; /* of one layer */
};
#define UNPACK_BYTES_MAX ((int64_t)64 << 30)
#define UNPACK_ENTRIES_MAX ((int64_t)5000000)

struct unpack_folder_time { /* set at the end: what is made inside changes it */
    char *path;
    struct timespec mtime;
};

struct unpack {
    int root; /* borrowed */
    struct unpack_limits limits;
    bool is_plain; /* no layer: names of whiteouts are what they say, and a folder makes room for a
                      folder alone */
    int64_t bytes, entries;
    struct strv opaque; /* folders that hide what is below: for the caller to mark as overlayfs's */
    struct strv implied; /* folders that no entry spoke of, "a/b": made 0755, root's */
    struct unpack_folder_time *times;
    size_t time_count;
    int parent; /* the last entry's folder and its path, as the next one's is often the same */
    char *parent_path;
};

void unpack_init(struct unpack *u, int root, const struct unpack_limits *limits);
/* Makes the entry and, of a file, reads the content from the archive. Errors name the entry. */
int unpack_entry(struct unpack *u, struct archive *a, struct archive_entry *e,
                 struct error **err) NODISCARD;
int unpack_finish(struct unpack *u, struct error **err) NODISCARD;
void unpack_done(struct unpack *u);
static inline void unpack_cleanup(struct unpack *u)
{
    unpack_done(u);
}

/* The entry's path with "/", "./" and doubled slashes taken away, "" for the root; NULL when a
 * component is "..". The caller frees. */
char *unpack_clean_path(const char *path);

/* Used by unpack_make.c: one kind of entry each, below u->parent under the name `leaf`. */
struct unpack_entry {
    const char *path; /* clean */
    const char *leaf;
    mode_t mode;
    uint32_t uid, gid;
    struct timespec mtime;
    struct archive *archive;
    struct archive_entry *entry;
};
int unpack_make(struct unpack *u, const struct unpack_entry *e, struct error **err) NODISCARD;
int unpack_attributes_of(int fd, const struct unpack_entry *e, struct error **err) NODISCARD;
