// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/net.h"

#define RATE_MIN 8000ull          /* a kilobyte a second */
#define RATE_MAX 1000000000000ull /* a terabit */

static const struct {
    const char *name;
    uint64_t bits;
} units[] = {{"gbit", 1000000000}, {"mbit", 1000000}, {"kbit", 1000}, {"bit", 1}};

/* "10mbit", "1.5gbit", "0". */
static int parse_one(const char *text, uint64_t *ret)
{
    size_t digits = strspn(text, "0123456789.");
    CLEANUP(free) char *number = xstrndup(text, digits);
    char *end = NULL;
    if (digits == 0 || digits > 15) {
        return -EINVAL;
    }
    double value = strtod(number, &end);
    if (*end) {
        return -EINVAL;
    }
    if (value == 0 && !text[digits]) {
        *ret = 0;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (str_equal(text + digits, units[i].name)) {
            double bits = value * (double)units[i].bits;
            if (bits < (double)RATE_MIN || bits > (double)RATE_MAX) {
                return -ERANGE;
            }
            *ret = (uint64_t)bits;
            return 0;
        }
    }
    return -EINVAL;
}

int net_rate_parse(const char *text, struct net_rate *ret, struct error **err)
{
    CLEANUP(strv) struct strv parts = {0};
    struct net_rate rate = *ret;
    int r = text[0] ? 0 : -EINVAL;
    strv_split(&parts, text, ',');
    for (size_t i = 0; i < parts.count && r >= 0; i++) {
        const char *part = parts.items[i];
        if (str_starts(part, "in=")) {
            r = parse_one(part + strlen("in="), &rate.in);
        } else if (str_starts(part, "out=")) {
            r = parse_one(part + strlen("out="), &rate.out);
        } else {
            r = parts.count == 1 ? parse_one(part, &rate.in) : -EINVAL;
            rate.out = rate.in;
        }
    }
    if (r < 0) {
        r = error_set(err, ERROR_USAGE, EINVAL, "invalid rate '%s'%s", text,
                      r == -ERANGE ? ": not from 8kbit to 1000gbit" : "");
        return error_hint(err, r, "write in=50mbit,out=10mbit, or one rate for both; 0 lifts it");
    }
    *ret = rate;
    return 0;
}

static void add_one(struct strbuf *b, const char *name, uint64_t bits)
{
    for (size_t i = 0; bits && i < ARRAY_SIZE(units); i++) {
        if (bits % units[i].bits == 0) {
            strbuf_addf(b, "%s%s=%llu%s", b->len ? "," : "", name,
                        (unsigned long long)(bits / units[i].bits), units[i].name);
            return;
        }
    }
}

char *net_rate_text(const struct net_rate *rate)
{
    struct strbuf b = {0};
    add_one(&b, "in", rate->in);
    add_one(&b, "out", rate->out);
    return b.len ? strbuf_take(&b) : NULL;
}
