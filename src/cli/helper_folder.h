// SPDX-License-Identifier: Apache-2.0
/* Handing an open folder over to the program cloison-image. */
#pragma once

#include <errno.h>
#include <fcntl.h>

#include "image/helper.h"

/* Becomes the helper, which finds the folder's descriptor in the request as "folderFd". */
static inline int helper_become_with_folder(json_t *request, int folder, struct error **err)
{
    if (fcntl(folder, F_SETFD, 0) < 0) { /* it is to outlive the exec */
        return error_set_errno(err, ERROR_KERNEL, errno, "handing a folder over");
    }
    json_object_set_new(request, "folderFd", json_integer(folder));
    return image_helper_become(request, err);
}
