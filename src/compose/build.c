// SPDX-License-Identifier: Apache-2.0
#include "compose/build.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "compose/ops.h"
#include "compose/translate.h"

static void add_pairs(struct strv *to, const char *option, const struct node *pairs)
{
    for (size_t i = 0; pairs && i < pairs->count; i++) {
        const struct node_entry *e = &pairs->entries[i];
        if (e->value->kind == NODE_NULL) {
            strv_addf(to, "--%s=%s", option, e->key);
        } else {
            strv_addf(to, "--%s=%s=%s", option, e->key, e->value->text);
        }
    }
}

static void add_list(struct strv *to, const char *option, const struct node *list)
{
    for (size_t i = 0; list && i < list->count; i++) {
        strv_addf(to, "--%s=%s", option, list->items[i]->text);
    }
}

static void add_text(struct strv *to, const char *option, const struct node *build, const char *key)
{
    const char *text = node_text(build, key);
    if (text) {
        strv_addf(to, "--%s=%s", option, text);
    }
}

/* A secret of the project's, by its file or its variable. */
static int add_secrets(const struct project *p, const struct node *build, struct strv *to,
                       struct error **err)
{
    const struct node *uses = node_get(build, "secrets");
    for (size_t i = 0; uses && i < uses->count; i++) {
        const char *source = node_text(uses->items[i], "source");
        const struct node *defined = node_at(p->model, "secrets", str_or(source, ""), NULL);
        const char *file = node_text(defined, "file"), *env = node_text(defined, "environment");
        const char *id = str_or(node_text(uses->items[i], "target"), source);
        if (!file && !env) {
            return node_error(uses->items[i], err,
                              "a build takes a secret with a file or a variable, not '%s'",
                              str_or(source, ""));
        }
        strv_addf(to, "--secret=id=%s,%s=%s", id, file ? "src" : "env", file ? file : env);
    }
    return 0;
}

static void add_ulimits(struct strv *to, const struct node *ulimits)
{
    for (size_t i = 0; ulimits && i < ulimits->count; i++) {
        const struct node *u = ulimits->entries[i].value;
        strv_addf(to, "--ulimit=%s=%s:%s", ulimits->entries[i].key,
                  str_or(node_text(u, "soft"), "0"),
                  str_or(node_text(u, "hard"), str_or(node_text(u, "soft"), "0")));
    }
}

static void add_dockerfile(const struct node *build, const char *inline_path, struct strv *to)
{
    const char *context = node_text(build, "context"), *file = node_text(build, "dockerfile");
    if (inline_path) {
        strv_addf(to, "--file=%s", inline_path);
    } else if (file) {
        bool whole = file[0] == '/' || context[0] != '/'; /* of an archive: it is in there */
        strv_addf(to, "--file=%s%s%s", whole ? "" : context, whole ? "" : "/", file);
    }
}

static void add_flags(const struct build_options *o, struct strv *to)
{
    if (o->quiet) {
        strv_add(to, "--quiet");
    }
    if (o->check) {
        strv_add(to, "--check");
    }
    if (o->push) {
        strv_add(to, "--push");
    }
}

int build_words(const struct project *p, const char *service, const struct build_options *o,
                const char *inline_path, struct strv *ret, struct error **err)
{
    const struct node *n = node_at(p->model, "services", service, NULL);
    const struct node *build = node_get(n, "build");
    const struct node *platforms = node_get(build, "platforms");
    strv_add(ret, "build");
    strv_addf(ret, "--tag=%s", service_image(p->arena, p, service));
    add_list(ret, "tag", node_get(build, "tags"));
    add_dockerfile(build, inline_path, ret);
    add_pairs(ret, "build-arg", node_get(build, "args"));
    for (size_t i = 0; o->args && i < o->args->count; i++) {
        strv_addf(ret, "--build-arg=%s", o->args->items[i]);
    }
    add_pairs(ret, "build-context", node_get(build, "additional_contexts"));
    add_pairs(ret, "label", node_get(build, "labels"));
    add_pairs(ret, "ssh", node_get(build, "ssh"));
    for (size_t i = 0; o->ssh && i < o->ssh->count; i++) {
        strv_addf(ret, "--ssh=%s", o->ssh->items[i]);
    }
    add_list(ret, "cache-from", node_get(build, "cache_from"));
    add_list(ret, "cache-to", node_get(build, "cache_to"));
    const struct node *hosts = node_get(build, "extra_hosts");
    for (size_t i = 0; hosts && i < hosts->count; i++) {
        char *text = xstrdup(hosts->items[i]->text);
        *strchr(text, '=') = ':';
        strv_addf(ret, "--add-host=%s", text);
        free(text);
    }
    add_text(ret, "target", build, "target");
    add_text(ret, "network", build, "network");
    add_text(ret, "shm-size", build, "shm_size");
    add_ulimits(ret, node_get(build, "ulimits"));
    if (platforms && platforms->count > 0) {
        CLEANUP(strv) struct strv names = {0};
        translate_list(&names, platforms);
        CLEANUP(free) char *joined = strv_join(&names, ",");
        strv_addf(ret, "--platform=%s", joined);
    } else {
        add_text(ret, "platform", n, "platform");
    }
    if (o->no_cache || node_true(build, "no_cache")) {
        strv_add(ret, "--no-cache");
    }
    if (o->pull || node_true(build, "pull")) {
        strv_add(ret, "--pull");
    }
    add_flags(o, ret);
    int r = add_secrets(p, build, ret, err);
    strv_add(ret, node_text(build, "context"));
    return r;
}

int build_service(const struct project *p, const char *service, const struct build_options *o,
                  struct error **err)
{
    const char *text =
        node_text(node_at(p->model, "services", service, "build", NULL), "dockerfile_inline");
    CLEANUP(free)
    char *path =
        text ? str_format("%s/compose-dockerfile-%s-%s", o->engine->run_dir, p->name, service)
             : NULL;
    CLEANUP(strv) struct strv words = {0};
    int r =
        path ? file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_NO_SYNC, err) : 0;
    if (r == 0) {
        r = build_words(p, service, o, path, &words, err);
    }
    if (r == 0) {
        r = cloison_spawn(o->engine, o->cloison, &words, err);
    }
    if (path) {
        (void)unlink(path);
    }
    return r;
}
