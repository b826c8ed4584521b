// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define IPV4_BITS 32
#define IPV6_BITS 128

int net_address_parse(const char *text, struct net_address *ret)
{
    struct net_address a = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    if (inet_pton(a.family, text, a.bytes) != 1) {
        return -EINVAL;
    }
    *ret = a;
    return 0;
}

void net_address_text(const struct net_address *a, char text[NET_ADDRESS_BYTES])
{
    text[0] = '\0';
    if (a->family) {
        (void)inet_ntop(a->family, a->bytes, text, NET_ADDRESS_BYTES); /* the room is enough */
    }
}

bool net_address_equal(const struct net_address *a, const struct net_address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, net_address_len(a)) == 0;
}

size_t net_address_len(const struct net_address *a)
{
    return a->family == AF_INET6 ? 16 : 4;
}

bool net_address_is_any(const struct net_address *a)
{
    static const uint8_t zero[16];
    return memcmp(a->bytes, zero, net_address_len(a)) == 0;
}

/* Do the first `bits` bits agree? */
static bool same_start(const uint8_t *a, const uint8_t *b, int bits)
{
    int whole = bits / 8, rest = bits % 8;
    return memcmp(a, b, (size_t)whole) == 0 &&
           (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static int bits_of(const struct net_address *a)
{
    return a->family == AF_INET6 ? IPV6_BITS : IPV4_BITS;
}

int net_subnet_parse(const char *text, struct net_subnet *ret)
{
    CLEANUP(free) char *copy = xstrdup(text);
    char *slash = strchr(copy, '/');
    int64_t prefix;
    struct net_subnet s = {0};
    if (!slash) {
        return -EINVAL;
    }
    *slash = '\0';
    if (net_address_parse(copy, &s.base) < 0 || slash[1] < '0' || slash[1] > '9' ||
        str_to_i64(slash + 1, 10, &prefix) < 0 || prefix > bits_of(&s.base)) {
        return -EINVAL;
    }
    s.prefix = (int)prefix;
    for (int bit = s.prefix; bit < bits_of(&s.base); bit++) {
        if (s.base.bytes[bit / 8] & (0x80 >> (bit % 8))) {
            return -ERANGE;
        }
    }
    *ret = s;
    return 0;
}

void net_subnet_text(const struct net_subnet *s, char text[NET_SUBNET_BYTES])
{
    char address[NET_ADDRESS_BYTES];
    net_address_text(&s->base, address);
    text[0] = '\0';
    if (s->base.family) {
        (void)snprintf(text, NET_SUBNET_BYTES, "%.45s/%u", address, (unsigned)s->prefix % 1000);
    }
}

bool net_subnet_has(const struct net_subnet *s, const struct net_address *a)
{
    return s->base.family && s->base.family == a->family &&
           same_start(s->base.bytes, a->bytes, s->prefix);
}

bool net_subnets_overlap(const struct net_subnet *a, const struct net_subnet *b)
{
    int shorter = a->prefix < b->prefix ? a->prefix : b->prefix;
    return a->base.family && a->base.family == b->base.family &&
           same_start(a->base.bytes, b->base.bytes, shorter);
}

struct net_address net_subnet_at(const struct net_subnet *s, uint64_t number)
{
    struct net_address a = s->base;
    for (size_t i = net_address_len(&a); number && i > 0; i--) {
        a.bytes[i - 1] |= (uint8_t)number;
        number >>= 8;
    }
    return a;
}

uint64_t net_subnet_number(const struct net_subnet *s, const struct net_address *a)
{
    size_t len = net_address_len(a);
    uint64_t number = 0;
    for (size_t i = len == 16 ? 8 : 0; i < len; i++) {
        number = number << 8 | a->bytes[i];
    }
    return number & net_subnet_last(s);
}

uint64_t net_subnet_last(const struct net_subnet *s)
{
    int bits = bits_of(&s->base) - s->prefix;
    return bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
}
