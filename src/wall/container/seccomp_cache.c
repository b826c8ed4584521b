// SPDX-License-Identifier: Apache-2.0
/* The cache of compiled programs; see seccomp.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/seccomp.h"

/* To be raised when the compiler of this folder changes what it makes of a profile. */
#define FORMAT_VERSION 2
#define MAGIC 0x31706d6f63636573ull /* "seccomp1" */
#define WRITING_S 60                /* a temporary file older than that is a killed writer's */
#define FILE_BYTES_MAX ((off_t)1 << 20)

struct cache_header {
    uint64_t magic;
    uint32_t key_bytes;
    uint32_t instruction_count;
};

static void add_text(struct strbuf *key, const char *s)
{
    strbuf_add(key, str_or(s, ""), strlen(str_or(s, "")) + 1);
}

static void add_list(struct strbuf *key, const char *const *items, size_t count)
{
    strbuf_add(key, &count, sizeof(count));
    for (size_t i = 0; i < count; i++) {
        add_text(key, items[i]);
    }
}

static void add_optional(struct strbuf *key, struct opt_u32 v)
{
    uint64_t number = v.set ? v.value : UINT64_MAX;
    strbuf_add(key, &number, sizeof(number));
}

/* All that decides the instructions, in one string of bytes. Flags and the listener are not among
 * it: they are read from the profile every time. */
static void make_key(const struct spec_seccomp *s, struct strbuf *key)
{
    struct utsname u;
    const struct scmp_version *v = seccomp_version();
    const uint32_t versions[] = {FORMAT_VERSION, v->major, v->minor, v->micro};
    strbuf_add(key, versions, sizeof(versions));
    add_text(key, uname(&u) == 0 ? u.machine : "");
    add_text(key, s->default_action);
    add_optional(key, s->default_errno_ret);
    add_list(key, s->architectures, s->architecture_count);
    for (size_t i = 0; i < s->rule_count; i++) {
        const struct spec_seccomp_rule *r = &s->rules[i];
        add_list(key, r->names, r->name_count);
        add_text(key, r->action);
        add_optional(key, r->errno_ret);
        strbuf_add(key, &r->arg_count, sizeof(r->arg_count));
        for (size_t k = 0; k < r->arg_count; k++) {
            const uint64_t numbers[] = {r->args[k].index, r->args[k].value, r->args[k].value_two};
            strbuf_add(key, numbers, sizeof(numbers));
            add_text(key, r->args[k].op);
        }
    }
}

/* FNV-1a, 64 bits: it only has to spread; the key is compared whole. */
static uint64_t hash(const struct strbuf *key)
{
    uint64_t h = 0xcbf29ce484222325ull;
    for (size_t i = 0; i < key->len; i++) {
        h = (h ^ (unsigned char)key->data[i]) * 0x100000001b3ull;
    }
    return h;
}

/* A file that somebody else could have written is none. */
static char *read_file(struct arena *a, const char *path, size_t *ret_len)
{
    struct stat st;
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() || st.st_mode & 022 ||
        st.st_size < (off_t)sizeof(struct cache_header) || st.st_size > FILE_BYTES_MAX) {
        return NULL;
    }
    char *data = arena_alloc(a, (size_t)st.st_size);
    *ret_len = (size_t)st.st_size;
    return read_all(fd, data, *ret_len) == st.st_size ? data : NULL;
}

static bool look_up(struct arena *a, const char *path, const struct strbuf *key,
                    struct seccomp_program *ret)
{
    size_t len;
    const char *data = read_file(a, path, &len);
    if (!data) {
        return false;
    }
    struct cache_header h;
    memcpy(&h, data, sizeof(h));
    size_t code_bytes = (size_t)h.instruction_count * sizeof(struct sock_filter);
    if (h.magic != MAGIC || h.key_bytes != key->len || !h.instruction_count ||
        h.instruction_count > BPF_MAXINSNS || len != sizeof(h) + code_bytes + key->len ||
        memcmp(data + sizeof(h) + code_bytes, key->data, key->len) != 0) {
        return false;
    }
    ret->instructions = (const struct sock_filter *)(const void *)(data + sizeof(h));
    ret->count = (unsigned short)h.instruction_count;
    return true;
}

static void keep(const char *path, const struct strbuf *key, const struct seccomp_program *p)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    struct cache_header h = {MAGIC, (uint32_t)key->len, p->count};
    strbuf_add(&b, &h, sizeof(h));
    strbuf_add(&b, p->instructions, p->count * sizeof(*p->instructions));
    strbuf_add(&b, key->data, key->len);
    /* A full or read-only disk costs the next start its time, nothing else. */
    IGNORE(file_write_atomic(AT_FDCWD, path, b.data, b.len, 0600, FILE_NO_SYNC, NULL));
}

int seccomp_program_get(struct arena *a, const struct spec_seccomp *profile, const char *cache_dir,
                        struct seccomp_program *ret, struct error **err)
{
    if (!cache_dir) {
        return seccomp_compile(a, profile, ret, err);
    }
    CLEANUP(strbuf) struct strbuf key = {0};
    make_key(profile, &key);
    const char *path = arena_format(a, "%s/seccomp-%016" PRIx64, cache_dir, hash(&key));
    int r = seccomp_describe(a, profile, ret, err);
    if (r < 0 || look_up(a, path, &key, ret)) {
        return r;
    }
    r = seccomp_compile(a, profile, ret, err);
    if (r == 0) {
        IGNORE(mkdir_all(cache_dir, 0700, NULL)); /* keep() fails then, which is fine */
        file_sweep_temporaries(AT_FDCWD, cache_dir, WRITING_S);
        keep(path, &key, ret);
    }
    return r;
}
