// SPDX-License-Identifier: Apache-2.0
#include "image/registry/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/file.h"
#include "base/settings.h"
#include "image/registry/remote.h"

#define PAYLOAD_TYPE "cosign container image signature"
#define PAYLOAD_MEDIA "application/vnd.dev.cosign.simplesigning.v1+json"
#define ANNOTATION "dev.cosignproject.cosign/signature"
#define PAYLOAD_BYTES_MAX ((size_t)1 << 20)
#define KEY_BYTES_MAX ((size_t)64 << 10)
#define SIGNATURES_MAX 64 /* of one image: more are not looked at */

/* Whether an entry of "require" is about the repository. */
static bool is_named(const struct strv *names, const char *repository)
{
    for (size_t i = 0; i < names->count; i++) {
        if (fnmatch(names->items[i], repository, 0) == 0) {
            return true;
        }
    }
    return false;
}

static int read_entry(const json_t *entry, const char *repository, struct signature_policy *p,
                      struct error **err)
{
    static const char *const where = "settings: signatures: require";
    static const char *const known[] = {"keys", "names", NULL};
    CLEANUP(strv) struct strv names = {0};
    CLEANUP(strv) struct strv keys = {0};
    int r;
    if (!json_is_object(entry)) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s: an entry is no object", where);
    }
    if ((r = settings_check_keys(entry, where, known, err)) < 0 ||
        (r = json_get_strv(entry, "names", where, &names, err)) < 0 ||
        (r = json_get_strv(entry, "keys", where, &keys, err)) < 0) {
        return r;
    }
    if (!names.count || !keys.count) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s: an entry lacks 'names' or 'keys'",
                         where);
    }
    if (!p->required && is_named(&names, repository)) {
        p->required = true;
        strv_add_all(&p->keys, keys.items);
    }
    return 0;
}

static int read_settings(const char *config_path, const char *repository,
                         struct signature_policy *p, struct error **err)
{
    static const char *const known[] = {"require", NULL};
    CLEANUP(json) json_t *part = NULL;
    json_t *list = NULL, *entry;
    size_t i;
    int r;
    if ((r = settings_load_part(config_path, "signatures", &part, err)) < 0 ||
        (r = settings_check_keys(part, "settings: signatures", known, err)) < 0 ||
        (r = json_get_array(part, "require", "settings: signatures", &list, err)) < 0) {
        return r;
    }
    json_array_foreach(list, i, entry)
    {
        if ((r = read_entry(entry, repository, p, err)) < 0) {
            return r;
        }
    }
    return 0;
}

int signature_policy_load(const char *config_path, const struct reference *ref, bool verify,
                          const struct strv *keys, struct signature_policy *ret, struct error **err)
{
    CLEANUP(free) char *repository = str_format("%s/%s", ref->registry, ref->repository);
    struct signature_policy p = {0};
    int r = read_settings(config_path, repository, &p, err);
    if (r >= 0) {
        strv_add_all(&p.keys, keys->items);
        p.required |= verify || keys->count;
    }
    if (r >= 0 && p.required && !p.keys.count) {
        r = error_set(err, ERROR_USAGE, 0, "--verify: there is no key for '%s'", repository);
        r = error_hint(err, r, "name one with --key, or in the settings below 'signatures'");
    }
    if (r < 0) {
        signature_policy_done(&p);
        return r;
    }
    *ret = p;
    return 0;
}

void signature_policy_done(struct signature_policy *p)
{
    strv_done(&p->keys);
    *p = (struct signature_policy){0};
}

/* cosign writes Docker's registry as it was once called, and no tag. */
static bool is_same_repository(const char *identity, const struct reference *ref)
{
    static const char hub[] = "index.docker.io/";
    CLEANUP(reference) struct reference there = {0};
    const char *plain = str_starts(identity, hub) ? identity + strlen(hub) : identity;
    return reference_parse(plain, &there, NULL) >= 0 && str_equal(there.registry, ref->registry) &&
           str_equal(there.repository, ref->repository);
}

int signature_check_payload(const char *text, size_t len, const struct reference *ref,
                            const char *digest, struct error **err)
{
    static const char *const where = "the signature's payload";
    CLEANUP(json) json_t *json = NULL;
    json_t *critical = NULL, *image = NULL, *identity = NULL;
    const char *type = "", *of = "", *name = "";
    int r;
    if ((r = json_parse(text, len, where, &json, err)) < 0 ||
        (r = json_get_object(json, "critical", where, &critical, err)) < 0 ||
        (r = json_get_object(critical, "image", where, &image, err)) < 0 ||
        (r = json_get_object(critical, "identity", where, &identity, err)) < 0 ||
        (r = json_get_str(critical, "type", where, &type, err)) < 0 ||
        (r = json_get_str(image, "docker-manifest-digest", where, &of, err)) < 0 ||
        (r = json_get_str(identity, "docker-reference", where, &name, err)) < 0) {
        return r;
    }
    if (!str_equal(type, PAYLOAD_TYPE) || !str_equal(of, digest)) {
        return error_set(err, ERROR_DENIED, 0, "the signature is of '%s', not of '%s'", of, digest);
    }
    return is_same_repository(name, ref)
               ? 0
               : error_set(err, ERROR_DENIED, 0, "the signature is for the repository '%s'", name);
}

