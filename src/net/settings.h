// SPDX-License-Identifier: Apache-2.0
/* What the config file says of the network, with defaults:
 *     "network": {"bridge": "cloison0", "subnet": "172.30.0.0/16", "gateway": "172.30.0.1",
 *                 "table": "cloison"}
 * Two run folders on one machine need two configs that share none of these. Reads the config file;
 * no other side effect. Addresses are in host byte order here. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"

#define NET_BRIDGE_BYTES 16 /* IFNAMSIZ */
#define NET_TABLE_BYTES 64  /* the kernel's limit is 256 */
#define NET_ADDRESS_BYTES 16

struct net_settings {
    char bridge[NET_BRIDGE_BYTES];
    char table[NET_TABLE_BYTES];
    uint32_t subnet, gateway;
    int prefix_length; /* 8 to 30 */
};

/* A missing file, NULL as path too, gives the defaults. ERROR_INVALID_INPUT names the file and the
 * key. */
int net_settings_load(const char *config_path, struct net_settings *ret,
                      struct error **err) NODISCARD;

json_t *net_settings_to_json(const struct net_settings *s);
int net_settings_from_json(const json_t *json, const char *where, struct net_settings *ret,
                           struct error **err) NODISCARD;

/* First and last address that a container may have (the gateway lies between or before them). */
uint32_t net_settings_first(const struct net_settings *s);
uint32_t net_settings_last(const struct net_settings *s);

/* "172.30.0.2" and back; 0 or -EINVAL. */
void net_address_text(uint32_t address, char text[NET_ADDRESS_BYTES]);
int net_address_parse(const char *text, uint32_t *ret) NODISCARD;
