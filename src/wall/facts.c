// SPDX-License-Identifier: Apache-2.0
#include "wall/facts.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

#define STATUS_MAX 65536

static const char *const kind_names[] = {
    [FACT_SEPARATE] = "separate", [FACT_LIMITED] = "limited", [FACT_SHARED] = "shared"};

void fact_add(json_t *facts, enum fact_kind kind, const char *name, char *value_take,
              const char *meaning)
{
    CLEANUP(free) char *value = value_take;
    str_replace_control(value);
    json_array_append_new(facts, json_pack("{s:s,s:s,s:s,s:s}", "kind", kind_names[kind], "name",
                                           name, "value", value, "meaning", meaning));
}

/* The same with whose it is before the name. */
static void add_named(json_t *facts, enum fact_kind kind, const char *whose, const char *name,
                      char *value_take, const char *meaning)
{
    CLEANUP(free) char *whole = str_format("%s%s", whose, name);
    fact_add(facts, kind, whole, value_take, meaning);
}

/* --- namespaces ------------------------------------------------------------------------------- */

static const struct {
    const char *file, *separate, *shared;
} namespaces[SPEC_NS_COUNT] = {
    [SPEC_NS_MOUNT] = {"mnt", "it has a tree of files of its own", "it sees the host's files"},
    [SPEC_NS_PID] = {"pid", "it sees its own processes alone, the first of them as PID 1",
                     "it sees all processes of the host, and may signal those of its users"},
    [SPEC_NS_NETWORK] = {"net", "it has interfaces, addresses and ports of its own",
                         "it has the host's interfaces and ports, and abstract sockets"},
    [SPEC_NS_IPC] = {"ipc", "it has shared memory and queues of its own",
                     "it sees the host's shared memory and queues"},
    [SPEC_NS_UTS] = {"uts", "it has a host name of its own", "it has the host's name"},
    [SPEC_NS_USER] = {"user", "its root is an ordinary user of the host",
                      "its root is the host's root, less what is limited"},
    [SPEC_NS_CGROUP] = {"cgroup", "it sees its own control group as the root of all",
                        "it sees where its control group stands among the host's"},
    [SPEC_NS_TIME] = {"time", "its monotonic clocks have offsets of their own",
                      "it has the host's monotonic clocks"},
};

const char *namespace_file(enum spec_namespace_type type)
{
    return namespaces[type].file;
}

static uint64_t inode_of(const char *process, enum spec_namespace_type type)
{
    struct stat st;
    CLEANUP(free) char *path = str_format("/proc/%s/ns/%s", process, namespaces[type].file);
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

uint64_t namespace_inode(pid_t pid, enum spec_namespace_type type)
{
    CLEANUP(free) char *process = str_format("%d", (int)pid);
    return inode_of(process, type);
}

uint64_t namespace_inode_host(enum spec_namespace_type type)
{
    uint64_t first = inode_of("1", type);
    return first ? first : inode_of("self", type);
}

/* "0 100000 65536; …": the lines of a map, which the kernel pads with blanks. */
static char *user_map(pid_t pid)
{
    CLEANUP(free) char *path = str_format("/proc/%d/uid_map", (int)pid);
    CLEANUP(free) char *text = NULL;
    CLEANUP(strbuf) struct strbuf out = {0};
    if (file_read(AT_FDCWD, path, STATUS_MAX, &text, NULL, NULL) < 0) {
        return xstrdup("unknown");
    }
    unsigned inside, outside, count;
    int used;
    for (const char *at = text; sscanf(at, "%u %u %u%n", &inside, &outside, &count, &used) == 3;
         at += used) {
        strbuf_addf(&out, "%suids %u-%u are %u-%u of the host", out.len ? "; " : "", inside,
                    inside + count - 1, outside, outside + count - 1);
    }
    return out.len ? strbuf_take(&out) : xstrdup("none: it is nobody (65534) to the host");
}

void facts_namespaces(json_t *facts, pid_t pid, const char *whose)
{
    for (int t = 0; t < SPEC_NS_COUNT; t++) {
        uint64_t own = namespace_inode(pid, t), host = namespace_inode_host(t);
        bool separate = own && own != host;
        CLEANUP(free) char *name = str_format("%s%s namespace", whose, spec_namespace_name(t));
        char *value = separate ? str_format("%llu, the host's %llu", (unsigned long long)own,
                                            (unsigned long long)host)
                               : str_format("%llu", (unsigned long long)host);
        if (!own) { /* old kernels have no time namespace: then there is one for all */
            free(value);
            value = xstrdup("this kernel has but one");
        }
        fact_add(facts, separate ? FACT_SEPARATE : FACT_SHARED, name, value,
                 separate ? namespaces[t].separate : namespaces[t].shared);
    }
    if (namespace_inode(pid, SPEC_NS_USER) != namespace_inode_host(SPEC_NS_USER)) {
        add_named(facts, FACT_LIMITED, whose, "user map", user_map(pid),
                  "to the host its users are these, who own nothing there");
    }
}

/* --- privileges ------------------------------------------------------------------------------- */

char *process_status(pid_t pid)
{
    CLEANUP(free) char *path = str_format("/proc/%d/status", (int)pid);
    char *text = NULL;
    return file_read(AT_FDCWD, path, STATUS_MAX, &text, NULL, NULL) < 0 ? NULL : text;
}

char *process_status_value(const char *status, const char *key)
{
    size_t length = strlen(key);
    for (const char *line = status; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0 && line[length] == ':') {
            line += length + 1;
            line += strspn(line, " \t");
            return xstrndup(line, strcspn(line, "\n"));
        }
        if (!*line) {
            break;
        }
    }
    return NULL;
}

