// SPDX-License-Identifier: Apache-2.0
/* Files in the context's folder: what a workload's own writable layer can do. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare/probe/probe.h"

#define FILE_BYTES ((size_t)8 << 20)
#define CHUNK_BYTES ((size_t)64 << 10)
#define BLOCK_BYTES ((size_t)4 << 10)
#define PATH_BYTES 512

static char chunk[CHUNK_BYTES];

static int named(const struct probe_context *c, const char *name, char path[PATH_BYTES])
{
    int n = snprintf(path, PATH_BYTES, "%s/.cloison-probe-%s", c->folder, name);
    return n < 0 || n >= PATH_BYTES ? -ENAMETOOLONG : 0;
}

static int open_scratch(const struct probe_context *c)
{
    char path[PATH_BYTES];
    int r = named(c, "data", path);
    if (r < 0) {
        return r;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    r = fd < 0 ? -errno : fd;
    (void)unlink(path); /* the descriptor keeps it: nothing is left, however this ends */
    return r;
}

static int write_whole(int fd)
{
    for (size_t at = 0; at < FILE_BYTES; at += CHUNK_BYTES) {
        ssize_t n = pwrite(fd, chunk, CHUNK_BYTES, (off_t)at);
        if (n != (ssize_t)CHUNK_BYTES) {
            return n < 0 ? -errno : -ENOSPC;
        }
    }
    return 0;
}

static int read_whole(int fd)
{
    for (size_t at = 0; at < FILE_BYTES; at += CHUNK_BYTES) {
        ssize_t n = pread(fd, chunk, CHUNK_BYTES, (off_t)at);
        if (n != (ssize_t)CHUNK_BYTES) {
            return n < 0 ? -errno : -EIO;
        }
    }
    return 0;
}

/* What is to be read comes from the disk: of this kernel's cache nothing is left. A host's cache
 * below a machine's disk stays, which is part of what that disk is. */
static int forget(int fd)
{
    if (fsync(fd) < 0) {
        return -errno;
    }
    return -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int whole_write(int fd)
{
    return write_whole(fd);
}

static int whole_write_sync(int fd)
{
    int r = write_whole(fd);
    return r < 0 ? r : fsync(fd) < 0 ? -errno : 0;
}

static int whole_read(int fd)
{
    return read_whole(fd);
}

/* Megabytes a second of whole passes over the file; before each, `prepare`, not counted. */
static int passes(const struct probe_context *c, int (*prepare)(int fd), int (*pass)(int fd),
                  double *ret)
{
    int fd = open_scratch(c);
    if (fd < 0) {
        return fd;
    }
    uint64_t spent = 0, count = 0;
    int r = whole_write_sync(fd); /* blocks are given out before the clock starts */
    while (r >= 0 && spent < c->ns) {
        r = prepare ? prepare(fd) : 0;
        uint64_t begin = probe_now();
        r = r < 0 ? r : pass(fd);
        spent += probe_now() - begin;
        count++;
    }
    (void)close(fd);
    if (r >= 0) {
        *ret = (double)count * (double)FILE_BYTES * 1000 / (double)spent;
    }
    return r;
}

int probe_write(const struct probe_context *c, double *ret)
{
    return passes(c, NULL, whole_write, ret);
}

int probe_write_sync(const struct probe_context *c, double *ret)
{
    return passes(c, NULL, whole_write_sync, ret);
}

int probe_read(const struct probe_context *c, double *ret)
{
    return passes(c, forget, whole_read, ret);
}

/* A fixed sequence of places: the same behind every wall. */
static off_t next_place(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (off_t)((size_t)(*state >> 8) % (FILE_BYTES / BLOCK_BYTES) * BLOCK_BYTES);
}

static int block_write(int fd, off_t at)
{
    return pwrite(fd, chunk, BLOCK_BYTES, at) == (ssize_t)BLOCK_BYTES ? 0 : -EIO;
}

static int block_sync(int fd, off_t at)
{
    int r = block_write(fd, at);
    return r < 0 ? r : fdatasync(fd) < 0 ? -errno : 0;
}

static int block_read(int fd, off_t at)
{
    (void)posix_fadvise(fd, at, (off_t)BLOCK_BYTES, POSIX_FADV_DONTNEED);
    return pread(fd, chunk, BLOCK_BYTES, at) == (ssize_t)BLOCK_BYTES ? 0 : -EIO;
}

static int places(const struct probe_context *c, int (*one)(int fd, off_t at), double *ret)
{
    int fd = open_scratch(c);
    if (fd < 0) {
        return fd;
    }
    uint32_t state = 1;
    uint64_t count = 0;
    int r = whole_write_sync(fd);
    r = r < 0 ? r : forget(fd);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    uint64_t begin = probe_now(), now = begin;
    while (r >= 0 && now - begin < c->ns) {
        r = one(fd, next_place(&state));
        count++;
        now = probe_now();
    }
    (void)close(fd);
    if (r >= 0) {
        *ret = (double)(now - begin) / (double)count / 1000;
    }
    return r;
}

int probe_random_write(const struct probe_context *c, double *ret)
{
    return places(c, block_write, ret);
}

int probe_random_sync(const struct probe_context *c, double *ret)
{
    return places(c, block_sync, ret);
}

int probe_random_read(const struct probe_context *c, double *ret)
{
    return places(c, block_read, ret);
}

static int one_life(const char *path, const char *renamed)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    (void)close(fd);
    struct stat st;
    if (rename(path, renamed) < 0 || stat(renamed, &st) < 0 || unlink(renamed) < 0) {
        return -errno;
    }
    return 0;
}

int probe_metadata(const struct probe_context *c, double *ret)
{
    char path[PATH_BYTES], renamed[PATH_BYTES];
    int r = named(c, "a", path);
    r = r < 0 ? r : named(c, "b", renamed);
    uint64_t begin = probe_now(), now = begin, count = 0;
    while (r >= 0 && now - begin < c->ns) {
        r = one_life(path, renamed);
        count++;
        now = probe_now();
    }
    if (r >= 0) {
        *ret = (double)(now - begin) / (double)count / 1000;
    }
    return r;
}
