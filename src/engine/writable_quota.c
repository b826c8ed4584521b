// SPDX-License-Identifier: Apache-2.0
/* Project quotas, of ext4, XFS and whatever else the kernel's quotactl_fd(2) speaks to.
 * Specification: man 2 quotactl, linux/dqblk_xfs.h; man 2 ioctl_xfs_fsgetxattr. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/str.h"
#include "engine/writable_internal.h"

/* Ours begin where hardly anybody's by hand do; the rest is random. */
#define PROJECT_FIRST 0x40000000U
#define PROJECT_MASK 0x3fffffffU
#define PROJECT_TRIES 1000
#define BLOCK_BYTES 1024 /* of dqb_bhardlimit */

static int quota(int fd, int command, uint32_t project, void *argument)
{
    return syscall(SYS_quotactl_fd, fd, QCMD(command, PRJQUOTA), project, argument) < 0 ? -errno
                                                                                        : 0;
}

/* Kernels may count without limiting. */
static bool is_enforced(int fd)
{
    struct fs_quota_statv state = {.qs_version = FS_QSTATV_VERSION1};
    return quota(fd, Q_XGETQSTATV, 0, &state) == 0 && (state.qs_flags & FS_QUOTA_PDQ_ENFD);
}

static bool is_free(int fd, uint32_t project)
{
    struct if_dqblk q = {0};
    int r = quota(fd, Q_GETQUOTA, project, &q);
    return r < 0 ? r == -ESRCH || r == -ENOENT
                 : !q.dqb_bhardlimit && !q.dqb_curspace && !q.dqb_curinodes;
}

static int set_limit(int fd, uint32_t project, uint64_t bytes)
{
    struct if_dqblk q = {.dqb_bhardlimit = bytes / BLOCK_BYTES, .dqb_valid = QIF_BLIMITS};
    return quota(fd, Q_SETQUOTA, project, &q);
}

/* The folder and what will be made below it. */
static int join(const char *folder, const char *name, uint32_t project)
{
    CLEANUP(free) char *path = str_format("%s/%s", folder, name);
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct fsxattr x;
    if (fd < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &x) < 0) {
        return -errno;
    }
    x.fsx_projid = project;
    x.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    return ioctl(fd, FS_IOC_FSSETXATTR, &x) < 0 ? -errno : 0;
}

static uint32_t choose(int fd)
{
    CLEANUP(free) char *digits = random_hex(4);
    uint64_t number = 0;
    IGNORE(str_to_u64(digits, 16, &number)); /* eight hex digits */
    uint32_t project = PROJECT_FIRST + (uint32_t)(number & PROJECT_MASK);
    for (int tries = 0; tries < PROJECT_TRIES && !is_free(fd, project); tries++) {
        project = PROJECT_FIRST + ((project + 1) & PROJECT_MASK);
    }
    return project;
}

int writable_quota_set(const char *folder, uint64_t bytes, struct error **err)
{
    CLEANUP(fd) int fd = open_file(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0, err);
    if (fd < 0) {
        return fd;
    }
    if (!is_enforced(fd)) {
        return 0;
    }
    uint32_t project = choose(fd);
    int r = set_limit(fd, project, bytes);
    r = r < 0 ? r : join(folder, "upper", project);
    r = r < 0 ? r : join(folder, "work", project);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "--storage-opt: a quota of project %u",
                                   project)
                 : 1;
}

void writable_quota_clear(const char *folder)
{
    CLEANUP(free) char *path = str_format("%s/upper", folder);
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct fsxattr x;
    if (fd >= 0 && ioctl(fd, FS_IOC_FSGETXATTR, &x) == 0 && x.fsx_projid >= PROJECT_FIRST &&
        (x.fsx_xflags & FS_XFLAG_PROJINHERIT)) {
        IGNORE(set_limit(fd, x.fsx_projid, 0)); /* a limit of nobody's does no harm */
    }
}
