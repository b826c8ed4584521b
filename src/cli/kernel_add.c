// SPDX-License-Identifier: Apache-2.0
/* `cloison kernel add`, `build`: a kernel that is kept for machines (`--wall vm`). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/human.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/spawn.h"
#include "cli/kernel.h"
#include "wall/vm/kernels.h"

struct kernel_values {
    const char *name, *modules, *source, *config;
    struct option_integer jobs;
    bool built_in;
};
#define AT(member) offsetof(struct kernel_values, member)

#define SOURCES "/usr/src"

/* --- add -----------------------------------------------------------------------------------------
 */

/* 1: it failed, and has said why. */
static int run_helper(const char *const *arguments, struct error **err)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    int status = 0;
    pid_t pid = 0;
    int r = program_spawn("cloison-kernel", arguments, NULL, 0, &pid, err);
    if (r < 0) {
        return r;
    }
    (void)sigaction(SIGINT, &ignore, &before); /* it ends of it; then we clear up */
    r = program_wait(pid, &status);
    (void)sigaction(SIGINT, &before, NULL);
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "waiting for cloison-kernel");
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

/* Unpacked once, here: every machine maps it as it is. */
static int fill(const char *staged, const char *image, struct error **err)
{
    CLEANUP(free) char *program = program_path("cloison-kernel");
    CLEANUP(free) char *out = str_format("%s/image", staged);
    return run_program((const char *[]){program, "extract", image, out, NULL}, NULL, err);
}

/* Where the modules are; NULL when they are built in. */
static int find_modules(const struct kernel_values *v, const char *release, char **ret,
                        struct error **err)
{
    CLEANUP(free)
    char *folder = v->modules ? realpath(v->modules, NULL) : str_format("/lib/modules/%s", release);
    CLEANUP(free) char *list = str_format("%s/modules.dep", str_or(folder, v->modules));
    if (v->built_in) {
        return v->modules
                   ? error_set(err, ERROR_USAGE, 0, "--built-in and --modules do not go together")
                   : 0;
    }
    if (folder && access(list, R_OK) == 0) {
        *ret = take_ptr(folder);
        return 0;
    }
    int r = error_set(err, ERROR_NOT_FOUND, 0, "its modules are not in '%s'",
                      str_or(folder, v->modules));
    return error_hint(err, r, "--modules FOLDER names them; --built-in says that it needs none");
}

static int keep(const char *folder, const char *staged, const char *name, json_t *record_take,
                struct error **err)
{
    CLEANUP(json) json_t *record = record_take;
    char created[TIME_TEXT_BYTES];
    time_now_text(created);
    (void)json_object_set_new(record, "created", json_string(created)); /* ours: cannot fail */
    int r = vm_kernel_keep(folder, staged, name, record, err);
    if (r >= 0) {
        printf("%s\n", name);
    }
    return r;
}

static int is_free(const char *folder, const char *name, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/%s", folder, name);
    int r = vm_kernel_check_name(name, err);
    return r < 0 ? r
           : access(path, F_OK) == 0
               ? error_set(err, ERROR_EXISTS, 0, "there is a kernel '%s' already", name)
               : 0;
}

static int add_staged(const struct kernel_values *v, const char *folder, const char *staged,
                      const char *image, struct error **err)
{
    CLEANUP(free) char *release = NULL;
    CLEANUP(free) char *modules = NULL;
    CLEANUP(free) char *path = realpath(image, NULL);
    int r = vm_kernel_release(image, &release, err);
    r = r < 0 ? r : is_free(folder, str_or(v->name, release), err);
    r = r < 0 ? r : find_modules(v, release, &modules, err);
    r = r < 0 ? r : fill(staged, image, err);
    return r < 0 ? r
                 : keep(folder, staged, str_or(v->name, release),
                        json_pack("{s:s, s:s*, s:s}", "release", release, "modules", modules,
                                  "source", str_or(path, image)),
                        err);
}

static int add_run(const struct command_context *context, void *values, int argc, char **argv,
                   struct error **err)
{
    struct engine engine = engine_of(context);
    CLEANUP(free) char *folder = kernels_folder(&engine);
    CLEANUP(free) char *staged = NULL;
    CLEANUP(fd) int lock = -1;
    if (access(argv[0], R_OK) < 0) {
        return error_set_errno(err, ERROR_NOT_FOUND, errno, "the kernel '%s'", argv[0]);
    }
    int r = vm_kernel_stage(folder, &staged, &lock, err);
    r = r < 0 ? r : add_staged(values, folder, staged, argv[0], err);
    if (r < 0 && staged) {
        IGNORE(remove_tree(AT_FDCWD, staged, NULL) < 0); /* swept by the next */
    }
    return r;
}

/* --- build ---------------------------------------------------------------------------------------
 */

/* The archive of the package linux-source that sorts last. */
static int find_source(char **ret, struct error **err)
{
    CLEANUP(strv) struct strv names = {0};
    IGNORE(list_folder(AT_FDCWD, SOURCES, &names, NULL) < 0);
    for (size_t i = names.count; i-- > 0;) {
        const char *end = strstr(names.items[i], ".tar.");
        if (str_starts(names.items[i], "linux-source-") && end) {
            *ret = str_format(SOURCES "/%s", names.items[i]);
            return 0;
        }
    }
    int r = error_set(err, ERROR_NOT_FOUND, 0, "there is no kernel source in " SOURCES);
    return error_hint(err, r,
                      "apt install linux-source gcc make bc bison flex libelf-dev; or name one by "
                      "--source");
}

