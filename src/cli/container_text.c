// SPDX-License-Identifier: Apache-2.0
#include "cli/container_text.h"

#include <string.h>

#include "base/human.h"

#define COMMAND_WIDTH 20 /* Docker's */

static size_t character_bytes(const char *s)
{
    size_t n = 1;
    while (((unsigned char)s[n] & 0xc0) == 0x80) {
        n++;
    }
    return n;
}

char *text_shorten(const char *text, size_t width)
{
    size_t cut = 0, n = 0, at = 0;
    for (; text[at]; n++) {
        if (n == width - 1) {
            cut = at;
        }
        at += character_bytes(text + at);
    }
    return n <= width ? xstrdup(text) : str_format("%.*s…", (int)cut, text);
}

/* What a limit did, behind the status. */
static const char *limit_text(const struct container *c)
{
    return c->oom_killed && c->pids_limit_hit ? " (memory limit, pids limit)"
           : c->oom_killed                    ? " (memory limit)"
           : c->pids_limit_hit                ? " (pids limit)"
                                              : "";
}

static char *duration_since(const char *time)
{
    int64_t seconds = human_seconds_since(time);
    return human_duration(seconds < 0 ? 0 : seconds);
}

static char *up_text(const struct container *c)
{
    CLEANUP(free) char *since = duration_since(c->started);
    if (c->status == CONTAINER_PAUSED) {
        return str_format("Up %s (Paused)", since);
    }
    const char *between = "", *health = "", *end = "";
    if (c->health) {
        between = str_equal(c->health, "starting") ? " (health: " : " (";
        health = c->health;
        end = ")";
    }
    return str_format("Up %s%s%s%s%s", since, between, health, end, limit_text(c));
}

char *container_status_text(const struct container *c)
{
    CLEANUP(free) char *since = NULL;
    switch (c->status) {
    case CONTAINER_RUNNING:
    case CONTAINER_PAUSED:
        return up_text(c);
    case CONTAINER_RESTARTING:
        since = duration_since(c->finished ? c->finished : c->started);
        return str_format("Restarting (%d) %s ago%s", c->exit_code, since, limit_text(c));
    case CONTAINER_EXITED:
        since = duration_since(c->finished);
        return str_format("Exited (%d) %s ago%s", c->exit_code, since, limit_text(c));
    case CONTAINER_DEAD:
        return xstrdup("Dead (its monitor was killed)");
    case CONTAINER_CREATED:
        break;
    }
    return xstrdup("Created");
}

struct port {
    const char *address, *proto;
    int host, container;
};

static struct port port_of(const json_t *item)
{
    return (struct port){.address =
                             str_or(json_string_value(json_object_get(item, "address")), "0.0.0.0"),
                         .proto = str_or(json_string_value(json_object_get(item, "proto")), "tcp"),
                         .host = (int)json_integer_value(json_object_get(item, "host")),
                         .container = (int)json_integer_value(json_object_get(item, "container"))};
}

/* "8080" or "8080-8089". */
static void add_range(struct strbuf *b, int first, int count)
{
    strbuf_addf(b, "%d", first);
    if (count > 1) {
        strbuf_addf(b, "-%d", first + count - 1);
    }
}

char *container_ports_text(const struct container *c)
{
    const json_t *ports = json_object_get(c->network, "ports");
    CLEANUP(strbuf) struct strbuf b = {0};
    size_t total = container_is_up(c) ? json_array_size(ports) : 0;
    for (size_t i = 0; i < total;) {
        struct port p = port_of(json_array_get(ports, i));
        int count = 1;
        for (; i + (size_t)count < total; count++) {
            struct port next = port_of(json_array_get(ports, i + (size_t)count));
            if (!str_equal(next.address, p.address) || !str_equal(next.proto, p.proto) ||
                next.host != p.host + count || next.container != p.container + count) {
                break;
            }
        }
        bool ipv6 = strchr(p.address, ':');
        strbuf_addf(&b, "%s%s%s%s:", b.len ? ", " : "", ipv6 ? "[" : "", p.address,
                    ipv6 ? "]" : "");
        add_range(&b, p.host, count);
        strbuf_adds(&b, "->");
        add_range(&b, p.container, count);
        strbuf_addf(&b, "/%s", p.proto);
        i += (size_t)count;
    }
    return strbuf_take(&b);
}

/* Go's strconv.Quote, for what a terminal must not be driven by. */
static char *quoted(const char *s)
{
    struct strbuf b = {0};
    strbuf_addc(&b, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            strbuf_addf(&b, "\\%c", c);
        } else if (c == '\n' || c == '\t' || c == '\r') {
            strbuf_addf(&b, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        } else if (c < 0x20 || c == 0x7f) {
            strbuf_addf(&b, "\\x%02x", c);
        } else {
            strbuf_addc(&b, (char)c);
        }
    }
    strbuf_addc(&b, '"');
    return strbuf_take(&b);
}

char *container_command_text(const struct container *c, bool shorten)
{
    CLEANUP(free) char *whole = strv_join(&c->args, " ");
    CLEANUP(free) char *cut = shorten ? text_shorten(whole, COMMAND_WIDTH) : NULL;
    return quoted(cut ? cut : whole);
}

char *container_id_text(const struct container *c, bool whole)
{
    return whole ? xstrdup(c->id) : xstrndup(c->id, CONTAINER_SHORT_ID_DIGITS);
}

char *labels_text(const json_t *labels)
{
    struct strbuf b = {0};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)labels, key, value)
    {
        strbuf_addf(&b, "%s%s=%s", b.len ? "," : "", key, str_or(json_string_value(value), ""));
    }
    return strbuf_take(&b);
}
