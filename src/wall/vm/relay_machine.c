// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/json.h"
#include "wall/vm/relay.h"

static int open_control(struct relay *r, int *ret_theirs, struct error **err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the machine's control socket");
    }
    r->control = ends[0];
    *ret_theirs = ends[1];
    return 0;
}

/* The monitor's limits are these from here on. */
static int tell_limits(const struct relay *r, struct error **err)
{
    CLEANUP(free) char *text = vm_limits_text(&r->limits);
    return r->control >= 0 && send(r->control, text, strlen(text), MSG_NOSIGNAL) < 0
               ? error_set_errno(err, ERROR_KERNEL, errno, "telling the machine its limits")
               : 0;
}

/* The file that tells on which of the host's devices the disks lie. */
static int some_disk(const struct vm_assets *a)
{
    return a->disk >= 0 || a->layer_count == 0 ? a->disk : a->layers[0];
}

int relay_limit_disks(struct relay *r, const json_t *throttles, struct error **err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    struct spec_resources resources = {0};
    int result = spec_parse_resources(arena, throttles, "update", &resources, err);
    if (result < 0) {
        return result;
    }
    vm_limits_take(&r->limits, &resources, &r->place);
    return tell_limits(r, err);
}

int relay_limit_network(struct relay *r, const json_t *rates, struct error **err)
{
    const struct {
        const char *key;
        uint64_t *value;
    } fields[] = {{"receive", &r->limits.net_receive_bytes},
                  {"transmit", &r->limits.net_transmit_bytes}};
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        int64_t value = 0;
        int result = json_get_i64(rates, fields[i].key, "network-rate", 0, INT64_MAX, &value, err);
        if (result < 0) {
            return result;
        }
        *fields[i].value = (uint64_t)value;
    }
    return tell_limits(r, err);
}

/* The layers and the disk, by the names under which the agent looks for them. */
static size_t list_disks(const struct vm_assets *a, struct vm_disk disks[VM_DISKS_MAX],
                         char serials[VM_DISKS_MAX][16])
{
    size_t count = 0;
    for (; count < a->layer_count; count++) {
        (void)snprintf(serials[count], sizeof(serials[0]), "layer%zu", count);
        disks[count] =
            (struct vm_disk){.fd = a->layers[count], .serial = serials[count], .read_only = true};
    }
    if (a->disk >= 0) {
        disks[count++] = (struct vm_disk){.fd = a->disk, .serial = "disk"};
    }
    return count;
}

int relay_launch(struct relay *r, const struct vm_network *n, struct error **err)
{
    const struct vm_assets *a = &r->settings->assets;
    const struct plan *p = r->settings->plan;
    struct vm_disk disks[VM_DISKS_MAX];
    char serials[VM_DISKS_MAX][16];
    size_t count = list_disks(a, disks, serials);
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the machine's port");
    }
    CLEANUP(fd) int theirs = ends[1];
    CLEANUP(fd) int kvm = a->monitor == VM_KVM ? open("/dev/kvm", O_RDWR | O_CLOEXEC) : -1;
    CLEANUP(fd) int shares = -1;
    if (p->share_count > 0 && !r->settings->browse) {
        int result = vm_shares_start(p, r->settings->log, &shares, &r->shares, err);
        if (result < 0) {
            return result;
        }
        r->shares_ends = (int)syscall(SYS_pidfd_open, r->shares, 0);
    }
    struct vm_card cards[VM_INTERFACES_MAX];
    for (size_t i = 0; i < n->count; i++) {
        const struct vm_interface *c = &n->items[i];
        cards[i] = (struct vm_card){.tap = c->tap, .mac = c->mac, .mtu = c->mtu};
    }
    r->limits = (struct vm_limits){.net_receive_bytes = p->net_receive_bytes,
                                   .net_transmit_bytes = p->net_transmit_bytes};
    r->place = vm_place_of(some_disk(a));
    vm_limits_take(&r->limits, &p->throttles, &r->place);
    CLEANUP(fd) int control = -1;
    if (a->monitor == VM_KVM) {
        int result = open_control(r, &control, err);
        if (result < 0) {
            return result;
        }
    }
    const struct vm_port port = {.name = GUEST_PORT_NAME, .in = theirs, .out = theirs};
    const struct vm_launch l = {.monitor = a->monitor,
                                .cpus = p->cpus,
                                .kvm = kvm,
                                .memory_bytes = p->memory_bytes,
                                .kernel = a->kernel,
                                .initramfs = a->initramfs,
                                .serial = r->settings->log,
                                .report = -1,
                                .log = r->settings->log,
                                .command_line = "console=ttyS0 quiet panic=-1 pci=off reboot=acpi",
                                .tsc_khz = a->monitor == VM_QEMU ? qemu_tsc_khz() : 0,
                                .disks = disks,
                                .disk_count = count,
                                .ports = &port,
                                .port_count = 1,
                                .cards = cards,
                                .card_count = n->count,
                                .shares = shares,
                                .limits = r->limits,
                                .display = p->display,
                                .control = control};
    r->link = (struct guest_link){.fd = ends[0], .context = r, .receive = relay_take_message};
    int result = vm_launch(&l, &r->monitor, err);
    if (result >= 0) {
        r->monitor_ends = (int)syscall(SYS_pidfd_open, r->monitor, 0);
    }
    return result;
}

