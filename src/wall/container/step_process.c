// SPDX-License-Identifier: Apache-2.0
/* Properties of the process: keyring, personality, security label, umask. */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/step.h"

STEP_DESCRIBE(keyring)
{
    describe_text(d, "a new session keyring '%s'", s->text);
    describe_str(d, "name", s->text);
}

/* Without it the container would hold the keys of whoever started it. A kernel without keys has
 * nothing to hide. */
STEP_CHILD(keyring)
{
    long key = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, s->text);
    return key < 0 && errno != ENOSYS ? -errno : 0;
}

STEP_DESCRIBE(personality)
{
    describe_text(d, "%s", s->flags == PER_LINUX32 ? "LINUX32" : "LINUX");
    describe_str(d, "domain", s->flags == PER_LINUX32 ? "LINUX32" : "LINUX");
}

STEP_CHILD(personality)
{
    return personality(s->flags) < 0 ? -errno : 0;
}

STEP_DESCRIBE(label)
{
    describe_text(d, "%s label '%s'", s->label.module, s->label.name);
    describe_str(d, "module", s->label.module);
    describe_str(d, "label", s->label.name);
}

/* Through the host's procfs: a forged /proc would swallow the label, and the program would run
 * unconfined. */
STEP_CHILD(label)
{
    struct statfs st;
    CLEANUP(fd) int fd = -1;
    for (size_t i = 0; fd < 0 && i < ARRAY_SIZE(s->label.files) && s->label.files[i]; i++) {
        fd = openat(a->proc_fd, s->label.files[i], O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fd < 0) {
        return -errno;
    }
    if (fstatfs(fd, &st) < 0 || st.f_type != PROC_SUPER_MAGIC) {
        return step_fail(a, -EPERM, DETAIL_NOT_PROC, 0);
    }
    return write_all(fd, s->label.text, strlen(s->label.text));
}

STEP_DESCRIBE(umask)
{
    describe_text(d, "%04o", s->umask);
    describe_int(d, "umask", s->umask);
}

STEP_CHILD(umask)
{
    (void)umask(s->umask); /* cannot fail */
    return 0;
}
