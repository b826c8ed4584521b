// SPDX-License-Identifier: Apache-2.0
/* vm-run: runs an OCI bundle's config.json in a machine of its own, without the engine: for the
 * tests of the machine's monitor and of its agent. The program's end is vm-run's.
 *
 *     vm-run --kernel VMLINUX --initramfs FILE --layer EROFS [--layer …] [options] CONFIG
 *         --disk FILE       a writable disk with ext4 (else memory)
 *         --exec FILE       when it runs, also this process.json; its end is vm-run's (several)
 *         --signal N        send this once the workload has said something
 *         --request JSON    send this request and print the reply, once it runs (several)
 *         --cpus N, --memory MIB
 *         --console FILE    the kernel's messages
 *         --report FILE     the monitor's report
 *         --qemu            by QEMU rather than cloison-vmm */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/json.h"
#include "wall/vm/guest_link.h"
#include "wall/vm/launch.h"

enum { WORKLOAD = 1, EXEC_FIRST = 2, SESSIONS = 16, TIME_MS = 60000 };

struct running {
    struct guest_link link;
    struct vm_launch launch;
    struct vm_disk disks[VM_DISKS_MAX];
    struct strv layers, execs, requests;
    const char *disk, *config;
    int signal;
    unsigned sessions; /* how many have not ended */
    int status;        /* of the session that counts: the last exec, else the workload */
    uint32_t counts;
    bool in_open, has_spoken;
    uint32_t in_credit;
};

static int give_credit(struct running *x, const struct message_header *h, struct error **err)
{
    return link_send(&x->link, MESSAGE_CREDIT, h->session, h->stream, &h->bytes, sizeof(h->bytes),
                     err);
}

static int handle(void *context, const struct message *m, struct error **err)
{
    struct running *x = context;
    CLEANUP(json) json_t *json = NULL;
    int64_t status = 125;
    int r = 0;
    switch (m->header.type) {
    case MESSAGE_DATA:
        r = write_all(m->header.stream == STREAM_ERR ? 2 : 1, m->payload, m->header.bytes);
        x->has_spoken |= m->header.session == WORKLOAD;
        return r < 0 ? r : give_credit(x, &m->header, err);
    case MESSAGE_CREDIT:
        memcpy(&x->in_credit, m->payload, sizeof(x->in_credit));
        return 0;
    case MESSAGE_EXIT:
        r = json_parse(m->payload, m->header.bytes, "exit", &json, err);
        r = r < 0 ? r : json_get_i64(json, "status", "exit", 0, 255, &status, err);
        x->sessions--;
        if (m->header.session == x->counts) {
            x->status = (int)status;
        }
        return r < 0 ? r : 0;
    default:
        return 0;
    }
}

static int open_machine(struct running *x, pid_t *ret_pid, struct error **err)
{
    int ends[2];
    struct vm_launch *l = &x->launch;
    for (size_t i = 0; i < x->layers.count; i++) {
        CLEANUP(free) char *serial = str_format("layer%zu", i);
        x->disks[l->disk_count++] =
            (struct vm_disk){.fd = open_file(AT_FDCWD, x->layers.items[i], O_RDONLY, 0, err),
                             .serial = take_ptr(serial),
                             .read_only = true};
    }
    if (x->disk) {
        x->disks[l->disk_count++] =
            (struct vm_disk){.fd = open_file(AT_FDCWD, x->disk, O_RDWR, 0, err), .serial = "disk"};
    }
    if (l->monitor == VM_KVM && !*err) {
        l->kvm = open_file(AT_FDCWD, "/dev/kvm", O_RDWR, 0, err);
    }
    if (*err || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        return -1;
    }
    const struct vm_port port = {.name = GUEST_PORT_NAME, .in = ends[1], .out = ends[1]};
    l->disks = x->disks;
    l->control = -1;
    l->ports = &port;
    l->port_count = 1;
    l->command_line = "console=ttyS0 quiet panic=-1 pci=off";
    x->link = (struct guest_link){.fd = ends[0], .context = x, .receive = handle};
    int r = vm_launch(l, ret_pid, err);
    fd_close(ends[1]);
    return r;
}

