// SPDX-License-Identifier: Apache-2.0
/* A service's limits: its own keys, and deploy.resources, which win. */
#include "base/options.h"
#include "compose/translate.h"

static void set_cpus(struct option_integer *to, const struct node *map, const char *key)
{
    int64_t value = 0;
    const char *text = node_text(map, key);
    if (text && option_parse_thousandths(text, &value) == 0 && value > 0) {
        *to = (struct option_integer){true, value};
    }
}

static void add_rates(struct strv *to, const struct node *blkio, const char *key)
{
    const struct node *list = node_get(blkio, key);
    for (size_t i = 0; list && i < list->count; i++) {
        strv_addf(to, "%s:%s", str_or(node_text(list->items[i], "path"), ""),
                  str_or(node_text(list->items[i], "rate"), ""));
    }
}

static void translate_blkio(struct translation *t, const struct node *service)
{
    struct run_request *r = &t->request;
    const struct node *blkio = node_get(service, "blkio_config");
    const struct node *weights = node_get(blkio, "weight_device");
    set_integer(&r->blkio_weight, blkio, "weight");
    for (size_t i = 0; weights && i < weights->count; i++) {
        strv_addf(&r->blkio_weight_device, "%s:%s",
                  str_or(node_text(weights->items[i], "path"), ""),
                  str_or(node_text(weights->items[i], "weight"), ""));
    }
    add_rates(&r->device_read_bps, blkio, "device_read_bps");
    add_rates(&r->device_write_bps, blkio, "device_write_bps");
    add_rates(&r->device_read_iops, blkio, "device_read_iops");
    add_rates(&r->device_write_iops, blkio, "device_write_iops");
}

void translate_limits(struct translation *t, const struct node *service)
{
    struct run_request *r = &t->request;
    const struct node *limits = node_at(service, "deploy", "resources", "limits", NULL);
    const struct node *reserved = node_at(service, "deploy", "resources", "reservations", NULL);
    const struct node *ulimits = node_get(service, "ulimits");
    set_integer(&r->memory, service, "mem_limit");
    set_integer(&r->memory, limits, "memory");
    set_integer(&r->memory_reservation, service, "mem_reservation");
    set_integer(&r->memory_reservation, reserved, "memory");
    set_integer(&r->memory_swap, service, "memswap_limit");
    set_integer(&r->memory_swappiness, service, "mem_swappiness");
    set_integer(&r->shm_size, service, "shm_size");
    set_integer(&r->pids_limit, service, "pids_limit");
    set_integer(&r->pids_limit, limits, "pids");
    set_cpus(&r->cpus_thousandths, service, "cpus");
    set_cpus(&r->cpus_thousandths, limits, "cpus");
    set_integer(&r->cpu_shares, service, "cpu_shares");
    set_integer(&r->cpu_quota, service, "cpu_quota");
    set_integer(&r->cpu_period, service, "cpu_period");
    set_integer(&r->cpu_rt_runtime, service, "cpu_rt_runtime");
    set_integer(&r->cpu_rt_period, service, "cpu_rt_period");
    set_integer(&r->oom_score_adj, service, "oom_score_adj");
    r->oom_kill_disable = node_true(service, "oom_kill_disable");
    r->cpuset_cpus = node_text(service, "cpuset");
    translate_blkio(t, service);
    for (size_t i = 0; ulimits && i < ulimits->count; i++) {
        const struct node *u = ulimits->entries[i].value;
        const char *soft = node_text(u, "soft"), *hard = node_text(u, "hard");
        strv_addf(&r->ulimits, "%s=%s:%s", ulimits->entries[i].key, str_or(soft, str_or(hard, "0")),
                  str_or(hard, str_or(soft, "0")));
    }
}
