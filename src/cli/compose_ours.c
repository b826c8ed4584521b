// SPDX-License-Identifier: Apache-2.0
/* The verbs of `compose` that are ours alone. */
#include "cli/commands.h"
#include "cli/compose.h"

struct compose_values {
    bool print, remove;
};
#define AT(member) offsetof(struct compose_values, member)

static const struct option trust_options[] = {
    {0, "print", OPTION_FLAG, AT(print), NULL, "Print the certificate, install nothing",
     .origin = FROM_CLOISON},
    {0, "remove", OPTION_FLAG, AT(remove), NULL, "Trust it no longer", .origin = FROM_CLOISON},
    {0},
};
COMPOSE_VERB(trust)
const struct command command_compose_trust = {
    .name = "compose trust",
    .group = "Compose",
    .summary = "Trust the load balancer's own authority",
    .arguments = "[OPTIONS]",
    .options = trust_options,
    .values_size = sizeof(struct compose_values),
    .run = trust_run,
};

static const struct option kubernetes_options[] = {{0}};
COMPOSE_VERB(kubernetes)
const struct command command_compose_kubernetes = {
    .name = "compose kubernetes",
    .group = "Compose",
    .summary = "Print the project as Kubernetes manifests",
    .arguments = "",
    .options = kubernetes_options,
    .values_size = sizeof(struct compose_values),
    .run = kubernetes_run,
};
