// SPDX-License-Identifier: Apache-2.0
/* Whose the files are that --chown, or WORKDIR behind USER, makes: "user[:group]" through the files
 * of the image so far. A number alone is the group's too. As BuildKit, a name that the image does
 * not have is root; but that is said, on `output`. With `of_nothing` there is no image to ask, and
 * a name is an error. Reads. */
#pragma once

#include <sys/types.h>

#include "base/error.h"

struct owner_request {
    const char *text;
    int root; /* of the image so far */
    bool of_nothing;
    int output;
};

int owner_find(const struct owner_request *q, uid_t *ret_uid, gid_t *ret_gid,
               struct error **err) NODISCARD;
