// SPDX-License-Identifier: Apache-2.0
/* The program cloison-build: one JSON request on the command line,
 *     {"dataDir", "runDir", "config", "context", "options": {…}}
 * which src/cli/build.c makes. Static, and light: what is all in the cache executes nothing. */
#include <signal.h>
#include <string.h>

#include "build/elsewhere.h"
#include "build/execute.h"
#include "build/lint.h"
#include "build/outputs.h"
#include "build/prepare.h"
#include "build/progress.h"
#include "build/squash.h"

static void number_steps(struct build *b)
{
    for (size_t i = 0; i < b->stage_count; i++) {
        for (size_t n = 0; n < b->stages[i].step_count; n++) {
            b->stages[i].steps[n].number = (int)++b->step_count;
        }
    }
}

static void warn_of_arguments(const struct build *b)
{
    for (size_t i = 0; i < b->build_args.count; i++) {
        CLEANUP(free)
        char *name = xstrndup(b->build_args.items[i], strcspn(b->build_args.items[i], "="));
        if (!strv_contains(&b->used_args, name) && !argument_is_silent(name) &&
            !str_starts(name, "BUILDKIT_") && !b->options->quiet) {
            fprintf(stderr, "%s: warning: no ARG asks for --build-arg '%s'\n", error_program(),
                    name);
        }
    }
}

static void tell_warnings(const struct build *b)
{
    for (size_t i = 0; i < b->warnings.count; i++) {
        fprintf(stderr, "%s: warning: %s\n", error_program(), b->warnings.items[i]);
    }
}

/* One platform, up to its files and its image. */
static int build_platform(struct build *b, const char *platform, enum progress_mode mode,
                          struct output_targets *targets, struct error **err)
{
    int r = prepare_platform(b, platform, err);
    r = r < 0 ? r : elsewhere_look(b, err);
    if (r < 0) {
        return r;
    }
    number_steps(b);
    b->progress = progress_new(b, mode);
    if (b->platforms.count > 1) {
        CLEANUP(free) char *line = str_format("platform %s", platform);
        progress_note(b->progress, line);
    }
    r = execute_graph(b, err);
    if (r < 0 && b->failed) {
        progress_failure(b->progress, b->failed, err && *err ? (*err)->message : "");
    }
    if (r >= 0 && b->options->squash) {
        r = squash_stage(b, &b->stages[b->target_stage], err);
    }
    r = r < 0 ? r : outputs_platform(b, targets, err);
    int end = execute_end(b, r < 0 ? NULL : err);
    r = r < 0 ? r : end;
    return r < 0 && b->platforms.count > 1 ? error_wrap(err, r, "%s", platform) : r;
}

static int build(struct build *b, const char *context, struct error **err)
{
    CLEANUP(output_targets) struct output_targets targets = {0};
    enum progress_mode mode = PROGRESS_PLAIN;
    int r = progress_mode_parse(b->options->progress, b->options->quiet, &mode, err);
    r = r < 0 ? r : outputs_parse(b->options, &targets, err);
    r = r < 0 ? r : elsewhere_parse(b->options, &b->elsewhere, err);
    r = r < 0 ? r : prepare_build(b, context, err);
    if (r >= 0 && (b->options->check || str_equal(b->options->call, "check"))) {
        r = prepare_platform(b, b->platforms.items[0], err);
        return r < 0 ? r : lint_print(b);
    }
    for (size_t i = 0; i < b->platforms.count && r >= 0; i++) {
        r = build_platform(b, b->platforms.items[i], mode, &targets, err);
    }
    warn_of_arguments(b);
    r = r < 0 ? r : outputs_finish(b, &targets, err);
    tell_warnings(b);
    return r;
}

static int read_request(const json_t *json, struct build *b, struct build_options *o,
                        const char **context, struct error **err)
{
    json_t *options = NULL;
    int r;
    if ((r = json_get_str(json, "dataDir", "request", &b->engine.data_dir, err)) < 0 ||
        (r = json_get_str(json, "runDir", "request", &b->engine.run_dir, err)) < 0 ||
        (r = json_get_str(json, "config", "request", &b->engine.config_path, err)) < 0 ||
        (r = json_get_str(json, "context", "request", context, err)) < 0 ||
        (r = json_get_object(json, "options", "request", &options, err)) < 0) {
        return r;
    }
    if (!b->engine.data_dir || !b->engine.run_dir || !b->engine.config_path || !*context) {
        return error_set(err, ERROR_USAGE, 0, "cloison-build is executed by cloison, not by hand");
    }
    b->options = o;
    return build_options_from_json(options, o, err);
}

static int check_root(struct error **err)
{
    if (geteuid() == 0) {
        return 0;
    }
    int r = error_set(err, ERROR_DENIED, 0, "images can be built by root alone so far");
    return error_hint(err, r, "run it with sudo; rootless containers are not there yet");
}

int main(int argc, char **argv)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(json) json_t *json = NULL;
    struct build b = {
        .at_work = -1, .run_lock = -1, .store_lock = -1, .epoch = -1, .context = {.fd = -1}};
    struct build_options options = {0};
    const char *context = NULL;
    int r = argc == 2 ? json_parse(argv[1], strlen(argv[1]), "request", &json, &err)
                      : error_set(&err, ERROR_USAGE, 0,
                                  "cloison-build is executed by cloison, not by hand");
    r = r < 0 ? r : read_request(json, &b, &options, &context, &err);
    r = r < 0 ? r : check_root(&err);
    r = r < 0 ? r : build(&b, context, &err);
    build_done(&b);
    options_done(build_options, &options);
    if (r >= 0 && (fflush(stdout) != 0 || ferror(stdout))) {
        r = error_set_errno(&err, ERROR_KERNEL, errno, "writing to standard output");
    }
    if (r >= 0) {
        return r;
    }
    error_print(err, stderr);
    return err->kind == ERROR_USAGE ? 125 : execute_is_interrupted() ? 130 : 1;
}
