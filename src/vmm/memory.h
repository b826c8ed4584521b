// SPDX-License-Identifier: Apache-2.0
/* The guest's memory: one memfd, mapped once, found by guest-physical address.
 *
 * Owns the mapping and the memfd. Whoever has an address from the guest asks guest_memory_at()
 * once and keeps the pointer: nothing is unmapped while the machine lives. The guest may change
 * every byte at any time: copy first, then check the copy.
 *
 * Files (kernel, initramfs) are mapped privately over it, so that machines share what they do not
 * write. Any thread once it is made. Spec: man 2 memfd_create, madvise (MADV_REMOVE). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define GUEST_REGIONS_MAX 8 /* as many as vhost-user has */
#define GUEST_FILES_MAX 16
#define GUEST_PAGE UINT64_C(4096)

struct guest_region {
    uint64_t address, bytes;
    uint8_t *host;
};

struct guest_memory {
    struct guest_region regions[GUEST_REGIONS_MAX];
    unsigned region_count;
    int fd;         /* -1: the memory is somebody else's (tests) */
    bool is_shared; /* with another process: then nothing is mapped privately over it */
    struct {
        uint64_t start, end; /* guest-physical, whole pages, mapped from a file */
    } files[GUEST_FILES_MAX];
    unsigned file_count;
};

/* `bytes`, a multiple of the page, from address 0 up to `hole`, the rest from `hole_end` on. */
int guest_memory_create(struct guest_memory *m, uint64_t bytes, uint64_t hole, uint64_t hole_end,
                        struct error **err) NODISCARD;
/* One region at address 0 in memory of the caller's: for tests and fuzz targets. */
void guest_memory_borrow(struct guest_memory *m, void *memory, uint64_t bytes);
void guest_memory_done(struct guest_memory *m);

/* The bytes [address, address + len) when they lie in one region, else NULL. len 0 is NULL. */
void *guest_memory_at(const struct guest_memory *m, uint64_t address, uint64_t len);

/* Puts [offset, offset + len) of a file at an address: whole pages are mapped privately where the
 * alignments agree and the memory is not shared, the rest is read. ERROR_INVALID_INPUT where it
 * does not fit. Only before the guest runs. The file must not change after: it is a cache's,
 * replaced by renaming. */
int guest_memory_load(struct guest_memory *m, uint64_t address, int fd, uint64_t offset,
                      uint64_t len, struct error **err) NODISCARD;

/* Gives whole pages back to the host; what the guest then reads there is unspecified (zero, or what
 * the kernel's file had). A range outside of memory is -EFAULT. Allocates nothing. */
int guest_memory_release(const struct guest_memory *m, uint64_t address, uint64_t len);
