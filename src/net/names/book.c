// SPDX-License-Identifier: Apache-2.0
#include "net/names/book.h"

#include <string.h>
#include <strings.h>

#include "base/file.h"

#define SHORT_ID_DIGITS 12
#define ADDRESSES_MAX 256 /* of one name; the rest would not fit into an answer */

void book_done(struct book *b)
{
    for (size_t i = 0; i < b->count; i++) {
        net_record_free(b->records[i]);
    }
    free(b->records);
    *b = (struct book){0};
}

static void remove_record(struct book *b, const char *id)
{
    for (size_t i = 0; i < b->count; i++) {
        if (str_equal(b->records[i]->id, id)) {
            net_record_free(b->records[i]);
            b->records[i] = b->records[--b->count];
            return;
        }
    }
}

void book_update(struct book *b, int dir, const char *id)
{
    struct net_record *record = NULL;
    remove_record(b, id);
    if (net_record_load(dir, id, &record, NULL) < 0) {
        return;
    }
    if (!net_attachment_has_names(record->attachment)) {
        net_record_free(record);
        return;
    }
    b->records = xrealloc(b->records, (b->count + 1) * sizeof(struct net_record *));
    b->records[b->count++] = record;
}

void book_update_all(struct book *b, int dir)
{
    CLEANUP(strv) struct strv ids = {0};
    unsigned turn = b->turn;
    book_done(b);
    b->turn = turn;
    net_record_list(dir, &ids);
    for (size_t i = 0; i < ids.count; i++) {
        book_update(b, dir, ids.items[i]);
    }
}

static bool is_served(const struct net_network *n)
{
    return !str_equal(n->name, "bridge");
}

const struct net_record *book_find(const struct book *b, const char *id)
{
    for (size_t i = 0; i < b->count; i++) {
        if (str_equal(b->records[i]->id, id)) {
            return b->records[i];
        }
    }
    return NULL;
}

const struct net_record *book_asker(const struct book *b, const struct net_address *gateway,
                                    const struct net_address *address)
{
    int f = address->family == AF_INET6 ? NET_IPV6 : NET_IPV4;
    for (size_t i = 0; i < b->count; i++) {
        const struct net_attachment *a = b->records[i]->attachment;
        for (size_t n = 0; n < a->count; n++) {
            if (net_address_equal(&a->endpoints[n].addresses[f], address) &&
                net_address_equal(&a->endpoints[n].network->pools[f].gateway, gateway)) {
                return b->records[i];
            }
        }
    }
    return NULL;
}

/* "web", or "web.front" in the network 'front'. */
static bool is_called(const char *asked, const char *name, const char *network)
{
    size_t len = name ? strlen(name) : 0;
    return len && strncasecmp(asked, name, len) == 0 &&
           (asked[len] == '\0' || (asked[len] == '.' && strcasecmp(asked + len + 1, network) == 0));
}

static bool has_name(const struct net_record *r, const struct net_endpoint *e, const char *asked)
{
    const char *network = e->network->name;
    CLEANUP(free) char *digits = xstrndup(r->id, SHORT_ID_DIGITS);
    if (is_called(asked, r->name, network) || is_called(asked, digits, network) ||
        is_called(asked, r->hostname, network)) {
        return true;
    }
    for (size_t i = 0; i < e->aliases.count; i++) {
        if (is_called(asked, e->aliases.items[i], network)) {
            return true;
        }
    }
    return false;
}

/* Calls `each` with every end of any container in one of the asker's networks. */
static void each_neighbour(const struct book *b, const struct net_record *asker,
                           void (*each)(const struct net_record *, const struct net_endpoint *,
                                        void *),
                           void *context)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct net_attachment *a = b->records[i]->attachment;
        for (size_t n = 0; n < a->count; n++) {
            const struct net_network *network = a->endpoints[n].network;
            if (is_served(network) && net_attachment_find(asker->attachment, network->id)) {
                each(b->records[i], &a->endpoints[n], context);
            }
        }
    }
}

struct search {
    const struct net_record *asker;
    const struct dns_question *question;
    struct net_address address; /* asked for by PTR */
    bool found;
    const struct net_address *addresses[ADDRESSES_MAX];
    size_t count;
    const struct net_record *owner;
    const struct net_endpoint *end;
};

/* Does the asker call this container so, in this network (--link)? */
static bool is_linked(const struct net_record *asker, const struct net_record *r,
                      const struct net_endpoint *e, const char *asked)
{
    const struct net_endpoint *own = net_attachment_find(asker->attachment, e->network->id);
    for (size_t i = 0; own && i < own->links.count; i++) {
        const char *link = own->links.items[i], *colon = strchr(link, ':');
        if (colon && strncmp(link, r->id, (size_t)(colon - link)) == 0 &&
            is_called(asked, colon + 1, e->network->name)) {
            return true;
        }
    }
    return false;
}

static void by_name(const struct net_record *r, const struct net_endpoint *e, void *context)
{
    struct search *s = context;
    if (!has_name(r, e, s->question->name) && !is_linked(s->asker, r, e, s->question->name)) {
        return;
    }
    s->found = true;
    for (int f = 0; f < NET_FAMILIES; f++) {
        bool wanted =
            s->question->type == DNS_ANY || s->question->type == (f == NET_IPV6 ? DNS_AAAA : DNS_A);
        if (wanted && e->addresses[f].family && s->count < ADDRESSES_MAX) {
            s->addresses[s->count++] = &e->addresses[f];
        }
    }
}

static void by_address(const struct net_record *r, const struct net_endpoint *e, void *context)
{
    struct search *s = context;
    for (int f = 0; f < NET_FAMILIES; f++) {
        if (e->addresses[f].family && net_address_equal(&e->addresses[f], &s->address)) {
            s->found = true;
            s->owner = r;
            s->end = e;
        }
    }
}

bool book_answer(struct book *b, const struct net_record *asker, const struct dns_question *q,
                 struct dns_answer *a)
{
    struct search s = {.asker = asker, .question = q};
    if (q->type == DNS_PTR) {
        if (dns_reverse(q->name, &s.address)) {
            each_neighbour(b, asker, by_address, &s);
        }
        if (s.found) {
            CLEANUP(free)
            char *name =
                str_format("%s.%s", str_or(s.owner->name, s.owner->id), s.end->network->name);
            dns_answer_name(a, name);
        }
        return s.found;
    }
    each_neighbour(b, asker, by_name, &s);
    b->turn += s.count > 1;
    for (size_t i = 0; i < s.count; i++) {
        dns_answer_address(a, s.addresses[(i + b->turn) % s.count]);
    }
    return s.found;
}

void book_gateways(const struct book *b, struct gateways *ret)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct net_attachment *a = b->records[i]->attachment;
        for (size_t n = 0; n < a->count; n++) {
            const struct net_network *network = a->endpoints[n].network;
            const struct net_address *gateway = net_network_gateway(network);
            bool known = !is_served(network) || !net_network_is_bridge(network);
            for (size_t k = 0; k < ret->count && !known; k++) {
                known = net_address_equal(&ret->items[k], gateway);
            }
            if (!known) {
                ret->items = xrealloc(ret->items, (ret->count + 1) * sizeof(*ret->items));
                ret->items[ret->count++] = *gateway;
            }
        }
    }
}
