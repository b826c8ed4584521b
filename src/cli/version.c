// SPDX-License-Identifier: Apache-2.0
/* `cloison version`: who we are, on which kernel, and what that kernel has and lacks. */
#include <string.h>
#include <sys/utsname.h>

#include "cli/commands.h"
#include "cli/format.h"
#include "cli/host_text.h"

struct version_values {
    const char *format;
};

static json_t *version_json(const struct host_report *host, const struct utsname *u)
{
    json_t *us = json_pack("{s:s, s:s, s:s, s:s, s:s}", "Version", CLOISON_VERSION, "Os", "linux",
                           "Arch", host_architecture(u->machine), "KernelVersion", u->release,
                           "Compiler", "gcc " __VERSION__);
    json_t *all = json_pack("{s:O, s:o, s:o}", "Client", us, "Server", us, "Features",
                            host_report_to_json(host));
    return all;
}

static void print_version(const struct host_report *host, const struct utsname *u)
{
    printf("cloison %s\n", CLOISON_VERSION);
    printf(" OS/Arch:   linux/%s\n", host_architecture(u->machine));
    printf(" Kernel:    %s\n", u->release);
    printf(" Compiler:  gcc %s\n", __VERSION__);
    printf("\nKernel features, %zu of %zu found ('cloison info' tells where):\n",
           host_features_found(host), host->count);
    host_print_found(host, stdout);
    host_print_missing(host, stdout);
}

static int version_run(const struct command_context *context, void *values, int argc, char **argv,
                       struct error **err)
{
    const struct version_values *v = values;
    CLEANUP(host_report) struct host_report host = {0};
    struct utsname u = {0};
    (void)uname(&u); /* it fails for a bad address alone */
    int r = host_probe(context->data_dir, &host, err);
    if (r < 0) {
        return r;
    }
    if (!v->format) {
        print_version(&host, &u);
        return 0;
    }
    CLEANUP(json) json_t *json = version_json(&host, &u);
    return print_object(v->format, json, false, err);
}

static const struct option version_options[] = {
    {'f', "format", OPTION_STRING, offsetof(struct version_values, format), "FORMAT",
     FORMAT_OPTION_HELP},
    {0},
};

const struct command command_version = {
    .name = "version",
    .group = "System",
    .summary = "Print the version, and what the kernel has and lacks",
    .arguments = "[OPTIONS]",
    .options = version_options,
    .values_size = sizeof(struct version_values),
    .run = version_run,
};