static EVP_PKEY *read_key(const char *path, struct error **err)
{
    CLEANUP(free) char *text = NULL;
    size_t len = 0;
    if (file_read(AT_FDCWD, path, KEY_BYTES_MAX, &text, &len, err) < 0) {
        return NULL;
    }
    BIO *bio = BIO_new_mem_buf(text, (int)len);
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (!key) {
        error_set(err, ERROR_INVALID_INPUT, 0, "'%s' is no public key in PEM", path);
    }
    return key;
}

/* -1 when it is no base64. The caller frees *ret. */
static int decode(const char *base64, unsigned char **ret)
{
    size_t len = strlen(base64);
    if (!len || len % 4 || len > KEY_BYTES_MAX) {
        return -1;
    }
    unsigned char *bytes = xmalloc(len / 4 * 3);
    int n = EVP_DecodeBlock(bytes, (const unsigned char *)base64, (int)len);
    n -= n >= 0 ? (base64[len - 1] == '=') + (base64[len - 2] == '=') : 0;
    *ret = bytes;
    return n;
}

int signature_is_by(const char *key_path, const char *payload, size_t len, const char *signature,
                    struct error **err)
{
    unsigned char *bytes = NULL;
    int n = decode(signature, &bytes);
    EVP_PKEY *key = read_key(key_path, err);
    if (!key) {
        free(bytes);
        return -EINVAL;
    }
    int id = EVP_PKEY_get_base_id(key); /* these two hash for themselves */
    const EVP_MD *hash = id == EVP_PKEY_ED25519 || id == EVP_PKEY_ED448 ? NULL : EVP_sha256();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good =
        n > 0 && context && EVP_DigestVerifyInit(context, NULL, hash, NULL, key) == 1 &&
        EVP_DigestVerify(context, bytes, (size_t)n, (const unsigned char *)payload, len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    free(bytes);
    return good;
}

static int is_by_any(const struct strv *keys, const struct remote_text *payload,
                     const char *signature, struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < keys->count && r == 0; i++) {
        r = signature_is_by(keys->items[i], payload->text, payload->len, signature, err);
    }
    return r;
}

struct search { /* for a signature */
    const struct signature_policy *policy;
    struct registry *registry;
    struct http *http;
    const struct reference *reference;
    const char *digest;
    struct error *why; /* the first that would not do */
};

static void note(struct search *s, struct error *e)
{
    if (s->why) {
        error_free(e);
    } else {
        s->why = e;
    }
}

/* 1: a good signature; 0: it will not do. */
static int try_layer(struct search *s, const json_t *layer, struct error **err)
{
    struct content_descriptor d = {0};
    CLEANUP(remote_text) struct remote_text payload = {0};
    const json_t *annotations = json_object_get(layer, "annotations");
    const char *signature = json_string_value(json_object_get(annotations, ANNOTATION));
    struct error *why = NULL;
    if (!signature || content_descriptor_parse(layer, "the signature", &d, NULL) < 0 ||
        !str_equal(d.media_type, PAYLOAD_MEDIA)) {
        content_descriptor_done(&d);
        return 0;
    }
    int r = remote_blob(s->registry, s->http, d.digest, d.size, PAYLOAD_BYTES_MAX, &payload, err);
    content_descriptor_done(&d);
    r = r < 0 ? r : is_by_any(&s->policy->keys, &payload, signature, err);
    if (r == 0) {
        error_set(&why, ERROR_DENIED, 0, "the signature is by none of the keys allowed");
    } else if (r > 0 && signature_check_payload(payload.text, payload.len, s->reference, s->digest,
                                                &why) < 0) {
        r = 0;
    }
    if (why) {
        note(s, why);
    }
    return r;
}

static int try_digest(struct search *s, struct error **err)
{
    CLEANUP(free) char *tag = str_format("sha256-%s.sig", digest_hex(s->digest));
    CLEANUP(remote_text) struct remote_text text = {0};
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(error) struct error *why = NULL;
    int r = remote_manifest(s->registry, s->http, tag, -1, &text, &json, &why);
    if (r < 0) {
        return why->kind == ERROR_NOT_FOUND ? 0 : error_move(err, &why, r);
    }
    size_t i;
    json_t *layer;
    json_array_foreach(json_object_get(json, "layers"), i, layer)
    {
        if (i < SIGNATURES_MAX && (r = try_layer(s, layer, err)) != 0) {
            return r;
        }
    }
    return 0;
}

int signature_check(const struct signature_policy *p, struct registry *r, struct http *h,
                    const struct reference *ref, const char *named, const char *manifest,
                    struct error **err)
{
    if (!p->required) {
        return 0;
    }
    struct search s = {p, r, h, ref, named, NULL};
    int e = try_digest(&s, err);
    if (e == 0 && !str_equal(named, manifest)) {
        s.digest = manifest;
        e = try_digest(&s, err);
    }
    CLEANUP(error) struct error *why = s.why;
    if (e < 0) {
        return error_wrap(err, e, "checking the signature");
    }
    if (e > 0) {
        return 0;
    }
    e = error_set(err, ERROR_DENIED, EACCES, "%s",
                  why ? why->message : "the image is not signed, as the policy asks");
    return error_hint(err, e, "nothing of it was unpacked");
}
