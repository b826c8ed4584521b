// SPDX-License-Identifier: Apache-2.0
#include "wall/container/seccomp_compact.h"

#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define JUMP_MAX 255 /* a conditional jump's offset has 8 bits */
#define NUMBER_OFFSET offsetof(struct seccomp_data, nr)
#define ARCH_OFFSET offsetof(struct seccomp_data, arch)

/* How a number fares: an action whatever the arguments, or the instruction of the filter from which
 * on they matter. */
struct fate {
    bool depends;
    uint32_t value; /* the action, or the instruction's index */
};
struct range {
    uint32_t first; /* up to the next range's first */
    struct fate fate;
};

struct compactor {
    struct arena *a;
    const struct sock_filter *filter;
    size_t count;
    const struct seccomp_limits *limits;
    uint32_t *edges; /* where the fate may change: sorted, from 0 */
    size_t edge_count;
    /* The new program, written from its end: jumps lead forward, so their targets are there. */
    struct sock_filter *code;
    size_t capacity, used; /* code[capacity - used] is the first instruction so far */
    size_t *place;         /* by the old index: `used` behind its copy, 0: not copied */
};

static bool is_known(const struct sock_filter *s)
{
    switch (s->code) {
    case BPF_LD | BPF_W | BPF_ABS:
    case BPF_RET | BPF_K:
    case BPF_JMP | BPF_JA:
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_K:
    case BPF_ALU | BPF_AND | BPF_K:
        return true;
    default:
        return false;
    }
}

static bool compare(const struct sock_filter *s, uint32_t value)
{
    switch (BPF_OP(s->code)) {
    case BPF_JEQ:
        return value == s->k;
    case BPF_JGT:
        return value > s->k;
    default:
        return value >= s->k;
    }
}

/* Runs the filter for an architecture and a number, up to the first load of anything else. False
 * when it computes with them, which ranges cannot follow. */
