// SPDX-License-Identifier: Apache-2.0
#include "wall/container/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "spec/seccomp_profile.h"

/* Docker's fourteen. */
#define DOCKER_CAPABILITIES                                                                        \
    (1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FSETID | 1u << CAP_FOWNER |              \
     1u << CAP_MKNOD | 1u << CAP_NET_RAW | 1u << CAP_SETGID | 1u << CAP_SETUID |                   \
     1u << CAP_SETFCAP | 1u << CAP_SETPCAP | 1u << CAP_NET_BIND_SERVICE | 1u << CAP_SYS_CHROOT |   \
     1u << CAP_KILL | 1u << CAP_AUDIT_WRITE)

static struct spec_seccomp *default_profile(struct arena *a, uint64_t more_capabilities)
{
    struct seccomp_host host = seccomp_host_read(DOCKER_CAPABILITIES | more_capabilities);
    return seccomp_profile_default(a, &host);
}

/* One system call, made so that it does nothing where it is let through: with arguments that the
 * kernel refuses with another errno than the filter's, or that are harmless. */
struct trial {
    const char *name;
    long number;
    long args[6];
    int blocked; /* the errno of the filter, or 0: let through */
};

/* What the system call answered under the program (NULL: none): its errno, 0, or -1 when the test
 * broke. */
static int under(const struct seccomp_program *p, const struct trial *t)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (p && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_program_load(p) < 0)) {
            _exit(255);
        }
        errno = 0;
        long r = syscall(t->number, t->args[0], t->args[1], t->args[2], t->args[3], t->args[4],
                         t->args[5]);
        _exit(r == -1 ? errno : 0);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
        return -1;
    }
    return WEXITSTATUS(status) == 255 ? -1 : WEXITSTATUS(status);
}

static void check_trials(const struct spec_seccomp *profile, const struct trial *trials,
                         size_t count)
{
    struct arena *a = arena_new();
    struct error *err = NULL;
    struct seccomp_program p;
    CHECK_OK(seccomp_compile(a, profile, &p, &err), err);
    for (size_t i = 0; i < count; i++) {
        int answer = under(&p, &trials[i]);
        if (answer == ENOSYS && trials[i].blocked == 0 && under(NULL, &trials[i]) == ENOSYS) {
            continue; /* newer than this kernel */
        }
        bool as_wanted = trials[i].blocked ? answer == trials[i].blocked
                                           : answer >= 0 && answer != EPERM && answer != ENOSYS;
        if (!as_wanted) {
            printf("# %s: answered %d, the filter's answer should be %d\n", trials[i].name, answer,
                   trials[i].blocked);
        }
        CHECK(as_wanted);
    }
    arena_free(a);
}

#define TRIAL(call, block, ...)                                                                    \
    {                                                                                              \
        .name = #call, .number = SYS_##call, .args = {__VA_ARGS__}, .blocked = block               \
    }

