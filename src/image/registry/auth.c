// SPDX-License-Identifier: Apache-2.0
#include "image/registry/auth.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/json.h"
#include "image/reference.h"

#define AUTH_BYTES_MAX ((size_t)1 << 20)

static char *auth_file(void)
{
    const char *file = getenv("REGISTRY_AUTH_FILE"), *folder = getenv("DOCKER_CONFIG");
    if (file && *file) {
        return xstrdup(file);
    }
    if (folder && *folder) {
        return str_format("%s/config.json", folder);
    }
    const char *home = getenv("HOME");
    return home && *home ? str_format("%s/.docker/config.json", home) : NULL;
}

/* "https://index.docker.io/v1/" and "index.docker.io" name the same. */
static char *host_of(const char *key)
{
    const char *host = strstr(key, "://");
    host = host ? host + 3 : key;
    CLEANUP(free) char *name = xstrndup(host, strcspn(host, "/"));
    bool hub = str_equal(name, "index.docker.io") || str_equal(name, "registry-1.docker.io");
    return hub ? xstrdup(REFERENCE_DEFAULT_REGISTRY) : take_ptr(name);
}

int credentials_load(const char *registry, struct credentials *ret, struct error **err)
{
    *ret = (struct credentials){0};
    CLEANUP(free) char *path = auth_file();
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(error) struct error *why = NULL;
    json_t *auths = NULL, *entry;
    int r = path ? json_load_path(AT_FDCWD, path, AUTH_BYTES_MAX, &json, &why) : -ENOENT;
    if (r == -ENOENT || r == -ENOTDIR) {
        return 0;
    }
    if (r < 0) {
        return error_wrap(err, error_move(err, &why, r), "credentials");
    }
    r = json_get_object(json, "auths", path, &auths, err);
    const char *key;
    json_object_foreach(auths, key, entry)
    {
        CLEANUP(free) char *host = host_of(key);
        const char *basic = NULL, *token = NULL;
        if (r >= 0 && str_equal(host, registry) && !ret->basic) {
            r = json_get_str(entry, "auth", path, &basic, err);
            r = r < 0 ? r : json_get_str(entry, "identitytoken", path, &token, err);
            ret->basic = basic && *basic ? xstrdup(basic) : NULL;
            ret->identity_token = token && *token ? xstrdup(token) : NULL;
        }
    }
    return r < 0 ? r : 0;
}

void credentials_done(struct credentials *c)
{
    free(c->basic);
    free(c->identity_token);
    *c = (struct credentials){0};
}

/* One parameter, name="quoted" or name=token. Returns what is behind it. */
static const char *read_parameter(const char *s, char **ret_name, char **ret_value)
{
    s += strspn(s, " \t,");
    size_t n = strcspn(s, "=, \t");
    *ret_name = xstrndup(s, n);
    s += n;
    struct strbuf value = {0};
    if (*s == '=' && s[1] == '"') {
        for (s += 2; *s && *s != '"'; s++) {
            s += *s == '\\' && s[1];
            strbuf_addc(&value, *s);
        }
        s += *s == '"';
    } else if (*s == '=') {
        n = strcspn(++s, ", \t");
        strbuf_add(&value, s, n);
        s += n;
    }
    *ret_value = strbuf_take(&value);
    return s;
}

void challenge_parse(const char *header, struct challenge *ret)
{
    *ret = (struct challenge){0};
    ret->bearer = strncasecmp(header, "bearer ", 7) == 0;
    ret->basic = strncasecmp(header, "basic", 5) == 0;
    const char *s = header + strcspn(header, " \t");
    while (*(s += strspn(s, " \t,"))) {
        CLEANUP(free) char *name = NULL;
        CLEANUP(free) char *value = NULL;
        const char *before = s;
        s = read_parameter(s, &name, &value);
        char **to = str_equal(name, "realm")     ? &ret->realm
                    : str_equal(name, "service") ? &ret->service
                    : str_equal(name, "scope")   ? &ret->scope
                                                 : NULL;
        if (to && !*to) {
            *to = take_ptr(value);
        }
        if (s == before) {
            break; /* nothing that could be read */
        }
    }
}

