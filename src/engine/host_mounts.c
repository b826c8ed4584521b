// SPDX-License-Identifier: Apache-2.0
/* File systems and the mount API. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/host_internal.h"

static const char group[] = "File systems and mounts";

/* The nearest folder above (or at) the path that exists: the data folder may not be made yet. */
static char *existing_folder(const char *path)
{
    char *p = xstrdup(path);
    while (access(p, F_OK) < 0) {
        char *slash = strrchr(p, '/');
        if (!slash || slash == p) {
            free(p);
            return xstrdup("/");
        }
        *slash = '\0';
    }
    return p;
}

static const char *file_system_name(const char *folder)
{
    static const struct {
        long magic;
        const char *name;
    } names[] = {{EXT4_SUPER_MAGIC, "extfs"},
                 {XFS_SUPER_MAGIC, "xfs"},
                 {BTRFS_SUPER_MAGIC, "btrfs"},
                 {TMPFS_MAGIC, "tmpfs"},
                 {OVERLAYFS_SUPER_MAGIC, "overlayfs"},
                 {NFS_SUPER_MAGIC, "nfs"},
                 {F2FS_SUPER_MAGIC, "f2fs"},
                 {FUSE_SUPER_MAGIC, "fuse"},
                 {0x2fc12fc1, "zfs"}};
    struct statfs s;
    if (statfs(folder, &s) < 0) {
        return "unknown";
    }
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i].magic == (long)s.f_type) {
            return names[i].name;
        }
    }
    return "unknown";
}

static void probe_file_system(struct host_report *r, const char *name)
{
    CLEANUP(fd) int fd = fsopen(name, FSOPEN_CLOEXEC);
    int code = fd < 0 ? errno : 0;
    host_add(r, group, name, code, code == ENODEV ? "not known to the kernel" : NULL);
}

static int map_ids(pid_t pid, const char *file)
{
    CLEANUP(free) char *path = str_format("/proc/%d/%s", (int)pid, file);
    return file_write_existing(AT_FDCWD, path, "0 100000 65536", NULL);
}

/* An fd of a user namespace with a map, or -errno. Its process ends when `hold` is closed. */
static int mapped_user_namespace(pid_t *ret_pid, int hold[2])
{
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) < 0) {
        return -errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        char byte = 0;
        (void)close(hold[1]); /* so that the parent's end is the last one */
        _exit(unshare(CLONE_NEWUSER) < 0 || write(ready[1], &byte, 1) != 1 ||
              read(hold[0], &byte, 1) != 0);
    }
    int r = pid < 0 ? -errno : 0;
    (void)close(ready[1]); /* the child's now */
    char byte;
    if (r == 0 && read(ready[0], &byte, 1) != 1) {
        r = -EPERM;
    }
    (void)close(ready[0]); /* nothing was written */
    *ret_pid = pid;
    r = r < 0 ? r : map_ids(pid, "uid_map");
    r = r < 0 ? r : map_ids(pid, "gid_map");
    if (r < 0) {
        return r;
    }
    CLEANUP(free) char *path = str_format("/proc/%d/ns/user", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Makes a detached id-mapped copy of the folder's mount and drops it. 0 or a positive errno. */
static int try_idmap(const char *folder)
{
    int hold[2];
    if (pipe2(hold, O_CLOEXEC) < 0) {
        return errno;
    }
    pid_t pid = -1;
    CLEANUP(fd) int userns = mapped_user_namespace(&pid, hold);
    int code = userns < 0 ? -userns : 0;
    if (code == 0) {
        CLEANUP(fd) int tree = open_tree(AT_FDCWD, folder, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (__u64)userns};
        if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
            code = errno;
        }
    }
    (void)close(hold[0]); /* pipes that carry no data */
    (void)close(hold[1]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return code;
}

void host_probe_mounts(struct host_report *r, const char *data_dir)
{
    CLEANUP(free) char *folder = existing_folder(data_dir);
    r->file_system = file_system_name(folder);
    probe_file_system(r, "overlay");
    probe_file_system(r, "tmpfs");
    probe_file_system(r, "mqueue");
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    CLEANUP(fd) int opened = (int)syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));
    host_add(r, group, "openat2", opened < 0 ? errno : 0, NULL);
    CLEANUP(fd) int tree = open_tree(AT_FDCWD, "/", OPEN_TREE_CLOEXEC);
    host_add(r, group, "mount API", tree < 0 ? errno : 0, "open_tree, fsopen, move_mount");
    host_add(r, group, "mount_setattr",
             host_errno_unless(mount_setattr(-1, "", 0, NULL, 0), EINVAL), NULL);
    int code = try_idmap(folder);
    CLEANUP(free)
    char *where = str_format(code ? "%s, tried on '%s' (%s)" : "%son '%s' (%s)",
                             code ? strerror(code) : "", folder, r->file_system);
    host_add(r, group, "id-mapped mounts", code, where);
}