static bool run(const struct compactor *c, uint32_t arch, uint32_t number, struct fate *ret)
{
    uint32_t value = 0;
    for (size_t at = 0; at < c->count; at++) {
        const struct sock_filter *s = &c->filter[at];
        if (s->code == (BPF_RET | BPF_K)) {
            *ret = (struct fate){false, s->k};
            return true;
        }
        if (s->code == (BPF_LD | BPF_W | BPF_ABS)) {
            if (s->k != NUMBER_OFFSET && s->k != ARCH_OFFSET) {
                *ret = (struct fate){true, (uint32_t)at};
                return true;
            }
            value = s->k == ARCH_OFFSET ? arch : number;
        } else if (s->code == (BPF_JMP | BPF_JA)) {
            at += s->k;
        } else if (BPF_CLASS(s->code) != BPF_JMP || BPF_OP(s->code) == BPF_JSET) {
            return false;
        } else {
            at += compare(s, value) ? s->jt : s->jf;
        }
    }
    return false;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void add_edge(struct compactor *c, uint32_t number)
{
    uint32_t *edge = arena_push(c->a, c->edges, c->edge_count);
    *edge = number;
}

/* A comparison with k changes its answer at k and at k + 1 alone. */
static void find_edges(struct compactor *c)
{
    add_edge(c, 0);
    for (size_t i = 0; i < c->count; i++) {
        if (BPF_CLASS(c->filter[i].code) == BPF_JMP && c->filter[i].code != (BPF_JMP | BPF_JA)) {
            add_edge(c, c->filter[i].k);
            add_edge(c, c->filter[i].k + 1); /* past the largest it is 0, which is there already */
        }
    }
    for (size_t i = 0; i < c->limits->count; i++) {
        add_edge(c, c->limits->items[i].max + 1);
        add_edge(c, SECCOMP_X32_BIT);
        add_edge(c, (SECCOMP_X32_BIT | c->limits->items[i].x32_max) + 1);
    }
    for (size_t i = 0; i < c->limits->call_count; i++) {
        for (uint32_t k = 0; k < 2; k++) {
            add_edge(c, c->limits->calls[i].number + k);
            add_edge(c, (c->limits->calls[i].number | SECCOMP_X32_BIT) + k);
        }
    }
    qsort(c->edges, c->edge_count, sizeof(*c->edges), by_value);
}

static bool same(struct fate a, struct fate b)
{
    return a.depends == b.depends && a.value == b.value;
}

/* The ranges of one architecture. NULL when the filter cannot be followed. */
static struct range *find_ranges(struct compactor *c, const struct seccomp_limit *arch,
                                 size_t *ret_count)
{
    struct range *ranges = arena_alloc(c->a, c->edge_count * sizeof(*ranges));
    size_t n = 0;
    for (size_t i = 0; i < c->edge_count; i++) {
        struct fate fate = {0};
        if (i && c->edges[i] == c->edges[i - 1]) {
            continue;
        }
        if (!seccomp_limits_decide(c->limits, arch, c->edges[i], &fate.value) &&
            !run(c, arch->audit_arch, c->edges[i], &fate)) {
            return NULL;
        }
        if (!n || !same(ranges[n - 1].fate, fate)) {
            ranges[n++] = (struct range){c->edges[i], fate};
        }
    }
    *ret_count = n;
    return ranges;
}

/* Puts an instruction in front; its place is how many there are then. Too many are counted, not
 * written: the caller looks at the end. */
static size_t put(struct compactor *c, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    c->used++;
    if (c->used <= c->capacity) {
        c->code[c->capacity - c->used] = (struct sock_filter){code, jt, jf, k};
    }
    return c->used;
}

/* How far a jump put next, with `between` more put before it, has to `place`. */
static size_t distance(const struct compactor *c, size_t place, size_t between)
{
    return c->used + between - place;
}

/* A place near enough for a conditional jump that is put at most one instruction later. */
static size_t near(struct compactor *c, size_t place)
{
    if (distance(c, place, 1) <= JUMP_MAX) {
        return place;
    }
    if (c->used < c->capacity && c->code[c->capacity - place].code == (BPF_RET | BPF_K)) {
        return put(c, BPF_RET | BPF_K, 0, 0, c->code[c->capacity - place].k);
    }
    return put(c, BPF_JMP | BPF_JA, 0, 0, (uint32_t)distance(c, place, 0));
}

static size_t put_choice(struct compactor *c, uint16_t code, uint32_t k, size_t yes, size_t no)
{
    yes = near(c, yes);
    no = near(c, no);
    return put(c, code, (uint8_t)distance(c, yes, 0), (uint8_t)distance(c, no, 0), k);
}

/* The actions' returns that were put lately, to be shared. */
static size_t put_return(struct compactor *c, uint32_t action)
{
    for (size_t back = 0; back < JUMP_MAX / 2 && back < c->used && c->used <= c->capacity; back++) {
        const struct sock_filter *s = &c->code[c->capacity - c->used + back];
        if (s->code == (BPF_RET | BPF_K) && s->k == action) {
            return c->used - back;
        }
    }
    return put(c, BPF_RET | BPF_K, 0, 0, action);
}

static size_t put_fate(struct compactor *c, struct fate fate)
{
    return fate.depends ? c->place[fate.value] : put_return(c, fate.value);
}

static size_t put_tree(struct compactor *c, const struct range *ranges, size_t from, size_t to)
{
    if (to - from == 1) {
        return put_fate(c, ranges[from].fate);
    }
    size_t middle = from + (to - from) / 2;
    size_t above = put_tree(c, ranges, middle, to);
    size_t below = put_tree(c, ranges, from, middle);
    return put_choice(c, BPF_JMP | BPF_JGE | BPF_K, ranges[middle].first, above, below);
}

/* Marks what can be reached from an instruction that depends on arguments. */
static void mark(const struct compactor *c, bool *wanted, size_t at)
{
    while (at < c->count && !wanted[at]) {
        const struct sock_filter *s = &c->filter[at];
        wanted[at] = true;
        if (s->code == (BPF_RET | BPF_K)) {
            return;
        }
        if (s->code == (BPF_JMP | BPF_JA)) {
            at += 1 + s->k;
        } else if (BPF_CLASS(s->code) == BPF_JMP) {
            mark(c, wanted, at + 1 + s->jt);
            at += 1 + s->jf;
        } else {
            at++;
        }
    }
}

/* Copies the marked instructions; from the last, as each leads to later ones alone. */
static void put_copies(struct compactor *c, const bool *wanted)
{
    for (size_t i = c->count; i-- > 0;) {
        const struct sock_filter *s = &c->filter[i];
        if (!wanted[i]) {
            continue;
        }
        if (s->code == (BPF_RET | BPF_K)) {
            c->place[i] = put_return(c, s->k);
        } else if (s->code == (BPF_JMP | BPF_JA)) {
            c->place[i] = c->place[i + 1 + s->k];
        } else if (BPF_CLASS(s->code) == BPF_JMP) {
            c->place[i] =
                put_choice(c, s->code, s->k, c->place[i + 1 + s->jt], c->place[i + 1 + s->jf]);
        } else {
            /* A load falls through to what follows it. */
            if (c->place[i + 1] != c->used) {
                put(c, BPF_JMP | BPF_JA, 0, 0, (uint32_t)distance(c, c->place[i + 1], 0));
            }
            c->place[i] = put(c, s->code, s->jt, s->jf, s->k);
        }
    }
}

static bool is_sound(const struct compactor *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct sock_filter *s = &c->filter[i];
        bool jump = BPF_CLASS(s->code) == BPF_JMP, always = s->code == (BPF_JMP | BPF_JA);
        size_t furthest = always ? s->k : s->jt > s->jf ? s->jt : s->jf;
        if (!is_known(s) || (jump && i + 1 + furthest >= c->count)) {
            return false;
        }
    }
    return c->count && c->filter[c->count - 1].code == (BPF_RET | BPF_K);
}

