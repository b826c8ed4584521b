// SPDX-License-Identifier: Apache-2.0
/* The guest's memory, mapped once, found by guest-physical address: anonymous, in huge pages where
 * the host has them, or a memfd where another process shares it. A fault of the guest's then brings
 * 2 MiB instead of 4 KiB, and a boot has a third of the exits.
 *
 * Owns the mapping and the memfd. Whoever has an address from the guest asks guest_memory_at()
 * once and keeps the pointer: nothing is unmapped while the machine lives. The guest may change
 * every byte at any time: copy first, then check the copy.
 *
 * The kernel is mapped privately over it, so that machines share what they do not write. The
 * initramfs is copied: a guest frees all of it after unpacking, and writes other things there. Any
 * thread once it is made. Spec: man 2 memfd_create, madvise (MADV_HUGEPAGE, MADV_REMOVE). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define GUEST_REGIONS_MAX 8 /* as many as vhost-user has */
#define GUEST_FILES_MAX 16
#define GUEST_PAGE UINT64_C(4096)
#define GUEST_HUGE_PAGE (512 * GUEST_PAGE)

struct guest_region {
    uint64_t address, bytes;
    uint8_t *host;
};

struct guest_memory {
    struct guest_region regions[GUEST_REGIONS_MAX];
    unsigned region_count;
    int fd;           /* the memfd of memory that is shared with another process: then nothing is
                         mapped privately over it; else -1 */
    bool is_borrowed; /* from the caller (tests) */
    struct {
        uint64_t start, end; /* guest-physical, whole pages, mapped from a file */
    } files[GUEST_FILES_MAX];
    unsigned file_count;
};

struct guest_memory_settings {
    uint64_t bytes;          /* a multiple of the page */
    uint64_t hole, hole_end; /* from address 0 up to the hole, the rest from its end on */
    bool is_shared;          /* with another process */
};
int guest_memory_create(struct guest_memory *m, const struct guest_memory_settings *s,
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

/* Puts a file's first `len` bytes at an address by reading them: for what the guest will write over
 * or free soon, of which machines would share nothing. */
int guest_memory_copy(struct guest_memory *m, uint64_t address, int fd, uint64_t len,
                      struct error **err) NODISCARD;

/* Gives whole pages back to the host; what the guest then reads there is unspecified (zero, or what
 * the kernel's file had). A range outside of memory is -EFAULT. Allocates nothing. */
int guest_memory_release(const struct guest_memory *m, uint64_t address, uint64_t len);