static int read_files(const struct plan *p, json_t *files, struct error **err)
{
    for (size_t i = 0; i < p->file_count; i++) {
        CLEANUP(free) char *text = NULL;
        size_t len = 0;
        int r = file_read(AT_FDCWD, p->files[i].source, VM_FILE_BYTES_MAX, &text, &len, err);
        if (r < 0) {
            return r;
        }
        json_t *value = json_stringn(text, len);
        if (!value) {
            return error_set(err, ERROR_UNSUPPORTED, 0,
                             "the vm wall cannot bind the file '%s' yet: it is no text",
                             p->files[i].source);
        }
        (void)json_array_append_new(files, value);
    }
    return 0;
}

/* The layers and the disk, as the agent finds them. */
static json_t *disks_json(const struct plan *p)
{
    json_t *layers = json_array();
    for (size_t i = 0; i < p->layer_count; i++) {
        (void)json_array_append_new(layers, json_sprintf("layer%zu", i));
    }
    return json_pack("{s:o, s:s*}", "layers", layers, "disk", p->disk ? "disk" : NULL);
}

static void add_text(json_t *array, const char *text)
{
    if (text[0]) {
        (void)json_array_append_new(array, json_string(text));
    }
}

/* The interfaces, as the agent finds them by their hardware addresses. */
static json_t *network_json(const struct vm_network *n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n->count; i++) {
        const struct vm_interface *c = &n->items[i];
        json_t *addresses = json_array(), *gateways = json_array();
        add_text(addresses, c->address);
        add_text(addresses, c->address6);
        add_text(gateways, c->gateway);
        add_text(gateways, c->gateway6);
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:o, s:o}", "name", c->name,
                                                    "mac", c->mac, "mtu", c->mtu, "addresses",
                                                    addresses, "gateways", gateways));
    }
    return list;
}

/* How many files a process may open that says nothing of it: as ours, from which a container's has
 * it. */
static json_t *open_files_json(void)
{
    struct rlimit l = {1024, 4096};
    (void)getrlimit(RLIMIT_NOFILE, &l); /* a valid limit: cannot fail */
    return json_pack("{s:I, s:I}", "soft", (json_int_t)l.rlim_cur, "hard", (json_int_t)l.rlim_max);
}

static int create_json(const struct plan *p, const struct vm_network *n, json_t *fields,
                       struct error **err)
{
    json_t *files = json_array();
    (void)json_object_set(fields, "spec", p->spec);
    (void)json_object_set_new(fields, "openFiles", open_files_json());
    (void)json_object_set_new(fields, "id", json_string(p->id));
    if (p->bundle) {
        (void)json_object_set_new(fields, "bundle", json_string(p->bundle));
    }
    if (p->root) {
        (void)json_object_set_new(fields, "root", json_string(p->root));
    }
    (void)json_object_set_new(fields, "files", files);
    (void)json_object_set_new(fields, "network", network_json(n));
    (void)json_object_set_new(fields, "shares", json_boolean(p->share_count > 0));
    return read_files(p, files, err);
}

int relay_prepare(const struct relay *r, const struct vm_network *n, json_t **ret,
                  struct error **err)
{
    CLEANUP(json) json_t *fields = disks_json(r->settings->plan);
    int result = 0;
    if (r->settings->browse) {
        (void)json_object_set_new(fields, "tree", json_string(r->settings->browse));
    } else {
        result = create_json(r->settings->plan, n, fields, err);
    }
    *ret = result < 0 ? NULL : take_ptr(fields);
    return result;
}

int relay_fill_machine(struct relay *r, json_t *fields_take, struct error **err)
{
    const char *request = r->settings->browse ? "files" : "create";
    int result = link_ask(&r->link, WORKLOAD, request, fields_take, err);
    result = result < 0 ? result : link_hello(&r->link, START_MS, NULL, err);
    result = result < 0 ? result : link_answer(&r->link, WORKLOAD, START_MS, NULL, err);
    if (result >= 0) {
        (void)relay_add_session(r, WORKLOAD, &r->settings->io); /* there is room for the first */
    }
    return result >= 0 && r->settings->plan->terminal && !r->settings->browse ? relay_resize(r, err)
                                                                              : result;
}

/* The machine powers off, its disk written; one that does not is ended. */
char *relay_monitor_end(struct relay *r)
{
    struct pollfd p = {.fd = r->monitor_ends, .events = POLLIN};
    int status = 0;
    if (r->monitor <= 0 || poll(&p, 1, LAST_MS) <= 0 || waitpid(r->monitor, &status, 0) < 0) {
        return NULL;
    }
    r->monitor = 0;
    return WIFSIGNALED(status) ? str_format("the machine's monitor was killed by SIG%s",
                                            str_or(sigabbrev_np(WTERMSIG(status)), "?"))
                               : NULL;
}

void relay_end_machine(struct relay *r, bool is_fine)
{
    const struct plan *p = r->settings->plan;
    if (is_fine && !(p->is_thrown_away && p->share_count == 0 && !r->settings->browse)) {
        IGNORE(link_request(&r->link, 0, "power-off", NULL, END_MS, NULL, NULL) <
               0); /* it does not answer: what is not written yet is lost */
    }
    if (r->monitor > 0) {
        (void)syscall(SYS_pidfd_send_signal, r->monitor_ends, SIGKILL, NULL, 0);
    }
    while (r->monitor > 0 && waitpid(r->monitor, NULL, 0) < 0 && errno == EINTR) {
    }
}
