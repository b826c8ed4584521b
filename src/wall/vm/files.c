// SPDX-License-Identifier: Apache-2.0
/* The machine's files as a folder of this process: a FUSE file system whose server is in the
 * machine. FUSE is made for servers that are not trusted: the kernel checks what they answer, and
 * the mount is nosuid, nodev, noexec, detached: seen by nobody who has not its descriptor.
 *
 * A process of ours carries messages between /dev/fuse and the machine; it ends with the mount,
 * which ends with the last descriptor of it. Spec: linux/fuse.h, man 4 fuse; fsopen. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/mount.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/json.h"
#include "wall/vm/workload.h"

enum { MESSAGE_MAX = (1 << 20) + 4096 };

static const char *tree_name(enum wall_tree tree)
{
    static const char *const names[] = {
        [WALL_TREE_ROOT] = "root",
        [WALL_TREE_UPPER] = "upper",
        [WALL_TREE_PROCESSES] = "processes",
    };
    return names[tree];
}

/* --- carrying messages ---------------------------------------------------------------------------
 */

/* One request to the machine. False: the file system is gone. */
static bool carry_request(int device, int machine, char *bytes)
{
    ssize_t n = read(device, bytes, MESSAGE_MAX);
    if (n < 0) {
        return errno == EINTR || errno == EAGAIN || errno == ENOENT; /* it was interrupted */
    }
    return n > 0 && write_all(machine, bytes, (size_t)n) >= 0;
}

/* One answer to the kernel, which checks it. */
static bool carry_answer(int device, int machine, char *bytes)
{
    struct fuse_out_header *h = (struct fuse_out_header *)(void *)bytes;
    if (read_all(machine, bytes, sizeof(*h)) != sizeof(*h) || h->len < sizeof(*h) ||
        h->len > MESSAGE_MAX) {
        return false;
    }
    size_t left = h->len - sizeof(*h);
    if (read_all(machine, bytes + sizeof(*h), left) != (ssize_t)left) {
        return false;
    }
    /* Refused: nobody waits for it any more, or it is nonsense, which the waiting one is told. */
    IGNORE(write(device, bytes, h->len) < 0);
    return true;
}

/* Never returns. */
static void carry(int device, int machine)
{
    static char bytes[MESSAGE_MAX];
    int kept[2] = {device < machine ? device : machine, device < machine ? machine : device};
    (void)prctl(PR_SET_NAME, "cloison-files", 0, 0, 0);
    (void)setsid(); /* Ctrl-C is for who uses the files; we end with them */
    (void)signal(SIGPIPE, SIG_IGN);
    if (kept[0] > 0) {
        (void)syscall(SYS_close_range, 0, kept[0] - 1, 0);
    }
    if (kept[1] > kept[0] + 1) {
        (void)syscall(SYS_close_range, kept[0] + 1, kept[1] - 1, 0);
    }
    (void)syscall(SYS_close_range, kept[1] + 1, ~0u, 0);
    for (;;) {
        struct pollfd p[2] = {{.fd = device, .events = POLLIN}, {.fd = machine, .events = POLLIN}};
        (void)poll(p, 2, -1); /* whatever it says: both are looked at */
        if ((p[0].revents && !carry_request(device, machine, bytes)) ||
            (p[1].revents && !carry_answer(device, machine, bytes))) {
            _exit(0);
        }
    }
}

/* --- the mount -----------------------------------------------------------------------------------
 */

static int set(int context, const char *key, const char *value)
{
    return (int)syscall(SYS_fsconfig, context, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key,
                        value, 0);
}

