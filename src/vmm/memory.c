// SPDX-License-Identifier: Apache-2.0
#include "vmm/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Where huge pages may lie in it: the guest's addresses and ours agree in their lower bits. */
static uint8_t *map_aligned(int fd, uint64_t bytes, uint64_t offset)
{
    uint64_t room = bytes + GUEST_HUGE_PAGE;
    uint8_t *all = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) {
        return NULL;
    }
    uint64_t before = -(uintptr_t)all % GUEST_HUGE_PAGE;
    int kind = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    uint8_t *at = mmap(all + before, bytes, PROT_READ | PROT_WRITE,
                       kind | MAP_NORESERVE | MAP_FIXED, fd, (off_t)offset);
    /* Ranges of our own: cannot fail. */
    (void)(before > 0 && munmap(all, before));
    (void)munmap(all + before + bytes, room - before - bytes);
    return at == MAP_FAILED ? NULL : at;
}

static int map_region(struct guest_memory *m, uint64_t address, uint64_t bytes, uint64_t offset,
                      struct error **err)
{
    uint8_t *host = map_aligned(m->fd, bytes, offset);
    if (!host) {
        return error_set_errno(err, ERROR_KERNEL, errno, "mapping %llu bytes of guest memory",
                               (unsigned long long)bytes);
    }
    (void)madvise(host, bytes, MADV_HUGEPAGE); /* a host may have none */
    m->regions[m->region_count++] =
        (struct guest_region){.address = address, .bytes = bytes, .host = host};
    return 0;
}

int guest_memory_create(struct guest_memory *m, const struct guest_memory_settings *s,
                        struct error **err)
{
    *m = (struct guest_memory){.fd = s->is_shared ? memfd_create("guest", MFD_CLOEXEC) : -1};
    if (s->is_shared && (m->fd < 0 || ftruncate(m->fd, (off_t)s->bytes) < 0)) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making %llu bytes of guest memory",
                               (unsigned long long)s->bytes);
    }
    uint64_t low = s->bytes < s->hole ? s->bytes : s->hole;
    int r = map_region(m, 0, low, 0, err);
    if (r >= 0 && s->bytes > low) {
        r = map_region(m, s->hole_end, s->bytes - low, low, err);
    }
    return r;
}

void guest_memory_borrow(struct guest_memory *m, void *memory, uint64_t bytes)
{
    *m = (struct guest_memory){.fd = -1, .is_borrowed = true, .region_count = 1};
    m->regions[0] = (struct guest_region){.bytes = bytes, .host = memory};
}

void guest_memory_done(struct guest_memory *m)
{
    for (unsigned i = 0; !m->is_borrowed && i < m->region_count; i++) {
        (void)munmap(m->regions[i].host, m->regions[i].bytes); /* our own mapping: cannot fail */
    }
    if (m->fd >= 0) {
        (void)close(m->fd); /* memory: nothing can be lost */
    }
    *m = (struct guest_memory){.fd = -1};
}

void *guest_memory_at(const struct guest_memory *m, uint64_t address, uint64_t len)
{
    for (unsigned i = 0; i < m->region_count; i++) {
        const struct guest_region *r = &m->regions[i];
        if (address >= r->address && address - r->address < r->bytes) {
            uint64_t offset = address - r->address;
            return len > 0 && len <= r->bytes - offset ? r->host + offset : NULL;
        }
    }
    return NULL;
}

static int read_file_at(int fd, uint8_t *to, uint64_t len, uint64_t offset, struct error **err)
{
    while (len > 0) {
        ssize_t n = pread(fd, to, len, (off_t)offset);
        if (n <= 0) {
            return n < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "reading")
                         : error_set(err, ERROR_INVALID_INPUT, 0, "the file is truncated");
        }
        to += n;
        len -= (uint64_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

static uint8_t *find_room(const struct guest_memory *m, uint64_t address, uint64_t len,
                          struct error **err)
{
    uint8_t *to = guest_memory_at(m, address, len);
    if (!to) {
        (void)error_set(err, ERROR_INVALID_INPUT, EFBIG,
                        "%llu bytes at %#llx do not fit into the machine's memory",
                        (unsigned long long)len, (unsigned long long)address);
    }
    return to;
}

int guest_memory_copy(struct guest_memory *m, uint64_t address, int fd, uint64_t len,
                      struct error **err)
{
    uint8_t *to = find_room(m, address, len, err);
    return to ? read_file_at(fd, to, len, 0, err) : -EFBIG;
}

int guest_memory_load(struct guest_memory *m, uint64_t address, int fd, uint64_t offset,
                      uint64_t len, struct error **err)
{
    uint8_t *to = find_room(m, address, len, err);
    if (!to) {
        return -EFBIG;
    }
    uint64_t head = -address % GUEST_PAGE, whole = 0;
    head = head < len ? head : len;
    if (m->fd < 0 && (address - offset) % GUEST_PAGE == 0 && m->file_count < GUEST_FILES_MAX) {
        whole = (len - head) / GUEST_PAGE * GUEST_PAGE;
    }
    if (whole == 0) {
        return read_file_at(fd, to, len, offset, err);
    }
    int r = read_file_at(fd, to, head, offset, err);
    if (r < 0) {
        return r;
    }
    if (mmap(to + head, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd,
             (off_t)(offset + head)) == MAP_FAILED) {
        return error_set_errno(err, ERROR_KERNEL, errno, "mapping a file into guest memory");
    }
    m->files[m->file_count].start = address + head;
    m->files[m->file_count++].end = address + head + whole;
    return read_file_at(fd, to + head + whole, len - head - whole, offset + head + whole, err);
}

/* The file that covers `address`, or where the next one begins: what may be released in one go. */
static uint64_t run_end(const struct guest_memory *m, uint64_t address, uint64_t end,
                        bool *ret_is_file)
{
    *ret_is_file = false;
    for (unsigned i = 0; i < m->file_count; i++) {
        if (address >= m->files[i].start && address < m->files[i].end) {
            *ret_is_file = true;
            return end < m->files[i].end ? end : m->files[i].end;
        }
        if (m->files[i].start > address && m->files[i].start < end) {
            end = m->files[i].start;
        }
    }
    return end;
}

int guest_memory_release(const struct guest_memory *m, uint64_t address, uint64_t len)
{
    uint8_t *host = guest_memory_at(m, address, len);
    if (!host) {
        return -EFAULT;
    }
    uint64_t start = (address + GUEST_PAGE - 1) / GUEST_PAGE * GUEST_PAGE;
    uint64_t end = (address + len) / GUEST_PAGE * GUEST_PAGE;
    while (start < end) {
        bool is_file;
        uint64_t stop = run_end(m, start, end, &is_file);
        int advice = is_file || m->fd < 0 ? MADV_DONTNEED : MADV_REMOVE;
        if (madvise(host + (start - address), stop - start, advice) < 0) {
            return -errno;
        }
        start = stop;
    }
    return 0;
}
