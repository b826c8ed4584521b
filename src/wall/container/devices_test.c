// SPDX-License-Identifier: Apache-2.0
/* The generated device program, run by a small interpreter, against the meaning of the rules. */
#include "wall/container/devices.h"

#include <linux/bpf.h>

#include "base/test.h"

enum { MKNOD = BPF_DEVCG_ACC_MKNOD, READ = BPF_DEVCG_ACC_READ, WRITE = BPF_DEVCG_ACC_WRITE };

/* The instructions that the generator may use, and no others. */
static int interpret(const struct bpf_insn *code, size_t count,
                     const struct bpf_cgroup_dev_ctx *ctx)
{
    uint64_t r[11] = {0};
    for (size_t at = 0; at < count; at++) {
        const struct bpf_insn *i = &code[at];
        uint64_t value = BPF_SRC(i->code) == BPF_X ? r[i->src_reg] : (uint64_t)(int64_t)i->imm;
        uint64_t *dst = &r[i->dst_reg];
        switch (i->code) {
        case BPF_LDX | BPF_MEM | BPF_W:
            CHECK(i->src_reg == 1 && i->off >= 0 && i->off + 4 <= (int)sizeof(*ctx));
            *dst = *(const uint32_t *)(const void *)((const char *)ctx + i->off);
            break;
        case BPF_ALU | BPF_MOV | BPF_X:
        case BPF_ALU64 | BPF_MOV | BPF_K:
            *dst = BPF_CLASS(i->code) == BPF_ALU ? (uint32_t)value : value;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            *dst = (uint32_t)(*dst & value);
            break;
        case BPF_ALU | BPF_RSH | BPF_K:
            *dst = (uint32_t)*dst >> value;
            break;
        case BPF_JMP | BPF_JNE | BPF_K:
        case BPF_JMP | BPF_JNE | BPF_X:
            at += *dst != value ? (size_t)i->off : 0;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += *dst == value ? (size_t)i->off : 0;
            break;
        case BPF_JMP | BPF_EXIT:
            return (int)r[0];
        default:
            CHECK(false);
        }
    }
    CHECK(false); /* ran off the end */
    return -1;
}

static int decides(const struct spec_device_rule *rules, size_t count, char type, uint32_t major,
                   uint32_t minor, uint32_t access)
{
    struct arena *a = arena_new();
    size_t insn_count;
    struct bpf_insn *code = devices_program(a, rules, count, &insn_count);
    struct bpf_cgroup_dev_ctx ctx = {
        .access_type = access << 16 | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
        .major = major,
        .minor = minor,
    };
    int r = interpret(code, insn_count, &ctx);
    arena_free(a);
    return r;
}

#define NUMBER(n)                                                                                  \
    {                                                                                              \
        true, n                                                                                    \
    }
static const struct spec_device_rule docker[] = {
    {.allow = false, .type = 'a', .access = "rwm"},
    {.allow = true, .type = 'c', .access = "m"},
    {.allow = true, .type = 'b', .access = "m"},
    {.allow = true, .type = 'c', .major = NUMBER(1), .minor = NUMBER(3), .access = "rwm"},
    {.allow = true, .type = 'c', .major = NUMBER(5), .minor = NUMBER(1), .access = "r"},
    {.allow = true, .type = 'c', .major = NUMBER(5), .minor = NUMBER(1), .access = "w"},
    {.allow = true, .type = 'c', .major = NUMBER(136), .access = "rwm"},
};

static void test_devices_allow_list(void)
{
    const size_t n = ARRAY_SIZE(docker);
    CHECK_INT(decides(docker, n, 'c', 1, 3, READ | WRITE), 1);
    CHECK_INT(decides(docker, n, 'c', 1, 3, MKNOD), 1);
    CHECK_INT(decides(docker, n, 'b', 1, 3, READ), 0);
    CHECK_INT(decides(docker, n, 'c', 1, 1, READ), 0); /* /dev/mem */
    CHECK_INT(decides(docker, n, 'b', 8, 0, READ), 0);
    CHECK_INT(decides(docker, n, 'b', 8, 0, MKNOD), 1);
    CHECK_INT(decides(docker, n, 'b', 8, 0, MKNOD | READ), 0);
    CHECK_INT(decides(docker, n, 'c', 136, 77, READ | WRITE), 1);
}

static void test_devices_access_of_neighbours_adds_up(void)
{
    CHECK_INT(decides(docker, ARRAY_SIZE(docker), 'c', 5, 1, READ | WRITE), 1);
}

static void test_devices_last_match_wins(void)
{
    const struct spec_device_rule rules[] = {
        {.allow = true, .type = 'a'},
        {.allow = false, .type = 'c', .major = NUMBER(1), .access = "w"},
        {.allow = true, .type = 'c', .major = NUMBER(1), .minor = NUMBER(5), .access = "w"},
    };
    CHECK_INT(decides(rules, 3, 'c', 1, 3, WRITE), 0);
    CHECK_INT(decides(rules, 3, 'c', 1, 3, READ), 1);
    CHECK_INT(decides(rules, 3, 'c', 1, 3, READ | WRITE), 0); /* a denial bites when it meets any */
    CHECK_INT(decides(rules, 3, 'c', 1, 5, WRITE), 1);
    CHECK_INT(decides(rules, 3, 'b', 1, 3, WRITE), 1);
}

static void test_devices_nothing_said_is_denied(void)
{
    const struct spec_device_rule rule = {
        .allow = true, .type = 'c', .major = NUMBER(1), .minor = NUMBER(3), .access = "rwm"};
    CHECK_INT(decides(&rule, 1, 'c', 1, 3, READ), 1);
    CHECK_INT(decides(&rule, 1, 'c', 1, 5, READ), 0);
    CHECK_INT(decides(NULL, 0, 'c', 1, 3, READ), 0);
}

static void test_devices_v1_lines(void)
{
    struct arena *a = arena_new();
    CHECK_STR(devices_rule_text(a, &docker[0]), "a *:* rwm");
    CHECK_STR(devices_rule_text(a, &docker[2]), "b *:* m");
    CHECK_STR(devices_rule_text(a, &docker[3]), "c 1:3 rwm");
    CHECK_STR(devices_rule_text(a, &docker[6]), "c 136:* rwm");
    arena_free(a);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(test_devices_allow_list),      TEST(test_devices_access_of_neighbours_adds_up),
        TEST(test_devices_last_match_wins), TEST(test_devices_nothing_said_is_denied),
        TEST(test_devices_v1_lines),
    };
    return test_main(tests, ARRAY_SIZE(tests), argc, argv);
}
