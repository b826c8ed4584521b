// SPDX-License-Identifier: Apache-2.0
/* The kernels that a machine can boot: those installed under /boot, and those that the user keeps
 * (`cloison kernel add`, `kernel build`).
 *
 * A kept kernel is a folder <kernels>/NAME: `image` (the ELF kernel itself),
 * `kernel.json` ({"release", "modules", "source", "created"}; no "modules": all is built in) and,
 * of one that was built, its `config`. It is made aside, under a name that begins with a dot and is
 * locked, and renamed: a folder that is there is whole.
 *
 * Side effects: vm_kernel_stage(), _keep() and _remove() write in the folder; the rest reads.
 * Reading a release executes cloison-kernel. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"

struct vm_kernel {
    char *name;       /* what --kernel calls it */
    char *image;      /* absolute */
    char *release;    /* "6.1.0-18-cloud-amd64" */
    char *modules;    /* their folder; NULL: all is built in */
    bool is_unpacked; /* the image is the ELF kernel */
    char *source;     /* where a kept one comes from, in words; NULL: installed */
    char *created;    /* RFC 3339; NULL: installed */
    struct stat st;
};
void vm_kernel_done(struct vm_kernel *k);
static inline void vm_kernel_cleanup(struct vm_kernel *k)
{
    vm_kernel_done(k);
}

/* `folder` is <kernels>, NULL where there are none. `name`: a path with a '/', a kept kernel's
 * name, a release under /boot, or NULL: the newest under /boot whose modules are there. */
int vm_kernel_find(const char *folder, const char *name, struct vm_kernel *ret,
                   struct error **err) NODISCARD;

/* Kept ones by name, then those under /boot with their modules. Free with vm_kernel_list_free(). */
int vm_kernel_list(const char *folder, struct vm_kernel **ret, size_t *ret_count,
                   struct error **err) NODISCARD;
void vm_kernel_list_free(struct vm_kernel *list, size_t count);

/* What an image says its release is. The caller frees. */
int vm_kernel_release(const char *image, char **ret, struct error **err) NODISCARD;

/* A new folder to fill, and its lock; folders that nobody fills any more go. */
int vm_kernel_stage(const char *folder, char **ret_staged, int *ret_lock,
                    struct error **err) NODISCARD;
/* The filled folder under its name: ERROR_EXISTS. The name is letters, digits, "._+-". */
int vm_kernel_keep(const char *folder, const char *staged, const char *name, const json_t *record,
                   struct error **err) NODISCARD;
int vm_kernel_check_name(const char *name, struct error **err) NODISCARD;
/* What a machine's kernel is cached as: these, the kernel's name (of a file: its release), "@". */
#define VM_CACHED_KERNEL "vmlinux-"
#define VM_CACHED_INITRAMFS "initramfs-"
#define VM_CACHED_DISK "empty-" /* of one size: what a container's disk begins as */
/* Removes from a cache folder of the vm wall empty disks, and what is of kernels that are not there
 * any more; `freed` grows by their bytes. */
int vm_kernel_prune_cache(const char *folder, const char *cache_dir, int64_t *freed,
                          struct error **err) NODISCARD;

/* ERROR_NOT_FOUND; machines that run have theirs open. */
int vm_kernel_remove(const char *folder, const char *name, struct error **err) NODISCARD;
