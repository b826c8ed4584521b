// SPDX-License-Identifier: Apache-2.0
/* The virtio file system's requests: descriptor chains in, libfuse's low-level session over them.
 *
 * fs_session_serve() takes one chain: its FUSE header and arguments are copied and checked, libfuse
 * parses them and calls an operation (operations.h), whose reply is written into the chain. What is
 * read from or written to files goes directly between them and the guest's memory. A request that
 * waits (for a lock) keeps its chain until fs_session_retry() can answer it.
 *
 * libfuse trusts what it parses, since a kernel wrote it; here a guest did: sizes within a request
 * are checked first, and behind the copy are zeroes, so that every name ends.
 * One thread. Spec: virtio 1.2 §5.11; linux/fuse.h. */
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>

#include "vmm/devices/virtqueue.h"
#include "vmm/share/tree.h"

#define FS_QUEUES 2 /* §5.11.2: the first is the high priority queue */

struct request { /* one that is not answered yet */
    struct request *next;
    uint64_t unique;
    unsigned queue;
    struct virtq_chain chain;
};

struct waiting_lock;
struct lock_owner;

struct fs_session {
    struct tree tree;
    struct fuse_session *fuse;
    struct request *active, *spare;
    struct request *current; /* the one that is being served */
    struct waiting_lock *locks;
    struct lock_owner *owners;
    unsigned lock_count;
    void *context;
    /* The chain is to be given back to its queue. */
    void (*push)(void *context, unsigned queue, uint16_t head, uint32_t written);
};

/* Takes the shares' descriptors. 0 or -errno. */
int fs_session_init(struct fs_session *s, const int *shares, unsigned count);
void fs_session_done(struct fs_session *s);

/* Copies the chain. -EPROTO: it is no request. */
int fs_session_serve(struct fs_session *s, unsigned queue, const struct virtq_chain *chain);
/* Tries again what waits. True: something still does. */
bool fs_session_retry(struct fs_session *s);
/* The driver is gone: nothing is answered any more. */
void fs_session_drop(struct fs_session *s);

/* For operations: the guest's memory of the current request, [offset, offset + len) of what it
 * reads or writes; and a reply of so many bytes that are there already. */
unsigned fs_session_data(struct fs_session *s, bool to_guest, size_t offset, size_t len,
                         struct iovec *ret);
void fs_session_reply_data(fuse_req_t req, size_t len);
size_t fs_session_room(const struct fs_session *s); /* bytes of data that a reply may have */
