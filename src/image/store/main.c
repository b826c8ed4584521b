// SPDX-License-Identifier: Apache-2.0
/* The program cloison-image: one JSON request on the command line, see image/helper.h. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/error_json.h"
#include "base/file.h"
#include "base/json.h"
#include "image/store/interrupt.h"
#include "image/store/verbs.h"

static const struct {
    const char *name;
    int (*run)(const struct verb_request *r, struct error **err);
    bool any_user; /* it does not touch the store */
} verbs[] = {
    {"bootstrap", verb_bootstrap},
    {"build-cache-get", verb_build_cache_get, true},
    {"build-cache-layer", verb_build_cache_layer},
    {"build-cache-prune", verb_build_cache_prune},
    {"build-cache-put", verb_build_cache_put},
    {"build-worker", verb_build_worker},
    {"busybox", verb_busybox},
    {"check", verb_check},
    {"commit", verb_commit},
    {"export", verb_export, true},
    {"extract", verb_extract, true},
    {"import", verb_import},
    {"load", verb_load},
    {"login", verb_login, true},
    {"logout", verb_logout, true},
    {"manifest-annotate", verb_manifest_annotate},
    {"manifest-create", verb_manifest_create},
    {"manifest-inspect", verb_manifest_inspect, true},
    {"manifest-push", verb_manifest_push},
    {"manifest-rm", verb_manifest_rm},
    {"prune", verb_prune},
    {"pull", verb_pull},
    {"push", verb_push},
    {"rmi", verb_rmi},
    {"save", verb_save},
    {"sbom", verb_sbom},
    {"tag", verb_tag},
    {"tags", verb_tags, true},
};

static int check_root(struct error **err)
{
    if (geteuid() == 0) {
        return 0;
    }
    int r = error_set(err, ERROR_DENIED, 0, "images can be changed by root alone so far");
    return error_hint(err, r, "run it with sudo; rootless containers are not there yet");
}

static int run(const json_t *json, struct error **err)
{
    const char *verb = "", *data_dir = NULL, *config = "/etc/cloison/config.json";
    int r = json_get_str(json, "verb", "request", &verb, err);
    if (r >= 0) {
        r = json_get_str(json, "dataDir", "request", &data_dir, err);
    }
    if (r >= 0) {
        r = json_get_str(json, "config", "request", &config, err);
    }
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < ARRAY_SIZE(verbs) && data_dir; i++) {
        if (str_equal(verbs[i].name, verb)) {
            struct verb_request request = {json, data_dir, config};
            r = verbs[i].any_user ? 0 : check_root(err);
            return r < 0 ? r : verbs[i].run(&request, err);
        }
    }
    return error_set(err, ERROR_INTERNAL, 0, "cloison-image knows no verb '%s'", verb);
}

/* To whoever called, who knows how to tell it. */
static void hand_back(int fd, const struct error *e)
{
    CLEANUP(json)
    json_t *json = error_to_json(e);
    CLEANUP(free) char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (text) {
        (void)write_all(fd, text, strlen(text)); /* a caller that has gone needs no words */
    }
}

int main(int argc, char **argv)
{
    /* Names in archives are bytes, mostly UTF-8: in the C locale libarchive would refuse them. */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    interrupt_watch();
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(json) json_t *json = NULL;
    int64_t error_fd = -1;
    int r = argc == 2 ? json_parse(argv[1], strlen(argv[1]), "request", &json, &err)
                      : error_set(&err, ERROR_USAGE, 0,
                                  "cloison-image is executed by cloison, not by hand");
    if (r >= 0) {
        r = json_get_i64(json, "errorFd", "request", 3, 1023, &error_fd, &err);
    }
    if (r >= 0 && error_fd >= 0) {
        (void)fcntl((int)error_fd, F_SETFD, FD_CLOEXEC); /* else a child would keep it open */
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0); /* who waits for us was ended: stop */
    }
    if (r >= 0) {
        r = run(json, &err);
    }
    if (r >= 0 && (fflush(stdout) != 0 || ferror(stdout))) {
        r = error_set_errno(&err, ERROR_KERNEL, errno, "writing to standard output");
    }
    if (r >= 0) {
        return r;
    }
    if (error_fd >= 0) {
        hand_back((int)error_fd, err);
    } else {
        error_print(err, stderr);
    }
    interrupt_finish();
    return err->kind == ERROR_USAGE ? 125 : 1;
}