static void test_seccomp_default_blocks_what_docker_blocks(void)
{
    static const struct trial trials[] = {
        TRIAL(mount, EPERM, 0, 0, 0, 0, 0),
        TRIAL(umount2, EPERM, 0, -1),
        TRIAL(pivot_root, EPERM, 0, 0),
        TRIAL(swapon, EPERM, 0, 0),
        TRIAL(swapoff, EPERM, 0),
        TRIAL(reboot, EPERM, 0, 0, 0, 0),
        TRIAL(init_module, EPERM, 0, 0, 0),
        TRIAL(finit_module, EPERM, -1, 0, 0),
        TRIAL(delete_module, EPERM, 0, 0),
        TRIAL(kexec_load, EPERM, 0, 0, 0, 0),
        TRIAL(add_key, EPERM, 0, 0, 0, 0, 0),
        TRIAL(request_key, EPERM, 0, 0, 0, 0),
        TRIAL(keyctl, EPERM, 0, 0, 0, 0, 0),
        TRIAL(bpf, EPERM, 0, 0, 0),
        TRIAL(perf_event_open, EPERM, 0, 0, 0, 0, 0),
        TRIAL(userfaultfd, EPERM, -1),
        TRIAL(io_uring_setup, EPERM, 0, 0),
        TRIAL(setns, EPERM, -1, 0),
        TRIAL(unshare, EPERM, 0),
        TRIAL(sethostname, EPERM, 0, -1),
        TRIAL(setdomainname, EPERM, 0, -1),
        TRIAL(settimeofday, EPERM, -1, -1),
        TRIAL(clock_settime, EPERM, -1, 0),
        TRIAL(acct, EPERM, -1),
        TRIAL(iopl, EPERM, 9),
        TRIAL(ioperm, EPERM, 0, 0, 9),
        TRIAL(syslog, EPERM, -1, 0, 0),
        TRIAL(quotactl, EPERM, -1, 0, 0, 0),
        TRIAL(open_by_handle_at, EPERM, -1, 0, 0),
        TRIAL(mbind, EPERM, 0, 0, -1, 0, 0, 0),
        TRIAL(kcmp, EPERM, 1, 1, -1, 0, 0),
        TRIAL(fsopen, EPERM, 0, 0),
        TRIAL(open_tree, EPERM, -1, 0, 0),
        TRIAL(mount_setattr, EPERM, -1, 0, 0, 0, 0),
        TRIAL(vhangup, EPERM, 0),
        TRIAL(fanotify_init, EPERM, -1, -1),
        TRIAL(clone3, ENOSYS, 0, 0),
        {"clone(NEWUSER)", SYS_clone, {CLONE_NEWUSER | SIGCHLD}, EPERM},
        {"clone(NEWNS)", SYS_clone, {CLONE_NEWNS | SIGCHLD}, EPERM},
        {"personality(READ_IMPLIES_EXEC)", SYS_personality, {READ_IMPLIES_EXEC}, EPERM},
        {"personality(ADDR_NO_RANDOMIZE)", SYS_personality, {ADDR_NO_RANDOMIZE}, EPERM},
        {"socket(AF_VSOCK)", SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}, EPERM},
        {"socket(AF_ALG)", SYS_socket, {AF_ALG, SOCK_SEQPACKET, 0}, EPERM},
        {"a number nobody knows yet", 2000, {0}, ENOSYS},
    };
    struct arena *a = arena_new();
    check_trials(default_profile(a, 0), trials, ARRAY_SIZE(trials));
    arena_free(a);
}

static void test_seccomp_default_allows_what_docker_allows(void)
{
    static const struct trial trials[] = {
        TRIAL(getpid, 0),
        TRIAL(openat, 0, -1, 0, 0, 0),
        TRIAL(openat2, 0, -1, 0, 0, 0),
        TRIAL(ptrace, 0, -1, 0, 0, 0),
        TRIAL(process_vm_readv, 0, 0, 0, 0, 0, 0, 1),
        TRIAL(chroot, 0, 0),
        TRIAL(statx, 0, -1, 0, 0, 0, 0),
        TRIAL(faccessat2, 0, -1, 0, 0, 0),
        TRIAL(close_range, 0, 5, 4, 0),
        TRIAL(memfd_create, 0, 0, 0),
        TRIAL(landlock_create_ruleset, 0, 0, 0, 1),
        TRIAL(arch_prctl, 0, -1, 0),
        TRIAL(modify_ldt, 0, 0, 0, 0),
        TRIAL(io_setup, 0, 0, 0),
        TRIAL(inotify_init1, 0, -1),
        TRIAL(epoll_pwait2, 0, -1, 0, 0, 0, 0),
        TRIAL(rseq, 0, 0, 0, 0, 0),
        {"fchmodat2", 452, {-1, 0, 0, 0}, 0},
        {"cachestat", 451, {-1, 0, 0, 0}, 0},
        {"listmount", 458, {0, 0, 0, 0}, 0},
        {"personality(query)", SYS_personality, {0xffffffff}, 0},
        {"personality(0)", SYS_personality, {0}, 0},
        {"personality(PER_LINUX32)", SYS_personality, {PER_LINUX32}, 0},
        {"socket(AF_UNIX)", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}, 0},
        {"socket(AF_INET)", SYS_socket, {AF_INET, SOCK_DGRAM, 0}, 0},
        {"socket(AF_NETLINK)", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}, 0},
    };
    struct arena *a = arena_new();
    check_trials(default_profile(a, 0), trials, ARRAY_SIZE(trials));
    arena_free(a);
}

