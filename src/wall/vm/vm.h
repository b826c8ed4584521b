// SPDX-License-Identifier: Apache-2.0
/* The virtual machine wall's own structures.
 *
 *     plan.c      spec → machine: processors, memory, disks, what is sent to the agent; pure
 *     assets.c    what the machine is made of, made once and cached: kernel, initramfs
 *     disks.c     … and its disks: one a layer, and the container's own
 *     kernels.c   which kernels there are
 *     create.c, workload.c  wall_ops: create forks the relay, the others talk to it
 *     relay.c     the process that stands for the workload on the host: it starts the monitor,
 *                 speaks with the agent, carries the streams, and ends as the workload does
 *     relay_net.c its network: the interface that the engine attaches, handed on to the machine
 *     groups.c    its control groups on the host
 *     limits.c    rates of its disks and its network
 *     shares.c    the server of the folders that the machine shares with the host
 *     launch.c, qemu.c, guest_link.c */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "wall/container/cgroup.h"
#include "wall/vm/launch.h"
#include "wall/wall.h"

/* A host file that the spec binds: small ones travel with the request. */
struct vm_file {
    const char *source;
};

/* A folder or file of the host that the spec binds, served to the machine while it runs. */
struct vm_share {
    const char *source;
    bool read_only;
};

struct plan {
    struct arena *arena;
    const char *id, *bundle, *state_dir, *cache_dir;
    unsigned cpus;
    uint64_t memory_bytes, disk_bytes;
    bool terminal, own_network;
    bool is_thrown_away; /* nobody will look at its disk when it has ended */
    const char *network; /* a namespace to join instead of a new one, or NULL */
    const char *root;    /* what the root is in the guest when it is no layers: GUEST_SHARES/n */
    struct opt_u32 rows, columns;
    int hooks_ms;            /* how long hooks inside may take before the program starts */
    const char *kernel;      /* as of vm_kernel_find() */
    const char *kernels_dir; /* of those that the user keeps, or NULL */
    const char *monitor;     /* "kvm", "qemu"; NULL: whichever can */
    const char *display;     /* the socket of a VNC server; NULL: no screen */
    const char **layers;     /* folders, topmost first */
    size_t layer_count;
    const char *disk; /* a sparse file, made at the first start */
    struct vm_file *files;
    size_t file_count;
    struct vm_share *shares;
    size_t share_count;
    struct opt_i64 memory_limit, memory_swap; /* what was asked for */
    struct spec_resources throttles;          /* of the host's devices: its rates, nothing else */
    uint64_t net_receive_bytes, net_transmit_bytes; /* a second; 0: no limit */
    struct cgroup_plan groups; /* of the relay and all that it starts; none: no set */
    json_t *spec; /* what the agent applies: file n's source is GUEST_FILES/n, share n's
        GUEST_SHARES/n */
};

#define GUEST_FILES "/run/files"
#define GUEST_SHARES "/run/shares"
#define VM_SHARES_MAX 64
#define VM_MEMORY_DEFAULT (UINT64_C(512) << 20)
#define VM_MEMORY_MIN (UINT64_C(96) << 20) /* below, Debian's kernel and the agent do not start */
#define VM_DISK_BYTES (UINT64_C(10) << 30)
#define VM_DISK_MIN (INT64_C(4) << 20) /* a file system with its journal */
#define VM_FILE_BYTES_MAX (1 << 20)

int vm_plan(const struct wall_params *params, struct plan **ret, struct error **err) NODISCARD;
int vm_describe(const struct plan *plan, enum wall_format format, struct strbuf *out,
                struct error **err) NODISCARD;
void vm_plan_free(struct plan *plan);

/* What the machine is made of, open. */
struct vm_assets {
    int kernel, initramfs;
    int layers[VM_DISKS_MAX];
    size_t layer_count;
    int disk;
    enum vm_monitor monitor;
};
int vm_assets_open(const struct plan *plan, struct vm_assets *ret, struct error **err) NODISCARD;
void vm_assets_close(struct vm_assets *a);
/* The disks alone, the container's own locked; what is open after a failure is vm_assets_close()'s.
 */
