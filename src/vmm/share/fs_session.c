// SPDX-License-Identifier: Apache-2.0
#include "vmm/share/fs_session.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/share/locks.h"
#include "vmm/share/operations.h"

enum {
    /* Names are at most 4,096 bytes, an attribute's value 64 KiB, a batch of forgets less. What a
     * write carries is not copied. */
    REQUEST_BYTES_MAX = 192 * 1024,
    ZEROES = 16 * 1024, /* behind it: no structure or pair of names reaches further */
};

static _Alignas(8) char buffer[REQUEST_BYTES_MAX + ZEROES];
/* Stands for bytes that an operation has put into the guest's memory itself. */
static char there[1];

/* --- replies -------------------------------------------------------------------------------------
 */

static struct request *take_active(struct fs_session *s, uint64_t unique)
{
    for (struct request **link = &s->active; *link; link = &(*link)->next) {
        if ((*link)->unique == unique) {
            struct request *q = *link;
            *link = q->next;
            return q;
        }
    }
    return NULL;
}

static void finish(struct fs_session *s, struct request *q, uint32_t written)
{
    s->push(s->context, q->queue, q->chain.head, written);
    if (s->current == q) {
        s->current = NULL;
    }
    q->next = s->spare;
    s->spare = q;
}

static ssize_t reply(int fd, struct iovec *iov, int count, void *userdata)
{
    struct fs_session *s = userdata;
    const struct fuse_out_header *header = iov[0].iov_base;
    struct request *q = take_active(s, header->unique);
    size_t at = 0;
    (void)fd;
    if (!q) {
        return header->len; /* a notice: nobody takes them */
    }
    for (int i = 0; i < count; i++) {
        if (iov[i].iov_base != there) {
            (void)chain_write(&q->chain, at, iov[i].iov_base, iov[i].iov_len); /* what fits */
        }
        at += iov[i].iov_len;
    }
    finish(s, q, (uint32_t)(at < q->chain.writable_bytes ? at : q->chain.writable_bytes));
    return (ssize_t)at;
}

static ssize_t no_read(int fd, void *bytes, size_t len, void *userdata)
{
    (void)fd;
    (void)bytes;
    (void)len;
    (void)userdata;
    return -ENOSYS; /* requests come by fs_session_serve() */
}

void fs_session_reply_data(fuse_req_t req, size_t len)
{
    IGNORE(fuse_reply_buf(req, there, len) < 0); /* reply() does not fail */
}

size_t fs_session_room(const struct fs_session *s)
{
    size_t room = s->current ? s->current->chain.writable_bytes : 0;
    return room > sizeof(struct fuse_out_header) ? room - sizeof(struct fuse_out_header) : 0;
}

unsigned fs_session_data(struct fs_session *s, bool to_guest, size_t offset, size_t len,
                         struct iovec *ret)
{
    const struct virtq_chain *c = &s->current->chain;
    if (to_guest) {
        return chain_writable(c, sizeof(struct fuse_out_header) + offset, len, ret);
    }
    return chain_readable(c, sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in) + offset,
                          len, ret);
}

/* --- requests ------------------------------------------------------------------------------------
 */

/* What libfuse would believe: counts and sizes inside of the `len` bytes behind the header. */
static bool is_sound(const struct fuse_in_header *h, const void *arguments, size_t len)
{
    if (h->opcode == FUSE_SETXATTR) {
        struct fuse_setxattr_in in;
        memcpy(&in, arguments, sizeof(in));
        size_t name = strnlen((const char *)arguments + FUSE_COMPAT_SETXATTR_IN_SIZE, len);
        return len > FUSE_COMPAT_SETXATTR_IN_SIZE &&
               FUSE_COMPAT_SETXATTR_IN_SIZE + name + 1 + in.size <= len;
    }
    if (h->opcode == FUSE_BATCH_FORGET) {
        struct fuse_batch_forget_in in;
        memcpy(&in, arguments, sizeof(in));
        return len >= sizeof(in) && in.count <= (len - sizeof(in)) / sizeof(struct fuse_forget_one);
    }
    return h->opcode != FUSE_NOTIFY_REPLY && h->opcode != FUSE_IOCTL;
}