static void test_seccomp_default_follows_capabilities(void)
{
    static const struct trial trials[] = {
        TRIAL(mount, 0, 0, 0, 0, 0, 0),
        TRIAL(setns, 0, -1, 0),
        TRIAL(unshare, 0, 0),
        TRIAL(clone3, 0, 0, 0),
        TRIAL(fsopen, 0, 0, 0),
        TRIAL(clock_settime, 0, -1, 0),
        TRIAL(mbind, 0, 0, 0, -1, 0, 0, 0),
        TRIAL(init_module, EPERM, 0, 0, 0),
    };
    struct arena *a = arena_new();
    uint64_t more =
        1u << CAP_SYS_ADMIN | 1u << CAP_SYS_TIME | 1u << CAP_SYS_NICE | 1u << CAP_SYS_PTRACE;
    check_trials(default_profile(a, more), trials, ARRAY_SIZE(trials));
    arena_free(a);
}

/* Stands for a profile in a user's file. */
static struct spec_seccomp *profile_of(struct arena *a, const char *text)
{
    struct error *err = NULL;
    json_t *json = NULL;
    struct spec_seccomp *s = NULL;
    struct seccomp_host host = seccomp_host_read(DOCKER_CAPABILITIES);
    CHECK_OK(json_parse(text, strlen(text), "profile", &json, &err), err);
    CHECK_OK(seccomp_profile_resolve(a, json, &host, "profile", &s, &err), err);
    json_decref(json);
    return s;
}

static void test_seccomp_custom_rules(void)
{
    static const struct trial trials[] = {
        TRIAL(getppid, 7),
        TRIAL(getpid, 0),
        {"setpriority(0,1)", SYS_setpriority, {9, 1, 0}, 0},
        {"setpriority(1,..)", SYS_setpriority, {1, 1, 0}, 11},
        {"personality(3) or (4)", SYS_personality, {3}, 12},
        {"personality(3) or (4)", SYS_personality, {4}, 12},
    };
    struct arena *a = arena_new();
    check_trials(profile_of(a, "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": ["
                               "{\"names\": [\"getppid\", \"no_such_call\"],"
                               " \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 7},"
                               "{\"name\": \"setpriority\", \"action\": \"SCMP_ACT_ERRNO\","
                               " \"errnoRet\": 11, \"args\": ["
                               "  {\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"},"
                               "  {\"index\": 1, \"value\": 1, \"op\": \"SCMP_CMP_GE\"}]},"
                               "{\"names\": [\"personality\"], \"action\": \"SCMP_ACT_ERRNO\","
                               " \"errnoRet\": 12, \"args\": ["
                               "  {\"index\": 0, \"value\": 3, \"op\": \"SCMP_CMP_EQ\"},"
                               "  {\"index\": 0, \"value\": 4, \"op\": \"SCMP_CMP_EQ\"}]}]}"),
                 trials, ARRAY_SIZE(trials));
    arena_free(a);
}

static void check_refused(const char *text, const char *message)
{
    struct arena *a = arena_new();
    struct error *err = NULL;
    struct seccomp_program p;
    CHECK(seccomp_compile(a, profile_of(a, text), &p, &err) < 0);
    CHECK_STR(err->message, message);
    error_free(err);
    arena_free(a);
}

static void test_seccomp_refusals(void)
{
    check_refused("{\"defaultAction\": \"SCMP_ACT_MAYBE\"}",
                  "seccomp: 'SCMP_ACT_MAYBE' is not an action");
    check_refused("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_PDP\"]}",
                  "seccomp: 'SCMP_ARCH_PDP' is not an architecture");
    check_refused("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"FAST\"]}",
                  "seccomp: 'FAST' is not a filter flag");
    check_refused("{\"defaultAction\": \"SCMP_ACT_NOTIFY\", \"listenerPath\": \"/x\"}",
                  "seccomp: SCMP_ACT_NOTIFY cannot be the default action");
    check_refused("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"mkdir\"],"
                  " \"action\": \"SCMP_ACT_NOTIFY\"}]}",
                  "seccomp: SCMP_ACT_NOTIFY needs a listenerPath");
    check_refused("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"mkdir\"],"
                  " \"action\": \"SCMP_ACT_KILL\", \"args\": [{\"index\": 0, \"value\": 1,"
                  " \"op\": \"SCMP_CMP_LIKE\"}]}]}",
                  "seccomp: 'SCMP_CMP_LIKE' is not an operator");
}

