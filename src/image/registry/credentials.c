// SPDX-License-Identifier: Apache-2.0
#include "image/registry/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/file.h"
#include "image/reference.h"
#include "image/registry/credential_helper.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define HUB_KEY                                                                                    \
    "https://index.docker.io/v1/" /* docker.io's, in every file and for every helper               \
                                   */

static void add_place(struct strv *to, const char *folder, const char *file)
{
    if (folder && *folder) {
        strv_addf(to, "%s%s", folder, file);
    }
}

/* Where logins may be, in order; the last one is where they are written. */
static void places(struct strv *to)
{
    const char *file = getenv("REGISTRY_AUTH_FILE"), *folder = getenv("DOCKER_CONFIG");
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (file && *file) {
        strv_add(to, file);
    } else if (folder && *folder) {
        add_place(to, folder, "/config.json");
    } else {
        CLEANUP(free) char *own = str_format("/run/containers/%u", (unsigned)geteuid());
        add_place(to, runtime && *runtime ? runtime : own,
                  runtime && *runtime ? "/containers/auth.json" : "/auth.json");
        add_place(to, config && *config ? config : home,
                  config && *config ? "/containers/auth.json" : "/.config/containers/auth.json");
        add_place(to, home, "/.docker/config.json");
    }
}

static const char *key_of(const char *registry)
{
    return str_equal(registry, REFERENCE_DEFAULT_REGISTRY) ? HUB_KEY : registry;
}

/* "https://index.docker.io/v1/" and "index.docker.io" name the same, "docker.io"; a key may name a
 * repository: "quay.io/team". */
static char *plain_key(const char *key)
{
    const char *start = strstr(key, "://");
    bool is_url = start != NULL;
    start = start ? start + 3 : key;
    size_t host = strcspn(start, "/");
    CLEANUP(free) char *name = xstrndup(start, host);
    bool hub = str_equal(name, "index.docker.io") || str_equal(name, "registry-1.docker.io");
    const char *path = is_url || hub ? "" : start + host;
    CLEANUP(free)
    char *plain = str_format("%s%s", hub ? REFERENCE_DEFAULT_REGISTRY : name, path);
    size_t len = strlen(plain);
    while (len && plain[len - 1] == '/') {
        plain[--len] = '\0';
    }
    return take_ptr(plain);
}

/* How much of registry/repository the key names: 0 when it is not about it. */
static size_t match(const char *key, const char *whole)
{
    CLEANUP(free) char *plain = plain_key(key);
    size_t n = strlen(plain);
    return n && str_starts(whole, plain) && (whole[n] == '/' || !whole[n]) ? n : 0;
}

static int take_entry(const json_t *entry, const char *where, struct credentials *ret,
                      struct error **err)
{
    const char *basic = NULL, *token = NULL;
    int r;
    if ((r = json_get_str(entry, "auth", where, &basic, err)) < 0 ||
        (r = json_get_str(entry, "identitytoken", where, &token, err)) < 0) {
        return r;
    }
    if ((basic && strpbrk(basic, "\r\n")) || (token && strpbrk(token, "\r\n"))) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s: 'auth' has more than one line", where);
    }
    ret->basic = basic && *basic ? xstrdup(basic) : NULL;
    ret->identity_token = token && *token ? xstrdup(token) : NULL;
    return 0;
}

int credentials_parse(const json_t *json, const char *where, const char *registry,
                      const char *repository, struct credentials *ret, char **ret_helper,
                      struct error **err)
{
    CLEANUP(free)
    char *whole = repository ? str_format("%s/%s", registry, repository) : xstrdup(registry);
    json_t *auths = NULL, *helpers = NULL, *entry, *best = NULL;
    const char *store = NULL, *key;
    size_t best_len = 0;
    *ret = (struct credentials){0};
    *ret_helper = NULL;
    int r;
    if ((r = json_is_object(json)
                 ? 0
                 : error_set(err, ERROR_INVALID_INPUT, 0, "%s: not an object", where)) < 0 ||
        (r = json_get_object(json, "auths", where, &auths, err)) < 0 ||
        (r = json_get_object(json, "credHelpers", where, &helpers, err)) < 0 ||
        (r = json_get_str(json, "credsStore", where, &store, err)) < 0) {
        return r;
    }
    json_object_foreach(helpers, key, entry)
    {
        CLEANUP(free) char *plain = plain_key(key);
        if (str_equal(plain, registry) && json_is_string(entry)) {
            store = json_string_value(entry);
        }
    }
    json_object_foreach(auths, key, entry)
    {
        size_t len = match(key, whole);
        if (len > best_len && json_is_object(entry)) {
            best = entry;
            best_len = len;
        }
    }
    r = best ? take_entry(best, where, ret, err) : 0;
    *ret_helper = r >= 0 && store && *store ? xstrdup(store) : NULL;
    return r;
}

/* -ENOENT, without an error, where there is no such file. */
static int load_file(const char *path, json_t **ret, struct error **err)
{
    CLEANUP(error) struct error *why = NULL;
    int r = json_load_path(AT_FDCWD, path, FILE_BYTES_MAX, ret, &why);
    if (r == -ENOENT || r == -ENOTDIR || r == -EACCES) {
        return -ENOENT;
    }
    return r < 0 ? error_wrap(err, error_move(err, &why, r), "credentials") : 0;
}

