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
        net_attachment_free(r->attachment);
        free(r);
    }
}

static char *record_path(const char *id)
{
    return str_format("attachments/%s.json", id);
}

uint64_t net_process_start(pid_t pid)
{
    CLEANUP(free) char *path = str_format("/proc/%d/stat", (int)pid);
    CLEANUP(free) char *stat = NULL;
    if (file_read_line(AT_FDCWD, path, &stat, NULL) < 0) {
        return 0;
    }
    /* The name, field 2, is in brackets and may hold anything: count from the last one. */
    char *field = strrchr(stat, ')');
    for (int i = 2; field && i < 22; i++) {
        field = strchr(field + 1, ' ');
    }
    uint64_t start = 0;
    CLEANUP(free) char *digits = field ? xstrndup(field + 1, strcspn(field + 1, " ")) : NULL;
    return digits && str_to_u64(digits, 10, &start) == 0 ? start : 0;
}

static int parse(const json_t *json, const char *path, struct net_record **ret, struct error **err)
{
    CLEANUP(net_record) struct net_record *record = xcalloc(1, sizeof(*record));
    json_t *settings = NULL, *attachment = NULL;
    const char *id = NULL;
    int64_t pid = 0, start = 0;
    int r = json_get_str(json, "id", path, &id, err);
    r = r < 0 ? r : json_get_object(json, "settings", path, &settings, err);
    r = r < 0 ? r : json_get_object(json, "attachment", path, &attachment, err);
    r = r < 0 ? r : json_get_i64(json, "reserver", path, 0, INT32_MAX, &pid, err);
    r = r < 0 ? r : json_get_i64(json, "reserverStart", path, 0, INT64_MAX, &start, err);
    if (r < 0) {
        return r;
    }
    if (!id || !settings || !attachment) {
        return error_set(err, ERROR_CORRUPT, 0, "'%s' is incomplete", path);
    }
    r = net_settings_from_json(settings, path, &record->settings, err);
    r = r < 0 ? r : net_attachment_from_json(attachment, &record->attachment, err);
    if (r < 0) {
        return r;
    }
    record->id = xstrdup(id);
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
    return r < 0 ? error_move(err, &e, r) : parse(json, path, ret, err);
}

int net_record_save(int dir, const struct net_record *r, struct error **err)
{
    CLEANUP(free) char *path = record_path(r->id);
    CLEANUP(json)
    json_t *json =
        json_pack("{sssososIsI}", "id", r->id, "settings", net_settings_to_json(&r->settings),
                  "attachment", net_attachment_to_json(r->attachment), "reserver",
                  (json_int_t)r->reserver, "reserverStart", (json_int_t)r->reserver_start);
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
