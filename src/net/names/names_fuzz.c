// SPDX-License-Identifier: Apache-2.0
/* Questions as containers send them, answered from a book of two. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "net/names/book.h"

static struct net_network *network(void)
{
    struct net_network *n = xcalloc(1, sizeof(*n));
    n->name = xstrdup("front");
    n->id = xstrdup("01");
    n->driver = xstrdup("bridge");
    IGNORE(net_subnet_parse("10.0.0.0/24", &n->pools[NET_IPV4].subnet) < 0);
    n->pools[NET_IPV4].gateway = net_subnet_at(&n->pools[NET_IPV4].subnet, 1);
    return n;
}

static struct net_record *record(const char *name, uint64_t number)
{
    struct net_record *r = xcalloc(1, sizeof(*r));
    struct net_attachment *a = r->attachment = xcalloc(1, sizeof(*a));
    r->id = str_format("0123456789abcdef%s", name);
    r->name = xstrdup(name);
    a->endpoints = xcalloc(1, sizeof(*a->endpoints));
    a->count = 1;
    a->endpoints[0].network = network();
    a->endpoints[0].addresses[NET_IPV4] =
        net_subnet_at(&a->endpoints[0].network->pools[NET_IPV4].subnet, number);
    strv_add(&a->endpoints[0].aliases, "www");
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct book book;
    struct dns_question q;
    enum dns_code code;
    static uint8_t bytes[DNS_MESSAGE_MAX];
    if (!book.count) {
        book.records = xcalloc(2, sizeof(struct net_record *));
        book.records[book.count++] = record("web", 2);
        book.records[book.count++] = record("db", 3);
    }
    if (size > DNS_MESSAGE_MAX || !dns_parse(data, size, &q, &code)) {
        return 0;
    }
    struct dns_answer a = {bytes, 0, q.room};
    dns_answer_begin(&a, data, &q, code);
    IGNORE(code == DNS_OK && book_answer(&book, book.records[0], &q, &a));
    if (a.len > a.room && a.len > q.end) {
        abort();
    }
    return 0;
}
