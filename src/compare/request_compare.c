// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/signals.h"
#include "compare/comparison.h"
#include "compare/request.h"
#include "compare/views.h"

#define WHERE "the request"

char *last_comparison_path(const char *data_dir)
{
    return str_format("%s/compare/last.json", data_dir);
}

static int read_numbers(const json_t *request, struct comparison *c, struct error **err)
{
    int64_t repeat = 9, probe_ms = 50, timeout_ms = 120000, port = 0, co2 = -1;
    json_t *counts = NULL;
    int r = json_get_i64(request, "repeat", WHERE, 1, 1000, &repeat, err);
    r = r < 0 ? r : json_get_i64(request, "probeMs", WHERE, 1, 60000, &probe_ms, err);
    r = r < 0 ? r : json_get_i64(request, "timeoutMs", WHERE, 1, 86400000, &timeout_ms, err);
    r = r < 0 ? r : json_get_i64(request, "readyPort", WHERE, 0, 65535, &port, err);
    r = r < 0 ? r : json_get_i64(request, "co2Milligrams", WHERE, 0, INT64_MAX, &co2, err);
    r = r < 0 ? r : json_get_array(request, "counts", WHERE, &counts, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < json_array_size(counts) && i < COUNTS_MAX; i++) {
        c->counts[c->count_count++] = (int)json_integer_value(json_array_get(counts, i));
    }
    c->repeat = (int)repeat;
    c->probe_ms = (int)probe_ms;
    c->timeout_ms = (int)timeout_ms;
    c->ready_port = (int)port;
    c->co2 = co2 < 0 ? NAN : (double)co2 / 1000;
    return c->count_count > 0 ? 0 : error_set(err, ERROR_USAGE, 0, "no counts");
}

static int read_request(const json_t *request, struct comparison *c, struct error **err)
{
    const struct {
        const char *key;
        const char **at;
    } texts[] = {
        {"image", &c->image_name},     {"dataDir", &c->data_dir}, {"runDir", &c->run_dir},
        {"config", &c->config_path},   {"cloison", &c->cloison},  {"readyLog", &c->ready_log},
        {"co2Source", &c->co2_source},
    };
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(texts) && r >= 0; i++) {
        r = json_get_str(request, texts[i].key, WHERE, texts[i].at, err);
    }
    r = r < 0 ? r : json_get_strv(request, "command", WHERE, &c->command, err);
    r = r < 0 ? r : json_get_strv(request, "runOptions", WHERE, &c->run_options, err);
    r = r < 0 ? r : json_get_strv(request, "walls", WHERE, &c->walls, err);
    r = r < 0 ? r : read_numbers(request, c, err);
    if (r >= 0 &&
        (!c->image_name || !c->data_dir || !c->run_dir || !c->cloison || !c->walls.count)) {
        return error_set(err, ERROR_USAGE, 0, "the request is not whole");
    }
    return r;
}

static int write_text(const char *path, const char *text, struct error **err)
{
    return file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, FILE_NO_SYNC, err);
}

static int write_results(const json_t *request, const struct comparison *c, struct error **err)
{
    const char *json = NULL, *html = NULL;
    CLEANUP(free) char *last = last_comparison_path(c->data_dir);
    int r = json_get_str(request, "json", WHERE, &json, err);
    r = r < 0 ? r : json_get_str(request, "html", WHERE, &html, err);
    r = r < 0 ? r : json_save_path(AT_FDCWD, last, c->doc, 0644, false, err);
    if (r >= 0 && json) {
        r = json_save_path(AT_FDCWD, json, c->doc, 0644, false, err);
    }
    if (r >= 0 && html) {
        CLEANUP(free) char *page = view_page(c->doc);
        r = write_text(html, page, err);
    }
    CLEANUP(free) char *table = view_table(c->doc);
    (void)fputs(table, stdout); /* main() asks the stream */
    return r;
}

static int measured(const json_t *request, struct comparison *c, struct error **err)
{
    int interrupted = 0;
    CLEANUP(error) struct error *mine = NULL;
    int r = comparison_measure(c, &mine);
    if (r < 0 && r != -EINTR) {
        return error_move(err, &mine, r);
    }
    if (r == -EINTR) {
        interrupted = sigtimedwait(&c->held, NULL, &(struct timespec){0});
    }
    r = write_results(request, c, err);
    if (r < 0) {
        return r;
    }
    return interrupted > 0                                            ? 128 + interrupted
           : json_array_size(json_object_get(c->doc, "failures")) > 0 ? 1
                                                                      : 0;
}

/* Before minutes are spent on what could not be written then. */
static int check_output(const json_t *request, const char *key, struct error **err)
{
    const char *path = NULL;
    struct stat st;
    int r = json_get_str(request, key, WHERE, &path, err);
    if (r <= 0) {
        return r;
    }
    CLEANUP(free) char *copy = xstrdup(path);
    if (access(dirname(copy), W_OK | X_OK) < 0) {
        return error_set_errno(err, ERROR_USAGE, errno, "the folder of '--%s %s'", key, path);
    }
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return error_set(err, ERROR_USAGE, EISDIR, "'--%s %s' is a folder", key, path);
    }
    return 0;
}

/* An estimate that nothing can be estimated from is refused, not left out. */
static int check_energy(const struct comparison *c, struct error **err)
{
    if (isnan(c->co2)) {
        return 0;
    }
    if (c->command.count == 0 || c->ready_port || c->ready_log) {
        return error_set(err, ERROR_USAGE, 0,
                         "'--co2' is of a command that runs to its end: give one after --");
    }
    if (isnan(energy_joules(ENERGY_ROOT))) {
        return error_set(
            err, ERROR_UNSUPPORTED, 0,
            "'--co2' needs the processors' energy counters (RAPL), which are not in '%s'",
            ENERGY_ROOT);
    }
    return 0;
}

int request_compare(const json_t *request, struct error **err)
{
    struct comparison c = {.progress.shown = isatty(STDERR_FILENO)};
    int r = read_request(request, &c, err);
    r = r < 0 ? r : check_energy(&c, err);
    r = r < 0 ? r : check_output(request, "json", err);
    r = r < 0 ? r : check_output(request, "html", err);
    r = r < 0 ? r : comparison_prepare(&c, err);
    r = r < 0 ? r : measured(request, &c, err);
    comparison_done(&c);
    return r;
}
