// SPDX-License-Identifier: Apache-2.0
/* RAPL by the powercap class: Documentation/power/powercap/powercap.rst. */
#include <fcntl.h>
#include <math.h>

#include "base/file.h"
#include "compare/comparison.h"

/* "intel-rapl:0" is a package; "intel-rapl:0:1" is a part of it, counted in it. */
static bool is_package(const char *name)
{
    int64_t number = 0;
    return str_starts(name, "intel-rapl:") &&
           str_to_i64(name + sizeof("intel-rapl:") - 1, 10, &number) >= 0;
}

double energy_joules(const char *root)
{
    CLEANUP(strv) struct strv names = {0};
    double sum = 0;
    bool any = false;
    if (list_folder(AT_FDCWD, root, &names, NULL) < 0) {
        return NAN;
    }
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(free) char *path = str_format("%s/%s/energy_uj", root, names.items[i]);
        CLEANUP(free) char *line = NULL;
        int64_t microjoules = 0;
        if (!is_package(names.items[i])) {
            continue;
        }
        if (file_read_line(AT_FDCWD, path, &line, NULL) < 0 ||
            str_to_i64(line, 10, &microjoules) < 0) {
            return NAN;
        }
        sum += (double)microjoules / 1e6;
        any = true;
    }
    return any ? sum : NAN;
}
