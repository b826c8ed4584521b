// SPDX-License-Identifier: Apache-2.0
/* `cloison kernel ls`, `inspect`, `rm`: which kernels machines (`--wall vm`) can boot, and those
 * kept for them. */
#include "cli/kernel.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/human.h"
#include "base/json.h"
#include "cli/each.h"
#include "cli/format.h"
#include "wall/vm/kernels.h"

struct kernel_values {
    const char *format;
    bool quiet;
};
#define AT(member) offsetof(struct kernel_values, member)

char *kernels_folder(const struct engine *e)
{
    return str_format("%s/kernels", e->data_dir);
}

static const struct list_column columns[] = {
    {"Name", "NAME"},     {"Release", "RELEASE"}, {"Modules", "MODULES"}, {"Size", "SIZE"},
    {"Source", "SOURCE"}, {"Created", "CREATED"}, {NULL, NULL},
};

static json_t *kernel_row(const struct vm_kernel *k)
{
    CLEANUP(free) char *size = human_size(k->st.st_size);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "Name", k->name, "Release", k->release,
                     "Modules", str_or(k->modules, "built in"), "Size", size, "Source",
                     str_or(k->source, "installed"), "Created", str_or(k->created, ""));
}

static int ls_run(const struct command_context *context, void *values, int argc, char **argv,
                  struct error **err)
{
    const struct kernel_values *v = values;
    struct engine engine = engine_of(context);
    CLEANUP(free) char *folder = kernels_folder(&engine);
    struct vm_kernel *kernels = NULL;
    struct list *list = NULL;
    size_t count = 0;
    int r = list_begin(v->quiet ? "{{.Name}}" : v->format,
                       "{{.Name}}\t{{.Release}}\t{{.Modules}}\t{{.Size}}\t{{.Source}}", columns,
                       &list, err);
    if (r < 0) {
        return r;
    }
    r = vm_kernel_list(folder, &kernels, &count, err);
    for (size_t i = 0; i < count && r >= 0; i++) {
        r = list_row(list, kernel_row(&kernels[i]), NULL, err);
    }
    vm_kernel_list_free(kernels, count);
    if (r < 0) {
        list_cancel(list);
    } else {
        list_end(list);
    }
    return r < 0 ? r : 0;
}

static json_t *kernel_object(const char *folder, const struct vm_kernel *k)
{
    CLEANUP(free)
    char *config = k->source ? str_format("%s/%s/config", folder, k->name)
                             : str_format("/boot/config-%s", k->name);
    return json_pack("{s:s, s:s, s:s, s:s?, s:I, s:s, s:s?, s:s?}", "Name", k->name, "Release",
                     k->release, "Image", k->image, "Modules", k->modules, "Size",
                     (json_int_t)k->st.st_size, "Source", str_or(k->source, "installed"), "Created",
                     k->created, "Config", access(config, R_OK) == 0 ? config : NULL);
}

static int inspect_run(const struct command_context *context, void *values, int argc, char **argv,
                       struct error **err)
{
    const struct kernel_values *v = values;
    struct engine engine = engine_of(context);
    CLEANUP(free) char *folder = kernels_folder(&engine);
    CLEANUP(json) json_t *objects = json_array();
    int status = 0, r = 0;
    for (int i = 0; i < argc && r >= 0; i++) {
        CLEANUP(vm_kernel) struct vm_kernel k = {0};
        CLEANUP(error) struct error *mine = NULL;
        if (vm_kernel_find(folder, argv[i], &k, &mine) < 0) {
            error_print(mine, stderr); /* as of each_container(): there may be several */
            status = 1;
            continue;
        }
        json_t *object = kernel_object(folder, &k);
        r = v->format && v->format[0] ? print_object(v->format, object, false, err) : 0;
        (void)json_array_append_new(objects, object); /* out of memory ends us anyway */
    }
    if (r >= 0 && !(v->format && v->format[0])) {
        CLEANUP(free) char *text = json_dumps(objects, JSON_INDENT(4));
        printf("%s\n", text);
    }
    return r < 0 ? r : status;
}

static int rm_one(const struct engine *engine, const char *name, void *context, struct error **err)
{
    CLEANUP(free) char *folder = kernels_folder(engine);
    return vm_kernel_remove(folder, name, err);
}

static int rm_run(const struct command_context *context, void *values, int argc, char **argv,
                  struct error **err)
{
    return each_container(context, argc, argv, rm_one, values);
}

static const struct option ls_options[] = {
    {0, "format", OPTION_STRING, AT(format), "FORMAT", LIST_FORMAT_OPTION_HELP,
     .origin = FROM_CLOISON},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Print the names alone", .origin = FROM_CLOISON},
    {0},
};
static const struct option inspect_options[] = {
    {'f', "format", OPTION_STRING, AT(format), "FORMAT", FORMAT_OPTION_HELP,
     .origin = FROM_CLOISON},
    {0},
};

const struct command command_kernel_ls = {
    .name = "kernel ls",
    .group = "Walls",
    .summary = "List the kernels that machines can boot",
    .arguments = "[OPTIONS]",
    .options = ls_options,
    .values_size = sizeof(struct kernel_values),
    .run = ls_run,
};

const struct command command_kernel_inspect = {
    .name = "kernel inspect",
    .group = "Walls",
    .summary = "All that is known of kernels",
    .arguments = "[OPTIONS] KERNEL [KERNEL...]",
    .options = inspect_options,
    .values_size = sizeof(struct kernel_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_KERNEL,
    .run = inspect_run,
};

const struct command command_kernel_rm = {
    .name = "kernel rm",
    .group = "Walls",
    .summary = "Remove kernels that were kept",
    .arguments = "KERNEL [KERNEL...]",
    .values_size = sizeof(struct kernel_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_KERNEL,
    .run = rm_run,
};
