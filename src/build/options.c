// SPDX-License-Identifier: Apache-2.0
#include "build/options.h"

#include "base/option_rows.h"

#define AT(member) offsetof(struct build_options, member)

/* In the order of the alphabet, as --help shows them. */
const struct option build_options[] = {
    LIST(0, "add-host", run.add_hosts, "NAME:ADDRESS", "Add a line to /etc/hosts of RUN"),
    LIST(0, "allow", allow, "RIGHT", "security.insecure, network.host", COMPLETE_WORDS,
         "security.insecure network.host"),
    LIST(0, "annotation", annotations, "KEY=VALUE", "Add an annotation to the manifest"),
    LIST(0, "attest", attests, "TYPE", "Attest: type=sbom, type=provenance", COMPLETE_WORDS,
         "type=sbom type=provenance"),
    LIST(0, "build-arg", build_args, "NAME[=VALUE]", "Set an ARG"),
    LIST(0, "build-context", contexts, "NAME=SOURCE", "Add a context of that name"),
    TEXT(0, "builder", builder, "NAME", "Taken for Docker's sake: there is one", .hidden = true),
    LIST(0, "cache-from", cache_from, "SOURCE", "Take steps from this cache"),
    LIST(0, "cache-to", cache_to, "TARGET", "Put the steps into this cache"),
    TEXT(0, "call", call, "METHOD", "build or check", COMPLETE_WORDS, "build check"),
    TEXT(0, "cgroup-parent", run.cgroup_parent, "GROUP", "Make cgroups of RUN below this one"),
    FLAG(0, "check", check, "Look for mistakes; build nothing"),
    {0, "compress", OPTION_FLAG, AT(compress), NULL, "Always so", .hidden = true},
    NUMBER(0, "cpu-period", OPTION_INTEGER, run.cpu_period, "MICROSECONDS",
           "Period of --cpu-quota"),
    NUMBER(0, "cpu-quota", OPTION_INTEGER, run.cpu_quota, "MICROSECONDS",
           "CPU time in each period"),
    NUMBER('c', "cpu-shares", OPTION_INTEGER, run.cpu_shares, "SHARES",
           "Share of CPU time under contention"),
    NUMBER(0, "cpus", OPTION_DECIMAL, run.cpus_thousandths, "CPUS", "At most so many CPUs a step"),
    TEXT(0, "cpuset-cpus", run.cpuset_cpus, "CPUS", "Run on these CPUs: 0-2,4"),
    TEXT(0, "cpuset-mems", run.cpuset_mems, "NODES", "Use memory of these NUMA nodes"),
    LIST(0, "dns", run.dns, "ADDRESS", "Use this name server"),
    TEXT('f', "file", file, "FILE", "The Dockerfile; '-' is standard input", COMPLETE_FILE),
    {0, "force-rm", OPTION_FLAG, AT(force_rm), NULL, "Always so", .hidden = true},
    TEXT(0, "iidfile", iidfile, "FILE", "Write the image's ID to a file", COMPLETE_FILE),
    LIST(0, "label", labels, "KEY=VALUE", "Add a label to the image"),
    FLAG(0, "load", load, "As --output type=docker into the store: the default"),
    NUMBER('m', "memory", OPTION_BYTES, run.memory, "SIZE", "At most so much memory a step"),
    NUMBER(0, "memory-swap", OPTION_BYTES, run.memory_swap, "SIZE",
           "Memory and swap together; -1: no limit of swap"),
    TEXT(0, "metadata-file", metadata_file, "FILE", "Write digests and names as JSON",
         COMPLETE_FILE),
    TEXT(0, "network", network, "MODE", "Network of RUN: default, none or host", COMPLETE_WORDS,
         "default none host"),
    FLAG(0, "no-cache", no_cache, "Take no step from the cache"),
    LIST(0, "no-cache-filter", no_cache_filter, "STAGE", "Take no step of this stage from it"),
    LIST('o', "output", outputs, "TARGET", "type=TYPE,dest=PATH; or a folder, or -"),
    NUMBER(0, "pids-limit", OPTION_INTEGER, run.pids_limit, "COUNT",
           "At most so many processes a step"),
    LIST(0, "platform", platforms, "OS/ARCH", "Build for these platforms: OS/ARCH,OS/ARCH"),
    TEXT(0, "progress", progress, "MODE", "auto, plain, tty, rawjson or quiet", COMPLETE_WORDS,
         "auto plain tty rawjson quiet"),
    TEXT(0, "provenance", provenance, "BOOL|FIELDS", "As --attest type=provenance,FIELDS"),
    FLAG(0, "pull", pull, "Fetch base images anew"),
    FLAG(0, "push", push, "As --output type=registry"),
    FLAG('q', "quiet", quiet, "Print the image's ID alone"),
    {0, "rm", OPTION_FLAG, AT(rm), NULL, "Always so", .hidden = true},
    TEXT(0, "sbom", sbom, "BOOL", "As --attest type=sbom"),
    LIST(0, "secret", secrets, "id=ID[,src=FILE|env=NAME]", "Let RUN --mount=type=secret see it"),
    LIST(0, "security-opt", run.security_opt, "OPTION", "Security options of RUN"),
    NUMBER(0, "shm-size", OPTION_BYTES, run.shm_size, "SIZE", "Size of /dev/shm"),
    FLAG(0, "squash", squash, "Make one layer of all that is new"),
    LIST(0, "ssh", ssh, "default|ID[=SOCKET|KEY]", "Let RUN --mount=type=ssh use the agent"),
    LIST('t', "tag", tags, "NAME[:TAG]", "Name the image", COMPLETE_IMAGE),
    TEXT(0, "target", target, "STAGE", "Build up to this stage"),
    LIST(0, "ulimit", run.ulimits, "NAME=SOFT[:HARD]", "Set a resource limit"),
    {0, "wall", OPTION_STRING, AT(run.wall), "WALL", "What isolates RUN: container or vm",
     COMPLETE_WORDS, "container vm", FROM_CLOISON},
    {0},
};

