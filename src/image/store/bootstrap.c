// SPDX-License-Identifier: Apache-2.0
/* bootstrap: an image from the distribution's packages. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "image/store/changes.h"
#include "image/store/import.h"
#include "image/store/limits.h"
#include "image/store/packages.h"
#include "image/store/verbs.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct bootstrap {
    struct reference reference;
    struct packages_request packages;
    struct strv include, mirrors;
    char *suite, *cache;
    json_t *config;
    struct unpack_limits limits;
};

/* VERSION_CODENAME of os-release(5); NULL when there is none. The caller frees. */
static char *host_suite(void)
{
    CLEANUP(free) char *text = NULL;
    if (file_read(AT_FDCWD, "/etc/os-release", 65536, &text, NULL, NULL) < 0) {
        return NULL;
    }
    char *at = strstr(text, "\nVERSION_CODENAME=");
    if (!at) {
        return NULL;
    }
    at += strlen("\nVERSION_CODENAME=");
    at += *at == '"';
    return xstrndup(at, strcspn(at, "\"\n"));
}

static int choose_suite(const json_t *request, struct bootstrap *b, struct error **err)
{
    const char *suite = NULL;
    int r = json_get_str(request, "suite", "request", &suite, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(free) char *host = host_suite();
    b->suite = suite ? xstrdup(suite) : xstrdup(host);
    if (!b->suite || !*b->suite) {
        r = error_set(err, ERROR_UNSUPPORTED, 0, "this host's distribution has no release name");
        return error_hint(err, r, "--suite names one");
    }
    if (b->suite[0] == '-' || strpbrk(b->suite, " \t\n")) {
        return error_set(err, ERROR_USAGE, 0, "'%s' is no release's name", b->suite);
    }
    b->packages.host_sources = str_equal(b->suite, host);
    return 0;
}

static int check_variant(const char *variant, struct error **err)
{
    static const char *const known[] = {"slim",        "extract", "custom", "essential", "apt",
                                        "required",    "minbase", "buildd", "important", "standard",
                                        "debootstrap", "-",       NULL};
    if (str_in(variant, known)) {
        return 0;
    }
    int r = error_set(err, ERROR_USAGE, 0, "unknown variant '%s'", variant);
    return error_hint(err, r, "slim, extract, custom, essential, apt, minbase, buildd, standard");
}

static int each(const json_t *request, const char *key, json_t *config,
                int (*apply)(json_t *config, const char *text, struct error **err),
                struct error **err)
{
    CLEANUP(strv) struct strv texts = {0};
    int r = json_get_strv(request, key, "request", &texts, err);
    for (size_t i = 0; i < texts.count && r >= 0; i++) {
        r = apply(config, texts.items[i], err);
        r = r < 0 ? error_wrap(err, r, "--%s", key) : r;
    }
    return r;
}

static int add_port(json_t *config, const char *text, struct error **err)
{
    return change_apply_named(config, "EXPOSE", text, err);
}

static int add_label(json_t *config, const char *text, struct error **err)
{
    json_t *labels = json_object_get(config, "Labels");
    if (!labels) {
        labels = json_object();
        json_object_set_new(config, "Labels", labels);
    }
    size_t n = strcspn(text, "=");
    CLEANUP(free) char *key = xstrndup(text, n);
    json_object_set_new(labels, key, json_string(text[n] ? text + n + 1 : ""));
    return 0;
}

static int set_words(const json_t *request, const char *member, const char *key,
                     const char *otherwise, json_t *config, struct error **err)
{
    const char *text = otherwise;
    int r = json_get_str(request, member, "request", &text, err);
    if (r >= 0 && text) {
        r = change_set_words(config, key, text, err);
        r = r < 0 ? error_wrap(err, r, "--%s", member) : r;
    }
    return r;
}

static int set_text(const json_t *request, const char *member, const char *key, json_t *config,
                    struct error **err)
{
    const char *text = NULL;
    int r = json_get_str(request, member, "request", &text, err);
    if (r > 0) {
        json_object_set_new(config, key, json_string(text));
    }
    return r;
}

static int fill_config(const json_t *request, json_t *config, struct error **err)
{
    bool command = json_object_get(request, "entrypoint") != NULL;
    int r;
    if ((r = change_add_variable(config, DEFAULT_PATH, err)) < 0 ||
        (r = each(request, "env", config, change_add_variable, err)) < 0 ||
        (r = each(request, "expose", config, add_port, err)) < 0 ||
        (r = each(request, "label", config, add_label, err)) < 0 ||
        (r = set_words(request, "entrypoint", "Entrypoint", NULL, config, err)) < 0 ||
        (r = set_words(request, "cmd", "Cmd", command ? NULL : "bash", config, err)) < 0 ||
        (r = set_text(request, "user", "User", config, err)) < 0 ||
        (r = set_text(request, "workdir", "WorkingDir", config, err)) < 0) {
        return r;
    }
    return 0;
}

static int fill(const struct verb_request *request, struct bootstrap *b, struct error **err)
{
    const char *name = "", *variant = NULL;
    b->config = json_object();
    b->cache = str_format("%s/cache/apt", request->data_dir);
    int r;
    if ((r = json_get_str(request->json, "reference", "request", &name, err)) < 0 ||
        (r = reference_parse(name, &b->reference, err)) < 0 ||
        (r = json_get_str(request->json, "variant", "request", &variant, err)) < 0 ||
        (r = check_variant(str_or(variant, "slim"), err)) < 0 ||
        (r = choose_suite(request->json, b, err)) < 0 ||
        (r = json_get_strv(request->json, "include", "request", &b->include, err)) < 0 ||
        (r = json_get_strv(request->json, "mirror", "request", &b->mirrors, err)) < 0 ||
        (r = json_get_bool(request->json, "quiet", "request", &b->packages.quiet, err)) < 0 ||
        (r = fill_config(request->json, b->config, err)) < 0 ||
        (r = limits_load(request->config_path, &b->limits, err)) < 0) {
        return r;
    }
    b->packages.cache = b->cache;
    b->packages.suite = b->suite;
    if (!variant && !b->include.count) {
        strv_add(&b->include, "apt"); /* a base to build on, not an application's own image */
    }
    b->packages.variant = str_or(variant, "slim");
    b->packages.include = &b->include;
    b->packages.mirrors = &b->mirrors;
    return 0;
}

static int writer_ended(void *context, struct error **err)
{
    return packages_end(context, err);
}

static int make(const struct verb_request *request, struct bootstrap *b, struct error **err)
{
    CLEANUP(store) struct store s = {.fd = -1, .lock = -1};
    CLEANUP(free) char *id = NULL;
    CLEANUP(free) char *included = strv_join(&b->include, ",");
    CLEANUP(free)
    char *created_by = str_format("cloison bootstrap --suite %s --variant %s --include '%s'",
                                  b->suite, b->packages.variant, included);
    struct packages p = {.pid = -1};
    int r = store_open(request->data_dir, &s, err);
    if (r >= 0) {
        r = store_start_unpacker(&s, true, err);
    }
    if (r >= 0) {
        r = packages_start(&b->packages, &p, err);
    }
    if (r >= 0) {
        struct import i = {.fd = p.tar,
                           .name = "the root file system",
                           .config = b->config,
                           .created_by = created_by,
                           .reference = &b->reference,
                           .limits = b->limits,
                           .writer_ended = writer_ended,
                           .context = &p};
        r = import_tarball(&s, &i, &id, err);
    }
    packages_done(&p);
    if (r >= 0) {
        printf("%s\n", id);
    }
    return r;
}

int verb_bootstrap(const struct verb_request *request, struct error **err)
{
    struct bootstrap b = {0};
    int r = fill(request, &b, err);
    if (r >= 0) {
        r = make(request, &b, err);
    }
    json_decref(b.config);
    reference_done(&b.reference);
    strv_done(&b.include);
    strv_done(&b.mirrors);
    free(b.suite);
    free(b.cache);
    return r;
}