/* Only what waits for a lock can be interrupted; libfuse would keep the others for ever. */
static bool is_idle_interrupt(const struct fs_session *s, const struct fuse_in_header *h)
{
    struct fuse_interrupt_in in;
    memcpy(&in, h + 1, sizeof(in));
    return h->opcode == FUSE_INTERRUPT && !locks_hold(s, in.unique);
}

static struct request *new_request(struct fs_session *s, unsigned queue,
                                   const struct virtq_chain *chain, uint64_t unique)
{
    struct request *q = s->spare ? s->spare : xcalloc(1, sizeof(*q));
    s->spare = s->spare ? s->spare->next : NULL;
    q->queue = queue;
    q->unique = unique;
    q->chain = *chain;
    q->next = s->active;
    s->active = q;
    return q;
}

static void refuse(struct fs_session *s, const struct fuse_in_header *h)
{
    struct fuse_out_header out = {.len = sizeof(out), .error = -EINVAL, .unique = h->unique};
    struct iovec iov = {&out, sizeof(out)};
    (void)reply(-1, &iov, 1, s);
}

int fs_session_serve(struct fs_session *s, unsigned queue, const struct virtq_chain *chain)
{
    struct fuse_in_header *h = (struct fuse_in_header *)(void *)buffer;
    size_t len = chain->readable_bytes;
    size_t copied = chain_read(chain, 0, buffer, len < REQUEST_BYTES_MAX ? len : REQUEST_BYTES_MAX);
    if (copied < sizeof(*h)) {
        return -EPROTO;
    }
    bool is_write = h->opcode == FUSE_WRITE;
    memset(buffer + copied, 0, ZEROES);
    h->len = (uint32_t)copied;
    struct request *q = new_request(s, queue, chain, h->unique);
    s->current = q;
    if ((copied < len && !is_write) || !is_sound(h, h + 1, copied - sizeof(*h))) {
        refuse(s, h);
        return 0;
    }
    struct fuse_buf buf = {.size = is_write ? len : copied, .mem = buffer};
    if (!is_idle_interrupt(s, h)) {
        fuse_session_process_buf(s->fuse, &buf);
    }
    /* FORGET and INTERRUPT have no answer; what waits for a lock has one later. */
    if (s->current == q && !locks_hold(s, q->unique) && take_active(s, q->unique)) {
        finish(s, q, 0);
    }
    s->current = NULL;
    return 0;
}

bool fs_session_retry(struct fs_session *s)
{
    return locks_retry(s);
}

/* --- its life ------------------------------------------------------------------------------------
 */

int fs_session_init(struct fs_session *s, const int *shares, unsigned count)
{
    static char name[] = "cloison-fs";
    char *arguments[] = {name, NULL};
    struct fuse_args args = {.argc = 1, .argv = arguments};
    const struct fuse_custom_io io = {.writev = reply, .read = no_read};
    int r = tree_init(&s->tree, shares, count);
    if (r < 0) {
        return r;
    }
    s->fuse = fuse_session_new(&args, &operations, sizeof(operations), s);
    fuse_opt_free_args(&args);                        /* a copy that it made */
    int null = open("/dev/null", O_RDWR | O_CLOEXEC); /* libfuse wants one to close */
    if (!s->fuse || null < 0) {
        return s->fuse ? -errno : -ENOMEM;
    }
    return fuse_session_custom_io(s->fuse, &io, null);
}

void fs_session_drop(struct fs_session *s)
{
    locks_drop(s);
    while (s->active) {
        struct request *q = s->active;
        s->active = q->next;
        q->next = s->spare;
        s->spare = q;
    }
    s->current = NULL;
}

void fs_session_done(struct fs_session *s)
{
    fs_session_drop(s);
    if (s->fuse) {
        fuse_session_destroy(s->fuse);
    }
    while (s->spare) {
        struct request *q = s->spare;
        s->spare = q->next;
        free(q);
    }
    locks_done(s);
    tree_done(&s->tree);
}
