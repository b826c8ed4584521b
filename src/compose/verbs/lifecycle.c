// SPDX-License-Identifier: Apache-2.0
/* start, stop, restart, kill, pause, unpause, rm, wait: the verbs that do one thing to each
 * container. */
#include "base/file.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "compose/verbs/verbs.h"
#include "engine/lifecycle.h"

static bool is_up(const struct member *m)
{
    return container_is_up(m->container);
}

static bool is_running(const struct member *m)
{
    return m->container->status == CONTAINER_RUNNING;
}

static bool is_paused(const struct member *m)
{
    return m->container->status == CONTAINER_PAUSED;
}

static bool is_stopped(const struct member *m)
{
    return !container_is_up(m->container);
}

/* The lock, then the verb on each. */
static int change_each(const struct compose_request *r, const struct each_member *each,
                       struct error **err)
{
    CLEANUP(scope) struct scope s = {0};
    int result = scope_load(r, &s, err);
    if (result < 0) {
        return result;
    }
    CLEANUP(fd) int lock = project_lock(r, s.name, err);
    return lock < 0 ? lock : on_each_member(r, &s, &r->arguments, each, err);
}

int verb_start(const struct compose_request *r, struct error **err)
{
    struct each_member each = {
        .run = op_start, .doing = "Starting", .done = "Started", .wanted = is_stopped};
    struct each_member wait = {
        .run = op_await,
        .doing = "Waiting",
        .done = "Healthy",
        .like = {.await = AWAIT_RUNNING, .await_s = (int)asked_integer(r, "wait-timeout", 0)}};
    int result = change_each(r, &each, err);
    return result < 0 || !asked_flag(r, "wait") ? result : change_each(r, &wait, err);
}

/* As `system boot` does for containers without a project. */
static bool wants_start(const struct member *m)
{
    const struct container *c = m->container;
    bool policy = str_equal(c->restart_policy, "always") ||
                  (str_equal(c->restart_policy, "unless-stopped") && !c->user_stopped);
    return policy && !container_is_up(c);
}

/* The machine has come up: what was on tmpfs is written anew, what was up is started in order. */
int verb_boot(const struct compose_request *r, struct error **err)
{
    struct each_member each = {
        .run = op_start, .doing = "Starting", .done = "Started", .wanted = wants_start};
    return change_each(r, &each, err);
}

int verb_stop(const struct compose_request *r, struct error **err)
{
    struct each_member each = {.run = op_stop,
                               .doing = "Stopping",
                               .done = "Stopped",
                               .wanted = is_up,
                               .reverse = true,
                               .like = {.timeout_s = asked_timeout(r)}};
    return change_each(r, &each, err);
}

/* What needs one of them, with `restart: true`, is started anew, too. */
static void add_dependents(const struct scope *s, struct strv *names)
{
    size_t named = names->count;
    for (size_t i = 0; i < s->members.count; i++) {
        const struct member *m = &s->members.items[i];
        const char *text = str_or(container_label(m->container, LABEL "depends_on"), "");
        CLEANUP(strv) struct strv parts = {0};
        strv_split(&parts, text, ',');
        for (size_t k = 0; k < parts.count; k++) {
            CLEANUP(free) char *other = xstrndup(parts.items[k], strcspn(parts.items[k], ":"));
            if (str_ends(parts.items[k], ":true") && strv_contains(names, other) &&
                !strv_contains(names, m->service)) {
                strv_add(names, m->service);
            }
        }
    }
    if (names->count > named) {
        add_dependents(s, names); /* those of theirs */
    }
}

int verb_restart(const struct compose_request *r, struct error **err)
{
    CLEANUP(scope) struct scope s = {0};
    CLEANUP(strv) struct strv names = {0};
    struct each_member each = {.run = op_restart,
                               .doing = "Restarting",
                               .done = "Started",
                               .like = {.timeout_s = asked_timeout(r)}};
    int result = scope_load(r, &s, err);
    if (result < 0) {
        return result;
    }
    strv_add_all(&names, r->arguments.items);
    if (!asked_flag(r, "no-deps")) {
        add_dependents(&s, &names);
    }
    CLEANUP(fd) int lock = project_lock(r, s.name, err);
    return lock < 0 ? lock : on_each_member(r, &s, &names, &each, err);
}

