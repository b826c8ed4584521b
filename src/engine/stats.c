// SPDX-License-Identifier: Apache-2.0
#include "engine/stats.h"

#include <fcntl.h>
#include <sys/sysinfo.h>

#include "base/clock.h"

int64_t host_memory_bytes(void)
{
    struct sysinfo i = {0};
    (void)sysinfo(&i); /* cannot fail with a valid address */
    return (int64_t)i.totalram * i.mem_unit;
}

/* A counter of the host's end of the pair: what it receives the workload has sent. */
static int64_t interface_counter(const char *interface, const char *counter)
{
    CLEANUP(free) char *path = str_format("/sys/class/net/%s/statistics/%s", interface, counter);
    CLEANUP(free) char *line = NULL;
    int64_t value = 0;
    if (file_read_line(AT_FDCWD, path, &line, NULL) < 0 || str_to_i64(line, 10, &value) < 0) {
        return -1;
    }
    return value;
}

int engine_workload(const struct engine *e, const struct container *c,
                    const struct wall_ops **ret_wall, struct workload **ret, struct error **err)
{
    CLEANUP(free) char *state_dir = container_run_path(e, c->id, "wall");
    if (!container_is_up(c)) {
        return error_set(err, ERROR_BUSY, 0, "container '%s' is not running", c->name);
    }
    int r = wall_find(c->wall, ret_wall, err);
    return r < 0 ? r : (*ret_wall)->open(state_dir, ret, err);
}

/* The sums over the host's ends; what they send, the container receives. */
static void read_interfaces(const struct container *c, struct container_usage *ret)
{
    const json_t *end;
    size_t i;
    ret->received_bytes = ret->sent_bytes = -1;
    json_array_foreach(json_object_get(c->network, "endpoints"), i, end)
    {
        const char *host_end = json_string_value(json_object_get(end, "hostInterface"));
        int64_t in = host_end ? interface_counter(host_end, "tx_bytes") : -1;
        int64_t out = host_end ? interface_counter(host_end, "rx_bytes") : -1;
        if (in >= 0 && out >= 0) {
            ret->received_bytes = (ret->received_bytes < 0 ? 0 : ret->received_bytes) + in;
            ret->sent_bytes = (ret->sent_bytes < 0 ? 0 : ret->sent_bytes) + out;
        }
    }
}

int engine_usage(const struct engine *e, const struct container *c, struct container_usage *ret,
                 struct error **err)
{
    const struct wall_ops *wall = NULL;
    struct workload *w = NULL;
    *ret = (struct container_usage){0};
    int r = engine_workload(e, c, &wall, &w, err);
    if (r < 0) {
        return r;
    }
    r = wall->stats ? wall->stats(w, &ret->wall, err)
                    : wall_cannot(wall, "count what it uses", err);
    wall->close(w);
    ret->at_ns = clock_ns();
    read_interfaces(c, ret);
    return r;
}
