// SPDX-License-Identifier: Apache-2.0
/* Starting something behind a wall by the command line, and natively. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "compare/comparison.h"
#include "compare/views.h"

#define COMMAND_MS 60000 /* one of the engine's own quick commands */

static bool is_native(const char *wall)
{
    return str_equal(wall, WALL_NATIVE);
}

static void engine_argv(const struct comparison *c, const char *wall, const char *name,
                        const struct wall_run *run, struct strv *argv)
{
    strv_add(argv, c->cloison);
    strv_add(argv, "run");
    strv_add(argv, run->detached ? "-d" : "--rm");
    strv_add(argv, "--pull=never");
    if (!str_equal(wall, "container")) {
        strv_add(argv, "--wall");
        strv_add(argv, wall);
    }
    strv_add(argv, "--name");
    strv_add(argv, name);
    strv_add_all(argv, c->run_options.items);
    if (run->as_root) {
        strv_add(argv, "-u");
        strv_add(argv, "0:0");
    }
    if (run->entrypoint) {
        strv_add(argv, "--entrypoint");
        strv_add(argv, run->entrypoint);
    }
    strv_add(argv, run->image);
    strv_add_all(argv, (char *const *)run->arguments);
}

/* What the image runs, as the engine decides it: its entrypoint, then the command or its own. */
static void native_argv(const struct comparison *c, const struct wall_run *run, struct strv *argv)
{
    const struct image_config *config = &c->image->config;
    if (run->entrypoint) {
        strv_add(argv, c->probe);
        strv_add_all(argv, (char *const *)run->arguments);
        return;
    }
    strv_add_all(argv, config->entrypoint.items);
    strv_add_all(argv, run->arguments && run->arguments[0] ? (char *const *)run->arguments
                                                           : config->cmd.items);
}

/* What a user would type: our programs by name. */
static char *shown(const struct comparison *c, const struct strv *argv)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    for (size_t i = 0; i < argv->count; i++) {
        const char *word = argv->items[i];
        if (str_equal(word, "--name") || str_equal(word, "--pull=never")) {
            i += str_equal(word, "--name");
            continue;
        }
        word = str_equal(word, c->cloison) ? "cloison"
               : str_equal(word, c->probe) ? "cloison-probe"
                                           : word;
        strbuf_adds(&b, i ? " " : "");
        view_shell_word(&b, word);
    }
    return strbuf_take(&b);
}

static bool user_is_root(const char *user)
{
    return !user || !*user || str_equal(user, "root") || str_equal(user, "0") ||
           str_starts(user, "0:") || str_starts(user, "root:");
}

static bool has_path(const struct strv *environment)
{
    for (size_t i = 0; i < environment->count; i++) {
        if (str_starts(environment->items[i], "PATH=")) {
            return true;
        }
    }
    return false;
}

static int native_order(const struct comparison *c, const struct wall_run *run,
                        struct launch_order *order, struct strv *environment, struct error **err)
{
    const struct image_config *config = &c->image->config;
    if (!run->native_in_image) {
        return 0;
    }
    if (!user_is_root(config->user)) {
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "natively only root's commands are run, and the image's user is '%s'",
                         config->user);
    }
    strv_add_all(environment, config->env.items);
    if (!has_path(environment)) {
        strv_add(environment, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    }
    order->environment = environment;
    order->layers = &c->image->layers;
    order->scratch = c->scratch;
    order->workdir = config->working_dir;
    return 0;
}

/* The writable layer of a native run is as new each time as a container's. */
static int fresh_scratch(const struct comparison *c, struct error **err)
{
    static const char *const parts[] = {"upper", "work", "root"};
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(parts) && r >= 0; i++) {
        CLEANUP(free) char *path = str_format("%s/%s", c->scratch, parts[i]);
        r = remove_tree(AT_FDCWD, path, err);
        r = r < 0 ? r : mkdir_all(path, 0755, err);
    }
    return r;
}

int wall_begin(struct comparison *c, const char *wall, const struct wall_run *run,
               struct launch *ret, char **ret_name, char **ret_command, struct error **err)
{
    CLEANUP(strv) struct strv argv = {0};
    CLEANUP(strv) struct strv environment = {0};
    struct launch_order order = {
        .argv = &argv, .environment = &c->environment, .ready_log = run->ready_log};
    int r = 0;
    *ret_name = NULL;
    *ret_command = NULL;
    if (is_native(wall)) {
        *ret_name = xstrdup("");
        native_argv(c, run, &argv);
        r = run->native_in_image ? fresh_scratch(c, err) : 0;
        r = r < 0 ? r : native_order(c, run, &order, &environment, err);
    } else {
        *ret_name = str_format("cloison-compare-%s-%u", c->tag, c->name_count++);
        engine_argv(c, wall, *ret_name, run, &argv);
    }
    if (r >= 0 && argv.count == 0) {
        r = error_set(err, ERROR_USAGE, 0, "the image says no command: give one after --");
    }
    *ret_command = shown(c, &argv);
    return r < 0 ? r : launch_begin(&order, ret, err);
}

int engine_command(struct comparison *c, const char *const *arguments, char **ret,
                   struct error **err)
{
    CLEANUP(strv) struct strv argv = {0};
    strv_add(&argv, c->cloison);
    strv_add_all(&argv, (char *const *)arguments);
    const struct launch_order order = {.argv = &argv, .environment = &c->environment};
    struct launch l;
    int r = launch_begin(&order, &l, err);
    if (r < 0) {
        return r;
    }
    r = launch_wait(&l, LAUNCH_ENDED, COMMAND_MS, NULL);
    launch_end(&l);
    if (r <= 0 || l.report[LAUNCH_ENDED].status != 0) {
        CLEANUP(free) char *why = launch_failure(&l);
        r = error_set(err, ERROR_INTERNAL, 0, "%s", why);
    } else if (ret) {
        l.output[strcspn(l.output, "\n")] = '\0';
        *ret = take_ptr(l.output);
    }
    launch_done(&l);
    return r < 0 ? r : 0;
}

void wall_end(struct comparison *c, struct launch *l, const char *name)
{
    if (name && *name && l->report[LAUNCH_ENDED].ns < 0) {
        /* A name that is gone already is what is wanted. */
        IGNORE(engine_command(c, (const char *[]){"rm", "-f", "-v", name, NULL}, NULL, NULL) < 0);
    }
    launch_end(l);
}

/* The last line, which is the error, without our own name in front. */
static char *last_line(const char *text)
{
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n') {
        len--;
    }
    size_t begin = len;
    while (begin > 0 && text[begin - 1] != '\n') {
        begin--;
    }
    const char *line = text + begin;
    size_t prefix = str_starts(line, "cloison: ") ? strlen("cloison: ") : 0;
    return xstrndup(line + prefix, len - begin - prefix);
}

char *launch_failure(const struct launch *l)
{
    CLEANUP(free) char *line = last_line(str_or(l->errors, ""));
    if (l->report[LAUNCH_ENDED].ns < 0) {
        return xstrdup("it did not end");
    }
    int status = l->report[LAUNCH_ENDED].status;
    CLEANUP(free)
    char *how = WIFSIGNALED(status) ? str_format("ended by signal %d", WTERMSIG(status))
                                    : str_format("exit status %d", WEXITSTATUS(status));
    return *line ? str_format("%s: %s", how, line) : xstrdup(how);
}
