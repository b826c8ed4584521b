// SPDX-License-Identifier: Apache-2.0
/* The floor under `run`: what the kernel itself takes to start and end a container, and nothing
 * else.
 *
 *     limit LOWERDIR SCRATCH COMMAND [ARG…]
 *
 * Does, in one process and without reading, planning, checking or recording anything, what a
 * container with Docker's defaults and `--network none` asks of the kernel: groups in the same
 * hierarchies with the same device rules, clone3 with the same namespaces (into the v2 group where
 * there is one), the same mounts, masked and read-only paths, pivot_root, exec; it waits for the
 * end and removes the groups. LOWERDIR is the overlay's lower folders, joined by ':'; SCRATCH is an
 * existing folder, in which a folder of its own is made and removed.
 * Ends with the command's status; 125 and a line on stderr when a step fails. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PATH_BYTES 512
#define GROUPS_MAX 16

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
    _exit(125);
}
static void must(bool done, const char *what)
{
    if (!done) {
        fail(what);
    }
}

static const char *format(char *text, const char *pattern, ...)
{
    va_list ap;
    va_start(ap, pattern);
    int n = vsnprintf(text, PATH_BYTES, pattern, ap);
    va_end(ap);
    must(n < PATH_BYTES, "path too long");
    return text;
}

/* The groups: those of the hierarchies that are mounted here. */
struct group {
    char path[PATH_BYTES];
    int fd;
};
static struct group groups[GROUPS_MAX];
static size_t group_count;
static int unified_fd = -1;

static void write_file(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    must(fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value), path);
    close(fd);
}

static void apply_device_rules(const char *group)
{
    static const char *const allowed[] = {
        "c *:* m",   "b *:* m",   "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm",   "c 5:0 rwm",
        "c 1:9 rwm", "c 1:8 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm", "c 10:200 rwm",
    };
    char path[PATH_BYTES];
    write_file(format(path, "%s/devices.deny", group), "a *:* rwm");
    for (size_t i = 0; i < COUNT(allowed); i++) {
        write_file(format(path, "%s/devices.allow", group), allowed[i]);
    }
}

static void make_groups(void)
{
    static const char *const v1[] = {"memory", "cpu", "pids", "blkio", "devices"};
    char path[PATH_BYTES];
    for (size_t i = 0; i <= COUNT(v1); i++) {
        struct group *g = &groups[group_count];
        bool v2 = i == COUNT(v1);
        format(g->path, "/sys/fs/cgroup/%s", v2 ? "unified" : v1[i]);
        if (v2 && access(g->path, F_OK) < 0) {
            format(g->path, "/sys/fs/cgroup");
        }
        if (access(format(path, "%s/%s", g->path, v2 ? "cgroup.controllers" : "tasks"), F_OK) < 0) {
            continue;
        }
        format(g->path + strlen(g->path), "/limit-%d", getpid());
        must(mkdir(g->path, 0755) == 0, g->path);
        if (v2) {
            unified_fd = open(g->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        } else {
            g->fd = open(format(path, "%s/tasks", g->path), O_WRONLY | O_CLOEXEC);
            must(g->fd >= 0, path);
            if (strcmp(v1[i], "devices") == 0) {
                apply_device_rules(g->path);
            }
        }
        group_count++;
    }
}

static void enter_groups(void)
{
    for (size_t i = 0; i < group_count; i++) {
        must(!groups[i].fd || write(groups[i].fd, "0", 1) == 1, groups[i].path);
    }
}

static void remove_groups(void)
{
    for (size_t i = 0; i < group_count; i++) {
        must(rmdir(groups[i].path) == 0, groups[i].path);
    }
}

struct job {
    const char *lower, *scratch;
    char **command;
};

static void mount_at(const char *source, const char *target, const char *type, unsigned long flags,
                     const char *data)
{
    must(mount(source, target, type, flags, data) == 0, target);
}

static void make_root(const struct job *j)
{
    char options[4096], path[PATH_BYTES];
    must(mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) == 0, "propagation of /");
    int n = snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s/upper,workdir=%s/work",
                     j->lower, j->scratch, j->scratch);
    must(n < (int)sizeof(options), "options too long");
    mount_at("overlay", format(path, "%s/root", j->scratch), "overlay", 0, options);
    must(chdir(path) == 0, path);
}

