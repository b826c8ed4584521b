// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/bzimage.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"

enum { /* boot.rst, "The Real-Mode Kernel Header" */
       SETUP_SECTORS = 0x1f1,
       BOOT_FLAG = 0x1fe,
       MAGIC = 0x202,
       VERSION = 0x206,
       KERNEL_VERSION = 0x20e,
       PAYLOAD_OFFSET = 0x248,
       PAYLOAD_BYTES = 0x24c,
       SECTOR = 512,
       VERSION_WITH_PAYLOAD = 0x208,
       RELEASE_MAX = 128,
       BLOCK = 64 * 1024,
};

static uint32_t get(const uint8_t *p, size_t bytes)
{
    uint32_t value = 0;
    memcpy(&value, p, bytes); /* little-endian, as x86 is */
    return value;
}

int bzimage_payload(const uint8_t *header, size_t len, uint64_t file_bytes, struct bzimage *ret,
                    struct error **err)
{
    if (len < BZIMAGE_HEADER_BYTES || get(header + BOOT_FLAG, 2) != 0xaa55 ||
        memcmp(header + MAGIC, "HdrS", 4) != 0) {
        return error_set(err, ERROR_INVALID_INPUT, ENOEXEC, "this is no Linux kernel image");
    }
    if (get(header + VERSION, 2) < VERSION_WITH_PAYLOAD) {
        return error_set(err, ERROR_INVALID_INPUT, ENOEXEC,
                         "the kernel image is older than boot protocol 2.08");
    }
    uint64_t sectors = header[SETUP_SECTORS] ? header[SETUP_SECTORS] : 4;
    uint64_t version = get(header + KERNEL_VERSION, 2);
    ret->payload_offset = (sectors + 1) * SECTOR + get(header + PAYLOAD_OFFSET, 4);
    ret->payload_bytes = get(header + PAYLOAD_BYTES, 4);
    ret->version_offset = version ? version + SECTOR : 0;
    if (ret->payload_bytes < 8 || ret->payload_offset > file_bytes ||
        ret->payload_bytes > file_bytes - ret->payload_offset) {
        return error_set(err, ERROR_INVALID_INPUT, ENOEXEC, "the kernel image is truncated");
    }
    return 0;
}

static int read_header(int in, struct bzimage *ret, bool *ret_is_elf, struct error **err)
{
    uint8_t header[BZIMAGE_HEADER_BYTES];
    struct stat st;
    ssize_t len = pread(in, header, sizeof(header), 0);
    if (len < 0 || fstat(in, &st) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "reading the kernel image");
    }
    *ret_is_elf = len >= SELFMAG && memcmp(header, ELFMAG, SELFMAG) == 0;
    return *ret_is_elf ? 0 : bzimage_payload(header, (size_t)len, (uint64_t)st.st_size, ret, err);
}

static int copy(int in, int out, struct error **err)
{
    CLEANUP(free) char *block = xmalloc(BLOCK);
    ssize_t n;
    for (off_t at = 0; (n = pread(in, block, BLOCK, at)) > 0; at += n) {
        int w = write_all(out, block, (size_t)n);
        if (w < 0) {
            return error_set_errno(err, ERROR_KERNEL, -w, "writing the kernel");
        }
    }
    return n < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "reading the kernel image") : 0;
}

/* --- unpacking -----------------------------------------------------------------------------------
 */

struct payload {
    int fd;
    uint64_t offset, left;
    uint8_t block[BLOCK];
};

static ssize_t read_payload(struct archive *a, void *context, const void **ret)
{
    struct payload *p = context;
    size_t want = p->left < sizeof(p->block) ? p->left : sizeof(p->block);
    ssize_t n = pread(p->fd, p->block, want, (off_t)p->offset);
    if (n < 0) {
        archive_set_error(a, errno, "reading failed");
        return -1;
    }
    p->offset += (uint64_t)n;
    p->left -= (uint64_t)n;
    *ret = p->block;
    return n;
}

