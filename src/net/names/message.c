// SPDX-License-Identifier: Apache-2.0
#include "net/names/message.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define FLAG_ANSWER 0x80
#define FLAG_OPCODE 0x78
#define FLAG_TRUNCATED 0x02
#define FLAG_RECURSION 0x01
#define FLAG_RECURSION_AVAILABLE 0x80
#define CLASS_IN 1
#define TYPE_OPT 41
#define LABEL_MAX 63
#define TTL_S 0                 /* a container may end at any moment */
#define NAME_AT_QUESTION 0xc00c /* compression: the name is the question's (§4.1.4) */

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static char lower(uint8_t c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* The name at *at as text; *at is moved behind it. Bytes that no host's name has are '?', so that
 * they match none. */
static bool read_name(const uint8_t *m, size_t len, size_t *at, char name[DNS_NAME_MAX])
{
    size_t n = 0;
    while (*at < len && m[*at]) {
        size_t label = m[*at];
        if (label > LABEL_MAX || *at + 1 + label >= len || n + label + 2 > DNS_NAME_MAX) {
            return false;
        }
        for (size_t i = 1; i <= label; i++) {
            uint8_t c = m[*at + i];
            name[n++] = c > ' ' && c < 0x7f && c != '.' ? lower(c) : '?';
        }
        name[n++] = '.';
        *at += label + 1;
    }
    if (*at >= len) {
        return false;
    }
    *at += 1;
    name[n ? n - 1 : 0] = '\0';
    return true;
}

/* EDNS: the one additional record that a question has tells how much room the asker has. */
static size_t read_room(const uint8_t *m, size_t len, size_t at)
{
    if (get16(m + 10) != 1 || at + 11 > len || m[at] != 0 || get16(m + at + 1) != TYPE_OPT) {
        return DNS_UDP_MAX;
    }
    size_t room = get16(m + at + 3);
    return room < DNS_UDP_MAX ? DNS_UDP_MAX : room;
}

bool dns_parse(const uint8_t *m, size_t len, struct dns_question *ret, enum dns_code *ret_code)
{
    *ret = (struct dns_question){.end = DNS_HEADER_BYTES, .room = DNS_UDP_MAX};
    *ret_code = DNS_FORMAT_ERROR;
    if (len < DNS_HEADER_BYTES || m[2] & FLAG_ANSWER) {
        return false;
    }
    ret->id = get16(m);
    size_t at = DNS_HEADER_BYTES;
    if (get16(m + 4) != 1 || !read_name(m, len, &at, ret->name) || at + 4 > len) {
        return true;
    }
    ret->type = get16(m + at);
    ret->end = at + 4;
    ret->room = read_room(m, len, ret->end);
    bool plain = (m[2] & FLAG_OPCODE) == 0 && get16(m + at + 2) == CLASS_IN;
    *ret_code = plain ? DNS_OK : DNS_REFUSED;
    return true;
}

void dns_answer_begin(struct dns_answer *a, const uint8_t *question_message,
                      const struct dns_question *q, enum dns_code code)
{
    a->len = q->end;
    memcpy(a->bytes, question_message, q->end);
    a->bytes[2] = (uint8_t)((question_message[2] & (FLAG_OPCODE | FLAG_RECURSION)) | FLAG_ANSWER);
    a->bytes[3] = (uint8_t)(FLAG_RECURSION_AVAILABLE | code);
    put16(a->bytes + 4, q->end > DNS_HEADER_BYTES);
    memset(a->bytes + 6, 0, 6);
}

static void add_record(struct dns_answer *a, uint16_t type, const void *data, size_t len)
{
    if (a->len + 12 + len > a->room) {
        a->bytes[2] |= FLAG_TRUNCATED;
        return;
    }
    uint8_t *p = a->bytes + a->len;
    put16(p, NAME_AT_QUESTION);
    put16(p + 2, type);
    put16(p + 4, CLASS_IN);
    put16(p + 6, 0);
    put16(p + 8, TTL_S);
    put16(p + 10, (uint16_t)len);
    memcpy(p + 12, data, len);
    a->len += 12 + len;
    put16(a->bytes + 6, (uint16_t)(get16(a->bytes + 6) + 1));
}

void dns_answer_address(struct dns_answer *a, const struct net_address *address)
{
    add_record(a, address->family == AF_INET6 ? DNS_AAAA : DNS_A, address->bytes,
               net_address_len(address));
}

void dns_answer_name(struct dns_answer *a, const char *name)
{
    uint8_t bytes[DNS_NAME_MAX + 1];
    size_t n = 0;
    while (*name) {
        size_t label = strcspn(name, ".");
        if (label == 0 || label > LABEL_MAX || n + label + 2 > sizeof(bytes)) {
            return;
        }
        bytes[n++] = (uint8_t)label;
        memcpy(bytes + n, name, label);
        n += label;
        name += label + (name[label] == '.');
    }
    bytes[n++] = 0;
    add_record(a, DNS_PTR, bytes, n);
}

static bool reverse_ipv4(const char *name, struct net_address *ret)
{
    unsigned b[4];
    int end = 0;
    if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &b[3], &b[2], &b[1], &b[0], &end) != 4 ||
        end == 0 || name[end]) {
        return false;
    }
    *ret = (struct net_address){.family = AF_INET};
    for (int i = 0; i < 4; i++) {
        if (b[i] > 255) {
            return false;
        }
        ret->bytes[i] = (uint8_t)b[i];
    }
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool reverse_ipv6(const char *name, struct net_address *ret)
{
    if (strlen(name) != 64 + strlen("ip6.arpa") || !str_ends(name, "ip6.arpa")) {
        return false;
    }
    *ret = (struct net_address){.family = AF_INET6};
    for (int i = 0; i < 32; i++) {
        int digit = hex_digit(name[2 * i]);
        if (digit < 0 || name[2 * i + 1] != '.') {
            return false;
        }
        ret->bytes[15 - i / 2] |= (uint8_t)(digit << (i % 2 ? 4 : 0));
    }
    return true;
}

bool dns_reverse(const char *name, struct net_address *ret)
{
    return reverse_ipv4(name, ret) || reverse_ipv6(name, ret);
}
