// SPDX-License-Identifier: Apache-2.0
/* Rates of the machine's devices. A limit names a device of the host; it holds all disks of the
 * machine together if their files lie there. What lies elsewhere (shared folders) is left to the
 * host's control groups, which have the same limits. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "wall/vm/vm.h"

/* Of a partition, the disk that it is on, which is what limits name. */
static dev_t whole_disk(dev_t device)
{
    CLEANUP(free)
    char *partition = str_format("/sys/dev/block/%u:%u/partition", major(device), minor(device));
    CLEANUP(free)
    char *path = str_format("/sys/dev/block/%u:%u/../dev", major(device), minor(device));
    CLEANUP(free) char *text = NULL;
    unsigned high, low;
    if (access(partition, F_OK) < 0 || file_read_line(AT_FDCWD, path, &text, NULL) < 0 ||
        sscanf(text, "%u:%u", &high, &low) != 2) {
        return device;
    }
    return makedev(high, low);
}

struct vm_place vm_place_of(int file)
{
    struct stat st;
    if (fstat(file, &st) < 0) {
        return (struct vm_place){0};
    }
    return (struct vm_place){
        .is_known = true, .device = st.st_dev, .whole_disk = whole_disk(st.st_dev)};
}

/* Where a file system does not say its device (overlay, btrfs, tmpfs), any may be meant. */
static bool lies_on(const struct vm_place *p, const struct spec_throttle *t)
{
    dev_t named = makedev((unsigned)t->major, (unsigned)t->minor);
    return p->is_known && (major(p->device) == 0 || p->device == named || p->whole_disk == named);
}

static void take(uint64_t *rate, const struct spec_throttles *list, const struct vm_place *place)
{
    for (size_t i = 0; i < list->count; i++) {
        if (lies_on(place, &list->items[i])) {
            *rate = list->items[i].rate;
        }
    }
}

void vm_limits_take(struct vm_limits *l, const struct spec_resources *r,
                    const struct vm_place *place)
{
    take(&l->disk_read_bytes, &r->read_bps, place);
    take(&l->disk_read_operations, &r->read_iops, place);
    take(&l->disk_write_bytes, &r->write_bps, place);
    take(&l->disk_write_operations, &r->write_iops, place);
}

char *vm_limits_text(const struct vm_limits *l)
{
    return str_format(
        "%llu %llu %llu %llu %llu %llu", (unsigned long long)l->disk_read_bytes,
        (unsigned long long)l->disk_read_operations, (unsigned long long)l->disk_write_bytes,
        (unsigned long long)l->disk_write_operations, (unsigned long long)l->net_receive_bytes,
        (unsigned long long)l->net_transmit_bytes);
}

static void copy(struct arena *a, struct spec_throttles *to, const struct spec_throttles *from)
{
    for (size_t i = 0; i < from->count; i++) {
        *arena_push(a, to->items, to->count) = from->items[i];
    }
}

struct spec_resources vm_throttles(struct arena *a, const struct spec_resources *r)
{
    struct spec_resources ret = {0};
    copy(a, &ret.read_bps, &r->read_bps);
    copy(a, &ret.read_iops, &r->read_iops);
    copy(a, &ret.write_bps, &r->write_bps);
    copy(a, &ret.write_iops, &r->write_iops);
    return ret;
}
