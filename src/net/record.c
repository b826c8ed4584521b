// SPDX-License-Identifier: Apache-2.0
#include "net/record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

#define RECORD_MAX ((size_t)16 << 20) /* 65535 ports of two protocols are 9 MiB */

void net_record_free(struct net_record *r)
{
    if (r) {
        free(r->id);
        free(r->name);
        free(r->hostname);
        strv_done(&r->dns);
        net_attachment_free(r->attachment);
        free(r);
    }
}

static char *record_path(const char *id)
{
    return str_format("attachments/%s.json", id);
}

static int read_texts(const json_t *json, const char *path, struct net_record *record,
                      struct error **err)
{
    const char *id = NULL, *name = NULL, *hostname = NULL, *table = NULL;
    int r = json_get_str(json, "id", path, &id, err);
    r = r < 0 ? r : json_get_str(json, "name", path, &name, err);
    r = r < 0 ? r : json_get_str(json, "hostname", path, &hostname, err);
    r = r < 0 ? r : json_get_str(json, "table", path, &table, err);
    r = r < 0 ? r : json_get_strv(json, "dns", path, &record->dns, err);
    if (r < 0) {
        return r;
    }
    if (!id || !table || strlen(table) >= sizeof(record->table)) {
        return error_set(err, ERROR_CORRUPT, 0, "'%s' is incomplete", path);
    }
    record->id = xstrdup(id);
    record->name = xstrdup(name);
    record->hostname = xstrdup(hostname);
    memcpy(record->table, table, strlen(table) + 1);
    return 0;
}

int net_record_from_json(const json_t *json, const char *path, struct net_record **ret,
                         struct error **err)
{
    CLEANUP(net_record) struct net_record *record = xcalloc(1, sizeof(*record));
    json_t *attachment = NULL;
    int64_t pid = 0, start = 0;
    int r = read_texts(json, path, record, err);
    r = r < 0 ? r : json_get_object(json, "attachment", path, &attachment, err);
    r = r < 0 ? r : json_get_i64(json, "reserver", path, 0, INT32_MAX, &pid, err);
    r = r < 0 ? r : json_get_i64(json, "reserverStart", path, 0, INT64_MAX, &start, err);
    r = r < 0 ? r : net_attachment_from_json(attachment, &record->attachment, err);
    if (r < 0) {
        return r;
    }
    record->reserver = (pid_t)pid;
    record->reserver_start = (uint64_t)start;
    *ret = take_ptr(record);
    return 0;
}

int net_record_load(int dir, const char *id, struct net_record **ret, struct error **err)
{
    CLEANUP(free) char *path = record_path(id);
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(error) struct error *e = NULL;
    int r = json_load_path(dir, path, RECORD_MAX, &json, &e);
    if (r == -ENOENT) {
        return r;
    }
    return r < 0 ? error_move(err, &e, r) : net_record_from_json(json, path, ret, err);
}

int net_record_save(int dir, const struct net_record *r, struct error **err)
{
    CLEANUP(free) char *path = record_path(r->id);
    CLEANUP(json)
    json_t *json = json_pack(
        "{s:s, s:s*, s:s*, s:s, s:o, s:I, s:I}", "id", r->id, "name", r->name, "hostname",
        r->hostname, "table", r->table, "attachment", net_attachment_to_json(r->attachment),
        "reserver", (json_int_t)r->reserver, "reserverStart", (json_int_t)r->reserver_start);
    if (r->dns.count) {
        (void)json_object_set_new(json, "dns", json_from_strv(&r->dns));
    }
    return json_save_path(dir, path, json, 0600, false, err);
}

void net_record_list(int dir, struct strv *ret_ids)
{
    int fd = open_file(dir, "attachments", O_RDONLY | O_DIRECTORY, 0, NULL);
    CLEANUP(dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        fd_close(fd);
        return;
    }
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (str_ends(e->d_name, ".json") && e->d_name[0] != '.') {
            strv_add_take(ret_ids, xstrndup(e->d_name, strlen(e->d_name) - strlen(".json")));
        }
    }
}