/* Our list: beside the program in a build folder, else installed. */
static char *find_config(void)
{
    CLEANUP(free) char *program = program_path("cloison-kernel");
    char *path = str_format("%.*s/kernel.config", (int)(strrchr(program, '/') - program), program);
    if (access(path, R_OK) < 0) {
        free(path);
        path = xstrdup(CLOISON_DATA "/kernel.config");
    }
    return path;
}

static int build_staged(const struct kernel_values *v, const char *folder, const char *staged,
                        struct error **err)
{
    CLEANUP(free) char *found = NULL;
    CLEANUP(free) char *release = NULL;
    CLEANUP(free) char *config = v->config ? realpath(v->config, NULL) : find_config();
    CLEANUP(free) char *image = str_format("%s/bzImage", staged);
    int64_t count = v->jobs.set ? v->jobs.value : sysconf(_SC_NPROCESSORS_ONLN);
    CLEANUP(free) char *jobs = str_format("%lld", (long long)count);
    int r = v->name ? is_free(folder, v->name, err) : 0;
    if (r >= 0 && !config) {
        r = error_set_errno(err, ERROR_NOT_FOUND, errno, "the options '%s'", v->config);
    }
    if (r >= 0) {
        found = v->source ? realpath(v->source, NULL) : NULL;
        r = found       ? 0
            : v->source ? error_set_errno(err, ERROR_NOT_FOUND, errno, "the source '%s'", v->source)
                        : find_source(&found, err);
    }
    r = r < 0 ? r : run_helper((const char *[]){"build", found, config, staged, jobs, NULL}, err);
    r = r != 0 ? r : vm_kernel_release(image, &release, err);
    r = r != 0 ? r : is_free(folder, str_or(v->name, release), err);
    r = r != 0 ? r : fill(staged, image, err);
    if (r == 0) {
        (void)unlink(image); /* unpacked now */
    }
    CLEANUP(free) char *source = str_format("built from %s", str_or(found, ""));
    return r != 0 ? r
                  : keep(folder, staged, str_or(v->name, release),
                         json_pack("{s:s, s:s}", "release", release, "source", source), err);
}

static int build_run(const struct command_context *context, void *values, int argc, char **argv,
                     struct error **err)
{
    const struct kernel_values *v = values;
    struct engine engine = engine_of(context);
    CLEANUP(free) char *folder = kernels_folder(&engine);
    CLEANUP(free) char *staged = NULL;
    CLEANUP(fd) int lock = -1;
    if (v->jobs.set && (v->jobs.value < 1 || v->jobs.value > 1024)) {
        return error_set(err, ERROR_USAGE, 0, "'--jobs' must be from 1 to 1024, not %lld",
                         (long long)v->jobs.value);
    }
    int r = vm_kernel_stage(folder, &staged, &lock, err);
    r = r < 0 ? r : build_staged(v, folder, staged, err);
    if (r != 0 && staged) {
        IGNORE(remove_tree(AT_FDCWD, staged, NULL) < 0); /* swept by the next */
    }
    return r;
}

/* --- the commands --------------------------------------------------------------------------------
 */

static const struct option add_options[] = {
    {0, "built-in", OPTION_FLAG, AT(built_in), NULL, "It has all it needs built in: no modules",
     .origin = FROM_CLOISON},
    {0, "modules", OPTION_STRING, AT(modules), "FOLDER",
     "Where its modules are (/lib/modules/RELEASE)", COMPLETE_FOLDER, .origin = FROM_CLOISON},
    {0, "name", OPTION_STRING, AT(name), "NAME", "What to call it (its release)",
     .origin = FROM_CLOISON},
    {0},
};
static const struct option build_options[] = {
    {0, "config", OPTION_STRING, AT(config), "FILE", "The options to build in, in place of ours",
     COMPLETE_FILE, .origin = FROM_CLOISON},
    {'j', "jobs", OPTION_INTEGER, AT(jobs), "N", "How many compilers at once (as processors)",
     .origin = FROM_CLOISON},
    {0, "name", OPTION_STRING, AT(name), "NAME", "What to call it (its release)",
     .origin = FROM_CLOISON},
    {0, "source", OPTION_STRING, AT(source), "SOURCE",
     "An archive or a folder (that of the package linux-source)", COMPLETE_FILE,
     .origin = FROM_CLOISON},
    {0},
};

const struct command command_kernel_add = {
    .name = "kernel add",
    .group = "Walls",
    .summary = "Keep a kernel for machines",
    .arguments = "[OPTIONS] IMAGE",
    .options = add_options,
    .values_size = sizeof(struct kernel_values),
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_FILE,
    .run = add_run,
};

const struct command command_kernel_build = {
    .name = "kernel build",
    .group = "Walls",
    .summary = "Make a small kernel for machines",
    .arguments = "[OPTIONS]",
    .options = build_options,
    .values_size = sizeof(struct kernel_values),
    .run = build_run,
};