void challenge_done(struct challenge *c)
{
    free(c->realm);
    free(c->service);
    free(c->scope);
    *c = (struct challenge){0};
}

static void add_escaped(struct strbuf *b, const char *name, const char *value)
{
    char *escaped = curl_easy_escape(NULL, value, 0);
    strbuf_addf(b, "%s=%s", name, str_or(escaped, ""));
    curl_free(escaped);
}

static int token_of(const struct http_response *answer, char **ret, struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    const char *token = NULL;
    int r = json_parse(str_or(answer->body.data, ""), answer->body.len, "the token", &json, err);
    if (r < 0 || (r = json_get_str(json, "token", "the token", &token, err)) < 0 ||
        (!token && (r = json_get_str(json, "access_token", "the token", &token, err)) < 0)) {
        return r;
    }
    if (!token || !*token || strpbrk(token, "\r\n")) {
        return error_set(err, ERROR_NETWORK, EPROTO, "the token service gave no token");
    }
    *ret = str_format("Bearer %s", token);
    return 0;
}

static int fetch_token(struct http *h, const struct challenge *challenge,
                       const struct credentials *c, const char *repository, bool insecure,
                       char **ret, struct error **err)
{
    CLEANUP(strbuf) struct strbuf query = {0};
    CLEANUP(free) char *scope = str_format("repository:%s:pull", repository);
    CLEANUP(free) char *basic = c->basic ? str_format("Basic %s", c->basic) : NULL;
    if (c->identity_token) {
        add_escaped(&query, "grant_type", "refresh_token");
        add_escaped(&query, "&client_id", "cloison");
        add_escaped(&query, "&refresh_token", c->identity_token);
        strbuf_addc(&query, '&');
    }
    add_escaped(&query, "service", str_or(challenge->service, ""));
    add_escaped(&query, "&scope", str_or(challenge->scope, scope));
    CLEANUP(free)
    char *url = str_format("%s%c%s", challenge->realm, strchr(challenge->realm, '?') ? '&' : '?',
                           query.data);
    struct http_request q = {.url = c->identity_token ? challenge->realm : url,
                             .authorization = c->identity_token ? NULL : basic,
                             .form = c->identity_token ? query.data : NULL,
                             .insecure = insecure,
                             .body_max = AUTH_BYTES_MAX};
    CLEANUP(http_response) struct http_response answer = {0};
    int r = http_fetch(h, &q, &answer, err);
    if (r < 0) {
        return error_wrap(err, r, "asking '%s' for a token", challenge->realm);
    }
    if (answer.status != 200) {
        return error_set(err, answer.status / 100 == 4 ? ERROR_DENIED : ERROR_NETWORK,
                         answer.status / 100 == 4 ? EACCES : EIO,
                         "the token service '%s' answers %ld", challenge->realm, answer.status);
    }
    return token_of(&answer, ret, err);
}

/* A credential that a TLS connection protects goes nowhere unprotected. */
static int check_realm(const char *realm, bool insecure, struct error **err)
{
    if (!realm || !(str_starts(realm, "https://") || (insecure && str_starts(realm, "http://")))) {
        return error_set(err, ERROR_NETWORK, EPROTO,
                         "the registry names no safe token service ('%s')", str_or(realm, ""));
    }
    return 0;
}

int auth_answer(struct http *h, const char *header, const struct credentials *c,
                const char *repository, bool insecure, char **ret_authorization, struct error **err)
{
    struct challenge challenge;
    challenge_parse(header, &challenge);
    int r;
    if (challenge.bearer) {
        r = check_realm(challenge.realm, insecure, err);
        r = r < 0 ? r : fetch_token(h, &challenge, c, repository, insecure, ret_authorization, err);
    } else if (challenge.basic && c->basic) {
        *ret_authorization = str_format("Basic %s", c->basic);
        r = 0;
    } else {
        r = error_set(err, ERROR_DENIED, EACCES, "the registry asks for a login");
    }
    challenge_done(&challenge);
    return r;
}
