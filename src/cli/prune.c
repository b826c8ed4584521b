// SPDX-License-Identifier: Apache-2.0
#include "cli/prune.h"

#include <string.h>
#include <time.h>

#include "base/human.h"
#include "base/options.h"
#include "cli/disk_usage.h"
#include "engine/lifecycle.h"
#include "engine/volumes.h"
#include "net/store.h"

bool prune_confirmed(bool force, const char *text)
{
    if (force) {
        return true;
    }
    char answer[16] = "";
    printf("WARNING! %s\nAre you sure you want to continue? [y/N] ", text);
    fflush(stdout);
    if (!fgets(answer, sizeof(answer), stdin)) {
        printf("\n"); /* the end of input is a no */
        return false;
    }
    return (answer[0] == 'y' || answer[0] == 'Y') && strchr("\n", answer[1]);
}

static int parse_until(const char *value, struct prune_filter *f, struct error **err)
{
    free(f->until);
    f->until = human_moment(value);
    return f->until
               ? 0
               : error_set(err, ERROR_USAGE, 0, "invalid filter 'until=%s': not a time", value);
}

int prune_filter_parse(const struct strv *texts, struct prune_filter *ret, struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < texts->count && r >= 0; i++) {
        const char *text = texts->items[i];
        if (str_starts(text, "until=")) {
            r = parse_until(text + strlen("until="), ret, err);
        } else if (str_starts(text, "label=")) {
            strv_add(&ret->labels, text + strlen("label="));
        } else if (str_starts(text, "label!=")) {
            strv_add(&ret->not_labels, text + strlen("label!="));
        } else {
            r = error_set(err, ERROR_USAGE, 0, "invalid filter '%s'", text);
            error_hint(err, r, "until=, label= or label!=");
        }
    }
    return r;
}

void prune_filter_done(struct prune_filter *f)
{
    free(f->until);
    strv_done(&f->labels);
    strv_done(&f->not_labels);
    f->until = NULL;
}

static bool has_label(const json_t *labels, const char *wanted)
{
    size_t n = strcspn(wanted, "=");
    CLEANUP(free) char *key = xstrndup(wanted, n);
    const char *value = json_string_value(json_object_get(labels, key));
    return value && (!wanted[n] || str_equal(value, wanted + n + 1));
}

bool prune_filter_fits(const struct prune_filter *f, const char *created, const json_t *labels)
{
    bool fits = !f->until || strcmp(str_or(created, ""), f->until) < 0;
    for (size_t i = 0; i < f->labels.count; i++) {
        fits = fits && has_label(labels, f->labels.items[i]);
    }
    for (size_t i = 0; i < f->not_labels.count; i++) {
        fits = fits && !has_label(labels, f->not_labels.items[i]);
    }
    return fits;
}

static void print_first(const char *heading, bool *any)
{
    if (!*any) {
        printf("%s:\n", heading);
        *any = true;
    }
}

int prune_containers(const struct engine *e, const struct prune_filter *f, int64_t *freed,
                     struct error **err)
{
    struct container **list = NULL;
    size_t count = 0;
    bool any = false;
    int r = container_list(e, &list, &count, err);
    for (size_t i = 0; i < count && r >= 0; i++) {
        const struct container *c = list[i];
        CLEANUP(error) struct error *why = NULL;
        if (container_is_up(c) || c->fresh || !prune_filter_fits(f, c->created, c->labels)) {
            continue;
        }
        int64_t size = disk_usage_of_container(e, c);
        int removed = engine_remove(e, c->id, false, false, &why);
        if (removed >= 0) {
            print_first("Deleted Containers", &any);
            printf("%s\n", c->id);
            *freed += size;
        } else if (why->kind != ERROR_BUSY && why->kind != ERROR_NOT_FOUND) {
            r = error_move(err, &why, removed); /* else: just started, or just removed */
        }
    }
    container_list_free(list, count);
    printf("%s", any ? "\n" : "");
    return r;
}

int prune_volumes(const struct engine *e, const struct prune_filter *f, bool all, int64_t *freed,
                  struct error **err)
{
    CLEANUP(strv) struct strv names = {0};
    bool any = false;
    volumes_sweep(e);
    int r = volume_list(e, &names, err);
    for (size_t i = 0; i < names.count && r >= 0; i++) {
        CLEANUP(volume) struct volume v = {0};
        CLEANUP(error) struct error *why = NULL;
        if (volume_load(e, names.items[i], &v, NULL) < 0 || !(all || v.anonymous) ||
            !prune_filter_fits(f, v.created, v.labels)) {
            continue;
        }
        int64_t size = disk_usage(v.path);
        int removed = volume_remove(e, v.name, &why);
        if (removed >= 0) {
            print_first("Deleted Volumes", &any);
            printf("%s\n", v.name);
            *freed += size;
        } else if (why->kind != ERROR_BUSY && why->kind != ERROR_NOT_FOUND) {
            r = error_move(err, &why, removed);
        }
    }
    printf("%s", any ? "\n" : "");
    return r;
}

/* Is any container to be in it, running or not? */
static bool network_is_used(const struct net_network *n, struct container *const *list,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *one;
        size_t k;
        json_array_foreach(list[i]->networks, k, one)
        {
            if (str_equal(json_string_value(json_object_get(one, "network")), n->name)) {
                return true;
            }
        }
    }
    return false;
}

static int prune_each_network(const struct engine *e, const struct prune_filter *f,
                              struct container *const *containers, size_t container_count,
                              struct error **err)
{
    struct net_place place = {e->run_dir, e->data_dir, e->config_path};
    struct net_network **list = NULL;
    size_t count = 0;
    bool any = false;
    int r = net_network_list(&place, &list, &count, err);
    for (size_t i = 0; i < count && r >= 0; i++) {
        const struct net_network *n = list[i];
        CLEANUP(error) struct error *why = NULL;
        if (!net_network_is_made(n) || network_is_used(n, containers, container_count) ||
            !prune_filter_fits(f, n->created, n->labels)) {
            continue;
        }
        int removed = net_network_remove(&place, n->name, &why);
        if (removed >= 0) {
            print_first("Deleted Networks", &any);
            printf("%s\n", n->name);
        } else if (why->kind != ERROR_BUSY && why->kind != ERROR_NOT_FOUND) {
            r = error_move(err, &why, removed); /* else: just joined, or just removed */
        }
    }
    net_network_list_free(list, count);
    printf("%s", any ? "\n" : "");
    return r;
}

int prune_networks(const struct engine *e, const struct prune_filter *f, struct error **err)
{
    struct container **containers = NULL;
    size_t count = 0;
    int r = container_list(e, &containers, &count, err);
    r = r < 0 ? r : prune_each_network(e, f, containers, count, err);
    container_list_free(containers, count);
    return r;
}

void prune_print_sum(int64_t freed)
{
    CLEANUP(free) char *size = human_size(freed);
    printf("Total reclaimed space: %s\n", size);
}
