// SPDX-License-Identifier: Apache-2.0
#include "wall/container/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

#define ACCESS_ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)
/* Instructions of one rule at most: type 1, access 3, major 1, minor 1, verdict 2. */
#define RULE_INSTRUCTIONS_MAX 8

char *devices_rule_text(struct arena *a, const struct spec_device_rule *rule)
{
    char *major = rule->major.set && rule->major.value >= 0
                      ? arena_format(a, "%" PRId64, rule->major.value)
                      : "*";
    char *minor = rule->minor.set && rule->minor.value >= 0
                      ? arena_format(a, "%" PRId64, rule->minor.value)
                      : "*";
    if (rule->type == 'a') {
        return arena_strdup(a, "a *:* rwm"); /* the kernel's meaning: everything */
    }
    return arena_format(a, "%c %s:%s %s", rule->type, major, minor, str_or(rule->access, "rwm"));
}

/* A rule in the kernel's numbers; -1 is any. */
struct device_match {
    bool allow;
    int32_t type; /* BPF_DEVCG_DEV_* */
    uint32_t access;
    int64_t major, minor;
};

static uint32_t access_bits(const char *access)
{
    uint32_t bits = 0;
    for (const char *p = str_or(access, "rwm"); *p; p++) {
        bits |= *p == 'r'   ? BPF_DEVCG_ACC_READ
                : *p == 'w' ? BPF_DEVCG_ACC_WRITE
                : *p == 'm' ? BPF_DEVCG_ACC_MKNOD
                            : 0u;
    }
    return bits;
}

static struct device_match match_of(const struct spec_device_rule *rule)
{
    if (rule->type == 'a') {
        return (struct device_match){rule->allow, -1, ACCESS_ALL, -1, -1};
    }
    return (struct device_match){
        .allow = rule->allow,
        .type = rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR,
        .access = access_bits(rule->access),
        .major = rule->major.set ? rule->major.value : -1,
        .minor = rule->minor.set ? rule->minor.value : -1,
    };
}

/* Neighbours that differ in access alone are one: "r" and then "w" allow opening for both. */
static size_t merge(const struct spec_device_rule *rules, size_t count, struct device_match *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        struct device_match m = match_of(&rules[i]), *last = n ? &ret[n - 1] : NULL;
        if (last && last->allow == m.allow && last->type == m.type && last->major == m.major &&
            last->minor == m.minor) {
            last->access |= m.access;
        } else {
            ret[n++] = m;
        }
    }
    return n;
}

/* The registers of the program; r1 is the context at first, scratch then. */
enum { RESULT = BPF_REG_0, SCRATCH = BPF_REG_1, TYPE = BPF_REG_2, ACCESS, MAJOR, MINOR };

struct program {
    struct bpf_insn *insns;
    size_t count;
};

static void emit(struct program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
                 int32_t imm)
{
    p->insns[p->count++] =
        (struct bpf_insn){.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm};
}

