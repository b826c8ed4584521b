// SPDX-License-Identifier: Apache-2.0
/* The program: found in the container's PATH, then executed with nothing of ours left open. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wall/container/step.h"

STEP_DESCRIBE(program)
{
    describe_text(d, "'%s' in the container", s->exec.argv[0]);
    describe_str(d, "program", s->exec.argv[0]);
    describe_str(d, "PATH", s->exec.path_variable);
}

/* 0, or why it cannot be executed: -ENOENT, -EACCES, … */
static int check_program(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        return -errno;
    }
    if (S_ISDIR(st.st_mode)) {
        return -EISDIR;
    }
    return S_ISREG(st.st_mode) && st.st_mode & 0111 ? 0 : -EACCES;
}

static int set_program(struct apply *a, const char *folder, size_t folder_len, const char *name)
{
    size_t len = strlen(name);
    if (folder_len + len + 2 > sizeof(a->program)) {
        return -ENAMETOOLONG;
    }
    memcpy(a->program, folder, folder_len);
    size_t at = folder_len;
    if (folder_len) {
        a->program[at++] = '/';
    }
    memcpy(a->program + at, name, len + 1);
    return check_program(a->program);
}

/* As a shell does: the first that can be executed; an empty entry is the working folder. */
static int search(struct apply *a, const char *path, const char *name)
{
    int worst = -ENOENT;
    for (const char *entry = path;; entry++) {
        size_t len = strcspn(entry, ":");
        int r = len ? set_program(a, entry, len, name) : set_program(a, ".", 1, name);
        if (r == 0) {
            return 0;
        }
        if (r != -ENOENT && r != -ENOTDIR) {
            worst = r == -EISDIR ? worst : r;
        }
        entry += len;
        if (!*entry) {
            return worst == -ENOENT ? step_fail(a, worst, DETAIL_NOT_IN_PATH, 0) : worst;
        }
    }
}

STEP_CHILD(program)
{
    const char *name = s->exec.argv[0];
    if (strchr(name, '/')) {
        int r = set_program(a, "", 0, name);
        return r < 0 ? step_fail(a, r, DETAIL_NO_PROGRAM, 0) : 0;
    }
    if (!*name) {
        return step_fail(a, -ENOENT, DETAIL_NOT_IN_PATH, 0);
    }
    return search(a, s->exec.path_variable, name);
}

STEP_DESCRIBE(descriptors)
{
    if (s->exec.preserved) {
        describe_text(d, "every descriptor but 0 to %d", 2 + s->exec.preserved);
    } else {
        describe_text(d, "every descriptor but 0, 1, 2");
    }
    describe_int(d, "kept", 3 + s->exec.preserved);
}

/* Marked, not closed: the failing exec still has to be told. What is handed on loses its mark. */
STEP_CHILD(descriptors)
{
    unsigned int first = 3 + (unsigned int)s->exec.preserved;
    if (close_range(first, ~0U, CLOSE_RANGE_CLOEXEC) < 0) {
        return -errno;
    }
    for (int fd = 3; fd < (int)first; fd++) {
        if (fcntl(fd, F_SETFD, 0) < 0) {
            return -errno;
        }
    }
    return 0;
}

STEP_DESCRIBE(exec)
{
    size_t count = 0, env = 0;
    while (s->exec.argv[count]) {
        count++;
    }
    while (s->exec.envp[env]) {
        env++;
    }
    for (size_t i = 0; i < count; i++) {
        describe_text(d, "%s'%s'", i ? " " : "", s->exec.argv[i]);
    }
    describe_extra(d, "%zu environment variables", env);
    describe_strv(d, "args", (const char *const *)s->exec.argv, count);
    describe_strv(d, "env", (const char *const *)s->exec.envp, env);
}

STEP_CHILD(exec)
{
    execve(a->program, s->exec.argv, s->exec.envp);
    return step_fail(a, -errno, DETAIL_NOT_EXECUTABLE, 0);
}
