// SPDX-License-Identifier: Apache-2.0
#include "image/platform.h"

#include <string.h>
#include <sys/utsname.h>

static const struct {
    const char *kernel, *architecture, *variant;
} names[] = {
    {"x86_64", "amd64", ""},    {"i386", "386", ""},        {"i686", "386", ""},
    {"aarch64", "arm64", ""},   {"armv7l", "arm", "v7"},    {"armhf", "arm", "v7"},
    {"armv6l", "arm", "v6"},    {"armel", "arm", "v6"},     {"ppc64le", "ppc64le", ""},
    {"loong64", "loong64", ""}, {"riscv64", "riscv64", ""}, {"s390x", "s390x", ""},
};

static void set_architecture(struct platform *p, const char *name)
{
    snprintf(p->architecture, sizeof(p->architecture), "%s", name);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (str_equal(names[i].kernel, name)) {
            snprintf(p->architecture, sizeof(p->architecture), "%s", names[i].architecture);
            if (!p->variant[0]) {
                snprintf(p->variant, sizeof(p->variant), "%s", names[i].variant);
            }
        }
    }
    if (str_equal(p->architecture, "arm64") && str_equal(p->variant, "v8")) {
        p->variant[0] = '\0'; /* the only one, and often left out */
    }
}

int platform_parse(const char *text, struct platform *ret, struct error **err)
{
    CLEANUP(strv) struct strv parts = {0};
    strv_split(&parts, text, '/');
    bool fits = parts.count >= 1 && parts.count <= 3;
    for (size_t i = 0; i < parts.count && fits; i++) {
        size_t n = strlen(parts.items[i]);
        fits = n > 0 && n < sizeof(ret->os) &&
               strspn(parts.items[i], "abcdefghijklmnopqrstuvwxyz0123456789_.") == n;
    }
    if (!fits) {
        return error_set(err, ERROR_USAGE, 0,
                         "invalid platform '%s': it has the form os/architecture[/variant]", text);
    }
    struct platform p = {.os = "linux"};
    const char *architecture = parts.items[0];
    if (parts.count > 1) {
        snprintf(p.os, sizeof(p.os), "%s", parts.items[0]);
        architecture = parts.items[1];
    }
    if (parts.count > 2) {
        snprintf(p.variant, sizeof(p.variant), "%s", parts.items[2]);
    }
    set_architecture(&p, architecture);
    *ret = p;
    return 0;
}

void platform_host(struct platform *ret)
{
    struct utsname u;
    *ret = (struct platform){.os = "linux"};
    if (uname(&u) == 0) {
        set_architecture(ret, u.machine);
    }
}

bool platform_is_host(const char *text)
{
    struct platform p, host;
    platform_host(&host);
    return platform_parse(text, &p, NULL) >= 0 &&
           platform_equal(&p, host.os, host.architecture, host.variant);
}

char *platform_text(const struct platform *p)
{
    return str_format("%s/%s%s%s", p->os, p->architecture, p->variant[0] ? "/" : "", p->variant);
}

bool platform_equal(const struct platform *wanted, const char *os, const char *architecture,
                    const char *variant)
{
    if (!str_equal(wanted->os, os) || !str_equal(wanted->architecture, architecture)) {
        return false;
    }
    return !wanted->variant[0] || !variant || !*variant || str_equal(wanted->variant, variant);
}

bool platform_fits(const struct platform *wanted, const struct image_config *config)
{
    return platform_equal(wanted, str_or(config->os, "linux"), config->architecture,
                          config->variant);
}

int platform_absent(const char *name, const char *platform, struct error **err)
{
    return error_set(err, ERROR_NOT_FOUND, 0, "image '%s' is here, but not for platform '%s'", name,
                     platform);
}
