// SPDX-License-Identifier: Apache-2.0
#include "build/squash.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/copy_tree.h"
#include "base/file.h"
#include "build/execute.h"
#include "build/job.h"
#include "build/rootfs.h"
#include "build/sealer.h"

#define DEPTH_MAX 128

static bool is_opaque(int fd)
{
    char value = 0;
    return fgetxattr(fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

static int apply_folder(int from, int to, int depth);

/* A folder over a folder is merged; anything else takes the place of what is there. */
static int apply_subfolder(int from, const char *name, int to, const struct stat *st, int depth)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    CLEANUP(fd) int source = openat(from, name, flags);
    struct stat there;
    bool replaced = fstatat(to, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
                    (!S_ISDIR(there.st_mode) || is_opaque(source));
    if (source < 0 || (replaced && remove_tree(to, name, NULL) < 0) ||
        (mkdirat(to, name, 0700) < 0 && errno != EEXIST)) {
        return -errno;
    }
    CLEANUP(fd) int target = openat(to, name, flags);
    int r = target < 0 ? -errno : apply_folder(source, target, depth + 1);
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (r >= 0 && (fchown(target, st->st_uid, st->st_gid) < 0 ||
                   fchmod(target, st->st_mode & 07777) < 0 || futimens(target, times) < 0)) {
        r = -errno;
    }
    return r;
}

static int apply_entry(int from, const char *name, int to, int depth)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0)) { /* a whiteout */
        return remove_tree(to, name, NULL);
    }
    if (S_ISDIR(st.st_mode)) {
        return apply_subfolder(from, name, to, &st, depth);
    }
    int r = remove_tree(to, name, NULL);
    return r < 0 ? r : copy_tree(from, name, to, name, NULL);
}

static int apply_folder(int from, int to, int depth)
{
    CLEANUP(strv) struct strv names = {0};
    int r = depth > DEPTH_MAX ? -ELOOP : list_folder_whole(from, ".", &names, NULL);
    for (size_t i = 0; i < names.count && r >= 0; i++) {
        r = apply_entry(from, names.items[i], to, depth);
    }
    return r;
}

/* The new layers onto the base's, the difference to which is the overlay's upper folder. */
static int merge(struct stage *s, size_t count, const struct step_folders *f, struct error **err)
{
    CLEANUP(strv) struct strv base = {0};
    for (size_t i = count; i > 0; i--) {
        strv_add(&base, s->layers[i - 1].diff);
    }
    CLEANUP(fd) int root = rootfs_mount(&base, f->diff, f->work, f->work, err);
    int r = root < 0 ? root : 0;
    for (size_t i = count; i < s->layer_count && r >= 0; i++) {
        CLEANUP(fd)
        int from = open_file(AT_FDCWD, s->layers[i].diff, O_RDONLY | O_DIRECTORY, 0, err);
        r = from < 0 ? from : apply_folder(from, root, 0);
        if (from >= 0 && r < 0) {
            r = error_set_errno(err, ERROR_KERNEL, -r, "joining layers");
        }
    }
    return r;
}

/* No entry but the last has a layer of its own now. */
static void set_history(struct build *b, struct stage *s, const struct stage *root,
                        struct build_step *step)
{
    size_t i, base = root->image
                         ? json_array_size(json_object_get(root->image->config_json, "history"))
                         : 0;
    json_t *entry;
    for (struct stage *at = s;; at = &b->stages[at->base_stage]) {
        for (size_t n = 0; n < at->step_count; n++) {
            at->steps[n].record.squashed = true;
        }
        if (at->base_stage < 0) {
            break;
        }
    }
    json_array_foreach(s->history, i, entry)
    {
        if (i >= base) {
            json_object_set_new(entry, "empty_layer", json_true());
        }
    }
    step->history = history_add(s, "squashed", false);
    json_object_set_new(json_array_get(s->history, step->history), "created",
                        json_string(step->record.created));
}

int squash_stage(struct build *b, struct stage *s, struct error **err)
{
    CLEANUP(step_folders) struct step_folders f = {0};
    const struct stage *root = s;
    while (root->base_stage >= 0) {
        root = &b->stages[root->base_stage];
    }
    size_t base = root->image ? root->image->layers.count : 0;
    if (s->layer_count <= base + 1) {
        return 0;
    }
    int r = sealer_need(b, err);
    if (r < 0) {
        return r;
    }
    struct build_step *step = b->squashed = xcalloc(1, sizeof(*step));
    step->number = (int)++b->step_count;
    step->state = STEP_DONE;
    memcpy(step->record.created, s->created, sizeof(s->created));
    r = step_folders_make(b, step, &f, err);
    r = r < 0 ? r : merge(s, base, &f, err);
    if (r < 0) {
        return error_wrap(err, r, "--squash");
    }
    while (s->layer_count > base) {
        free(s->layers[--s->layer_count].diff);
    }
    set_history(b, s, root, step);
    r = keep_layer(b, s, step, err);
    return r < 0 ? r : keep_stage(b, s, err);
}
