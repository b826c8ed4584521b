// SPDX-License-Identifier: Apache-2.0
#include "engine/cgroup_driver.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/json.h"
#include "base/settings.h"

/* sd_booted(3) */
static bool systemd_runs(void)
{
    struct stat st;
    return lstat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_v2_alone(void)
{
    struct statfs fs;
    return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

int cgroup_driver_is_systemd(const char *config_path, bool *ret, struct error **err)
{
    CLEANUP(json) json_t *settings = NULL;
    const char *name = NULL;
    int r = config_path ? settings_load(config_path, &settings, err) : 0;
    if (r >= 0 && config_path) {
        r = json_get_str(settings, "cgroup_driver", config_path, &name, err);
    }
    if (r < 0) {
        return r;
    }
    if (name && !str_equal(name, "systemd") && !str_equal(name, "cgroupfs")) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL,
                         "%s: 'cgroup_driver' is '%s': neither 'systemd' nor 'cgroupfs'",
                         config_path, name);
    }
    *ret = name ? str_equal(name, "systemd") : systemd_runs() && is_v2_alone();
    return 0;
}

bool cgroups_path_is_systemd(const char *cgroups_path)
{
    return cgroups_path && strchr(cgroups_path, ':') && !strchr(cgroups_path, '/');
}