static void make_devices(void)
{
    static const struct {
        const char *path;
        unsigned major, minor;
    } nodes[] = {{"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
                 {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
    static const char *const links[][2] = {
        {"/proc/self/fd", "dev/fd"},       {"/proc/self/fd/0", "dev/stdin"},
        {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"},
        {"/proc/kcore", "dev/core"},       {"pts/ptmx", "dev/ptmx"},
    };
    umask(0);
    for (size_t i = 0; i < COUNT(nodes); i++) {
        must(mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) == 0,
             nodes[i].path);
    }
    for (size_t i = 0; i < COUNT(links); i++) {
        must(symlink(links[i][0], links[i][1]) == 0, links[i][1]);
    }
}

static void make_cgroup_mounts(void)
{
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    char target[PATH_BYTES], host[PATH_BYTES];
    mount_at("tmpfs", "sys/fs/cgroup", "tmpfs", flags, "mode=755");
    static const char *const v1[] = {"cpu",     "cpuacct", "cpuset", "memory", "devices",
                                     "freezer", "blkio",   "pids",   "systemd"};
    for (size_t i = 0; i < COUNT(v1); i++) {
        if (access(format(host, "/sys/fs/cgroup/%s/tasks", v1[i]), F_OK) == 0) {
            must(mkdir(format(target, "sys/fs/cgroup/%s", v1[i]), 0755) == 0, target);
            mount_at("cgroup", target, "cgroup", flags | MS_RDONLY,
                     strcmp(v1[i], "systemd") == 0 ? "name=systemd" : v1[i]);
        }
    }
    if (unified_fd >= 0) {
        must(mkdir("sys/fs/cgroup/unified", 0755) == 0, "unified");
        mount_at("cgroup2", "sys/fs/cgroup/unified", "cgroup2", flags | MS_RDONLY, NULL);
    }
}

static void make_mounts(void)
{
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    mount_at("proc", "proc", "proc", flags, NULL);
    mount_at("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
    static const char *const folders[] = {"dev/pts", "dev/shm", "dev/mqueue"};
    for (size_t i = 0; i < COUNT(folders); i++) {
        must(mkdir(folders[i], 0755) == 0, folders[i]);
    }
    make_devices();
    mount_at("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
             "newinstance,ptmxmode=0666,mode=0620,gid=5");
    mount_at("sysfs", "sys", "sysfs", flags | MS_RDONLY, NULL);
    make_cgroup_mounts();
    mount_at("mqueue", "dev/mqueue", "mqueue", flags, NULL);
    mount_at("shm", "dev/shm", "tmpfs", flags, "mode=1777,size=65536k");
}

/* As /etc/hosts, /etc/hostname and /etc/resolv.conf are in a container: files of the host's. */
static void bind_files(const struct job *j)
{
    static const char *const files[] = {"hosts", "hostname", "resolv.conf"};
    char source[PATH_BYTES], target[PATH_BYTES];
    for (size_t i = 0; i < COUNT(files); i++) {
        format(source, "%s/%s", j->scratch, files[i]);
        int fd = open(source, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        must(fd >= 0, source);
        close(fd);
        fd = open(format(target, "etc/%s", files[i]), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        must(fd >= 0, target);
        close(fd);
        mount_at(source, target, NULL, MS_BIND, NULL);
    }
}

static void cover_paths(void)
{
    static const char *const masked[] = {
        "/proc/asound",     "/proc/acpi",        "/proc/interrupts",
        "/proc/kcore",      "/proc/keys",        "/proc/latency_stats",
        "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
        "/proc/scsi",       "/sys/firmware",     "/sys/devices/virtual/powercap"};
    static const char *const read_only[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                            "/proc/sysrq-trigger"};
    const unsigned long flags = MS_BIND | MS_REC;
    for (size_t i = 0; i < COUNT(read_only); i++) {
        if (mount(read_only[i], read_only[i], NULL, flags, NULL) == 0) {
            mount_at(NULL, read_only[i], NULL,
                     MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
        }
    }
    for (size_t i = 0; i < COUNT(masked); i++) {
        if (mount("/dev/null", masked[i], NULL, MS_BIND, NULL) < 0 && errno == ENOTDIR) {
            mount_at("tmpfs", masked[i], "tmpfs", MS_RDONLY, NULL);
        }
    }
}

static void raise_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(sock >= 0 && ioctl(sock, SIOCSIFFLAGS, &request) == 0, "lo");
    close(sock);
}

static _Noreturn void child(const struct job *j)
{
    enter_groups();
    must(unshare(CLONE_NEWCGROUP) == 0, "cgroup namespace");
    make_root(j);
    make_mounts();
    bind_files(j);
    must(syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 && chdir("/") == 0,
         "pivot_root");
    cover_paths();
    raise_loopback();
    must(sethostname("limit", 5) == 0, "hostname");
    execve(j->command[0], j->command, (char *[]){"PATH=/bin", NULL});
    fail(j->command[0]);
}

static int run(const struct job *j)
{
    struct clone_args args = {
        .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                 (unified_fd >= 0 ? CLONE_INTO_CGROUP : 0),
        .exit_signal = SIGCHLD,
        .cgroup = unified_fd >= 0 ? (uint64_t)unified_fd : 0,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    must(pid >= 0, "clone3");
    if (pid == 0) {
        child(j);
    }
    int status;
    must(waitpid(pid, &status, 0) == pid, "wait");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void make_scratch(const struct job *j)
{
    static const char *const folders[] = {"", "/upper", "/work", "/root"};
    char path[PATH_BYTES];
    for (size_t i = 0; i < COUNT(folders); i++) {
        must(mkdir(format(path, "%s%s", j->scratch, folders[i]), 0755) == 0, path);
    }
}

/* What the run leaves in the upper folder: the files that were bind mounted upon. */
static void remove_scratch(const struct job *j)
{
    static const char *const leftovers[] = {"upper/etc/hosts",
                                            "upper/etc/hostname",
                                            "upper/etc/resolv.conf",
                                            "upper/etc",
                                            "hosts",
                                            "hostname",
                                            "resolv.conf",
                                            "work/work",
                                            "work",
                                            "upper",
                                            "root",
                                            "."};
    char path[PATH_BYTES];
    for (size_t i = 0; i < COUNT(leftovers) - 1; i++) {
        format(path, "%s/%s", j->scratch, leftovers[i]);
        if (unlink(path) < 0 && errno == EISDIR) {
            (void)rmdir(path); /* told by the last one */
        }
    }
    must(rmdir(j->scratch) == 0, j->scratch);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: limit LOWERDIR SCRATCH COMMAND [ARG...]\n");
        return 125;
    }
    char scratch[PATH_BYTES];
    struct job j = {argv[1], format(scratch, "%s/limit-%d", argv[2], getpid()), argv + 3};
    make_scratch(&j);
    make_groups();
    int status = run(&j);
    remove_groups();
    remove_scratch(&j);
    return status;
}
