// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a guest's file system requests, on a folder of the target's own: each begins with
 * two bytes that say how long it is. Files stay small by a limit of the process. */
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/share/fs_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static uint8_t answer[128 * 1024];

static void push(void *context, unsigned queue, uint16_t head, uint32_t written)
{
    (void)context;
    (void)queue;
    (void)head;
    if (written > sizeof(answer)) {
        abort();
    }
}

static void serve(struct fs_session *s, void *bytes, size_t len)
{
    static struct virtq_chain chain;
    chain.count = 2;
    chain.readable_count = 1;
    chain.readable_bytes = len;
    chain.writable_bytes = sizeof(answer);
    chain.ranges[0] = (struct iovec){bytes, len};
    chain.ranges[1] = (struct iovec){answer, sizeof(answer)};
    IGNORE(fs_session_serve(s, 1, &chain) < 0); /* no request: refused */
}

static void begin(struct fs_session *s)
{
    struct {
        struct fuse_in_header header;
        struct fuse_init_in in;
    } init = {.header = {.len = sizeof(init), .opcode = FUSE_INIT, .unique = 1},
              .in = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION}};
    serve(s, &init, sizeof(init));
}

/* A folder in memory with a file, a folder and a link. */
static int make_folder(char *template)
{
    const struct rlimit limit = {1 << 20, 1 << 20};
    (void)setrlimit(RLIMIT_FSIZE, &limit); /* lowering cannot fail */
    (void)signal(SIGXFSZ, SIG_IGN);
    int fd = mkdtemp(template) ? open(template, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    CLEANUP(fd) int file = openat(fd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    IGNORE(write(file, "text", 4) < 0);
    IGNORE(mkdirat(fd, "folder", 0755) < 0);
    IGNORE(symlinkat("file", fd, "link") < 0);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static uint8_t request[70 * 1024];
    char folder[] = "/dev/shm/cloison-fuzz-XXXXXX";
    struct fs_session s = {.push = push};
    int share = make_folder(folder);
    if (share < 0 || fs_session_init(&s, &share, 1) < 0) {
        return 0;
    }
    CLEANUP(fd) int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    IGNORE(chdir("/proc/self/fd") < 0); /* where the server is */
    begin(&s);
    while (size >= 2) {
        size_t len = (size_t)input[0] | (size_t)input[1] << 8;
        input += 2;
        size -= 2;
        len = len < size ? len : size;
        memcpy(request, input, len); /* the guest's own: never const */
        serve(&s, request, len);
        input += len;
        size -= len;
    }
    IGNORE(fs_session_retry(&s));
    fs_session_done(&s);
    IGNORE(fchdir(before) < 0);                      /* where we came from */
    IGNORE(remove_tree(AT_FDCWD, folder, NULL) < 0); /* in memory, of this process */
    return 0;
}
