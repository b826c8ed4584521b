// SPDX-License-Identifier: Apache-2.0
/* `cloison system boot` and `system shutdown`: what the service does when the machine comes up and
 * goes down. There is no daemon that would remember containers: their restart policies stand in the
 * store. */
#include <errno.h>
#include <sys/wait.h>

#include "cli/commands.h"
#include "cli/compose.h"
#include "engine/lifecycle.h"

/* A start hands the container to its monitor and is done: one after the other is quick. */
static int start_one(const struct engine *e, const struct container *c)
{
    CLEANUP(error) struct error *err = NULL;
    if (engine_start(e, c->id, &(struct start_options){0}, &err) < 0) {
        error_print(err, stderr); /* the others are started all the same */
        return 1;
    }
    printf("%s\n", c->name);
    return 0;
}

/* A machine that lost its power has recorded no end: a container that seems never to have been
 * started may have been running. Better one started too many than a service that stays away. */
static bool wants_start(const struct container *c)
{
    bool policy = str_equal(c->restart_policy, "always") ||
                  (str_equal(c->restart_policy, "unless-stopped") && !c->user_stopped);
    return policy && !container_is_up(c);
}

#define COMPOSE_LABEL "com.docker.compose."

static const char *label_of(const struct container *c, const char *name)
{
    return json_string_value(json_object_get(c->labels, name));
}

/* A project's containers need each other in an order that its own program knows. */
static int start_projects(const struct command_context *context, struct container *const *list,
                          size_t count)
{
    CLEANUP(strv) struct strv done = {0};
    int status = 0;
    for (size_t i = 0; i < count; i++) {
        const char *project = label_of(list[i], COMPOSE_LABEL "project");
        const char *directory = label_of(list[i], COMPOSE_LABEL "project.working_dir");
        const char *files = label_of(list[i], COMPOSE_LABEL "project.config_files");
        CLEANUP(error) struct error *err = NULL;
        if (!project || !directory || !files || strv_contains(&done, project) ||
            !wants_start(list[i])) {
            continue;
        }
        strv_add(&done, project);
        int r = compose_boot(context, project, directory, files, &err);
        if (r < 0) {
            error_print(err, stderr); /* its containers are started as the others are */
        }
        status |= r != 0;
    }
    return status;
}

static int boot_run(const struct command_context *context, void *values, int argc, char **argv,
                    struct error **err)
{
    struct engine engine = {context->data_dir, context->run_dir, context->config_path};
    struct container **list = NULL;
    size_t count = 0;
    int status = container_list(&engine, &list, &count, err);
    if (status < 0) {
        return status;
    }
    status = start_projects(context, list, count);
    container_list_free(list, count); /* what is started by now is left alone */
    int r = container_list(&engine, &list, &count, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = count; i-- > 0;) { /* the oldest first: the others may need it */
        if (wants_start(list[i])) {
            status |= start_one(&engine, list[i]);
        }
    }
    container_list_free(list, count);
    return status;
}

/* Stopped by us is not stopped by the user: the next boot starts it again. */
static int forget_stop(const struct engine *e, const char *id, struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    CLEANUP(fd) int lock = container_hold(e, id, &c, err);
    if (lock < 0) {
        return lock;
    }
    if (!c->user_stopped) {
        return 0;
    }
    c->user_stopped = false;
    return container_save(e, c, err);
}

static int stop_one(const struct engine *e, const struct container *c)
{
    CLEANUP(error) struct error *err = NULL;
    int r = engine_stop(e, c->id, STOP_TIMEOUT_OWN, 0, &err);
    if (r >= 0 && !c->remove) {
        r = forget_stop(e, c->id, &err);
    }
    if (r < 0) {
        error_print(err, stderr);
        return 1;
    }
    printf("%s\n", c->name);
    return 0;
}

/* A stop may take as long as the workload likes: all are stopped at once, each by a child. */
static pid_t stop_in_child(const struct engine *e, const struct container *c)
{
    (void)fflush(stdout); /* nothing is buffered twice; main looks at the stream's error */
    pid_t pid = fork();
    if (pid == 0) {
        int status = stop_one(e, c);
        _exit(fflush(stdout) != 0 ? 1 : status);
    }
    return pid;
}

static int shutdown_run(const struct command_context *context, void *values, int argc, char **argv,
                        struct error **err)
{
    struct engine engine = {context->data_dir, context->run_dir, context->config_path};
    struct container **list = NULL;
    size_t count = 0;
    int status = container_list(&engine, &list, &count, err);
    if (status < 0) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        if (container_is_up(list[i]) && stop_in_child(&engine, list[i]) < 0) {
            status |= stop_one(&engine, list[i]); /* no room for a child */
        }
    }
    int ended = 0;
    while (wait(&ended) > 0 || errno == EINTR) {
        status |= !WIFEXITED(ended) || WEXITSTATUS(ended) != 0;
    }
    container_list_free(list, count);
    return status;
}

const struct command command_system_boot = {
    .name = "system boot",
    .group = "System",
    .summary = "Start the containers that the restart policy wants running",
    .arguments = "",
    .run = boot_run,
};

const struct command command_system_shutdown = {
    .name = "system shutdown",
    .group = "System",
    .summary = "Stop all containers, to be started again at the next boot",
    .arguments = "",
    .run = shutdown_run,
};
