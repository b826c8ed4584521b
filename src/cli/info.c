// SPDX-License-Identifier: Apache-2.0
/* `cloison info`: what the store holds and what the host can do. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/human.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/host_text.h"
#include "engine/cgroup_driver.h"
#include "engine/container.h"
#include "engine/stats.h"
#include "wall/wall.h"

struct info_values {
    const char *format;
};

struct counts {
    size_t containers, running, paused, stopped, images;
};

/* Images are counted by their files: opening each would cost for nothing. */
static size_t count_images(const char *data_dir)
{
    CLEANUP(free) char *path = str_format("%s/images/ids", data_dir);
    CLEANUP(dir) DIR *dir = opendir(path);
    size_t count = 0;
    struct dirent *e;
    while (dir && (e = readdir(dir))) {
        count += str_ends(e->d_name, ".json");
    }
    return count;
}

static int count_objects(const struct command_context *context, struct counts *ret,
                         struct error **err)
{
    struct engine engine = {context->data_dir, context->run_dir, context->config_path};
    struct container **list = NULL;
    int r = container_list(&engine, &list, &ret->containers, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < ret->containers; i++) {
        enum container_status s = list[i]->status;
        ret->paused += s == CONTAINER_PAUSED;
        ret->running += s == CONTAINER_RUNNING || s == CONTAINER_RESTARTING;
    }
    ret->stopped = ret->containers - ret->running - ret->paused;
    container_list_free(list, ret->containers);
    ret->images = count_images(context->data_dir);
    return 0;
}

/* PRETTY_NAME of os-release. The caller frees. */
static char *operating_system(void)
{
    CLEANUP(free) char *text = NULL;
    if (file_read(AT_FDCWD, "/etc/os-release", 65536, &text, NULL, NULL) < 0) {
        return xstrdup("Linux");
    }
    char *at = str_starts(text, "PRETTY_NAME=") ? text : strstr(text, "\nPRETTY_NAME=");
    if (!at) {
        return xstrdup("Linux");
    }
    at = strchr(at, '=') + 1;
    at += *at == '"';
    return xstrndup(at, strcspn(at, "\"\n"));
}

static bool controller_found(const struct host_report *host, const char *name)
{
    for (size_t i = 0; i < host->count; i++) {
        if (str_equal(host->features[i].group, "Control groups") &&
            str_equal(host->features[i].name, name)) {
            return host->features[i].found;
        }
    }
    return false;
}

static json_t *security_options(const struct host_report *host)
{
    json_t *list = json_array();
    if (*host->security_labels) {
        json_array_append_new(list, json_sprintf("name=%s", host->security_labels));
    }
    json_array_append_new(list, json_string("name=seccomp,profile=builtin"));
    json_array_append_new(list, json_string("name=cgroupns"));
    return list;
}

static void add_limits(json_t *info, const struct host_report *host)
{
    static const struct {
        const char *key, *controller;
    } limits[] = {{"MemoryLimit", "memory"}, {"SwapLimit", "memory"}, {"CpuCfsPeriod", "cpu"},
                  {"CpuCfsQuota", "cpu"},    {"CPUShares", "cpu"},    {"CPUSet", "cpuset"},
                  {"PidsLimit", "pids"}};
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        json_object_set_new(info, limits[i].key,
                            json_boolean(controller_found(host, limits[i].controller)));
    }
}

/* Docker's field names; Features, CgroupLayout and RunRoot are ours. */
static json_t *info_json(const struct command_context *context, const struct counts *c,
                         const struct host_report *host, bool systemd_cgroup)
{
    struct utsname u = {0};
    (void)uname(&u); /* it fails for a bad address alone */
    char now[TIME_TEXT_BYTES];
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    time_text(&t, now);
    char version[] = {(char)('0' + host->cgroup_version), '\0'};
    CLEANUP(free) char *system = operating_system();
    json_t *info = json_pack(
        "{s:i, s:i, s:i, s:i, s:i, s:s, s:[[s,s]], s:s, s:s, s:s, s:s, s:s}", "Containers",
        (int)c->containers, "ContainersRunning", (int)c->running, "ContainersPaused",
        (int)c->paused, "ContainersStopped", (int)c->stopped, "Images", (int)c->images, "Driver",
        "overlay2", "DriverStatus", "Backing Filesystem", host->file_system, "LoggingDriver",
        "json-file", "CgroupDriver", systemd_cgroup ? "systemd" : "cgroupfs", "CgroupVersion",
        version, "CgroupLayout", host->cgroup_layout, "SystemTime", now);
    json_t *rest = json_pack(
        "{s:s, s:s, s:s, s:s, s:i, s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "KernelVersion",
        u.release, "OperatingSystem", system, "OSType", "linux", "Architecture", u.machine, "NCPU",
        (int)sysconf(_SC_NPROCESSORS_ONLN), "MemTotal", (json_int_t)host_memory_bytes(),
        "DockerRootDir", context->data_dir, "RunRoot", context->run_dir, "Name", u.nodename,
        "ServerVersion", CLOISON_VERSION, "DefaultRuntime", "container", "SecurityOptions",
        security_options(host), "Features", host_report_to_json(host));
    json_object_update(info, rest);
    json_decref(rest);
    add_limits(info, host);
    return info;
}

