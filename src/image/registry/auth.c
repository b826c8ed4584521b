// SPDX-License-Identifier: Apache-2.0
#include "image/registry/auth.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define TOKEN_BYTES_MAX ((size_t)1 << 20)
#define TOKEN_SECONDS 60      /* when the service does not say, says its specification */
#define EXPIRY_MARGIN_MS 5000 /* a request takes its time */
#define CLIENT_ID "cloison"

void token_done(struct token *t)
{
    free(t->authorization);
    free(t->identity_token);
    *t = (struct token){0};
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

static int token_of(const struct http_response *answer, struct token *ret, struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    const char *token = NULL, *refresh = NULL, *where = "the token";
    int64_t seconds = TOKEN_SECONDS;
    int r;
    if ((r = json_parse(str_or(answer->body.data, ""), answer->body.len, where, &json, err)) < 0 ||
        (r = json_get_str(json, "token", where, &token, err)) < 0 ||
        (!token && (r = json_get_str(json, "access_token", where, &token, err)) < 0) ||
        (r = json_get_str(json, "refresh_token", where, &refresh, err)) < 0) {
        return r;
    }
    /* A number that cannot be one is no reason to fail: the token is then asked for again. */
    IGNORE(json_get_i64(json, "expires_in", where, 1, 86400 * 365, &seconds, NULL));
    if (!token || !*token || strpbrk(token, "\r\n")) {
        return error_set(err, ERROR_NETWORK, EPROTO, "the token service gave no token");
    }
    ret->authorization = str_format("Bearer %s", token);
    ret->identity_token = refresh && *refresh ? xstrdup(refresh) : NULL;
    ret->expires_at_ms = clock_ms() + seconds * 1000 - EXPIRY_MARGIN_MS;
    return 0;
}

/* The query of a GET, or the form of a POST where an identity token is to be changed. */
static void add_query(const struct token_request *q, struct strbuf *to)
{
    const char *identity = q->credentials->identity_token;
    add_escaped(to, "service", str_or(q->challenge->service, ""));
    if (identity) {
        add_escaped(to, "&grant_type", "refresh_token");
        add_escaped(to, "&refresh_token", identity);
        CLEANUP(free) char *all = strv_join(q->scopes, " ");
        add_escaped(to, "&scope", all);
    }
    for (size_t i = 0; i < q->scopes->count && !identity; i++) {
        add_escaped(to, "&scope", q->scopes->items[i]);
    }
    if (identity || q->login) {
        add_escaped(to, "&client_id", CLIENT_ID);
    }
    if (q->login) {
        strbuf_adds(to, identity ? "&access_type=offline" : "&offline_token=true");
    }
}

static int fetch_token(struct http *h, const struct token_request *q, struct token *ret,
                       struct error **err)
{
    const char *realm = q->challenge->realm;
    bool post = q->credentials->identity_token != NULL;
    CLEANUP(strbuf) struct strbuf query = {0};
    add_query(q, &query);
    CLEANUP(free)
    char *basic = q->credentials->basic ? str_format("Basic %s", q->credentials->basic) : NULL;
    CLEANUP(free)
    char *url = str_format("%s%c%s", realm, strchr(realm, '?') ? '&' : '?', query.data);
    struct http_request request = {.url = post ? realm : url,
                                   .authorization = post ? NULL : basic,
                                   .body = post ? query.data : NULL,
                                   .body_len = post ? query.len : 0,
                                   .tls = q->tls,
                                   .insecure = q->insecure,
                                   .body_max = TOKEN_BYTES_MAX};
    CLEANUP(http_response) struct http_response answer = {0};
    int r = http_fetch(h, &request, &answer, err);
    if (r < 0) {
        return error_wrap(err, r, "asking '%s' for a token", realm);
    }
    if (answer.status != 200) {
        bool denied = answer.status / 100 == 4 && answer.status != 429;
        return error_set(err, denied ? ERROR_DENIED : ERROR_NETWORK, denied ? EACCES : EIO,
                         "the token service '%s' answers %ld", realm, answer.status);
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

int auth_answer(struct http *h, const struct token_request *q, struct token *ret,
                struct error **err)
{
    *ret = (struct token){0};
    if (q->challenge->bearer) {
        int r = check_realm(q->challenge->realm, q->insecure, err);
        return r < 0 ? r : fetch_token(h, q, ret, err);
    }
    if (q->challenge->basic && q->credentials->basic) {
        ret->authorization = str_format("Basic %s", q->credentials->basic);
        return 0;
    }
    return error_set(err, ERROR_DENIED, EACCES, "the registry asks for a login");
}

char *link_next(const char *header)
{
    const char *s = header;
    while ((s = strchr(s, '<'))) {
        size_t url = strcspn(++s, ">");
        CLEANUP(free) char *parameters = xstrndup(s + url, strcspn(s + url, "<"));
        bool next = strcasestr(parameters, "rel=next") || strcasestr(parameters, "rel=\"next\"");
        if (next && url) {
            return xstrndup(s, url);
        }
        s += url;
    }
    return NULL;
}
