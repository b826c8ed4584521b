// SPDX-License-Identifier: Apache-2.0
/* What the settings file says of a registry, and from which addresses its images come:
 *     "registries": {"docker.io": {"mirrors": ["http://127.0.0.1:5000"], "insecure": true,
 *                                  "certs": "/etc/ssl/hub", "timeout": 60}}
 * Reads one file. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

struct registry_settings {
    struct strv mirrors; /* URLs, asked in order before the registry itself */
    bool insecure;       /* no certificate is checked, and HTTP will do */
    bool secure;         /* the contrary is said, of a registry on the loopback */
    char *certs;         /* a folder as those of certs.d (certs.h), or NULL */
    int64_t timeout;     /* seconds without a byte; 0: the usual */
};
int registry_settings_load(const char *config_path, const char *registry,
                           struct registry_settings *ret, struct error **err) NODISCARD;
void registry_settings_done(struct registry_settings *s);

/* "host:port" of a URL; the caller frees. */
char *registry_host_of(const char *url);
/* Whether "host:port" is this machine's loopback: HTTP is no risk there. */
bool registry_is_loopback(const char *registry);

/* The addresses to ask, in order: "https://host[:port]" or "http://…". `insecure` ones are tried
 * with both; one on the loopback is, HTTP first, unless the settings say otherwise or name
 * certificates. */
struct registry_address {
    char *url;
    bool insecure, is_mirror;
};
void registry_addresses(const char *registry, const struct registry_settings *s,
                        struct registry_address **ret, size_t *ret_count);
void registry_addresses_free(struct registry_address *list, size_t count);
