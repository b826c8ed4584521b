// SPDX-License-Identifier: Apache-2.0
/* The rewritten filter must answer as libseccomp's does: random filters, tried by an interpreter.
 */
#include "wall/container/seccomp_compact.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/test.h"

#define FILTERS 30
#define CALLS 3000

/* What the kernel does with a filter; aborts the test at what the kernel would refuse. */
static uint32_t interpret(const struct sock_filter *code, size_t count,
                          const struct seccomp_data *d)
{
    uint32_t value = 0;
    for (size_t at = 0; at < count; at++) {
        const struct sock_filter *s = &code[at];
        bool yes = false;
        switch (s->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            CHECK(s->k % 4 == 0 && s->k < sizeof(*d));
            memcpy(&value, (const char *)d + s->k, sizeof(value));
            continue;
        case BPF_RET | BPF_K:
            return s->k;
        case BPF_ALU | BPF_AND | BPF_K:
            value &= s->k;
            continue;
        case BPF_JMP | BPF_JA:
            at += s->k;
            continue;
        case BPF_JMP | BPF_JEQ | BPF_K:
            yes = value == s->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            yes = value > s->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            yes = value >= s->k;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            yes = value & s->k;
            break;
        default:
            CHECK(false);
        }
        at += yes ? s->jt : s->jf;
    }
    CHECK(false); /* ran off the end */
    return 0;
}

static uint32_t pick(uint32_t below)
{
    return (uint32_t)(((uint64_t)(uint32_t)random() << 8 ^ (uint64_t)random()) % below);
}

#define CALL_NUMBERS 400

static void add_random_rule(scmp_filter_ctx filter, bool with_arguments[CALL_NUMBERS])
{
    static const uint32_t actions[] = {SCMP_ACT_ERRNO(EPERM), SCMP_ACT_ERRNO(ENOSYS), SCMP_ACT_LOG,
                                       SCMP_ACT_KILL_PROCESS};
    static const enum scmp_compare operators[] = {SCMP_CMP_NE,       SCMP_CMP_LT, SCMP_CMP_LE,
                                                  SCMP_CMP_EQ,       SCMP_CMP_GE, SCMP_CMP_GT,
                                                  SCMP_CMP_MASKED_EQ};
    struct scmp_arg_cmp args[2];
    unsigned count = pick(3);
    count = pick(4) ? 0 : count;
    uint32_t call = pick(CALL_NUMBERS);
    /* One rule with arguments a call: libseccomp's trees of several can grow without bound. */
    count = with_arguments[call] ? 0 : count;
    with_arguments[call] |= count > 0;
    for (unsigned i = 0; i < count; i++) {
        args[i] = (struct scmp_arg_cmp){i * 2, operators[pick(ARRAY_SIZE(operators))],
                                        pick(8) | (uint64_t)pick(2) << 33, pick(8)};
    }
    /* A refusal (two rules that contradict each other) leaves the filter as it was. */
    (void)seccomp_rule_add_array(filter, actions[pick(ARRAY_SIZE(actions))], (int)call, count,
                                 args);
}

static struct sock_filter *exported(struct arena *a, scmp_filter_ctx filter, size_t *ret_count)
{
    struct stat st;
    CLEANUP(fd) int fd = memfd_create("filter", MFD_CLOEXEC);
    CHECK(fd >= 0 && seccomp_export_bpf(filter, fd) == 0 && fstat(fd, &st) == 0);
    struct sock_filter *code = arena_alloc(a, (size_t)st.st_size);
    CHECK_INT(pread(fd, code, (size_t)st.st_size, 0), st.st_size);
    *ret_count = (size_t)st.st_size / sizeof(*code);
    return code;
}