static int damaged(struct archive *a, struct error **err)
{
    return error_set(err, ERROR_INVALID_INPUT, 0, "the kernel image cannot be unpacked: %s",
                     str_or(archive_error_string(a), "damaged"));
}

static int write_unpacked(struct archive *a, int out, struct error **err)
{
    CLEANUP(free) char *block = xmalloc(BLOCK);
    struct archive_entry *entry;
    uint64_t written = 0;
    ssize_t n;
    if (archive_read_next_header(a, &entry) != ARCHIVE_OK) {
        return damaged(a, err);
    }
    while ((n = archive_read_data(a, block, BLOCK)) > 0) {
        if (written == 0 && (n < SELFMAG || memcmp(block, ELFMAG, SELFMAG) != 0)) {
            return error_set(err, ERROR_INVALID_INPUT, ENOEXEC,
                             "what is packed in the kernel image is no ELF kernel");
        }
        written += (uint64_t)n;
        if (written > VMLINUX_BYTES_MAX) {
            return error_set(err, ERROR_INVALID_INPUT, E2BIG, "the kernel unpacks to over 1 GiB");
        }
        int w = write_all(out, block, (size_t)n);
        if (w < 0) {
            return error_set_errno(err, ERROR_KERNEL, -w, "writing the kernel");
        }
    }
    return n < 0 || written == 0 ? damaged(a, err) : 0;
}

int bzimage_extract(int in, int out, struct error **err)
{
    struct bzimage image;
    bool is_elf;
    int r = read_header(in, &image, &is_elf, err);
    if (r < 0 || is_elf) {
        return r < 0 ? r : copy(in, out, err);
    }
    CLEANUP(free) struct payload *payload = xmalloc(sizeof(*payload));
    *payload =
        (struct payload){.fd = in, .offset = image.payload_offset, .left = image.payload_bytes};
    uint8_t magic[2];
    if (pread(in, magic, sizeof(magic), (off_t)image.payload_offset) == sizeof(magic) &&
        !(magic[0] == 0x1f && magic[1] == 0x8b)) {
        payload->left -= 4; /* all but gzip have the unpacked size appended */
    }
    struct archive *a = archive_read_new();
    (void)archive_read_support_filter_all(a); /* a filter that is not built in is missed below */
    (void)archive_read_support_format_raw(a);
    r = archive_read_open(a, payload, NULL, read_payload, NULL) == ARCHIVE_OK
            ? write_unpacked(a, out, err)
            : damaged(a, err);
    (void)archive_read_free(a);
    return r;
}

/* Where the kernel's own banner begins to tell its release: no header of an ELF kernel does. */
static off_t find_banner(int in)
{
    static const char banner[] = "Linux version ";
    const size_t len = sizeof(banner) - 1;
    struct stat st;
    off_t found = 0;
    if (fstat(in, &st) < 0 || st.st_size == 0) {
        return 0;
    }
    const char *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, in, 0);
    if (bytes == MAP_FAILED) {
        return 0;
    }
    const char *end = bytes + st.st_size;
    for (const char *at = bytes; !found && (at = memmem(at, (size_t)(end - at), banner, len));) {
        at += len;
        found = at < end && isdigit((unsigned char)*at) ? at - bytes : 0;
    }
    (void)munmap((void *)(uintptr_t)bytes, (size_t)st.st_size);
    return found;
}

int bzimage_release(int in, char **ret, struct error **err)
{
    struct bzimage image = {0};
    bool is_elf;
    char text[RELEASE_MAX + 1] = "";
    int r = read_header(in, &image, &is_elf, err);
    if (r < 0) {
        return r;
    }
    off_t at = is_elf ? find_banner(in) : (off_t)image.version_offset;
    if (at == 0 || pread(in, text, RELEASE_MAX, at) <= 0) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "the kernel image does not say its release");
    }
    text[strcspn(text, " ")] = '\0';
    if (text[0] == '\0' || strchr(text, '/')) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "the kernel image does not say its release");
    }
    *ret = xstrdup(text);
    return 0;
}