static int load_from(const char *path, const char *registry, const char *repository,
                     struct credentials *ret, struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(free) char *helper = NULL;
    int r = load_file(path, &json, err);
    if (r == -ENOENT) {
        return 0;
    }
    if (r >= 0) {
        r = credentials_parse(json, path, registry, repository, ret, &helper, err);
    }
    if (r >= 0 && helper) {
        struct credentials kept = {0};
        r = credential_helper_get(helper, key_of(registry), &kept, err);
        if (r >= 0 && (kept.basic || kept.identity_token)) {
            credentials_done(ret);
            *ret = kept;
        }
    }
    return r;
}

int credentials_load(const char *registry, const char *repository, struct credentials *ret,
                     struct error **err)
{
    CLEANUP(strv) struct strv paths = {0};
    *ret = (struct credentials){0};
    places(&paths);
    for (size_t i = 0; i < paths.count && !ret->basic && !ret->identity_token; i++) {
        int r = load_from(paths.items[i], registry, repository, ret, err);
        if (r < 0) {
            credentials_done(ret);
            return r;
        }
    }
    return 0;
}

void credentials_done(struct credentials *c)
{
    free(c->basic);
    free(c->identity_token);
    *c = (struct credentials){0};
}

char *credentials_basic(const char *user, const char *password)
{
    CLEANUP(free) char *plain = str_format("%s:%s", user, password);
    size_t len = strlen(plain);
    char *text = xmalloc((len + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)plain, (int)len);
    return text;
}

/* Writes the file behind a link, not over it, for the owner alone. */
static int save_file(const char *path, const json_t *json, struct error **err)
{
    CLEANUP(free) char *real = realpath(path, NULL);
    const char *to = real ? real : path;
    CLEANUP(free) char *folder = xstrdup(to);
    char *slash = strrchr(folder, '/');
    int r = 0;
    if (slash && slash > folder) {
        *slash = '\0';
        r = mkdir_all(folder, 0700, err);
    }
    return r < 0 ? r : json_save_path(AT_FDCWD, to, json, 0600, true, err);
}

static json_t *member_object(json_t *json, const char *key)
{
    json_t *there = json_object_get(json, key);
    if (!json_is_object(there)) {
        json_object_set_new(json, key, json_object());
        there = json_object_get(json, key);
    }
    return there;
}

/* Removes the entries of the registry. Whether there was one. */
static bool drop_entries(json_t *json, const char *registry)
{
    json_t *auths = json_object_get(json, "auths"), *entry;
    const char *key;
    void *next;
    bool found = false;
    json_object_foreach_safe(auths, next, key, entry)
    {
        CLEANUP(free) char *plain = plain_key(key);
        if (str_equal(plain, registry)) {
            json_object_del(auths, key);
            found = true;
        }
    }
    return found;
}

int credentials_save(const char *registry, const struct login *login, char **ret_where,
                     bool *ret_plain, struct error **err)
{
    CLEANUP(strv) struct strv paths = {0};
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(free) char *helper = NULL;
    struct credentials old = {0};
    places(&paths);
    if (!paths.count) {
        return error_set(err, ERROR_NOT_FOUND, 0, "HOME is not set: nowhere to keep a login");
    }
    const char *path = paths.items[paths.count - 1];
    int r = load_file(path, &json, err);
    if (r == -ENOENT) {
        json = json_object();
        r = 0;
    }
    if (r < 0 || (r = credentials_parse(json, path, registry, NULL, &old, &helper, err)) < 0) {
        return r;
    }
    credentials_done(&old);
    drop_entries(json, registry);
    json_t *entry = json_object(); /* with a helper: that there is a login, and no more */
    if (helper) {
        r = credential_helper_store(helper, key_of(registry), login, err);
    } else if (login->identity_token) {
        CLEANUP(free) char *basic = credentials_basic(login->user, "");
        json_object_set_new(entry, "auth", json_string(basic));
        json_object_set_new(entry, "identitytoken", json_string(login->identity_token));
    } else {
        CLEANUP(free) char *basic = credentials_basic(login->user, login->password);
        json_object_set_new(entry, "auth", json_string(basic));
    }
    json_object_set_new(member_object(json, "auths"), key_of(registry), entry);
    if (r >= 0) {
        r = save_file(path, json, err);
    }
    *ret_plain = !helper;
    *ret_where = helper ? str_format("the program 'docker-credential-%s'", helper)
                        : str_format("'%s'", path);
    return r;
}

static int erase_from(const char *path, const char *registry, struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(free) char *helper = NULL;
    struct credentials old = {0};
    int r = load_file(path, &json, err);
    if (r == -ENOENT) {
        return 0;
    }
    if (r < 0 || (r = credentials_parse(json, path, registry, NULL, &old, &helper, err)) < 0) {
        return r;
    }
    credentials_done(&old);
    bool found = drop_entries(json, registry);
    if (helper) {
        struct credentials kept = {0};
        r = credential_helper_get(helper, key_of(registry), &kept, err);
        if (r >= 0 && (kept.basic || kept.identity_token)) {
            found = true;
            r = credential_helper_erase(helper, key_of(registry), err);
        }
        credentials_done(&kept);
    }
    if (r >= 0 && found) {
        r = save_file(path, json, err);
    }
    return r < 0 ? r : found;
}

int credentials_erase(const char *registry, struct error **err)
{
    CLEANUP(strv) struct strv paths = {0};
    int found = 0;
    places(&paths);
    for (size_t i = 0; i < paths.count; i++) {
        int r = erase_from(paths.items[i], registry, err);
        if (r < 0) {
            return r;
        }
        found |= r;
    }
    return found;
}
