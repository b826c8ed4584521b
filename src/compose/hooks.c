// SPDX-License-Identifier: Apache-2.0
#include "compose/hooks.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compose/ops.h"
#include "compose/translate.h"

static void command_line(const struct engine *e, const char *cloison, const struct strv *arguments,
                         struct strv *ret)
{
    strv_add(ret, cloison);
    strv_addf(ret, "--data-root=%s", e->data_dir);
    strv_addf(ret, "--run-root=%s", e->run_dir);
    strv_addf(ret, "--config=%s", e->config_path);
    strv_add_all(ret, arguments->items);
}

static int cannot(const char *cloison, int code, struct error **err)
{
    return error_set_errno(err, ERROR_UNSUPPORTED, code, "executing '%s'", cloison);
}

int cloison_become(const struct engine *e, const char *cloison, const struct strv *arguments,
                   struct error **err)
{
    CLEANUP(strv) struct strv line = {0};
    command_line(e, cloison, arguments, &line);
    (void)fflush(NULL);
    execv(cloison, line.items);
    return cannot(cloison, errno, err);
}

int cloison_spawn(const struct engine *e, const char *cloison, const struct strv *arguments,
                  struct error **err)
{
    CLEANUP(strv) struct strv line = {0};
    pid_t pid = -1;
    int status = 0;
    command_line(e, cloison, arguments, &line);
    (void)fflush(NULL);
    int code = posix_spawn(&pid, cloison, NULL, NULL, line.items, environ);
    if (code) {
        return cannot(cloison, code, err);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_hook(const struct engine *e, const char *cloison, const struct node *hook,
                    const char *container, struct error **err)
{
    CLEANUP(strv) struct strv line = {0}, env = {0};
    const char *user = node_text(hook, "user"), *folder = node_text(hook, "working_dir");
    strv_add(&line, "exec");
    if (user) {
        strv_addf(&line, "--user=%s", user);
    }
    if (folder) {
        strv_addf(&line, "--workdir=%s", folder);
    }
    if (node_true(hook, "privileged")) {
        strv_add(&line, "--privileged");
    }
    translate_pairs(&env, node_get(hook, "environment"));
    for (size_t i = 0; i < env.count; i++) {
        strv_addf(&line, "--env=%s", env.items[i]);
    }
    strv_add(&line, container);
    translate_list(&line, node_get(hook, "command"));
    int r = cloison_spawn(e, cloison, &line, err);
    return r > 0 ? node_error(hook, err, "a hook in container '%s' ended with exit code %d",
                              container, r)
                 : r;
}

int hooks_run(const struct engine *e, const char *cloison, const struct node *hooks,
              const char *container, struct error **err)
{
    for (size_t i = 0; hooks && i < hooks->count; i++) {
        int r = run_hook(e, cloison, hooks->items[i], container, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
