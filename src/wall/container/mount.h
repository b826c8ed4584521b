// SPDX-License-Identifier: Apache-2.0
/* Mounts as descriptors: made detached, given their attributes, then attached where an fd points.
 *
 * Side effects: mounts in the calling process's mount namespace. Allocates nothing: the child runs
 * it, and the parent too, for what needs the host's rights (a user namespace's id-mapped mounts).
 * All return 0 or a descriptor, or -errno with *ret saying what failed.
 *
 * A target is always opened by target_open(): openat2 with RESOLVE_IN_ROOT, so that no symlink of
 * the image leads out, and attached to by descriptor, so that none can be swapped in later.
 * Specification: man 2 fsopen, fsmount, open_tree, move_mount, mount_setattr, openat2. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "wall/container/plan.h"
#include "wall/container/step.h"

struct mount_result {
    enum step_detail detail;
    int number;
};

/* The detached mounts of the steps. user_fd: the user namespace to map to, or -1. */
int overlay_make(const struct step_overlay *o, int user_fd, struct mount_result *ret);
/* The way of kernels before 6.7, apart for its test: needs an own mount namespace and /proc. */
int overlay_make_legacy(const struct step_overlay *o, struct mount_result *ret);
int folder_make(const struct step_folder *f, int user_fd, struct mount_result *ret);
int mount_make(const struct step_mount *m, int user_fd, struct mount_result *ret);

/* A clone of what is at path (below dirfd; "" the descriptor itself), detached. */
int mount_clone(int dirfd, const char *path, bool recursive);
/* A new file system: type, parameters, attributes. `made` NULL: details are not wanted. */
int mount_new(const char *type, const char *source, const struct mount_parameter *parameters,
              size_t parameter_count, uint64_t attributes, struct mount_result *ret);
int mount_attributes_set(int fd, const struct mount_attributes *attributes, bool recursive);
/* MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE, with MS_REC for the whole tree. */
int mount_propagate(int fd, unsigned long flags);
int mount_idmap(int fd, int user_fd, bool recursive);
/* Attaches the detached mount onto what the descriptor is open on. */
int mount_attach(int mount_fd, int target_fd);

/* What a target must be when it is missing: it is made so. */
enum target_kind { TARGET_FOLDER, TARGET_FILE, TARGET_ANY };
/* Opens the target inside the root with O_PATH, making it and the folders above it when missing;
 * TARGET_ANY: -ENOENT when it is. Symlinks are followed inside the root, also to places still to be
 * made; `no_symlinks`: refused with -ELOOP. */
int target_open(int root_fd, const char *path, enum target_kind kind, bool no_symlinks);
/* Opens the folder that holds the last component, made when missing; *ret_name points to the
 * component inside `path`. */
int target_parent(int root_fd, const char *path, const char **ret_name);

/* Copies the folder's content (files, folders, links, nodes; owners, modes, times, xattrs) into
 * another one. */
int copy_up(int from_fd, int to_fd);