/* The comparisons of the architecture, each leading to its tree. */
static bool put_all(struct compactor *c)
{
    struct range *ranges[SECCOMP_LIMITS_MAX];
    size_t counts[SECCOMP_LIMITS_MAX], trees[SECCOMP_LIMITS_MAX];
    bool *wanted = arena_alloc(c->a, c->count * sizeof(*wanted));
    struct fate other;
    for (size_t i = 0; i < c->limits->count; i++) {
        ranges[i] = find_ranges(c, &c->limits->items[i], &counts[i]);
        for (size_t k = 0; ranges[i] && k < counts[i]; k++) {
            if (ranges[i][k].fate.depends) {
                mark(c, wanted, ranges[i][k].fate.value);
            }
        }
        if (!ranges[i]) {
            return false;
        }
    }
    /* No architecture has the number 0: what libseccomp does with one that is not the filter's. */
    if (!run(c, 0, 0, &other) || other.depends) {
        return false;
    }
    put_copies(c, wanted);
    for (size_t i = c->limits->count; i-- > 0;) {
        size_t tree = put_tree(c, ranges[i], 0, counts[i]);
        if (tree != c->used) {
            put(c, BPF_JMP | BPF_JA, 0, 0, (uint32_t)distance(c, tree, 0));
        }
        trees[i] = put(c, BPF_LD | BPF_W | BPF_ABS, 0, 0, NUMBER_OFFSET);
    }
    size_t next = put(c, BPF_RET | BPF_K, 0, 0, other.value);
    for (size_t i = c->limits->count; i-- > 0;) {
        next = put_choice(c, BPF_JMP | BPF_JEQ | BPF_K, c->limits->items[i].audit_arch, trees[i],
                          next);
    }
    put(c, BPF_LD | BPF_W | BPF_ABS, 0, 0, ARCH_OFFSET);
    return true;
}

struct sock_filter *seccomp_compact(struct arena *a, const struct sock_filter *filter, size_t count,
                                    const struct seccomp_limits *limits, size_t *ret_count)
{
    struct compactor c = {
        .a = a, .filter = filter, .count = count, .limits = limits, .capacity = BPF_MAXINSNS};
    if (!is_sound(&c)) {
        return NULL;
    }
    c.code = arena_alloc(a, c.capacity * sizeof(*c.code));
    c.place = arena_alloc(a, count * sizeof(*c.place));
    find_edges(&c);
    if (!put_all(&c) || c.used > c.capacity) {
        return NULL;
    }
    *ret_count = c.used;
    return c.code + c.capacity - c.used;
}
