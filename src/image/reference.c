// SPDX-License-Identifier: Apache-2.0
#include "image/reference.h"

#include <ctype.h>
#include <string.h>

#define DIGEST_PREFIX "sha256:"

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_letter_or_digit(char c)
{
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

static bool is_hex(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!(s[i] >= '0' && s[i] <= '9') && !(s[i] >= 'a' && s[i] <= 'f')) {
            return false;
        }
    }
    return true;
}

bool digest_is_valid(const char *text)
{
    size_t prefix = strlen(DIGEST_PREFIX);
    return str_starts(text, DIGEST_PREFIX) && strlen(text) == prefix + DIGEST_HEX_DIGITS &&
           is_hex(text + prefix, DIGEST_HEX_DIGITS);
}

const char *digest_hex(const char *digest)
{
    return digest + strlen(DIGEST_PREFIX);
}

/* One component of a repository: letters and digits in groups, between them '.', '_', "__" or any
 * number of dashes. */
static bool component_is_valid(const char *s, size_t n)
{
    if (n == 0 || !is_lower_or_digit(s[0]) || !is_lower_or_digit(s[n - 1])) {
        return false;
    }
    for (size_t i = 1; i < n; i++) {
        if (is_lower_or_digit(s[i])) {
            continue;
        }
        size_t run = 1;
        while (i + run < n && s[i + run] == s[i]) {
            run++;
        }
        bool fits = (s[i] == '.' && run == 1) || (s[i] == '_' && run <= 2) || s[i] == '-';
        if (!fits || !is_lower_or_digit(s[i + run])) {
            return false;
        }
        i += run;
    }
    return true;
}

static bool repository_is_valid(const char *s)
{
    for (;;) {
        size_t n = strcspn(s, "/");
        if (!component_is_valid(s, n)) {
            return false;
        }
        if (!s[n]) {
            return true;
        }
        s += n + 1;
    }
}

/* A host's labels: letters, digits and inner dashes, separated by single dots. */
static bool host_is_valid(const char *s, size_t n)
{
    size_t label = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && s[i] != '.') {
            if (!is_letter_or_digit(s[i]) && s[i] != '-') {
                return false;
            }
            label++;
            continue;
        }
        if (label == 0 || s[i - 1] == '-' || s[i - label] == '-') {
            return false;
        }
        label = 0;
    }
    return true;
}

static bool ipv6_is_valid(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isxdigit((unsigned char)s[i]) && s[i] != ':') {
            return false;
        }
    }
    return n > 1;
}

static bool registry_is_valid(const char *s)
{
    size_t host;
    if (s[0] == '[') {
        const char *end = strchr(s, ']');
        if (!end || !ipv6_is_valid(s + 1, (size_t)(end - s - 1))) {
            return false;
        }
        host = (size_t)(end - s) + 1;
    } else {
        host = strcspn(s, ":");
        if (!host_is_valid(s, host)) {
            return false;
        }
    }
    if (!s[host]) {
        return true;
    }
    const char *port = s + host + 1;
    return s[host] == ':' && *port && port[strspn(port, "0123456789")] == '\0';
}

static bool tag_is_valid(const char *s)
{
    size_t n = strlen(s);
    if (n == 0 || n > REFERENCE_TAG_MAX || s[0] == '.' || s[0] == '-') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_letter_or_digit(s[i]) && !strchr("_.-", s[i])) {
            return false;
        }
    }
    return true;
}

static bool has_upper(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] >= 'A' && s[i] <= 'Z') {
            return true;
        }
    }
    return false;
}

/* Splits "registry/repository" off the rest, giving Docker's defaults. `name` has neither tag nor
 * digest. */
static void split_registry(const char *name, struct reference *r)
{
    size_t first = strcspn(name, "/");
    bool is_registry = name[first] == '/' &&
                       (memchr(name, '.', first) || memchr(name, ':', first) ||
                        has_upper(name, first) || (first == 9 && str_starts(name, "localhost")));
    if (is_registry) {
        r->registry = xstrndup(name, first);
        name += first + 1;
    } else {
        r->registry = xstrdup(REFERENCE_DEFAULT_REGISTRY);
    }
    if (str_equal(r->registry, "index.docker.io")) {
        free(r->registry);
        r->registry = xstrdup(REFERENCE_DEFAULT_REGISTRY);
    }
    bool official = str_equal(r->registry, REFERENCE_DEFAULT_REGISTRY) && !strchr(name, '/');
    r->repository = official ? str_format("library/%s", name) : xstrdup(name);
}