static json_t *create_fields(const struct running *x, json_t *spec)
{
    json_t *layers = json_array();
    for (size_t i = 0; i < x->layers.count; i++) {
        (void)json_array_append_new(layers, json_string(x->disks[i].serial));
    }
    return json_pack("{s:O, s:o, s:s?}", "spec", spec, "layers", layers, "disk",
                     x->disk ? "disk" : NULL);
}

static int start_workload(struct running *x, struct error **err)
{
    CLEANUP(json) json_t *spec = NULL;
    int r = json_load_path(AT_FDCWD, x->config, 1 << 20, &spec, err);
    r = r < 0 ? r : link_hello(&x->link, TIME_MS, NULL, err);
    r = r < 0 ? r
              : link_request(&x->link, WORKLOAD, "create", create_fields(x, spec), TIME_MS, NULL,
                             err);
    x->sessions = r < 0 ? 0 : 1;
    return r < 0 ? r : link_request(&x->link, WORKLOAD, "start", NULL, TIME_MS, NULL, err);
}

static int start_execs(struct running *x, struct error **err)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < x->execs.count; i++) {
        json_t *process = NULL;
        r = json_load_path(AT_FDCWD, x->execs.items[i], 1 << 20, &process, err);
        x->counts = (uint32_t)(EXEC_FIRST + i);
        x->sessions++;
        r = r < 0 ? r
                  : link_request(&x->link, x->counts, "exec",
                                 json_pack("{s:o}", "process", process), TIME_MS, NULL, err);
    }
    return r;
}

static int send_requests(struct running *x, struct error **err)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < x->requests.count; i++) {
        CLEANUP(json) json_t *reply = NULL;
        json_t *request = NULL;
        const char *name = "";
        r = json_parse(x->requests.items[i], strlen(x->requests.items[i]), "request", &request,
                       err);
        r = r < 0 ? r : json_get_str(request, "request", "request", &name, err);
        CLEANUP(free) char *copy = xstrdup(name);
        r = r < 0 ? r : link_request(&x->link, WORKLOAD, copy, request, TIME_MS, &reply, err);
        CLEANUP(free) char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
        if (text) {
            puts(text);
            (void)fflush(stdout);
        }
    }
    return r;
}

/* Our standard input to the workload's, within its credit. */
static int pass_input(struct running *x, struct error **err)
{
    char bytes[MESSAGE_DATA_MAX];
    ssize_t n = read(0, bytes, x->in_credit < sizeof(bytes) ? x->in_credit : sizeof(bytes));
    if (n > 0) {
        x->in_credit -= (uint32_t)n;
        return link_send(&x->link, MESSAGE_DATA, WORKLOAD, STREAM_IN, bytes, (size_t)n, err);
    }
    x->in_open = false;
    return link_send(&x->link, MESSAGE_END, WORKLOAD, STREAM_IN, NULL, 0, err);
}

static int send_signal(struct running *x, struct error **err)
{
    int number = x->signal;
    if (!number || !x->has_spoken) {
        return 1;
    }
    x->signal = 0;
    int r = link_request(&x->link, WORKLOAD, "signal", json_pack("{s:i}", "signal", number),
                         TIME_MS, NULL, err);
    return r < 0 ? r : 1;
}

static int serve(struct running *x, struct error **err)
{
    int r = 1;
    while (r > 0 && x->sessions > 0) {
        r = link_drain(&x->link, err); /* what came with an answer */
        r = r < 0 ? r : x->sessions == 0 ? 1 : send_signal(x, err);
        if (r < 0 || x->sessions == 0) {
            break;
        }
        struct pollfd p[] = {{.fd = x->link.fd, .events = POLLIN},
                             {.fd = x->in_open && x->in_credit ? 0 : -1, .events = POLLIN}};
        (void)poll(p, 2, -1); /* whatever it says: both are looked at */
        if (p[1].revents && pass_input(x, err) < 0) {
            return -1;
        }
        r = p[0].revents ? link_take_in(&x->link, err) : 1;
    }
    if (r == 0) {
        return error_set(err, ERROR_KERNEL, 0, "the machine ended before its workload");
    }
    if (r >= 0) { /* as the relay: the machine may be off before its answer is out */
        IGNORE(link_request(&x->link, 0, "power-off", NULL, TIME_MS, NULL, NULL) < 0);
    }
    return r;
}

