// SPDX-License-Identifier: Apache-2.0
/* Copying files and folders by descriptor: owners, modes, times, attributes, links, nodes; names of
 * one file inside what is copied are names of one file in the copy. Symlinks are copied, never
 * followed; where the source changes meanwhile the copy is of what was there.
 * Side effects: files. All return 0 or -errno. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum copy_part {
    COPY_NONE, /* with all that is in it */
    COPY_WHOLE,
    COPY_NEEDED, /* a folder: if anything in it is wanted */
};

struct copy {
    bool set_owner; /* of all that is copied, in place of the source's own: */
    uid_t uid;
    gid_t gid;
    /* Asked for each entry, by its path in what is copied. NULL: everything. */
    enum copy_part (*wanted)(void *context, const char *path, bool is_folder);
    /* The mode that an entry gets in place of its own. NULL: its own. */
    mode_t (*mode)(void *context, mode_t own);
    void *context;

    int64_t bytes; /* counts what is copied */
};

/* from/name becomes to/to_name. What is there: a folder takes a folder's content beside its own, a
 * file makes room for a file. -EISDIR: a folder is where a file is to go; -ENOTDIR: the other way
 * round. `how` may be NULL. */
int copy_tree(int from, const char *name, int to, const char *to_name, struct copy *how);

/* What is in the folder, and its own attributes. */
int copy_content(int from, int to, struct copy *how);

/* A file that is open becomes to/to_name, where a file makes room for it. */
int copy_open_file(int from, int to, const char *to_name, struct copy *how);