int vm_disks_open(const struct plan *plan, struct vm_assets *ret, struct error **err) NODISCARD;
/* Makes a file under a temporary name beside its own. */
typedef int vm_make(const char *temporary, const void *from, struct error **err);
/* A descriptor of the file at `path`, made by `make` unless it is there. */
int vm_cached(const char *path, vm_make *make, const void *from, struct error **err) NODISCARD;

/* One of the relay's interfaces, inside its own network namespace, and the tap behind which the
 * machine is it. Texts are empty when there is none of it. */
struct vm_interface {
    int tap;
    char name[16], mac[18];
    char address[64], address6[64]; /* "10.0.0.2/24" */
    char gateway[16], gateway6[46]; /* where the default route leads through this one */
    uint16_t mtu;
};
#define VM_INTERFACES_MAX 8
struct vm_network {
    struct vm_interface items[VM_INTERFACES_MAX];
    size_t count;
};
int vm_network_hand_on(struct vm_network *ret, struct error **err) NODISCARD;

/* Which groups the machine gets, and limits: pure. */
int vm_groups_plan(struct plan *p, const struct wall_params *params, struct error **err) NODISCARD;
/* Makes them and moves the process in. After a failure, cgroup_remove() takes what is left. */
int vm_groups_make(const struct plan *p, pid_t pid, enum vm_monitor monitor,
                   struct error **err) NODISCARD;
/* KVM has a thread of the kernel's in the group of whoever made a machine, which no freezer
 * freezes (before Linux 6.13): it leaves, so that the rest can be. */
void vm_groups_release_kernel(const struct cgroup_set *set);
int vm_groups_update(const struct cgroup_set *set, const char *scope,
                     const struct spec_resources *r, enum vm_monitor monitor,
                     struct error **err) NODISCARD;

/* On which of the host's devices the machine's disks lie, of which `file` is one. It is asked
 * before whoever may change the limits is confined. */
struct vm_place {
    bool is_known;
    dev_t device, whole_disk; /* the same but for a partition */
};
struct vm_place vm_place_of(int file);
/* Changes what limits of the host's devices say of the disks there. */
void vm_limits_take(struct vm_limits *l, const struct spec_resources *r,
                    const struct vm_place *place);
/* As the monitor's control socket takes them; the caller frees. */
char *vm_limits_text(const struct vm_limits *l);
/* The devices' rates alone, in memory of the arena's. */
struct spec_resources vm_throttles(struct arena *a, const struct spec_resources *r);

/* Starts cloison-fs on the plan's shares: its pid, a child of the caller, and the socket for the
 * machine's monitor. From the host's mount namespace, with CAP_SYS_ADMIN. */
int vm_shares_start(const struct plan *plan, int log, int *ret_socket, pid_t *ret_pid,
                    struct error **err) NODISCARD;

/* What the machine's log says of its end: the line of a panic or of
 * the agent, else its last ones, joined. NULL: it
 * says nothing. The caller frees. */
char *vm_last_words(int log);

/* The relay's body: never returns. `ready` is a socket on which it waits for one byte (go), then
 * says one message: {} or {"error": …}. `io` is the workload's (a terminal's slave three times). */
struct relay_settings {
    const struct plan *plan;
    struct vm_assets assets;
    struct wall_io io;
    int ready, listener; /* SOCK_SEQPACKET both */
    const char *browse;  /* no workload: this tree of its files, on `io`; else NULL */
    int log;             /* what the monitor and the kernel say */
};
void relay_run(const struct relay_settings *s) __attribute__((noreturn));

/* An error as {"error": {…}}, and back. */
json_t *vm_error_to_json(const struct error *e);
int vm_error_from_json(const json_t *reply, struct error **err) NODISCARD;
