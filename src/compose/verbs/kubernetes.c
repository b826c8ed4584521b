// SPDX-License-Identifier: Apache-2.0
/* `compose kubernetes`: the project as manifests, on standard output. */
#include <stdio.h>

#include "base/yaml/yaml.h"
#include "compose/kubernetes.h"
#include "compose/verbs/verbs.h"

int verb_kubernetes(const struct compose_request *r, struct error **err)
{
    CLEANUP(project) struct project *p = NULL;
    CLEANUP(json) json_t *all = NULL;
    int result = verb_project(r, NULL, &p, err);
    if (result == 0) {
        result = kubernetes_manifests(p, &all, err);
    }
    for (size_t i = 0; result == 0 && i < json_array_size(all); i++) {
        CLEANUP(strbuf) struct strbuf text = {0};
        yaml_write(json_array_get(all, i), &text);
        printf("%s%s", i ? "---\n" : "", text.data);
    }
    return result;
}
