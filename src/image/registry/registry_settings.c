// SPDX-License-Identifier: Apache-2.0
#include "image/registry/registry_settings.h"

#include <string.h>

#include "base/settings.h"
#include "image/reference.h"

#define DOCKER_HUB "registry-1.docker.io" /* where docker.io's images are */
#define TIMEOUT_MAX 86400

static int check_mirrors(const struct strv *mirrors, const char *where, struct error **err)
{
    for (size_t i = 0; i < mirrors->count; i++) {
        char *url = mirrors->items[i];
        if (!str_starts(url, "http://") && !str_starts(url, "https://")) {
            return error_set(err, ERROR_INVALID_INPUT, 0,
                             "%s: the mirror '%s' is no http:// or https:// URL", where, url);
        }
        size_t n = strlen(url);
        while (n && url[n - 1] == '/') {
            url[--n] = '\0';
        }
    }
    return 0;
}

int registry_settings_load(const char *config_path, const char *registry,
                           struct registry_settings *ret, struct error **err)
{
    static const char *const known[] = {"certs", "insecure", "mirrors", "timeout", NULL};
    CLEANUP(json) json_t *part = NULL;
    CLEANUP(free) char *where = str_format("settings: registries: %s", registry);
    json_t *own = NULL;
    struct registry_settings s = {0};
    const char *certs = NULL;
    int r;
    if ((r = settings_load_part(config_path, "registries", &part, err)) < 0 ||
        (r = json_get_object(part, registry, "settings: registries", &own, err)) < 0) {
        return r;
    }
    if (own && ((r = settings_check_keys(own, where, known, err)) < 0 ||
                (r = json_get_bool(own, "insecure", where, &s.insecure, err)) < 0 ||
                (r = json_get_str(own, "certs", where, &certs, err)) < 0 ||
                (r = json_get_i64(own, "timeout", where, 1, TIMEOUT_MAX, &s.timeout, err)) < 0 ||
                (r = json_get_strv(own, "mirrors", where, &s.mirrors, err)) < 0 ||
                (r = check_mirrors(&s.mirrors, where, err)) < 0)) {
        registry_settings_done(&s);
        return r;
    }
    s.certs = xstrdup(certs);
    s.secure = !s.insecure && (certs || json_object_get(own, "insecure"));
    *ret = s;
    return 0;
}

void registry_settings_done(struct registry_settings *s)
{
    strv_done(&s->mirrors);
    free(s->certs);
    *s = (struct registry_settings){0};
}

char *registry_host_of(const char *url)
{
    const char *host = strstr(url, "//");
    host = host ? host + 2 : url;
    return xstrndup(host, strcspn(host, "/?#"));
}

bool registry_is_loopback(const char *registry)
{
    size_t n = str_starts(registry, "[") ? strcspn(registry, "]") + 1 : strcspn(registry, ":");
    CLEANUP(free) char *host = xstrndup(registry, n);
    return str_equal(host, "localhost") || str_starts(host, "127.") || str_equal(host, "[::1]");
}

static void add(struct registry_address **list, size_t *count, char *url, bool insecure,
                bool is_mirror)
{
    *list = xrealloc(*list, (*count + 1) * sizeof(**list));
    (*list)[(*count)++] = (struct registry_address){url, insecure, is_mirror};
}

void registry_addresses(const char *registry, const struct registry_settings *s,
                        struct registry_address **ret, size_t *ret_count)
{
    *ret = NULL;
    *ret_count = 0;
    for (size_t i = 0; i < s->mirrors.count; i++) {
        const char *url = s->mirrors.items[i];
        add(ret, ret_count, xstrdup(url), registry_is_loopback(strstr(url, "//") + 2), true);
    }
    bool hub = str_equal(registry, REFERENCE_DEFAULT_REGISTRY);
    bool loopback = !s->secure && registry_is_loopback(registry);
    const char *host = hub ? DOCKER_HUB : registry;
    bool insecure = s->insecure || loopback;
    if (loopback) { /* TLS protects nothing there, and would have to be tried in vain */
        add(ret, ret_count, str_format("http://%s", host), insecure, false);
    }
    add(ret, ret_count, str_format("https://%s", host), insecure, false);
    if (insecure && !loopback) {
        add(ret, ret_count, str_format("http://%s", host), insecure, false);
    }
}

void registry_addresses_free(struct registry_address *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(list[i].url);
    }
    free(list);
}