static int make_mount(int device)
{
    char number[16], user[16], group[16];
    CLEANUP(fd) int context = (int)syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC);
    (void)snprintf(number, sizeof(number), "%d", device);
    (void)snprintf(user, sizeof(user), "%u", geteuid());
    (void)snprintf(group, sizeof(group), "%u", getegid());
    if (context < 0 || set(context, "source", "machine") < 0 || set(context, "fd", number) < 0 ||
        set(context, "rootmode", "40000") < 0 || set(context, "user_id", user) < 0 ||
        set(context, "group_id", group) < 0 || set(context, "default_permissions", NULL) < 0 ||
        syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        return -errno;
    }
    int mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
                             MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    return mount < 0 ? -errno : mount;
}

/* Mounts what the machine serves at the other end. */
static int mount_machine(int machine, int *ret_fd, struct error **err)
{
    CLEANUP(fd) int device = open_file(AT_FDCWD, "/dev/fuse", O_RDWR, 0, err);
    if (device < 0) {
        return error_hint(err, device, "the host's kernel must have FUSE: modprobe fuse");
    }
    CLEANUP(fd) int mount = make_mount(device);
    if (mount < 0) {
        return error_set_errno(err, ERROR_KERNEL, -mount, "mounting the machine's files");
    }
    pid_t pid = fork();
    if (pid == 0) {
        carry(device, machine);
    }
    if (pid < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "serving the machine's files");
    }
    *ret_fd = take_fd(&mount);
    return 0;
}

/* --- running, and not ----------------------------------------------------------------------------
 */

int vm_files(struct workload *w, enum wall_tree tree, int *ret_fd, struct error **err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "a socket to the machine's files");
    }
    CLEANUP(fd) int machine = ends[0];
    CLEANUP(fd) int theirs = ends[1];
    CLEANUP(fd) int null = open_file(AT_FDCWD, "/dev/null", O_RDWR, 0, err);
    if (null < 0) {
        return null;
    }
    const int fds[] = {theirs, theirs, null};
    json_t *request = json_pack("{s:s, s:s}", "request", "files", "tree", tree_name(tree));
    CLEANUP(fd) int sock = relay_ask(w, request, fds, ARRAY_SIZE(fds), NULL, err);
    return sock < 0 ? sock : mount_machine(machine, ret_fd, err);
}

/* A machine for the look alone: the relay powers it off when its end of the socket closes. */
static int start_browser(struct plan *plan, enum wall_tree tree, int theirs, int log,
                         struct error **err)
{
    int ends[2];
    CLEANUP(json) json_t *reply = NULL;
    CLEANUP(fd) int null = open_file(AT_FDCWD, "/dev/null", O_RDWR, 0, err);
    struct relay_settings s = {.plan = plan,
                               .io = {theirs, theirs, null},
                               .listener = -1,
                               .log = log,
                               .browse = tree_name(tree)};
    int r = null < 0 ? null : vm_assets_open(plan, &s.assets, err);
    if (r < 0) {
        return r;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "the machine's relay");
        vm_assets_close(&s.assets);
        return r;
    }
    CLEANUP(fd) int ready = ends[0];
    s.ready = ends[1];
    pid_t pid = vm_fork_relay(&s);
    fd_close(ends[1]);
    vm_assets_close(&s.assets);
    if (pid < 0 || send(ready, "g", 1, MSG_NOSIGNAL) != 1) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the machine's relay");
    }
    return relay_receive(ready, &reply, err);
}

/* In memory; for writing alone, as QEMU wants it. */
static int open_log(void)
{
    char path[32];
    CLEANUP(fd) int memory = memfd_create("log", MFD_CLOEXEC);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
    return memory < 0 ? -1 : open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
}

int vm_browse(struct plan *plan, enum wall_tree tree, int *ret_fd, struct error **err)
{
    int ends[2];
    CLEANUP(fd) int log = open_log();
    if (log < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "a socket to the machine's files");
    }
    CLEANUP(fd) int machine = ends[0];
    CLEANUP(fd) int theirs = ends[1];
    int r = start_browser(plan, tree, theirs, log, err);
    return r < 0 ? error_wrap(err, r, "looking at the files of a machine that does not run")
                 : mount_machine(machine, ret_fd, err);
}
