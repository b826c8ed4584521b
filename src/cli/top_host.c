// SPDX-License-Identifier: Apache-2.0
/* `cloison top --host`: each process as its container sees it beside what the host sees of it, and
 * the namespaces that lie between the two. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/top.h"
#include "wall/facts.h"

#define COMMAND_LINE_MAX 4096

/* The words of a process; the kernel's name for it in brackets where it has none. */
static char *command_line(pid_t pid, const char *status)
{
    CLEANUP(free) char *path = str_format("/proc/%d/cmdline", (int)pid);
    char *text = NULL;
    size_t length = 0;
    if (file_read(AT_FDCWD, path, (size_t)1 << 20, &text, &length, NULL) >= 0 && length) {
        for (size_t i = 0; i + 1 < length; i++) {
            text[i] = text[i] ? text[i] : ' ';
        }
        if (length > COMMAND_LINE_MAX) {
            text[COMMAND_LINE_MAX] = '\0';
        }
        str_replace_control(text);
        return text;
    }
    free(text);
    CLEANUP(free) char *name = process_status_value(status, "Name");
    return str_format("[%s]", str_or(name, "?"));
}

/* The user id inside for one of the host's, by the process's own map. */
static int64_t uid_inside(pid_t pid, int64_t uid)
{
    CLEANUP(free) char *path = str_format("/proc/%d/uid_map", (int)pid);
    CLEANUP(free) char *text = NULL;
    unsigned inside, outside, count;
    int used;
    if (file_read(AT_FDCWD, path, 65536, &text, NULL, NULL) < 0) {
        return -1;
    }
    for (const char *at = text; sscanf(at, "%u %u %u%n", &inside, &outside, &count, &used) == 3;
         at += used) {
        if (uid >= outside && uid - outside < count) {
            return uid - outside + inside;
        }
    }
    return -1;
}

static const char *last_word(const char *text)
{
    const char *blank = text ? strrchr(text, '\t') : NULL;
    return blank ? blank + 1 : str_or(text, "?");
}

enum side { BOTH, HOST_ALONE, INSIDE_ALONE };

static void print_row(const char *inside, const char *host, const char *uid_inside,
                      const char *uid_host, const char *command)
{
    printf("%-11s %-11s %-11s %-11s %s\n", inside, host, uid_inside, uid_host, command);
}

/* A process that ended meanwhile has no line. */
static void print_process(pid_t pid, enum side side)
{
    CLEANUP(free) char *status = process_status(pid);
    if (!status) {
        return;
    }
    CLEANUP(free) char *numbers = process_status_value(status, "NSpid");
    CLEANUP(free) char *users = process_status_value(status, "Uid");
    CLEANUP(free) char *command = command_line(pid, status);
    unsigned long uid = 0;
    (void)sscanf(str_or(users, "0"), "%20lu", &uid); /* the real one stands first */
    int64_t inside = uid_inside(pid, (int64_t)uid);
    CLEANUP(free) char *host_pid = str_format("%d", (int)pid);
    CLEANUP(free) char *host_uid = str_format("%lu", uid);
    CLEANUP(free)
    char *own_uid = inside < 0 ? xstrdup("none") : str_format("%lld", (long long)inside);
    print_row(side == HOST_ALONE ? "-" : last_word(numbers), side == INSIDE_ALONE ? "-" : host_pid,
              side == HOST_ALONE ? "-" : own_uid, side == INSIDE_ALONE ? "-" : host_uid, command);
}

static void print_namespaces(pid_t pid)
{
    printf("\n%-11s %-11s %-11s %s\n", "NAMESPACE", "INSIDE", "HOST", "");
    for (int t = 0; t < SPEC_NS_COUNT; t++) {
        uint64_t own = namespace_inode(pid, t), host = namespace_inode_host(t);
        if (own) {
            printf("%-11s %-11llu %-11llu %s\n", spec_namespace_name(t), (unsigned long long)own,
                   (unsigned long long)host, own == host ? "shared" : "its own");
        }
    }
}

static void print_heading(void)
{
    print_row("PID INSIDE", "PID ON HOST", "UID INSIDE", "UID ON HOST", "COMMAND");
}

void top_print_host(const pid_t *pids, size_t count, pid_t first)
{
    print_heading();
    for (size_t i = 0; i < count; i++) {
        print_process(pids[i], BOTH);
    }
    print_namespaces(first);
}

static pid_t parent_of(const char *pid)
{
    int64_t number = 0, parent = 0;
    CLEANUP(free)
    char *status = str_to_i64(pid, 10, &number) < 0 ? NULL : process_status((pid_t)number);
    CLEANUP(free) char *text = status ? process_status_value(status, "PPid") : NULL;
    return text && str_to_i64(text, 10, &parent) >= 0 ? (pid_t)parent : 0;
}

void top_print_monitor(pid_t first)
{
    CLEANUP(strv) struct strv all = {0};
    CLEANUP(strv) struct strv family = {0}; /* the first and all that come from it */
    print_heading();
    print_process(first, HOST_ALONE);
    strv_addf(&family, "%d", (int)first);
    IGNORE(list_folder(AT_FDCWD, "/proc", &all, NULL) < 0); /* then there is nothing to be seen */
    for (size_t known = 0; known < family.count; known++) {
        for (size_t i = 0; i < all.count; i++) {
            CLEANUP(free) char *parent = str_format("%d", (int)parent_of(all.items[i]));
            if (str_equal(parent, family.items[known])) {
                int64_t pid = 0;
                strv_add(&family, all.items[i]);
                IGNORE(str_to_i64(all.items[i], 10, &pid) < 0); /* it was one above */
                print_process((pid_t)pid, HOST_ALONE);
            }
        }
    }
}

void top_print_inside(const pid_t *pids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print_process(pids[i], INSIDE_ALONE);
    }
    printf(
        "\nIts kernel is its own: the host sees the monitor of the machine and none of these.\n");
}
