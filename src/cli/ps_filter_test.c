// SPDX-License-Identifier: Apache-2.0
#include "cli/ps_filter.h"

#include <errno.h>
#include <stdarg.h>

#include "base/test.h"

#define ID_WEB "aaaabbbbccccddddeeeeffff00001111aaaabbbbccccddddeeeeffff00001111"
#define ID_DB "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct container web, db;
static struct container *list[] = {&web, &db};

static void make(void)
{
    web = (struct container){.id = ID_WEB,
                             .name = "web",
                             .image = "nginx",
                             .image_id = "sha256:12345678",
                             .created = "2026-01-02T00:00:00Z",
                             .network_mode = "bridge",
                             .status = CONTAINER_RUNNING,
                             .health = "healthy"};
    db = (struct container){.id = ID_DB,
                            .name = "db-1",
                            .image = "postgres:15",
                            .image_id = "sha256:99999999",
                            .created = "2026-01-01T00:00:00Z",
                            .network_mode = "none",
                            .status = CONTAINER_EXITED,
                            .exit_code = 137};
    web.labels = json_pack("{s:s, s:s}", "role", "front", "env", "prod");
    web.network =
        json_pack("{s:[{s:s, s:i, s:i}]}", "ports", "proto", "tcp", "container", 80, "host", 8080);
    db.labels = json_pack("{s:s}", "env", "prod");
    strv_add(&db.volumes, "data:/var/lib/db");
}

static void drop(void)
{
    json_decref(web.labels);
    json_decref(web.network);
    json_decref(db.labels);
    strv_done(&db.volumes);
}

/* The names of those that meet the conditions (ends with NULL), or the error's text. */
static void expect(const char *expected, const char *first, ...)
{
    CLEANUP(strv) struct strv conditions = {0}, names = {0};
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(ps_filter) struct ps_filter *f = NULL;
    CLEANUP(free) char *text = NULL;
    va_list more;
    va_start(more, first);
    for (const char *c = first; c; c = va_arg(more, const char *)) { /* NOLINT: it is initialised */
        strv_add(&conditions, c);
    }
    va_end(more);
    make();
    if (ps_filter_new(&conditions, list, ARRAY_SIZE(list), &f, &err) < 0) {
        text = error_text(err);
    } else {
        for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
            if (ps_filter_matches(f, list[i])) {
                strv_add(&names, list[i]->name);
            }
        }
        text = strv_join(&names, " ");
    }
    drop();
    CHECK_STR(text, expected);
}

static void test_ps_filter_each_key(void)
{
    expect("web db-1", NULL);
    expect("web", "id=aaaab", NULL);
    expect("web", "name=^/?we", NULL);
    expect("web", "name=^/web$", NULL);
    expect("db-1", "name=db", NULL);
    expect("web", "label=role", NULL);
    expect("", "label=role=back", NULL);
    expect("db-1", "status=exited", NULL);
    expect("db-1", "exited=137", NULL);
    expect("", "exited=0", NULL);
    expect("web", "ancestor=nginx:latest", NULL);
    expect("web", "ancestor=123456", NULL);
    expect("", "ancestor=postgres", NULL);
    expect("db-1", "ancestor=postgres:15", NULL);
    expect("web", "network=bridge", NULL);
    expect("db-1", "volume=data", NULL);
    expect("db-1", "volume=/var/lib/db", NULL);
    expect("", "volume=dat", NULL);
    expect("web", "publish=8080", NULL);
    expect("web", "publish=70-90/tcp", NULL);
    expect("", "publish=8080/udp", NULL);
    expect("web", "health=healthy", NULL);
    expect("db-1", "health=none", NULL);
    expect("db-1", "before=web", NULL);
    expect("web", "since=db-1", NULL);
}

static void test_ps_filter_combines(void)
{
    expect("web db-1", "name=web", "name=db", NULL);
    expect("web", "label=env=prod", "label=role", NULL);
    expect("", "name=web", "status=exited", NULL);
}

static void test_ps_filter_refuses(void)
{
    expect("filter 'name': KEY=VALUE is wanted", "name", NULL);
    expect("filter 'status': unknown status 'up' (created, running, paused, restarting, exited or "
           "dead)",
           "status=up", NULL);
    expect("filter '(': not a regular expression", "name=(", NULL);
    expect("filter 'exited' needs an exit code, not 'x'", "exited=x", NULL);
    expect("no such container: nobody", "before=nobody", NULL);
    expect("unknown filter 'nam' (filters are id, name, label, status, exited, ancestor, network, "
           "volume, publish, health, before, since)",
           "nam=x", NULL);
}

static const struct test tests[] = {
    TEST(test_ps_filter_each_key),
    TEST(test_ps_filter_combines),
    TEST(test_ps_filter_refuses),
};
TEST_MAIN(tests)
