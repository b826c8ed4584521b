// SPDX-License-Identifier: Apache-2.0
#include "wall/container/detached.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "wall/container/mount.h"

#define STACK_BYTES (256 * 1024)

struct work {
    const struct plan *plan;
    int proc_fd, user_fd;
    int *slots;
    struct step_failure failure; /* code 0: none */
};

/* The namespace's keeper: it exists as long as its process waits. */
static int wait_for_signal(void *unused)
{
    (void)unused;
    while (pause() < 0) { /* returns for no other reason */
    }
    return 0;
}

/* A user namespace that nobody lives in, for a mount with mappings of its own. The maps are written
 * from outside. Returns the namespace's fd. */
static int namespace_of_maps(int proc_fd, const struct idmap *map)
{
    char *stack = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) {
        return -errno;
    }
    pid_t pid = clone(wait_for_signal, stack + 16384, CLONE_NEWUSER | SIGCHLD, NULL);
    int r = pid < 0 ? -errno : 0;
    if (pid > 0) {
        char path[32];
        snprintf(path, sizeof(path), "%d/uid_map", pid);
        r = file_write_existing(proc_fd, path, map->uid_map, NULL);
        snprintf(path, sizeof(path), "%d/gid_map", pid);
        r = r < 0 ? r : file_write_existing(proc_fd, path, map->gid_map, NULL);
        snprintf(path, sizeof(path), "%d/ns/user", pid);
        if (r >= 0) {
            r = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
            r = r < 0 ? -errno : r;
        }
        (void)kill(pid, SIGKILL);         /* our own child */
        (void)waitpid(pid, NULL, __WALL); /* likewise */
    }
    (void)munmap(stack, 16384); /* our own mapping */
    return r;
}

static int make_mount(const struct work *w, const struct step_mount *m, struct mount_result *ret)
{
    if (m->idmap.kind != IDMAP_OWN) {
        return mount_make(m, w->user_fd, ret);
    }
    CLEANUP(fd) int user_fd = namespace_of_maps(w->proc_fd, &m->idmap);
    if (user_fd < 0) {
        ret->detail = DETAIL_IDMAP;
        return user_fd;
    }
    return mount_make(m, user_fd, ret);
}

/* The slot's number, or -1 for a step that has none; the mount in *ret_fd. */
static int make_one(const struct work *w, const struct step *s, int *ret_fd,
                    struct mount_result *ret)
{
    if (s->kind == STEP_ROOTFS_OVERLAY && s->overlay.slot != NO_SLOT) {
        *ret_fd = overlay_make(&s->overlay, w->user_fd, ret);
        return s->overlay.slot;
    }
    if (s->kind == STEP_ROOTFS_FOLDER && s->folder.slot != NO_SLOT) {
        *ret_fd = folder_make(&s->folder, w->user_fd, ret);
        return s->folder.slot;
    }
    if (s->kind == STEP_MOUNT && s->mount.slot != NO_SLOT) {
        *ret_fd = make_mount(w, &s->mount, ret);
        return s->mount.slot;
    }
    return NO_SLOT;
}

/* The overlay covers its layers by id-mapped clones, so it comes last: a bind mount from the same
 * folders must see them as they are. */
static void make_pass(struct work *w, bool overlays)
{
    for (size_t i = 0; i < w->plan->step_count && !w->failure.code; i++) {
        const struct step *s = &w->plan->steps[i];
        struct mount_result made = {0};
        int fd = -1;
        int slot =
            (s->kind == STEP_ROOTFS_OVERLAY) == overlays ? make_one(w, s, &fd, &made) : NO_SLOT;
        if (slot != NO_SLOT && fd < 0) {
            w->failure = (struct step_failure){(int)i, -fd, made.detail, made.number};
        } else if (slot != NO_SLOT) {
            w->slots[slot] = fd;
        }
    }
}

/* In the process of its own mount namespace. */
static int make_all(void *data)
{
    struct work *w = data;
    if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0) {
        w->failure = (struct step_failure){0, errno, DETAIL_PROPAGATION, 0};
        return 0;
    }
    make_pass(w, false);
    make_pass(w, true);
    return 0;
}

/* As posix_spawn() does it: the caller stands still until the other has ended. */
static int run(struct work *w, struct error **err)
{
    sigset_t all, before;
    char *stack =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a stack");
    }
    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before); /* cannot fail */
    int flags = CLONE_NEWNS | CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD;
    pid_t pid = clone(make_all, stack + STACK_BYTES, flags, w);
    int code = errno;
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL); /* cannot fail */
    (void)munmap(stack, STACK_BYTES);              /* our own mapping */
    return pid < 0 ? error_set_errno(err, ERROR_KERNEL, code, "making a mount namespace") : 0;
}

int detached_make(const struct plan *plan, int proc_fd, int user_fd, int *slots, struct error **err)
{
    struct work w = {plan, proc_fd, user_fd, slots, {0}};
    for (int i = 0; i < plan->slot_count; i++) {
        slots[i] = -1;
    }
    int r = run(&w, err);
    if (r >= 0 && w.failure.code) {
        r = step_failure_to_error(plan, &w.failure, err);
    }
    for (int i = 0; r < 0 && i < plan->slot_count; i++) {
        slots[i] = fd_close(slots[i]);
    }
    return r;
}