static void test_seccomp_flags(void)
{
    struct arena *a = arena_new();
    struct error *err = NULL;
    struct seccomp_program p;
    CHECK_OK(seccomp_compile(a, profile_of(a, "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}"), &p, &err),
             err);
    CHECK_INT(p.flags, 1 << 2); /* SPEC_ALLOW */
    CHECK_OK(
        seccomp_compile(a, profile_of(a, "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": []}"),
                        &p, &err),
        err);
    CHECK_INT(p.flags, 0);
    CHECK_OK(seccomp_compile(a,
                             profile_of(a, "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": "
                                           "[\"SECCOMP_FILTER_FLAG_LOG\"]}"),
                             &p, &err),
             err);
    CHECK_INT(p.flags, 1 << 1);
    arena_free(a);
}

static void test_seccomp_cache(void)
{
    char dir[] = "/tmp/seccomp-test-XXXXXX";
    CHECK(mkdtemp(dir));
    struct arena *a = arena_new();
    struct error *err = NULL;
    struct seccomp_program first, second, third;
    struct spec_seccomp *profile = default_profile(a, 0);
    CHECK_OK(seccomp_program_get(a, profile, dir, &first, &err), err);
    CHECK_OK(seccomp_program_get(a, profile, dir, &second, &err), err);
    CHECK_INT(second.count, first.count);
    CHECK_INT(second.flags, first.flags);
    CHECK(memcmp(second.instructions, first.instructions, first.count * 8) == 0);

    /* Another set of capabilities is another program. */
    CHECK_OK(seccomp_program_get(a, default_profile(a, 1u << CAP_SYS_ADMIN), dir, &third, &err),
             err);
    CHECK(third.count != first.count ||
          memcmp(third.instructions, first.instructions, first.count * 8) != 0);

    /* A file that others could write, or that is cut, is not believed. */
    CLEANUP(dir) DIR *d = opendir(dir);
    int files = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] != '.') {
            files++;
            CLEANUP(fd) int fd = openat(dirfd(d), e->d_name, O_WRONLY | O_CLOEXEC);
            CHECK(ftruncate(fd, 100) == 0);
        }
    }
    CHECK_INT(files, 2);
    CHECK_OK(seccomp_program_get(a, profile, dir, &second, &err), err);
    CHECK_INT(second.count, first.count);
    CHECK_OK(remove_tree(AT_FDCWD, dir, &err), err);
    arena_free(a);
}

/* The listener arrives at the socket, with the workload's state around it. */
static void test_seccomp_listener(void)
{
    char dir[] = "/tmp/seccomp-test-XXXXXX", text[1024] = "", path[64];
    CHECK(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/agent", dir);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    CLEANUP(fd) int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(server, (struct sockaddr *)&address, sizeof(address)) == 0 &&
          listen(server, 1) == 0);
    struct seccomp_program p = {.listener_path = path, .listener_metadata = "hello"};
    struct error *err = NULL;
    CHECK_OK(seccomp_send_listener_take(&p, open("/dev/null", O_RDONLY), 42,
                                        "{\"id\": \"web\", \"status\": \"creating\"}", &err),
             err);
    CLEANUP(fd) int peer = accept(server, NULL, NULL);
    int fds[1];
    size_t fd_count = 1;
    CHECK(recv_fds(peer, text, sizeof(text) - 1, fds, &fd_count) > 0);
    CHECK_INT(fd_count, 1);
    fd_close(fds[0]);
    CHECK_STR(text, "{\"ociVersion\":\"1.2.0\",\"fds\":[\"seccompFd\"],\"pid\":42,"
                    "\"metadata\":\"hello\",\"state\":{\"id\":\"web\",\"status\":\"creating\"}}");
    CHECK_OK(remove_tree(AT_FDCWD, dir, &err), err);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(test_seccomp_default_blocks_what_docker_blocks),
        TEST(test_seccomp_default_allows_what_docker_allows),
        TEST(test_seccomp_default_follows_capabilities),
        TEST(test_seccomp_custom_rules),
        TEST(test_seccomp_refusals),
        TEST(test_seccomp_flags),
        TEST(test_seccomp_cache),
        TEST(test_seccomp_listener),
    };
    return test_main(tests, ARRAY_SIZE(tests), argc, argv);
}
