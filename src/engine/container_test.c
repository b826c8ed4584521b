// SPDX-License-Identifier: Apache-2.0
/* The store on a folder of its own: what each half-made state becomes. */
#include "engine/container.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/test.h"
#include "engine/container_json.h"
#include "engine/recover.h"

static char folder[64];
static struct engine engine;

static void store_open(void)
{
    snprintf(folder, sizeof(folder), "/tmp/container_test.XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    static char data[80], run[80];
    snprintf(data, sizeof(data), "%s/data", folder);
    snprintf(run, sizeof(run), "%s/run", folder);
    engine = (struct engine){data, run, "/dev/null"};
}

static void store_close(void)
{
    CHECK_INT(remove_tree(AT_FDCWD, folder, NULL), 0);
}

static struct container *sample(const char *name, char digit)
{
    struct container *c = xcalloc(1, sizeof(*c));
    c->id = xmalloc(CONTAINER_ID_DIGITS + 1);
    memset(c->id, digit, CONTAINER_ID_DIGITS);
    c->id[CONTAINER_ID_DIGITS] = '\0';
    c->name = xstrdup(name);
    c->wall = xstrdup("container");
    c->created = str_format("2026-01-02T03:04:0%cZ", digit);
    c->restart_max = 3;
    c->tty = true;
    c->log_max_bytes = 1LL << 40;
    strv_add(&c->volumes, "data:/data");
    return c;
}

static void make(const struct container *c)
{
    CLEANUP(error) struct error *err = NULL;
    int lock = container_reserve(&engine, c, &err);
    CHECK_OK(lock, err);
    CHECK_OK(container_save(&engine, c, &err), err);
    fd_close(lock);
}

static void test_container_is_read_as_written(void)
{
    store_open();
    CLEANUP(container) struct container *c = sample("web", '1'), *back = NULL;
    CLEANUP(error) struct error *err = NULL;
    make(c);
    CHECK_OK(container_find(&engine, "web", &back, &err), err);
    CHECK_STR(back->id, c->id);
    CHECK_INT(back->restart_max, 3);
    CHECK(back->tty && !back->remove);
    CHECK_INT(back->log_max_bytes, 1LL << 40);
    CHECK_STR(back->volumes.items[0], "data:/data");
    CHECK_INT(back->status, CONTAINER_CREATED);
    store_close();
}

static void test_container_found_by_prefix_unless_two_match(void)
{
    store_open();
    CLEANUP(container) struct container *a = sample("a1", '1'), *b = sample("b1", '2');
    CLEANUP(container) struct container *back = NULL, *other = NULL;
    b->id[0] = '1';
    make(a);
    make(b);
    CHECK_INT(container_find(&engine, "111", &back, NULL), 0);
    CHECK_STR(back->name, "a1");
    CHECK(container_find(&engine, "1", &other, NULL) < 0);
    CHECK_INT(container_find(&engine, "12", &other, NULL), 0);
    CHECK_STR(other->name, "b1");
    store_close();
}

static void test_container_name_is_taken_once(void)
{
    store_open();
    CLEANUP(container) struct container *a = sample("web", '1'), *b = sample("web", '2');
    CLEANUP(error) struct error *err = NULL;
    make(a);
    CHECK_INT(container_reserve(&engine, b, &err), -EEXIST);
    CHECK_INT(err->kind, ERROR_EXISTS);
    CLEANUP(free) char *path = container_data_path(&engine, b->id, NULL);
    CHECK_INT(access(path, F_OK), -1);
    store_close();
}

/* A command was killed between the name and container.json. */
static void test_container_half_made_is_swept_and_its_name_free(void)
{
    store_open();
    CLEANUP(container) struct container *a = sample("web", '1'), *b = sample("web", '2');
    struct container **list = NULL;
    size_t count = 0;
    CLEANUP(error) struct error *err = NULL;
    int lock = container_reserve(&engine, a, &err);
    CHECK_OK(lock, err);
    CHECK_OK(container_list(&engine, &list, &count, &err), err);
    CLEANUP(free) char *path = container_data_path(&engine, a->id, NULL);
    CHECK_INT(access(path, F_OK), 0); /* its maker lives */
    CHECK_INT(container_reserve(&engine, b, NULL), -EEXIST);
    fd_close(lock); /* its maker is dead */
    lock = container_reserve(&engine, b, &err);
    CHECK_OK(lock, err);
    fd_close(lock);
    CHECK_OK(container_list(&engine, &list, &count, &err), err);
    CHECK_INT(count, 0);
    CHECK_INT(access(path, F_OK), -1);
    CLEANUP(free) char *link = str_format("%s/names/web", engine.data_dir);
    struct stat st;
    CHECK_INT(lstat(link, &st), -1);
    store_close();
}

static void test_container_rename_frees_the_old_name(void)
{
    store_open();
    CLEANUP(container) struct container *a = sample("web", '1'), *b = sample("web", '2');
    CLEANUP(container) struct container *back = NULL;
    CLEANUP(error) struct error *err = NULL;
    make(a);
    CHECK_OK(container_rename(&engine, a, "www", &err), err);
    make(b);
    CHECK_OK(container_find(&engine, "www", &back, &err), err);
    CHECK_STR(back->id, a->id);
    CHECK_INT(container_rename(&engine, b, "www", &err), -EEXIST);
    store_close();
}

/* A rename was killed between the new name and container.json: the name belongs to nobody. */
static void test_container_name_left_by_a_killed_rename_is_free(void)
{
    store_open();
    CLEANUP(container) struct container *a = sample("web", '1'), *b = sample("new", '2');
    CLEANUP(error) struct error *err = NULL;
    make(a);
    CLEANUP(free) char *link = str_format("%s/names/new", engine.data_dir);
    CLEANUP(free) char *target = str_format("../containers/%s", a->id);
    CHECK_INT(symlink(target, link), 0);
    int lock = container_reserve(&engine, b, &err);
    CHECK_OK(lock, err);
    fd_close(lock);
    store_close();
}

/* The same name: nobody finds it, the next list takes it away, the rename can be made again. */
static void test_container_killed_rename_is_made_again(void)
{
    store_open();
    CLEANUP(container) struct container *a = sample("web", '1'), *back = NULL;
    CLEANUP(error) struct error *err = NULL;
    struct container **list = NULL;
    size_t count = 0;
    struct stat st;
    make(a);
    CLEANUP(free) char *link = str_format("%s/names/new", engine.data_dir);
    CLEANUP(free) char *target = str_format("../containers/%s", a->id);
    CHECK_INT(symlink(target, link), 0);
    CHECK_INT(container_find(&engine, "new", &back, NULL), -ENOENT);
    int lock = container_lock(&engine, a->id, true, &err);
    CHECK_OK(lock, err);
    CHECK_OK(container_rename(&engine, a, "new", &err), err);
    CHECK_OK(container_rename(&engine, a, "web", &err), err);
    fd_close(lock);
    CHECK_INT(symlink(target, link), 0);
    CHECK_OK(container_list(&engine, &list, &count, &err), err);
    CHECK_INT(count, 1);
    CHECK_INT(lstat(link, &st), -1);
    container_list_free(list, count);
    store_close();
}

static void test_container_remove_leaves_nothing(void)
{
    store_open();
    CLEANUP(container) struct container *a = sample("web", '1'), *back = NULL;
    CLEANUP(error) struct error *err = NULL;
    make(a);
    CHECK_OK(container_remove(&engine, a, &err), err);
    CHECK_INT(container_find(&engine, "web", &back, NULL), -ENOENT);
    CHECK_INT(container_lock(&engine, a->id, true, NULL), -ENOENT);
    store_close();
}

static void write_state(const struct container *c)
{
    CLEANUP(free) char *path = container_run_path(&engine, c->id, "state.json");
    CLEANUP(free) char *run = container_run_path(&engine, c->id, NULL);
    CLEANUP(json) json_t *state = container_state_to_json(c);
    CHECK_INT(mkdir_all(run, 0700, NULL), 0);
    CHECK_INT(json_save_path(AT_FDCWD, path, state, 0600, false, NULL), 0);
}

static void test_container_without_its_monitor_is_dead(void)
{
    store_open();
    CLEANUP(container) struct container *a = sample("web", '1'), *up = NULL, *dead = NULL;
    CLEANUP(error) struct error *err = NULL;
    make(a);
    a->status = CONTAINER_RUNNING;
    a->pid = 4242;
    write_state(a);
    CLEANUP(free) char *path = container_run_path(&engine, a->id, "monitor.lock");
    int lock = lock_file(AT_FDCWD, path, LOCK_EXCLUSIVE, true, &err);
    CHECK_OK(lock, err);
    CHECK_OK(container_load(&engine, a->id, &up, &err), err);
    CHECK_INT(up->status, CONTAINER_RUNNING);
    CHECK_INT(up->pid, 4242);
    fd_close(lock);
    CHECK_OK(container_load(&engine, a->id, &dead, &err), err);
    CHECK_INT(dead->status, CONTAINER_DEAD);
    CHECK_STR(dead->error, "its monitor was killed");
    store_close();
}

static void test_container_names_follow_dockers_rule(void)
{
    CHECK_INT(container_name_check("web-1_a.b", NULL), 0);
    CHECK(container_name_check("a", NULL) < 0);
    CHECK(container_name_check("-web", NULL) < 0);
    CHECK(container_name_check("we/b", NULL) < 0);
    CHECK(container_name_check("", NULL) < 0);
    CHECK(container_name_check("..", NULL) < 0);
}

static const struct test tests[] = {
    TEST(test_container_is_read_as_written),
    TEST(test_container_found_by_prefix_unless_two_match),
    TEST(test_container_name_is_taken_once),
    TEST(test_container_half_made_is_swept_and_its_name_free),
    TEST(test_container_rename_frees_the_old_name),
    TEST(test_container_name_left_by_a_killed_rename_is_free),
    TEST(test_container_killed_rename_is_made_again),
    TEST(test_container_remove_leaves_nothing),
    TEST(test_container_without_its_monitor_is_dead),
    TEST(test_container_names_follow_dockers_rule),
};
TEST_MAIN(tests)