static struct seccomp_data random_call(void)
{
    static const uint32_t arches[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_X86_64, AUDIT_ARCH_I386,
                                      AUDIT_ARCH_AARCH64};
    static const uint32_t bits[] = {0, 0, 0, SECCOMP_X32_BIT, 0x80000000u};
    struct seccomp_data d = {
        .nr = (int)(pick(410) | bits[pick(ARRAY_SIZE(bits))]),
        .arch = arches[pick(ARRAY_SIZE(arches))],
    };
    for (size_t i = 0; i < ARRAY_SIZE(d.args); i++) {
        d.args[i] = pick(10) | (uint64_t)pick(2) << 33;
    }
    return d;
}

static void check_one(unsigned rules, const struct seccomp_limits *limits)
{
    struct arena *a = arena_new();
    size_t count, compact_count;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    CHECK(seccomp_arch_add(filter, SCMP_ARCH_X86) == 0 &&
          seccomp_arch_add(filter, SCMP_ARCH_X32) == 0);
    bool with_arguments[CALL_NUMBERS] = {0};
    for (unsigned i = 0; i < rules; i++) {
        add_random_rule(filter, with_arguments);
    }
    struct sock_filter *code = exported(a, filter, &count);
    struct sock_filter *compact = seccomp_compact(a, code, count, limits, &compact_count);
    CHECK(compact);
    for (int i = 0; i < CALLS; i++) {
        struct seccomp_data d = random_call();
        uint32_t expected = interpret(code, count, &d);
        for (size_t k = 0; k < limits->count; k++) {
            if (limits->items[k].audit_arch == d.arch) {
                (void)seccomp_limits_decide(limits, &limits->items[k], (uint32_t)d.nr, &expected);
            }
        }
        CHECK_INT(interpret(compact, compact_count, &d), expected);
    }
    seccomp_release(filter);
    arena_free(a);
}

static void seed(void)
{
    const char *given = getenv("SEED");
    unsigned number = (unsigned)time(NULL);
    if (given) {
        int64_t value;
        CHECK(str_to_i64(given, 10, &value) == 0);
        number = (unsigned)value;
    }
    printf("# SEED=%u\n", number);
    srandom(number);
}

static void test_seccomp_compact_answers_alike(void)
{
    struct seccomp_limits limits = {
        .items = {{.audit_arch = AUDIT_ARCH_X86_64, .x32 = true}, {.audit_arch = AUDIT_ARCH_I386}},
        .count = 2,
    };
    seed();
    for (unsigned i = 0; i < FILTERS; i++) {
        check_one(i * 12, &limits);
    }
}

static void test_seccomp_compact_puts_limits_in(void)
{
    const struct seccomp_new_call calls[] = {{395, SCMP_ACT_ALLOW}, {401, SCMP_ACT_LOG}};
    struct seccomp_limits limits = {
        .items = {{.audit_arch = AUDIT_ARCH_X86_64, .x32 = true, .max = 380, .x32_max = 370},
                  {.audit_arch = AUDIT_ARCH_I386, .max = 390}},
        .count = 2,
        .enosys = true,
        .calls = calls,
        .call_count = 2,
    };
    seed();
    for (unsigned i = 0; i < FILTERS; i++) {
        check_one(i * 12, &limits);
    }
}

static void test_seccomp_compact_leaves_the_unknown_alone(void)
{
    struct arena *a = arena_new();
    struct seccomp_limits limits = {.items = {{.audit_arch = AUDIT_ARCH_X86_64}}, .count = 1};
    const struct sock_filter arithmetic[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_filter endless[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)};
    size_t count;
    CHECK(!seccomp_compact(a, arithmetic, ARRAY_SIZE(arithmetic), &limits, &count));
    CHECK(!seccomp_compact(a, endless, ARRAY_SIZE(endless), &limits, &count));
    arena_free(a);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(test_seccomp_compact_answers_alike),
        TEST(test_seccomp_compact_puts_limits_in),
        TEST(test_seccomp_compact_leaves_the_unknown_alone),
    };
    return test_main(tests, ARRAY_SIZE(tests), argc, argv);
}
