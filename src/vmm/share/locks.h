// SPDX-License-Identifier: Apache-2.0
/* Locks of files, the host's own: what the guest locks is locked for every machine and container
 * that shares the folder.
 *
 * flock(2) is the open file's. A POSIX lock belongs to an owner that the guest names; each owner of
 * an inode gets an open file description of its own, whose OFD locks are the owner's. One that must
 * wait is tried again by locks_retry(), and given up when the guest interrupts it.
 * Spec: linux/fuse.h FUSE_SETLK, FUSE_SETLKW; man 2 fcntl (open file description locks). */
#pragma once

#include "vmm/share/fs_session.h"

void locks_get(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi, struct flock *lock);
void locks_set(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi, struct flock *lock,
               int wait);
void locks_flock(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *fi, int operation);
/* The owner closed the file: its locks go, as POSIX wants. */
void locks_release(struct fs_session *s, uint64_t number, uint64_t owner);

bool locks_hold(const struct fs_session *s, uint64_t unique);
bool locks_retry(struct fs_session *s);
void locks_drop(struct fs_session *s); /* what waits */
void locks_done(struct fs_session *s);
