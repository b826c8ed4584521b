// SPDX-License-Identifier: Apache-2.0
/* A project as Kubernetes manifests: for each service a Deployment and, where it has ports, a
 * Service; volumes as PersistentVolumeClaims, configs as ConfigMaps, secrets as Secrets, published
 * addresses as an Ingress with TLS; `wall: vm` as a runtime class. Reads the configs' and secrets'
 * files. Kubernetes 1.20 and later. */
#pragma once

#include "compose/load.h"

#define RUNTIME_CLASS_VM "cloison-vm"

/* A list of objects; a new reference. */
int kubernetes_manifests(const struct project *p, json_t **ret, struct error **err) NODISCARD;

/* kubernetes_pod.c: the pod's template; a new reference. */
json_t *kubernetes_pod(const struct project *p, const char *name, const struct node *service);
/* A name as Kubernetes takes it: lower case, '-' for what it does not. The caller frees. */
char *kubernetes_name(const char *name);
