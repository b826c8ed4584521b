// SPDX-License-Identifier: Apache-2.0
#include "wall/container/seccomp_count.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>

#include "base/str.h"

enum { CALLS_MAX = 1024, ALLOWED = 1, REFUSED = 2 };

/* What is known of a call on the way through the program. */
struct walk {
    const struct sock_filter *code;
    size_t count;
    uint32_t nr, arch;
    unsigned int budget; /* instructions left: a tree of conditions could be walked for ever */
};

/* BPF_LD of the call's number or architecture; of an argument nothing is known. */
static bool load(const struct walk *w, uint32_t offset, uint32_t *value)
{
    *value = offset == offsetof(struct seccomp_data, nr) ? w->nr : w->arch;
    return offset == offsetof(struct seccomp_data, nr) ||
           offset == offsetof(struct seccomp_data, arch);
}

static bool condition(const struct sock_filter *s, uint32_t value)
{
    switch (BPF_OP(s->code)) {
    case BPF_JEQ:
        return value == s->k;
    case BPF_JGT:
        return value > s->k;
    case BPF_JGE:
        return value >= s->k;
    default:
        return value & s->k;
    }
}

static unsigned int outcome(uint32_t action)
{
    action &= SECCOMP_RET_ACTION_FULL;
    return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG ? ALLOWED : REFUSED;
}

/* ALLOWED, REFUSED or both. Instructions that our compiler does not make count as refused. */
static unsigned int follow(struct walk *w, size_t at, bool known, uint32_t value)
{
    for (; at < w->count && w->budget; at++) {
        const struct sock_filter *s = &w->code[at];
        w->budget--;
        switch (BPF_CLASS(s->code)) {
        case BPF_LD:
            known = load(w, s->k, &value);
            continue;
        case BPF_ALU:
            value &= s->k;
            continue;
        case BPF_RET:
            return outcome(s->k);
        case BPF_JMP:
            break;
        default:
            return REFUSED;
        }
        if (BPF_OP(s->code) == BPF_JA) {
            at += s->k;
        } else if (known) {
            at += condition(s, value) ? s->jt : s->jf;
        } else {
            unsigned int yes = follow(w, at + 1 + s->jt, known, value);
            return yes == (ALLOWED | REFUSED) ? yes : yes | follow(w, at + 1 + s->jf, known, value);
        }
    }
    return REFUSED;
}

void seccomp_count_calls(const struct sock_filter *code, size_t count, uint32_t arch,
                         struct seccomp_count *ret)
{
    *ret = (struct seccomp_count){0};
    for (int nr = 0; nr < CALLS_MAX; nr++) {
        CLEANUP(free) char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
        if (!name) {
            continue;
        }
        struct walk w = {code, count, (uint32_t)nr, arch, 100000};
        unsigned int outcomes = follow(&w, 0, false, 0);
        ret->known++;
        ret->always += outcomes == ALLOWED;
        ret->somehow += outcomes == (ALLOWED | REFUSED);
    }
}

char *seccomp_count_text(const struct sock_filter *code, size_t count)
{
    struct seccomp_count c;
    seccomp_count_calls(code, count, seccomp_arch_native(), &c);
    return str_format("%u of %u calls allowed, %u more for some arguments", c.always, c.known,
                      c.somehow);
}
