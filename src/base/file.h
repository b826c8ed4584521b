// SPDX-License-Identifier: Apache-2.0
/* Files, folders and descriptors.
 *
 * Paths are the host's own here; a path inside a rootfs goes through open_in_root(). Descriptors
 * are close-on-exec from birth. Side effects: files. Any thread; not in the child after clone3
 * unless said. Spec: man 2 openat2, rename(2), flock(2). */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

/* Closes and gives -1; keeps errno; -1 is fine. */
int fd_close(int fd);
static inline void fd_cleanup(int *fd)
{
    fd_close(*fd);
}
static inline void dir_cleanup(DIR **d)
{
    if (*d) {
        (void)closedir(*d); /* read only: nothing can be lost */
    }
}
static inline void stream_cleanup(FILE **f)
{
    if (*f) {
        (void)fclose(*f); /* writers check ferror() and fflush() themselves */
    }
}
static inline int take_fd(int *fd)
{
    int v = *fd;
    *fd = -1;
    return v;
}

/* First thing in a program that may be started with 0, 1 or 2 closed: the next open() would get
 * that number and be written to as "output". They become /dev/null. */
void open_standard_streams(void);

/* Reads a whole file (relative to dirfd, or AT_FDCWD) of at most max bytes, NUL added behind. The
 * caller frees *ret_data. Works for /proc and cgroup files. -E2BIG past max. ret_len may be NULL.
 */
int file_read(int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_len,
              struct error **err) NODISCARD;

/* Reads a one-line file, without its newline. */
int file_read_line(int dirfd, const char *path, char **ret_line, struct error **err) NODISCARD;

/* Writes the bytes in one write() to an existing file: for /proc, /sys and cgroup files. */
int file_write_existing(int dirfd, const char *path, const char *value,
                        struct error **err) NODISCARD;

enum file_sync {
    FILE_NO_SYNC, /* volatile or derivable content */
    FILE_SYNC,    /* fsync of the file before the rename, of the folder behind */
};

/* Writes a file whole: temporary name in the same folder, then renamed over `path`. */
int file_write_atomic(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
                      enum file_sync sync, struct error **err) NODISCARD;

/* Removes the temporary names in a folder (relative to dirfd) that file_write_atomic() left when it
 * was killed, and that were last written `age_s` seconds ago or earlier. 0 is for a caller whose
 * lock keeps all writers away. */
void file_sweep_temporaries(int dirfd, const char *folder, int age_s);

/* mkdir -p; existing folders keep their mode. */
int mkdir_all(const char *path, mode_t mode, struct error **err) NODISCARD;

/* rm -rf of dirfd/path, never following symlinks, never leaving the file system through a mount.
 * A missing path is success. */
int remove_tree(int dirfd, const char *path, struct error **err) NODISCARD;

/* Appends the names in a folder but those that begin with a dot, sorted; a missing folder has none.
 */
int list_folder(int dirfd, const char *path, struct strv *ret, struct error **err) NODISCARD;
/* The same with those that begin with a dot, but for "." and "..". */
int list_folder_whole(int dirfd, const char *path, struct strv *ret, struct error **err) NODISCARD;

/* open(2) with O_CLOEXEC added; the error names the path. Returns the fd. */
int open_file(int dirfd, const char *path, int flags, mode_t mode, struct error **err) NODISCARD;

/* openat2 with RESOLVE_IN_ROOT (".." and absolute symlinks stay below rootfd) and no magic links.
 * Returns the fd or -errno; allocates nothing, so it may run in the child. */
int open_in_root(int rootfd, const char *path, int flags, mode_t mode);

/* Exclusive or shared flock on an open fd; `wait` false gives -EWOULDBLOCK when taken. */
enum lock_mode { LOCK_SHARED, LOCK_EXCLUSIVE };
int lock_fd(int fd, enum lock_mode mode, bool wait, struct error **err) NODISCARD;

/* Opens (creating, mode 0600) and locks a lock file. Returns the fd, whose closing releases it. */
int lock_file(int dirfd, const char *path, enum lock_mode mode, bool wait,
              struct error **err) NODISCARD;

/* write(2) until all is written. 0 or -errno. Allocates nothing. */
int write_all(int fd, const void *bytes, size_t len);
/* read(2) until len bytes or the end: how many were read, or -errno. Allocates nothing. */
ssize_t read_all(int fd, void *bytes, size_t len);

/* Sends and receives one message with descriptors over a UNIX socket. Received ones are
 * close-on-exec. Returns bytes, 0 at the end, or -errno. *fd_count: room in, received out. */
ssize_t send_fds(int sock, const void *bytes, size_t len, const int *fds, size_t fd_count);
ssize_t recv_fds(int sock, void *bytes, size_t len, int *fds, size_t *fd_count);

/* Seconds since the epoch as RFC 3339 with nanoseconds in UTC, as Docker writes times:
 * "2026-01-02T15:04:05.999999999Z". Holds at least TIME_TEXT_BYTES. */
#define TIME_TEXT_BYTES 36
struct timespec;
void time_text(const struct timespec *t, char text[TIME_TEXT_BYTES]);
void time_now_text(char text[TIME_TEXT_BYTES]);
/* The reverse, with any offset; 0 or -EINVAL. */
int time_parse(const char *text, struct timespec *ret) NODISCARD;

/* `bytes` random bytes as lower-case hex, by getrandom(2). The caller frees. */
char *random_hex(size_t bytes);
