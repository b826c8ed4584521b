// SPDX-License-Identifier: Apache-2.0
/* The verbs that are another command of ours on a service's container: exec, cp, port, top, stats,
 * attach, commit, export, volumes. The service's name becomes the container's. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "compose/verbs/verbs.h"

static void add_flag(const struct compose_request *r, const char *name, struct strv *line)
{
    if (asked_flag(r, name)) {
        strv_addf(line, "--%s", name);
    }
}

static void add_text(const struct compose_request *r, const char *name, struct strv *line)
{
    if (asked_text(r, name)) {
        strv_addf(line, "--%s=%s", name, asked_text(r, name));
    }
}

static void add_list(const struct compose_request *r, const char *name, struct strv *line)
{
    CLEANUP(strv) struct strv values = {0};
    asked_list(r, name, &values);
    for (size_t i = 0; i < values.count; i++) {
        strv_addf(line, "--%s=%s", name, values.items[i]);
    }
}

static void add_rest(const struct compose_request *r, size_t from, struct strv *line)
{
    for (size_t i = from; i < r->arguments.count; i++) {
        strv_add(line, r->arguments.items[i]);
    }
}

/* The container of the first argument's service. */
static int first_container(const struct compose_request *r, struct strv *line, struct error **err)
{
    CLEANUP(scope) struct scope s = {0};
    const struct member *m = NULL;
    int result = scope_load(r, &s, err);
    if (result == 0) {
        result = scope_container(&s, r->arguments.items[0], asked_integer(r, "index", 0), &m, err);
    }
    if (result == 0) {
        strv_add(line, m->container->name);
    }
    return result;
}

int verb_exec(const struct compose_request *r, struct error **err)
{
    CLEANUP(strv) struct strv line = {0};
    bool detach = asked_flag(r, "detach");
    /* Docker Compose gives a terminal where there is one, unless -T. */
    bool terminal =
        !detach && !asked_flag(r, "no-tty") && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    strv_add(&line, "exec");
    add_flag(r, "detach", &line);
    add_flag(r, "privileged", &line);
    add_text(r, "user", &line);
    add_text(r, "workdir", &line);
    add_list(r, "env", &line);
    if (!detach) {
        strv_add(&line, "--interactive");
    }
    if (terminal) {
        strv_add(&line, "--tty");
    }
    int result = first_container(r, &line, err);
    add_rest(r, 1, &line);
    return result < 0 ? result : cloison_become(&r->engine, r->cloison, &line, err);
}

int verb_attach(const struct compose_request *r, struct error **err)
{
    CLEANUP(strv) struct strv line = {0};
    strv_add(&line, "attach");
    add_flag(r, "no-stdin", &line);
    add_text(r, "detach-keys", &line);
    strv_addf(&line, "--sig-proxy=%s", asked_flag(r, "sig-proxy") ? "true" : "false");
    int result = first_container(r, &line, err);
    return result < 0 ? result : cloison_become(&r->engine, r->cloison, &line, err);
}

int verb_commit(const struct compose_request *r, struct error **err)
{
    CLEANUP(strv) struct strv line = {0};
    strv_add(&line, "commit");
    add_text(r, "author", &line);
    add_text(r, "message", &line);
    add_list(r, "change", &line);
    strv_addf(&line, "--pause=%s", asked_flag(r, "pause") ? "true" : "false");
    int result = first_container(r, &line, err);
    add_rest(r, 1, &line);
    return result < 0 ? result : cloison_become(&r->engine, r->cloison, &line, err);
}

int verb_export(const struct compose_request *r, struct error **err)
{
    CLEANUP(strv) struct strv line = {0};
    strv_add(&line, "export");
    add_text(r, "output", &line);
    int result = first_container(r, &line, err);
    return result < 0 ? result : cloison_become(&r->engine, r->cloison, &line, err);
}

/* Those of the project; of services named, those that they mount. */
int verb_volumes(const struct compose_request *r, struct error **err)
{
    CLEANUP(scope) struct scope s = {0};
    CLEANUP(strv) struct strv line = {0};
    int result = scope_load(r, &s, err);
    if (result == 0) {
        result = scope_check(&s, &r->arguments, err);
    }
    strv_add(&line, "volume");
    strv_add(&line, "ls");
    add_flag(r, "quiet", &line);
    add_text(r, "format", &line);
    strv_addf(&line, "--filter=label=" LABEL "project=%s", str_or(s.name, ""));
    for (size_t i = 0; i < s.members.count && r->arguments.count > 0; i++) {
        const struct member *m = &s.members.items[i];
        for (size_t k = 0; k < m->container->volumes.count; k++) {
            const char *text = m->container->volumes.items[k];
            if (strv_contains(&r->arguments, m->service)) {
                CLEANUP(free) char *name = xstrndup(text, strcspn(text, ":"));
                strv_addf(&line, "--filter=name=%s", name);
            }
        }
    }
    return result < 0 ? result : cloison_become(&r->engine, r->cloison, &line, err);
}

