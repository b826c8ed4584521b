// SPDX-License-Identifier: Apache-2.0
/* Docker's filters of a list of images, "KEY=VALUE": those of one key are alternatives (all labels
 * must fit), those of different keys must all fit.
 *     reference=PATTERN  label=KEY[=VALUE]  label!=KEY[=VALUE]  before=IMAGE  since=IMAGE
 * until=TIME  dangling=BOOL Reads the store. */
#pragma once

#include "image/image.h"

struct image_filter {
    const char *data_dir; /* borrowed */
    struct strv references, labels, not_labels;
    char *before, *since; /* created times; NULL: not asked for */
    int dangling;         /* -1: not asked for */
};
int image_filter_parse(const char *data_dir, const struct strv *texts, struct image_filter *ret,
                       struct error **err) NODISCARD;
/* 1: fits, 0: does not. *ret_tags gets the tags to show (those that fit a reference filter). */
int image_filter_fits(const struct image_filter *f, const struct image_entry *e,
                      struct strv *ret_tags, struct error **err) NODISCARD;
void image_filter_done(struct image_filter *f);
