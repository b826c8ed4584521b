// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>

#include "base/file.h"
#include "base/json.h"
#include "net/net.h"

static const struct {
    const char *key;
    size_t offset;
} strings[] = {
    {"network", offsetof(struct net_attachment, network)},
    {"bridge", offsetof(struct net_attachment, bridge)},
    {"interface", offsetof(struct net_attachment, interface)},
    {"hostInterface", offsetof(struct net_attachment, host_interface)},
    {"address", offsetof(struct net_attachment, address)},
    {"gateway", offsetof(struct net_attachment, gateway)},
    {"macAddress", offsetof(struct net_attachment, mac_address)},
};

static char **string_at(const struct net_attachment *a, size_t i)
{
    return (char **)((char *)a + strings[i].offset);
}

void net_attachment_free(struct net_attachment *a)
{
    if (!a) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        free(*string_at(a, i));
    }
    for (size_t i = 0; i < a->held_count; i++) {
        fd_close(a->held_fds[i]);
    }
    free(a->held_fds);
    json_decref(a->ports);
    free(a);
}

json_t *net_attachment_to_json(const struct net_attachment *a)
{
    json_t *o = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        const char *s = *string_at(a, i);
        if (s) {
            (void)json_object_set_new(o, strings[i].key, json_string(s));
        }
    }
    (void)json_object_set_new(o, "prefixLength", json_integer(a->prefix_length));
    (void)json_object_set_new(o, "ports", a->ports ? json_deep_copy(a->ports) : json_array());
    return o;
}

int net_attachment_from_json(const json_t *json, struct net_attachment **ret, struct error **err)
{
    static const char where[] = "network attachment";
    CLEANUP(net_attachment) struct net_attachment *a = xcalloc(1, sizeof(*a));
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        const char *s = NULL;
        int r = json_get_str(json, strings[i].key, where, &s, err);
        if (r < 0) {
            return r;
        }
        *string_at(a, i) = xstrdup(s);
    }
    int64_t prefix = 0;
    json_t *ports = NULL;
    int r = json_get_i64(json, "prefixLength", where, 0, 128, &prefix, err);
    if (r >= 0) {
        r = json_get_array(json, "ports", where, &ports, err);
    }
    if (r < 0) {
        return r;
    }
    a->prefix_length = (int)prefix;
    a->ports = ports ? json_incref(ports) : json_array();
    *ret = take_ptr(a);
    return 0;
}
