// SPDX-License-Identifier: Apache-2.0
/* Questions and answers of the domain name system, as bytes. Pure. What comes in is a container's
 * word: every length is checked, compression is not followed in a question (none has it).
 * Spec: RFC 1035 §4 (format), RFC 6891 §6 (EDNS, passed over), RFC 1034 §3.6. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/address.h"

#define DNS_NAME_MAX 254 /* text of a name, with its end */
#define DNS_UDP_MAX 512  /* of an answer to who did not say that more is fine */
#define DNS_MESSAGE_MAX 65535
#define DNS_HEADER_BYTES 12

enum dns_type { DNS_A = 1, DNS_PTR = 12, DNS_AAAA = 28, DNS_ANY = 255 };
enum dns_code {
    DNS_OK = 0,
    DNS_FORMAT_ERROR = 1,
    DNS_FAILURE = 2,
    DNS_NO_NAME = 3,
    DNS_REFUSED = 5
};

struct dns_question {
    uint16_t id, type;
    char name[DNS_NAME_MAX]; /* lower case, without the last dot */
    size_t end;              /* where the question ends in the message */
    size_t room;             /* bytes that an answer by UDP may have */
};
/* False: not a question that can be answered at all (no header, an answer, no room). *ret_code is
 * DNS_OK, or why the question is refused, with id and end set. */
bool dns_parse(const uint8_t *message, size_t len, struct dns_question *ret,
               enum dns_code *ret_code);

/* An answer begins as the question's copy. Each adds a record, or marks the answer as cut short. */
struct dns_answer {
    uint8_t *bytes; /* borrowed: room for `room` */
    size_t len, room;
};
void dns_answer_begin(struct dns_answer *a, const uint8_t *question_message,
                      const struct dns_question *q, enum dns_code code);
void dns_answer_address(struct dns_answer *a, const struct net_address *address);
void dns_answer_name(struct dns_answer *a, const char *name);

/* The address that a PTR question asks for: "2.0.30.172.in-addr.arpa", "….ip6.arpa". */
bool dns_reverse(const char *name, struct net_address *ret);
