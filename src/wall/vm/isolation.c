// SPDX-License-Identifier: Apache-2.0
/* The vm wall's facts: the machine as its own kernel tells it, and its monitor as the host's does,
 * for that is where a workload would be that broke out of its machine. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/human.h"
#include "wall/facts.h"
#include "wall/vm/workload.h"

#define TEXT_MAX ((size_t)1 << 20)

/* How many lines hold the word. */
static int count_lines(const char *text, const char *word)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strcspn(at, "\n")) {
        count++;
    }
    return count;
}

static char *read_inside(int proc, const char *name)
{
    char *text = NULL;
    return file_read(proc, name, TEXT_MAX, &text, NULL, NULL) < 0 ? NULL : text;
}

static void add_machine(json_t *facts, int proc)
{
    CLEANUP(free) char *release = read_inside(proc, "sys/kernel/osrelease");
    CLEANUP(free) char *processors = read_inside(proc, "cpuinfo");
    CLEANUP(free) char *memory = read_inside(proc, "meminfo");
    CLEANUP(free) char *regions = read_inside(proc, "iomem");
    long long kibibytes = 0;
    if (release) {
        release[strcspn(release, "\n")] = '\0';
        fact_add(facts, FACT_SEPARATE, "kernel", str_format("Linux %s", release),
                 "its system calls are answered by a kernel of its own");
    }
    if (memory && sscanf(memory, "MemTotal: %20lld", &kibibytes) == 1) {
        CLEANUP(free) char *size = human_binary_size(kibibytes * 1024);
        fact_add(facts, FACT_SEPARATE, "memory of the machine",
                 str_format("%s, less its kernel's own part", size),
                 "it has no address for any other memory of the host");
    }
    if (processors) {
        fact_add(facts, FACT_LIMITED, "processors",
                 str_format("%d", count_lines(processors, "processor\t")),
                 "threads of the monitor, in the processor's guest mode");
    }
    if (regions) {
        fact_add(facts, FACT_SHARED, "devices",
                 str_format("%d virtio devices", count_lines(regions, "LNRO0005")),
                 "all of the host that it can speak to: disks, network card, console, entropy, "
                 "balloon, folders");
    }
}

/* The monitor among the processes of the machine's groups; 0: not found. */
static pid_t find_monitor(const struct workload *w, const char **ret_name)
{
    CLEANUP(free) pid_t *pids = NULL;
    size_t count = 0;
    if (cgroup_pids(&w->groups, &pids, &count, NULL) < 0) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        char target[4096];
        CLEANUP(free) char *path = str_format("/proc/%d/exe", (int)pids[i]);
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        const char *name = str_or(strrchr(target, '/'), "/") + 1;
        if (str_equal(name, "cloison-vmm") || str_starts(name, "qemu-system")) {
            *ret_name = str_equal(name, "cloison-vmm") ? "cloison-vmm, on the processor's KVM"
                                                       : "QEMU, which emulates the processor";
            return pids[i];
        }
    }
    return 0;
}

int vm_isolation(struct workload *w, json_t **ret, struct error **err)
{
    CLEANUP(fd) int proc = -1;
    const char *name = NULL;
    int r = vm_files(w, WALL_TREE_PROCESSES, &proc, err);
    if (r < 0) {
        return r;
    }
    *ret = json_array();
    add_machine(*ret, proc);
    pid_t monitor = find_monitor(w, &name);
    if (monitor) {
        fact_add(*ret, FACT_SHARED, "monitor", str_format("%s, process %d", name, (int)monitor),
                 "who breaks out of the machine is this process, in what follows");
        facts_namespaces(*ret, monitor, "monitor's ");
        facts_privileges(*ret, monitor, "monitor's ", NULL);
    }
    cgroup_facts(&w->groups, *ret);
    return 0;
}
