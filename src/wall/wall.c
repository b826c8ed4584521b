// SPDX-License-Identifier: Apache-2.0
#include "wall/wall.h"

static const struct wall_ops *const walls[] = {&wall_container, &wall_vm};

int wall_find(const char *name, const struct wall_ops **ret, struct error **err)
{
    CLEANUP(strbuf) struct strbuf known = {0};
    for (size_t i = 0; i < ARRAY_SIZE(walls); i++) {
        if (str_equal(walls[i]->name, name)) {
            *ret = walls[i];
            return 0;
        }
        strbuf_addf(&known, "%s'%s'", i ? ", " : "", walls[i]->name);
    }
    return error_set(err, ERROR_USAGE, 0, "no wall named '%s': there is %s", str_or(name, ""),
                     known.data);
}

void wall_names(struct strv *ret)
{
    for (size_t i = 0; i < ARRAY_SIZE(walls); i++) {
        strv_add(ret, walls[i]->name);
    }
}

int wall_cannot(const struct wall_ops *wall, const char *what, struct error **err)
{
    return error_set(err, ERROR_UNSUPPORTED, 0, "the %s wall cannot %s", wall->name, what);
}