/* "SIGTERM", "TERM", "15" */
static int signal_number(const char *text)
{
    int64_t n = 0;
    if (str_to_i64(text, 10, &n) == 0) {
        return n > 0 && n < NSIG ? (int)n : -1;
    }
    const char *name = str_starts(text, "SIG") ? text + 3 : text;
    for (int i = 1; i < NSIG; i++) {
        if (str_equal(sigabbrev_np(i), name)) {
            return i;
        }
    }
    return -1;
}

int verb_kill(const struct compose_request *r, struct error **err)
{
    const char *text = asked_text(r, "signal");
    int number = text ? signal_number(text) : SIGKILL;
    if (number < 0) {
        return error_set(err, ERROR_USAGE, 0, "--signal: '%s' is no signal", text);
    }
    struct each_member each = {.run = op_kill,
                               .doing = "Killing",
                               .done = "Killed",
                               .wanted = is_up,
                               .reverse = true,
                               .like = {.signal = number}};
    return change_each(r, &each, err);
}

int verb_pause(const struct compose_request *r, struct error **err)
{
    struct each_member each = {
        .run = op_pause, .doing = "Pausing", .done = "Paused", .wanted = is_running};
    return change_each(r, &each, err);
}

int verb_unpause(const struct compose_request *r, struct error **err)
{
    struct each_member each = {
        .run = op_unpause, .doing = "Unpausing", .done = "Unpaused", .wanted = is_paused};
    return change_each(r, &each, err);
}

/* Docker Compose asks; so do we. */
static bool is_confirmed(const struct scope *s, const struct strv *names)
{
    char line[16] = "";
    CLEANUP(strbuf) struct strbuf list = {0};
    for (size_t i = 0; i < s->members.count; i++) {
        const struct member *m = &s->members.items[i];
        if (is_asked_for(names, m->service) && is_stopped(m)) {
            strbuf_addf(&list, "%s%s", list.len ? ", " : "", m->container->name);
        }
    }
    if (!list.len) {
        return false;
    }
    printf("Going to remove %s\nAre you sure? [yN] ", list.data);
    (void)fflush(stdout);
    return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

int verb_rm(const struct compose_request *r, struct error **err)
{
    CLEANUP(scope) struct scope s = {0};
    bool stop = asked_flag(r, "stop");
    int result = scope_load(r, &s, err);
    if (result < 0) {
        return result;
    }
    if (!asked_flag(r, "force") && !stop && !is_confirmed(&s, &r->arguments)) {
        return 0;
    }
    CLEANUP(fd) int lock = project_lock(r, s.name, err);
    struct each_member each = {
        .run = stop ? op_remove : op_rm,
        .doing = "Removing",
        .done = "Removed",
        .wanted = stop ? NULL : is_stopped,
        .reverse = true,
        .one_off = true,
        .like = {.timeout_s = STOP_TIMEOUT_OWN, .volumes = asked_flag(r, "volumes")}};
    return lock < 0 ? lock : on_each_member(r, &s, &r->arguments, &each, err);
}

/* The exit code of each, as they end; the last one's is ours. */
int verb_wait(const struct compose_request *r, struct error **err)
{
    CLEANUP(scope) struct scope s = {0};
    int result = scope_load(r, &s, err);
    int last = 0;
    if (result == 0) {
        result = scope_check(&s, &r->arguments, err);
    }
    for (size_t i = 0; i < s.members.count && result == 0; i++) {
        const struct member *m = &s.members.items[i];
        if (is_asked_for(&r->arguments, m->service) && !m->one_off) {
            result = engine_wait(&r->engine, m->container->id, &last, err);
            if (result == 0) {
                printf("%s: %d\n", m->container->name, last);
            }
        }
    }
    return result < 0 ? result : last;
}
