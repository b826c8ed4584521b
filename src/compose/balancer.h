// SPDX-License-Identifier: Apache-2.0
/* The load balancer before a project's services: Caddy, as one more service of the project, made
 * from `x-cloison: {publish: …}` or the label "cloison.ingress". Its configuration is written by us
 * and changed through its admin interface, a UNIX socket, without dropping a connection.
 *
 * Files: <data_dir>/compose/<project>/balancer/ is bound at /run/balancer in it: config.json,
 * replicas, hosts, the admin socket, certificates of the user's. Its authority and certificates are
 * in the volume <project>_balancer. Its first process, cloison-balance, looks each second whether
 * the replicas answer. Side effects: those files, a request over the socket. */
#pragma once

#include "compose/balance/replicas.h"
#include "compose/members.h"

#define BALANCER_SERVICE "balancer"
/* Go's cacheMaxAge in net/hosts.go (5 s), Caddy's own refresh (250 ms), and some for a busy
 * machine. */
#define BALANCER_HOSTS_MS 6000
#define BALANCER_IMAGE "cloison/balancer:latest"

/* Adds the service to the model when a service asks for it; 1 when there is one.
 * ERROR_INVALID_INPUT: a wrong address, or a service of the user's called so. */
int balancer_add(struct project *p, const struct engine *e, struct error **err) NODISCARD;
/* Whether the service is behind it. */
bool balancer_serves(const struct node *service);

/* Writes the configuration for the replicas that run now, but for those on their way out
 * (compose/roll.h), and loads it where Caddy runs. */
int balancer_load(const struct engine *e, const struct project *p, struct error **err) NODISCARD;
/* "10.0.0.2:80": where it reaches the container; NULL: nowhere. The caller frees. */
char *balancer_address(const struct project *p, const struct container *c,
                       const struct node *service);
/* Until the balancer no longer knows those that left the file. */
void balancer_drain(const struct engine *e, const struct project *p);
/* Its files, but for the volume. */
int balancer_remove(const struct engine *e, const char *project, struct error **err) NODISCARD;

/* balancer_config.c: "https://shop.localhost:8443/api". Strings in `a`. */
struct published {
    bool tls;
    const char *host, *path; /* path: "" or "/api" */
    int port;
};
int published_parse(struct arena *a, const struct node *at, struct published *ret,
                    struct error **err) NODISCARD;
/* Each address of the service: its list, or the label's comma-separated ones. A new list node. */
struct node *published_of(struct arena *a, const struct node *service);
/* Caddy's configuration. A new reference. */
json_t *balancer_config(const struct project *p);
/* The port of the services' containers. */
int balancer_target_port(const struct node *service);
