// SPDX-License-Identifier: Apache-2.0
/* A stage's files: its layers, mounted for this process alone (detached: no other sees the mount,
 * and it goes with the last descriptor). Side effects: a mount, folders. */
#pragma once

#include "build/build.h"

/* The folders of a stage's layers, topmost first. */
void rootfs_layers(const struct stage *s, struct strv *ret);
/* Those of a stage or an image that a step reads from. */
void rootfs_layers_of(const struct build *b, const struct input *from, struct strv *ret);

/* Read only. `at`: a folder nobody needs meanwhile, for old kernels. */
int rootfs_mount(const struct strv *layers, const char *upper, const char *work, const char *at,
                 struct error **err) NODISCARD;

/* A stage that is done, read only; of one without layers an empty folder. */
int rootfs_of_stage(const struct build *b, const struct stage *s, struct error **err) NODISCARD;

/* The folder that a step writes its layer to: "<tmp>/s<number>/diff" and "/work", made. The caller
 * frees. */
struct step_folders {
    char *diff, *work;
};
int step_folders_make(const struct build *b, const struct build_step *step,
                      struct step_folders *ret, struct error **err) NODISCARD;
void step_folders_done(struct step_folders *f);
static inline void step_folders_cleanup(struct step_folders *f)
{
    step_folders_done(f);
}

/* A text file of the rootfs, links followed inside; NULL when there is none. The caller frees. */
char *rootfs_read(int root, const char *path);