static int bad_format(struct error **err, const char *why)
{
    return error_set(err, ERROR_INVALID_INPUT, 0, "invalid reference format%s", why);
}

static int check_name(const struct reference *r, struct error **err)
{
    size_t len = strlen(r->registry) + 1 + strlen(r->repository);
    if (len > REFERENCE_NAME_MAX) {
        return error_set(err, ERROR_INVALID_INPUT, 0,
                         "repository name must not be more than %d characters", REFERENCE_NAME_MAX);
    }
    if (has_upper(r->repository, strlen(r->repository))) {
        return error_set(err, ERROR_INVALID_INPUT, 0,
                         "invalid reference format: repository name (%s) must be lowercase",
                         r->repository);
    }
    if (!registry_is_valid(r->registry) || !repository_is_valid(r->repository)) {
        return bad_format(err, "");
    }
    return 0;
}

static int parse_digest(const char *text, struct reference *r, struct error **err)
{
    if (!str_starts(text, DIGEST_PREFIX)) {
        return strchr(text, ':') ? error_set(err, ERROR_INVALID_INPUT, 0,
                                             "unsupported digest algorithm (sha256 is known)")
                                 : bad_format(err, "");
    }
    if (strlen(digest_hex(text)) != DIGEST_HEX_DIGITS) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "invalid checksum digest length");
    }
    if (!digest_is_valid(text)) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "invalid checksum digest format");
    }
    r->digest = xstrdup(text);
    return 0;
}

static int parse_parts(char *text, struct reference *r, struct error **err)
{
    char *at = strchr(text, '@');
    if (at) {
        *at = '\0';
        int e = parse_digest(at + 1, r, err);
        if (e < 0) {
            return e;
        }
    }
    char *slash = strrchr(text, '/');
    char *colon = strchr(slash ? slash : text, ':');
    if (colon) {
        *colon = '\0';
        if (!tag_is_valid(colon + 1)) {
            return bad_format(err, "");
        }
        r->tag = xstrdup(colon + 1);
    }
    if (strlen(text) == DIGEST_HEX_DIGITS && is_hex(text, DIGEST_HEX_DIGITS)) {
        return error_set(err, ERROR_INVALID_INPUT, 0,
                         "invalid repository name (%s), cannot specify 64-byte hexadecimal strings",
                         text);
    }
    split_registry(text, r);
    return check_name(r, err);
}

int reference_parse(const char *text, struct reference *ret, struct error **err)
{
    CLEANUP(free) char *copy = xstrdup(text);
    struct reference r = {0};
    int e = *text ? parse_parts(copy, &r, err) : bad_format(err, "");
    if (e < 0) {
        reference_done(&r);
        return error_wrap(err, e, "'%s'", text);
    }
    if (!r.tag && !r.digest) {
        r.tag = xstrdup("latest");
    }
    *ret = r;
    return 0;
}

void reference_done(struct reference *r)
{
    free(r->registry);
    free(r->repository);
    free(r->tag);
    free(r->digest);
    *r = (struct reference){0};
}

static char *with_suffix(const struct reference *r, const char *name)
{
    return str_format("%s%s%s%s%s", name, r->tag ? ":" : "", str_or(r->tag, ""),
                      r->digest ? "@" : "", str_or(r->digest, ""));
}

char *reference_full(const struct reference *r)
{
    CLEANUP(free) char *name = str_format("%s/%s", r->registry, r->repository);
    return with_suffix(r, name);
}

char *reference_familiar_name(const struct reference *r)
{
    if (!str_equal(r->registry, REFERENCE_DEFAULT_REGISTRY)) {
        return str_format("%s/%s", r->registry, r->repository);
    }
    const char *path = r->repository;
    if (str_starts(path, "library/") && !strchr(path + strlen("library/"), '/')) {
        path += strlen("library/");
    }
    return xstrdup(path);
}

char *reference_familiar(const struct reference *r)
{
    CLEANUP(free) char *name = reference_familiar_name(r);
    return with_suffix(r, name);
}

char *reference_text_familiar(const char *full, bool name)
{
    CLEANUP(reference) struct reference r = {0};
    if (reference_parse(full, &r, NULL) < 0) {
        return xstrdup(full); /* not one of ours: shown as it is */
    }
    return name ? reference_familiar_name(&r) : reference_familiar(&r);
}