static const char *text_of(const json_t *info, const char *key)
{
    return str_or(json_string_value(json_object_get(info, key)), "");
}

static int number_of(const json_t *info, const char *key)
{
    return (int)json_integer_value(json_object_get(info, key));
}

static void print_security(const json_t *info)
{
    size_t i;
    json_t *option;
    printf("Security Options:\n");
    json_array_foreach(json_object_get(info, "SecurityOptions"), i, option)
    {
        printf(" %s\n", json_string_value(option) + strlen("name="));
    }
}

static void print_info(const json_t *info, const struct host_report *host)
{
    CLEANUP(free) char *memory = human_binary_size(host_memory_bytes());
    printf("Containers: %d\n", number_of(info, "Containers"));
    printf(" Running: %d\n", number_of(info, "ContainersRunning"));
    printf(" Paused: %d\n", number_of(info, "ContainersPaused"));
    printf(" Stopped: %d\n", number_of(info, "ContainersStopped"));
    printf("Images: %d\n", number_of(info, "Images"));
    printf("Version: %s\n", CLOISON_VERSION);
    printf("Storage Driver: overlay2\n Backing Filesystem: %s\n", host->file_system);
    printf("Logging Driver: json-file\n");
    printf("Cgroup Driver: %s\n", text_of(info, "CgroupDriver"));
    printf("Cgroup Version: %s (%s)\n", text_of(info, "CgroupVersion"), host->cgroup_layout);
    CLEANUP(strv) struct strv walls = {0};
    wall_names(&walls);
    CLEANUP(free) char *names = strv_join(&walls, " ");
    printf("Walls: %s\n", names);
    print_security(info);
    printf("Kernel Version: %s\n", text_of(info, "KernelVersion"));
    printf("Operating System: %s\n", text_of(info, "OperatingSystem"));
    printf("Architecture: %s\n", text_of(info, "Architecture"));
    printf("CPUs: %d\n", number_of(info, "NCPU"));
    printf("Total Memory: %s\n", memory);
    printf("Name: %s\n", text_of(info, "Name"));
    printf("Data Root: %s\n", text_of(info, "DockerRootDir"));
    printf("Run Root: %s\n\n", text_of(info, "RunRoot"));
    printf("Kernel features, %zu of %zu found:\n\n", host_features_found(host), host->count);
    host_print_all(host, stdout);
}

static int info_run(const struct command_context *context, void *values, int argc, char **argv,
                    struct error **err)
{
    const struct info_values *v = values;
    struct counts counts = {0};
    CLEANUP(host_report) struct host_report host = {0};
    int r = count_objects(context, &counts, err);
    bool systemd_cgroup = false;
    r = r < 0 ? r : host_probe(context->data_dir, &host, err);
    r = r < 0 ? r : cgroup_driver_is_systemd(context->config_path, &systemd_cgroup, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(json) json_t *info = info_json(context, &counts, &host, systemd_cgroup);
    if (v->format) {
        return print_object(v->format, info, false, err);
    }
    print_info(info, &host);
    return 0;
}

static const struct option info_options[] = {
    {'f', "format", OPTION_STRING, offsetof(struct info_values, format), "FORMAT",
     FORMAT_OPTION_HELP},
    {0},
};

const struct command command_info = {
    .name = "info",
    .group = "System",
    .summary = "Print what the store holds and what the host can do",
    .arguments = "[OPTIONS]",
    .options = info_options,
    .values_size = sizeof(struct info_values),
    .run = info_run,
};
