// SPDX-License-Identifier: Apache-2.0
/* ADD's sources that are no files of the context: URLs and git repositories, fetched into the
 * worker's temporary folder before the step's key is made; and archives, which are unpacked. Side
 * effects: network (cloison-image, git), files. */
#pragma once

#include "build/content.h"
#include "build/job.h"

bool copy_is_url(const char *source);
bool copy_is_git(const char *source);
/* Whether source `index` is one of the two: of ADD alone. */
bool copy_is_remote(const struct copy_spec *c, size_t index);

/* Fetches those of the step, and adds what they are to the digest. In the build's own process. */
int add_remote_fetch(struct build *b, struct build_step *step, struct digest *to,
                     struct error **err) NODISCARD;
/* The folder that source `index` was fetched into. */
int add_remote_open(const struct build *b, const struct build_step *step, size_t index,
                    struct error **err) NODISCARD;
/* The one file in it, as an item. */
int add_remote_file(const struct build *b, const struct build_step *step, size_t index, int folder,
                    struct source_items *ret, struct error **err) NODISCARD;

/* Of a file that looks like one, 1: it was an archive and is unpacked into the folder; 0: it is
 * none. */
int add_archive(const struct build *b, int file, int folder, struct error **err) NODISCARD;

/* By its first bytes. */
bool add_looks_like_archive(int file);
/* Unpacks it, in cloison-image. */
int add_unpack(const struct build *b, int file, int folder, struct error **err) NODISCARD;

/* A git repository at "URL[#REF[:FOLDER]]" becomes the folder `to`. *ret_commit, unless that is
 * NULL: the commit's number; the caller frees. */
int git_fetch(const char *url, const char *to, bool keep_git_dir, char **ret_commit,
              struct error **err) NODISCARD;
