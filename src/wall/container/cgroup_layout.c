// SPDX-License-Identifier: Apache-2.0
#include "wall/container/cgroup_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "wall/container/cgroup_files.h"

static const struct {
    const char *name, *v2_name; /* v2_name NULL: v1 alone */
} controllers[CGROUP_CONTROLLER_COUNT] = {
    [CGROUP_MEMORY] = {"memory", "memory"},    [CGROUP_CPU] = {"cpu", "cpu"},
    [CGROUP_CPUACCT] = {"cpuacct", NULL},      [CGROUP_CPUSET] = {"cpuset", "cpuset"},
    [CGROUP_PIDS] = {"pids", "pids"},          [CGROUP_IO] = {"blkio", "io"},
    [CGROUP_HUGETLB] = {"hugetlb", "hugetlb"}, [CGROUP_DEVICES] = {"devices", NULL},
    [CGROUP_FREEZER] = {"freezer", NULL},      [CGROUP_NET_CLS] = {"net_cls", NULL},
    [CGROUP_NET_PRIO] = {"net_prio", NULL},    [CGROUP_RDMA] = {"rdma", "rdma"},
    [CGROUP_MISC] = {"misc", "misc"},
};

const char *cgroup_controller_name(enum cgroup_controller c, bool v2)
{
    return v2 && controllers[c].v2_name ? controllers[c].v2_name : controllers[c].name;
}

/* The bits of the names in a list; unknown names are other controllers', or mount options. */
static uint32_t controller_bits(const char *list, char separator, bool v2)
{
    const char ends[] = {separator, '\n', 0};
    uint32_t bits = 0;
    for (; *list && *list != '\n'; list += *list == separator) {
        size_t len = strcspn(list, ends);
        for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
            const char *name = v2 ? controllers[c].v2_name : controllers[c].name;
            if (name && strlen(name) == len && memcmp(name, list, len) == 0) {
                bits |= CGROUP_BIT(c);
            }
        }
        list += len;
    }
    return bits;
}

/* Our own group of the hierarchy with these controllers (0: v2), from /proc/self/cgroup. */
static char *own_group(struct arena *a, const char *text, uint32_t bits)
{
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *list = strchr(line, ':');
        const char *path = list ? strchr(list + 1, ':') : NULL;
        if (!path) {
            continue;
        }
        bool v2 = line[0] == '0' && path == list + 1;
        const char *names = arena_strndup(a, list + 1, (size_t)(path - list - 1));
        if (bits ? !v2 && controller_bits(names, ',', false) & bits : v2) {
            return arena_strndup(a, path + 1, strcspn(path + 1, "\n"));
        }
    }
    return NULL;
}

/* The group below the mount, when `root` of the hierarchy is what is mounted. */
static const char *below_root(const char *own, const char *root)
{
    size_t len = strlen(root);
    if (!own || strstr(own, "/..")) {
        return "/"; /* outside of what we see */
    }
    if (str_equal(root, "/")) {
        return own;
    }
    if (strncmp(own, root, len) == 0 && (own[len] == '/' || own[len] == 0)) {
        return own[len] ? own + len : "/";
    }
    return "/";
}

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static char *unescape(struct arena *a, const char *s, size_t len)
{
    char *text = arena_strndup(a, s, len), *to = text;
    for (const char *from = text; *from; from++) {
        if (from[0] == '\\' && from[1] && from[2] && from[3]) {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 3;
        } else {
            *to++ = *from;
        }
    }
    *to = 0;
    return text;
}

/* The n-th field (from 0) of a line, and its length. */
static const char *field(const char *line, int n, size_t *ret_len)
{
    for (; n > 0 && *line && *line != '\n'; n--) {
        line += strcspn(line, " \n");
        line += *line == ' ';
    }
    *ret_len = strcspn(line, " \n");
    return line;
}

/* One line of mountinfo whose file system type begins at `type`. */
static void add_mount(struct arena *a, const char *cgroup_text, const char *line, const char *type,
                      struct cgroup_layout *l)
{
    size_t len;
    bool v2 = strncmp(type, "cgroup2 ", 8) == 0;
    const char *options = field(type, 2, &len);
    const char *names = arena_strndup(a, options, len);
    uint32_t bits = v2 ? 0 : controller_bits(names, ',', false);
    if (!v2 && str_ends(names, "name=systemd") && !l->systemd_mount) {
        const char *at = field(line, 4, &len);
        l->systemd_mount = unescape(a, at, len);
    }
    if (v2 ? l->unified >= 0 : !bits || bits & l->controllers) {
        return; /* a named hierarchy, or one seen already at another place */
    }
    if (l->count == CGROUP_HIERARCHIES_MAX) {
        return;
    }
    const char *root = field(line, 3, &len);
    root = unescape(a, root, len);
    const char *mount = field(line, 4, &len);
    l->items[l->count] = (struct cgroup_hierarchy){
        .v2 = v2,
        .controllers = bits,
        .mount = unescape(a, mount, len),
        .own = below_root(own_group(a, cgroup_text, bits), root),
    };
    l->unified = v2 ? (int)l->count : l->unified;
    l->controllers |= bits;
    l->count++;
}

void cgroup_layout_parse(struct arena *a, const char *cgroup_text, const char *mountinfo_text,
                         struct cgroup_layout *ret)
{
    *ret = (struct cgroup_layout){.unified = -1};
    const char *type = mountinfo_text;
    while ((type = strstr(type, " - cgroup"))) {
        const char *line = type;
        while (line > mountinfo_text && line[-1] != '\n') {
            line--;
        }
        type += 3;
        if (strncmp(type, "cgroup ", 7) == 0 || strncmp(type, "cgroup2 ", 8) == 0) {
            add_mount(a, cgroup_text, line, type, ret);
        }
    }
}

void cgroup_layout_set_unified(struct cgroup_layout *layout, const char *controllers_text)
{
    struct cgroup_hierarchy *h = &layout->items[layout->unified];
    h->controllers = controller_bits(controllers_text, ' ', true);
    layout->controllers |= h->controllers;
}

int cgroup_layout_read(struct arena *a, struct cgroup_layout *ret, struct error **err)
{
    CLEANUP(free) char *groups = NULL, *mounts = NULL;
    int r = file_read(AT_FDCWD, "/proc/self/cgroup", (size_t)1 << 16, &groups, NULL, err);
    if (r < 0) {
        return r;
    }
    r = file_read(AT_FDCWD, "/proc/self/mountinfo", (size_t)1 << 26, &mounts, NULL, err);
    if (r < 0) {
        return r;
    }
    cgroup_layout_parse(a, groups, mounts, ret);
    if (ret->unified >= 0) {
        char text[256];
        const char *mount = ret->items[ret->unified].mount;
        ssize_t n = cgroup_file_read(mount, "cgroup.controllers", text, sizeof(text));
        if (n < 0) {
            return error_set_errno(err, ERROR_KERNEL, (int)-n,
                                   "cannot read '%s/cgroup.controllers'", mount);
        }
        cgroup_layout_set_unified(ret, text);
    }
    return 0;
}