void build_options_defaults(void *values)
{
    struct build_options *o = values;
    o->run.wall = "container";
    o->run.pull = "missing";
    o->progress = "auto";
    o->network = "default";
}

static json_t *value_to_json(const struct option *row, const void *at)
{
    const struct option_integer *number = at;
    switch (row->type) {
    case OPTION_FLAG:
        return *(const bool *)at ? json_true() : NULL;
    case OPTION_STRING:
        return *(const char *const *)at ? json_string(*(const char *const *)at) : NULL;
    case OPTION_LIST:
        return ((const struct strv *)at)->count ? json_from_strv(at) : NULL;
    case OPTION_INTEGER:
    case OPTION_BYTES:
    case OPTION_DURATION:
    case OPTION_DECIMAL:
        return number->set ? json_integer(number->value) : NULL;
    }
    return NULL;
}

json_t *build_options_to_json(const struct build_options *o)
{
    json_t *json = json_object();
    for (const struct option *row = build_options; row->name; row++) {
        json_t *value = value_to_json(row, (const char *)o + row->offset);
        if (value) {
            json_object_set_new(json, row->name, value);
        }
    }
    return json;
}

static int value_from_json(const struct option *row, const json_t *json, void *at,
                           struct error **err)
{
    struct option_integer *number = at;
    int r = 0;
    switch (row->type) {
    case OPTION_FLAG:
        return json_get_bool(json, row->name, "request", at, err);
    case OPTION_STRING:
        return json_get_str(json, row->name, "request", at, err);
    case OPTION_LIST:
        return json_get_strv(json, row->name, "request", at, err);
    case OPTION_INTEGER:
    case OPTION_BYTES:
    case OPTION_DURATION:
    case OPTION_DECIMAL:
        r = json_get_i64(json, row->name, "request", INT64_MIN, INT64_MAX, &number->value, err);
        number->set = r > 0;
        return r;
    }
    return r;
}

int build_options_from_json(const json_t *json, struct build_options *ret, struct error **err)
{
    build_options_defaults(ret);
    int r = 0;
    for (const struct option *row = build_options; row->name && r >= 0; row++) {
        r = value_from_json(row, json, (char *)ret + row->offset, err);
    }
    return r < 0 ? r : 0;
}