static uint64_t capability_set(const char *status, const char *key)
{
    uint64_t set = 0;
    CLEANUP(free) char *value = process_status_value(status, key);
    return value && str_to_u64(value, 16, &set) >= 0 ? set : 0;
}

static int capability_last(void)
{
    CLEANUP(free) char *line = NULL;
    int64_t last = -1;
    if (file_read_line(AT_FDCWD, "/proc/sys/kernel/cap_last_cap", &line, NULL) < 0 ||
        str_to_i64(line, 10, &last) < 0 || last < 0 || last > 63) {
        return 40; /* CAP_CHECKPOINT_RESTORE, Linux 5.9 */
    }
    return (int)last;
}

static void add_capabilities(json_t *facts, const char *whose, const char *status)
{
    uint64_t bounding = capability_set(status, "CapBnd");
    int last = capability_last(), count = 0;
    CLEANUP(strv) struct strv names = {0};
    for (int c = 0; c <= last; c++) {
        if (bounding >> c & 1) {
            strv_add(&names, str_or(spec_capability_name(c), "unknown"));
            count++;
        }
    }
    CLEANUP(free) char *list = strv_join(&names, ", ");
    bool all = count == last + 1;
    add_named(facts, all ? FACT_SHARED : FACT_LIMITED, whose, "capabilities",
              str_format("%d of %d%s%s", count, last + 1, count && !all ? ": " : "",
                         count && !all ? list : ""),
              all     ? "its root may do all that the host's root may"
              : count ? "whatever it runs, also as root, has no privilege but these"
                      : "whatever it runs, also as root, has no privilege");
}

static void add_no_new_privileges(json_t *facts, const char *whose, const char *status)
{
    CLEANUP(free) char *value = process_status_value(status, "NoNewPrivs");
    bool set = str_equal(value, "1");
    add_named(facts, set ? FACT_LIMITED : FACT_SHARED, whose, "no_new_privs",
              xstrdup(str_or(value, "0")),
              set ? "set-uid programs and file capabilities give nothing"
                  : "set-uid programs and file capabilities work, within its capabilities");
}

static void add_system_calls(json_t *facts, const char *whose, const char *status,
                             const char *calls)
{
    CLEANUP(free) char *mode = process_status_value(status, "Seccomp");
    CLEANUP(free) char *filters = process_status_value(status, "Seccomp_filters");
    if (!str_equal(mode, "2")) {
        add_named(facts, FACT_SHARED, whose, "system calls",
                  str_format("mode %s", str_or(mode, "0")),
                  "it may make every system call of the host's kernel");
        return;
    }
    add_named(facts, FACT_LIMITED, whose, "system calls",
              str_format("mode 2, filters %s%s%s", str_or(filters, "unknown"), calls ? ": " : "",
                         str_or(calls, "")),
              "what the filter refuses never reaches the kernel's code");
}

static void add_label(json_t *facts, const char *whose, pid_t pid)
{
    CLEANUP(free) char *path = str_format("/proc/%d/attr/current", (int)pid);
    CLEANUP(free) char *label = NULL;
    bool some = file_read_line(AT_FDCWD, path, &label, NULL) >= 0 && *label;
    bool confined = some && !str_equal(label, "unconfined") && !str_equal(label, "kernel");
    add_named(facts, confined ? FACT_LIMITED : FACT_SHARED, whose, "security label",
              xstrdup(some ? label : "none"),
              confined ? "a security module's rules bind it besides"
                       : "no security module's rules bind it");
}

void facts_privileges(json_t *facts, pid_t pid, const char *whose, const char *calls)
{
    CLEANUP(free) char *status = process_status(pid);
    if (status) {
        add_capabilities(facts, whose, status);
        add_no_new_privileges(facts, whose, status);
        add_system_calls(facts, whose, status, calls);
        add_label(facts, whose, pid);
    }
}
