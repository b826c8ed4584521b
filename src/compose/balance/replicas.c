// SPDX-License-Identifier: Apache-2.0
#include "compose/balance/replicas.h"

#include <fcntl.h>

#include "base/file.h"

#define HOSTS_LINE 96
#define HOSTS_LINES 128

static const struct replica *find(const struct replicas *r, const struct replica *like)
{
    for (size_t i = 0; r && i < r->count; i++) {
        const struct replica *one = &r->items[i];
        if (str_equal(one->address, like->address) && str_equal(one->service, like->service) &&
            one->port == like->port) {
            return one;
        }
    }
    return NULL;
}

static bool parse_line(const char *line, struct replica *ret)
{
    CLEANUP(strv) struct strv words = {0};
    int64_t port = 0;
    strv_split(&words, line, ' ');
    if (words.count != 4 || str_to_i64(words.items[1], 10, &port) < 0 || port < 1 || port > 65535) {
        return false;
    }
    *ret = (struct replica){.address = xstrdup(words.items[0]),
                            .service = xstrdup(words.items[2]),
                            .path = str_equal(words.items[3], "-") ? NULL : xstrdup(words.items[3]),
                            .port = (int)port};
    return true;
}

void replicas_parse(const char *text, const struct replicas *before, struct replicas *ret)
{
    CLEANUP(strv) struct strv lines = {0};
    strv_split(&lines, text, '\n');
    *ret = (struct replicas){.items = xcalloc(lines.count + 1, sizeof(struct replica))};
    for (size_t i = 0; i < lines.count; i++) {
        struct replica *r = &ret->items[ret->count];
        if (parse_line(lines.items[i], r)) {
            const struct replica *known = find(before, r);
            r->misses = known ? known->misses : 0;
            ret->count++;
        }
    }
}

void replicas_done(struct replicas *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->items[i].address);
        free(r->items[i].service);
        free(r->items[i].path);
    }
    free(r->items);
    *r = (struct replicas){0};
}

void replica_judge(struct replica *r, bool answers)
{
    r->misses = answers ? 0 : r->misses < MISSES_MAX ? r->misses + 1 : MISSES_MAX;
}

static bool any_answers(const struct replicas *r, const char *service)
{
    for (size_t i = 0; i < r->count; i++) {
        if (str_equal(r->items[i].service, service) && r->items[i].misses < MISSES_MAX) {
            return true;
        }
    }
    return false;
}

void replicas_hosts(const struct replicas *r, struct strbuf *ret)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct replica *one = &r->items[i];
        if (one->misses < MISSES_MAX || !any_answers(r, one->service)) {
            CLEANUP(free)
            char *line = str_format("%s %s" BALANCED_DOMAIN, one->address, one->service);
            strbuf_addf(ret, "%-*s\n", HOSTS_LINE - 1, line);
        }
    }
    while (ret->len < HOSTS_LINE * HOSTS_LINES) {
        strbuf_addf(ret, "%-*s\n", HOSTS_LINE - 1, "#");
    }
}

int replicas_write_hosts(const struct replicas *r, const char *path, struct error **err)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    CLEANUP(free) char *there = NULL;
    replicas_hosts(r, &b);
    if (file_read(AT_FDCWD, path, REPLICAS_BYTES_MAX, &there, NULL, NULL) == 0 &&
        str_equal(there, b.data)) {
        return 0;
    }
    CLEANUP(fd) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    int written = fd < 0 ? -errno : write_all(fd, b.data, b.len);
    return written < 0 ? error_set_errno(err, ERROR_KERNEL, -written, "writing '%s'", path) : 0;
}