int verb_port(const struct compose_request *r, struct error **err)
{
    CLEANUP(strv) struct strv line = {0};
    strv_add(&line, "port");
    int result = first_container(r, &line, err);
    if (result == 0 && r->arguments.count > 1) {
        strv_addf(&line, "%s/%s", r->arguments.items[1], str_or(asked_text(r, "protocol"), "tcp"));
    }
    return result < 0 ? result : cloison_become(&r->engine, r->cloison, &line, err);
}

/* "web:/path" becomes "shop-web-1:/path"; other arguments stay. */
static int copy_argument(const struct compose_request *r, const struct scope *s, const char *text,
                         struct strv *line, struct error **err)
{
    const char *colon = strchr(text, ':');
    const struct member *m = NULL;
    if (!colon || text[0] == '/' || text[0] == '.') {
        strv_add(line, text);
        return 0;
    }
    CLEANUP(free) char *service = xstrndup(text, (size_t)(colon - text));
    int result = scope_container(s, service, asked_integer(r, "index", 0), &m, err);
    if (result == 0) {
        strv_addf(line, "%s%s", m->container->name, colon);
    }
    return result;
}

int verb_cp(const struct compose_request *r, struct error **err)
{
    CLEANUP(scope) struct scope s = {0};
    CLEANUP(strv) struct strv line = {0};
    strv_add(&line, "cp");
    add_flag(r, "archive", &line);
    add_flag(r, "follow-link", &line);
    int result = scope_load(r, &s, err);
    for (size_t i = 0; i < r->arguments.count && result == 0; i++) {
        result = copy_argument(r, &s, r->arguments.items[i], &line, err);
    }
    return result < 0 ? result : cloison_become(&r->engine, r->cloison, &line, err);
}

int verb_top(const struct compose_request *r, struct error **err)
{
    CLEANUP(scope) struct scope s = {0};
    int result = scope_load(r, &s, err);
    if (result == 0) {
        result = scope_check(&s, &r->arguments, err);
    }
    for (size_t i = 0; i < s.members.count && result >= 0; i++) {
        const struct member *m = &s.members.items[i];
        if (!is_asked_for(&r->arguments, m->service) || !container_is_up(m->container)) {
            continue;
        }
        CLEANUP(strv) struct strv line = {0};
        strv_add(&line, "top");
        strv_add(&line, m->container->name);
        printf("%s\n", m->container->name);
        result = cloison_spawn(&r->engine, r->cloison, &line, err);
        printf("\n");
    }
    return result;
}

int verb_stats(const struct compose_request *r, struct error **err)
{
    CLEANUP(scope) struct scope s = {0};
    CLEANUP(strv) struct strv line = {0};
    strv_add(&line, "stats");
    add_flag(r, "no-stream", &line);
    add_flag(r, "no-trunc", &line);
    add_text(r, "format", &line);
    int result = scope_load(r, &s, err);
    if (result == 0) {
        result = scope_check(&s, &r->arguments, err);
    }
    size_t options = line.count;
    for (size_t i = 0; i < s.members.count && result == 0; i++) {
        const struct member *m = &s.members.items[i];
        if (is_asked_for(&r->arguments, m->service) &&
            (asked_flag(r, "all") || container_is_up(m->container))) {
            strv_add(&line, m->container->name);
        }
    }
    if (result == 0 && line.count == options) {
        return 0; /* no container: of all containers `stats` alone would tell */
    }
    return result < 0 ? result : cloison_become(&r->engine, r->cloison, &line, err);
}

int verb_version(const struct compose_request *r, struct error **err)
{
    if (asked_flag(r, "short")) {
        printf("%s\n", CLOISON_VERSION);
    } else if (str_equal(asked_text(r, "format"), "json")) {
        printf("{\"version\":\"%s\"}\n", CLOISON_VERSION);
    } else {
        printf("cloison compose %s\n", CLOISON_VERSION);
    }
    return 0;
}
