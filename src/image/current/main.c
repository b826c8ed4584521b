// SPDX-License-Identifier: Apache-2.0
/* The program cloison-current: a pull, with the request of image/helper.h. Of an image that is here
 * whole it only asks whether it is still the newest, where one plain question tells that; in all
 * other cases it becomes cloison-image. Apart from that program since loading its libraries takes
 * longer than all that is done here. Static. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/paths.h"
#include "base/settings.h"
#include "image/current/head.h"
#include "image/layout.h"
#include "image/registry/certs.h"
#include "image/registry/complete.h"
#include "image/registry/registry_settings.h"

#define FULL_PROGRAM "cloison-image"

struct request {
    const char *data_dir, *config_path;
    struct reference reference;
    struct platform platform;
    bool quiet;
};

/* True: one for a single image whose signature nobody wants to see. */
static bool read_request(const json_t *json, struct request *q)
{
    const char *verb = NULL, *name = NULL, *platform = NULL;
    bool all_tags = false, verify = false;
    CLEANUP(strv) struct strv keys = {0};
    q->config_path = "/etc/cloison/config.json";
    platform_host(&q->platform);
    return json_get_str(json, "verb", "request", &verb, NULL) > 0 && str_equal(verb, "pull") &&
           json_get_str(json, "dataDir", "request", &q->data_dir, NULL) > 0 &&
           json_get_str(json, "config", "request", &q->config_path, NULL) >= 0 &&
           json_get_str(json, "reference", "request", &name, NULL) > 0 &&
           json_get_str(json, "platform", "request", &platform, NULL) >= 0 &&
           json_get_bool(json, "quiet", "request", &q->quiet, NULL) >= 0 &&
           json_get_bool(json, "allTags", "request", &all_tags, NULL) >= 0 && !all_tags &&
           json_get_bool(json, "verify", "request", &verify, NULL) >= 0 && !verify &&
           json_get_strv(json, "keys", "request", &keys, NULL) >= 0 && !keys.count &&
           reference_parse(name, &q->reference, NULL) >= 0 &&
           (!platform || platform_parse(platform, &q->platform, NULL) >= 0);
}

static bool wants_signatures(const struct request *q)
{
    CLEANUP(json) json_t *part = NULL;
    return settings_load_part(q->config_path, "signatures", &part, NULL) < 0 ||
           json_object_size(part) > 0;
}

static bool ask_at(const struct registry_address *address, const struct registry_settings *settings,
                   const struct reference *ref, char ret[DIGEST_TEXT_BYTES])
{
    CLEANUP(free) char *host = registry_host_of(address->url);
    struct http_tls tls = {0};
    if (str_starts(address->url, "https://") &&
        certs_load(address->is_mirror ? NULL : settings->certs,
                   address->is_mirror ? host : ref->registry, &tls, NULL) < 0) {
        return false;
    }
    struct head_request q = {address->url, &tls, address->insecure, ref->repository, ref->tag};
    bool known = head_digest(&q, ret);
    http_tls_done(&tls);
    return known;
}

/* What the first address says that the tag leads to. */
static bool ask(const struct request *q, char ret[DIGEST_TEXT_BYTES])
{
    const struct reference *ref = &q->reference;
    struct registry_settings settings = {0};
    struct registry_address *list = NULL;
    size_t count = 0;
    if (registry_settings_load(q->config_path, ref->registry, &settings, NULL) < 0) {
        return false;
    }
    registry_addresses(ref->registry, &settings, &list, &count);
    bool known = count && ask_at(&list[0], &settings, ref, ret);
    registry_addresses_free(list, count);
    registry_settings_done(&settings);
    return known;
}

/* Nothing is written: the lock that keeps the image is that of image_resolve(). */
static bool is_current(const struct request *q)
{
    const struct reference *ref = &q->reference;
    CLEANUP(free) char *name = reference_full(ref);
    CLEANUP(image) struct image *here = NULL;
    CLEANUP(complete) struct complete found = {0};
    char asked[DIGEST_TEXT_BYTES];
    if (geteuid() != 0 || image_resolve(q->data_dir, name, &here, NULL) < 0 ||
        wants_signatures(q) || (!ref->digest && !ask(q, asked))) {
        return false;
    }
    CLEANUP(free) char *path = layout_store_path(q->data_dir);
    CLEANUP(fd) int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const struct store s = {.fd = fd, .lock = -1, .path = path, .data_dir = (char *)q->data_dir};
    if (fd < 0 ||
        !complete_find(&s, ref, &q->platform, ref->digest ? ref->digest : asked, &found)) {
        return false;
    }
    complete_tell(ref, &found, q->quiet);
    return true;
}

static bool is_done(const char *text)
{
    CLEANUP(json) json_t *json = NULL;
    struct request q = {0};
    bool done = json_parse(text, strlen(text), "request", &json, NULL) >= 0 &&
                read_request(json, &q) && is_current(&q);
    reference_done(&q.reference);
    return done;
}

int main(int argc, char **argv)
{
    if (argc == 2 && is_done(argv[1]) && fflush(stdout) == 0 && !ferror(stdout)) {
        return 0;
    }
    CLEANUP(free) char *path = program_path(FULL_PROGRAM);
    argv[0] = argc ? (char *)FULL_PROGRAM : NULL;
    execv(path, argv);
    CLEANUP(error) struct error *err = NULL;
    error_set_errno(&err, ERROR_UNSUPPORTED, errno, "executing '%s'", path);
    error_hint(&err, 0, "is cloison installed whole?");
    error_print(err, stderr);
    return error_exit_status(err);
}