static int run(struct running *x, struct error **err)
{
    pid_t pid = 0;
    int status;
    int r = open_machine(x, &pid, err);
    r = r < 0 ? r : start_workload(x, err);
    r = r < 0 ? r : start_execs(x, err);
    r = r < 0 ? r : send_requests(x, err);
    r = r < 0 ? r : serve(x, err);
    if (pid > 0 && r < 0) {
        (void)kill(pid, SIGKILL); /* its end is told below all the same */
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (r >= 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
        return error_set(err, ERROR_KERNEL, 0, "the machine ended with %#x", (unsigned)status);
    }
    return r < 0 ? r : x->status;
}

static int open_or_none(const char *path, int flags, struct error **err)
{
    return *err ? -1 : open_file(AT_FDCWD, path, flags, 0600, err);
}

static void option(struct running *x, int c, struct error **err)
{
    int64_t number = 0;
    if (strchr("nmg", c) && str_to_i64(optarg, 10, &number) < 0) {
        (void)error_set(err, ERROR_USAGE, 0, "'%s' is no number", optarg);
    } else if (c == 'n') {
        x->launch.cpus = (unsigned)number;
    } else if (c == 'm') {
        x->launch.memory_bytes = (uint64_t)number << 20;
    } else if (c == 'g') {
        x->signal = (int)number;
    } else if (c == 'k') {
        x->launch.kernel = open_or_none(optarg, O_RDONLY, err);
    } else if (c == 'i') {
        x->launch.initramfs = open_or_none(optarg, O_RDONLY, err);
    } else if (c == 'c') {
        x->launch.serial = open_or_none(optarg, O_WRONLY | O_CREAT | O_TRUNC, err);
    } else if (c == 'r') {
        x->launch.report = open_or_none(optarg, O_WRONLY | O_CREAT | O_TRUNC, err);
    } else if (c == 'u') {
        x->launch.monitor = VM_QEMU;
        x->launch.tsc_khz = qemu_tsc_khz();
    } else if (c == 'd') {
        x->disk = optarg;
    } else {
        strv_add(c == 'l' ? &x->layers : c == 'x' ? &x->execs : &x->requests, optarg);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"kernel", 1, NULL, 'k'}, {"initramfs", 1, NULL, 'i'}, {"layer", 1, NULL, 'l'},
        {"disk", 1, NULL, 'd'},   {"exec", 1, NULL, 'x'},      {"signal", 1, NULL, 'g'},
        {"cpus", 1, NULL, 'n'},   {"memory", 1, NULL, 'm'},    {"console", 1, NULL, 'c'},
        {"report", 1, NULL, 'r'}, {"request", 1, NULL, 'q'},   {"qemu", 0, NULL, 'u'},
        {NULL, 0, NULL, 0},
    };
    static struct running x = {
        .counts = WORKLOAD, .in_open = true, .status = 125, .in_credit = STREAM_CREDIT_INITIAL};
    struct error *err = NULL;
    x.launch = (struct vm_launch){.cpus = 1,
                                  .memory_bytes = 192 << 20,
                                  .kvm = -1,
                                  .kernel = -1,
                                  .initramfs = -1,
                                  .serial = -1,
                                  .report = -1,
                                  .log = 2,
                                  .shares = -1};
    for (int c; !err && (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?') {
            return 125;
        }
        option(&x, c, &err);
    }
    x.config = optind < argc ? argv[optind] : "config.json";
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is a result of write(2) */
    int status = err ? -1 : run(&x, &err);
    if (err) {
        error_print(err, stderr);
        status = error_exit_status(err);
    }
    error_free(err);
    return status;
}