static void emit_header(struct program *p)
{
    const uint8_t load = BPF_LDX | BPF_MEM | BPF_W, and = BPF_ALU | BPF_AND | BPF_K;
    emit(p, load, TYPE, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
    emit(p, BPF_ALU | BPF_MOV | BPF_X, ACCESS, TYPE, 0, 0);
    emit(p, and, TYPE, 0, 0, 0xffff);
    emit(p, BPF_ALU | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
    emit(p, load, MAJOR, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
    emit(p, load, MINOR, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
}

static void emit_verdict(struct program *p, bool allow)
{
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, RESULT, 0, 0, allow);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Jumps over the verdict when the rule does not match. An allowance must cover all that is asked
 * for; a denial bites when it meets any of it. */
static void emit_rule(struct program *p, const struct device_match *m)
{
    const uint8_t unequal = BPF_JMP | BPF_JNE | BPF_K;
    size_t begin = p->count;
    if (m->type >= 0) {
        emit(p, unequal, TYPE, 0, 0, m->type);
    }
    if (m->access != ACCESS_ALL) {
        emit(p, BPF_ALU | BPF_MOV | BPF_X, SCRATCH, ACCESS, 0, 0);
        emit(p, BPF_ALU | BPF_AND | BPF_K, SCRATCH, 0, 0, (int32_t)m->access);
        if (m->allow) {
            emit(p, BPF_JMP | BPF_JNE | BPF_X, SCRATCH, ACCESS, 0, 0);
        } else {
            emit(p, BPF_JMP | BPF_JEQ | BPF_K, SCRATCH, 0, 0, 0);
        }
    }
    if (m->major >= 0) {
        emit(p, unequal, MAJOR, 0, 0, (int32_t)m->major);
    }
    if (m->minor >= 0) {
        emit(p, unequal, MINOR, 0, 0, (int32_t)m->minor);
    }
    emit_verdict(p, m->allow);
    for (size_t i = begin; i < p->count; i++) {
        if (BPF_CLASS(p->insns[i].code) == BPF_JMP && BPF_OP(p->insns[i].code) != BPF_EXIT) {
            p->insns[i].off = (int16_t)(p->count - i - 1);
        }
    }
}

struct bpf_insn *devices_program(struct arena *a, const struct spec_device_rule *rules,
                                 size_t count, size_t *ret_count)
{
    struct device_match *matches = arena_alloc(a, (count + 1) * sizeof(*matches));
    size_t n = merge(rules, count, matches);
    struct program p = {
        .insns = arena_alloc(a, (n * RULE_INSTRUCTIONS_MAX + 8) * sizeof(*p.insns)),
    };
    emit_header(&p);
    bool decided = false; /* a rule about everything hides those before it */
    for (size_t i = n; i > 0 && !decided; i--) {
        emit_rule(&p, &matches[i - 1]);
        decided = matches[i - 1].type < 0;
    }
    if (!decided) {
        emit_verdict(&p, false);
    }
    *ret_count = p.count;
    return p.insns;
}

static int bpf(int command, union bpf_attr *attr)
{
    long r = syscall(SYS_bpf, command, attr, sizeof(*attr));
    return r < 0 ? -errno : (int)r;
}

#define PROGRAM_NAME "cloison_device" /* at most BPF_OBJ_NAME_LEN - 1 characters */

static int load(struct bpf_insn *insns, size_t count)
{
    static const char license[] = "Apache-2.0";
    union bpf_attr attr = {
        .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
        .insns = (uint64_t)(uintptr_t)insns,
        .insn_cnt = (uint32_t)count,
        .license = (uint64_t)(uintptr_t)license,
        .prog_name = PROGRAM_NAME,
    };
    return bpf(BPF_PROG_LOAD, &attr);
}

static bool is_ours(int program_fd)
{
    struct bpf_prog_info info = {0};
    union bpf_attr attr = {
        .info.bpf_fd = (uint32_t)program_fd,
        .info.info = (uint64_t)(uintptr_t)&info,
        .info.info_len = sizeof(info),
    };
    return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 && str_equal(info.name, PROGRAM_NAME);
}

/* The fd of the program that we attached to the group earlier, or -1. Another's, systemd's, stays:
 * the kernel asks both. */
static int attached_program(int group_fd)
{
    uint32_t ids[64] = {0}; /* BPF_CGROUP_MAX_PROGS */
    union bpf_attr query = {
        .query.target_fd = (uint32_t)group_fd,
        .query.attach_type = BPF_CGROUP_DEVICE,
        .query.prog_ids = (uint64_t)(uintptr_t)ids,
        .query.prog_cnt = ARRAY_SIZE(ids),
    };
    if (bpf(BPF_PROG_QUERY, &query) < 0) {
        return -1;
    }
    for (uint32_t i = 0; i < query.query.prog_cnt && i < ARRAY_SIZE(ids); i++) {
        union bpf_attr get = {.prog_id = ids[i]};
        CLEANUP(fd) int fd = bpf(BPF_PROG_GET_FD_BY_ID, &get);
        if (fd >= 0 && is_ours(fd)) {
            return take_fd(&fd);
        }
    }
    return -1;
}

int devices_attach(const char *group, const struct spec_device_rule *rules, size_t count,
                   struct error **err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    size_t insn_count;
    struct bpf_insn *insns = devices_program(a, rules, count, &insn_count);
    CLEANUP(fd) int group_fd = open_file(AT_FDCWD, group, O_RDONLY | O_DIRECTORY, 0, err);
    if (group_fd < 0) {
        return group_fd;
    }
    CLEANUP(fd) int program = load(insns, insn_count);
    if (program < 0) {
        return error_set_errno(err, ERROR_KERNEL, -program,
                               "cannot load the device program of cgroup '%s'", group);
    }
    CLEANUP(fd) int old = attached_program(group_fd);
    union bpf_attr attr = {
        .target_fd = (uint32_t)group_fd,
        .attach_bpf_fd = (uint32_t)program,
        .attach_type = BPF_CGROUP_DEVICE,
        .attach_flags = BPF_F_ALLOW_MULTI | (old >= 0 ? BPF_F_REPLACE : 0),
        .replace_bpf_fd = old >= 0 ? (uint32_t)old : 0,
    };
    int r = bpf(BPF_PROG_ATTACH, &attr);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r,
                                   "cannot attach the device program to cgroup '%s'", group)
                 : 0;
}
