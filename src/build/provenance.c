// SPDX-License-Identifier: Apache-2.0
/* What a build was made of and how it was asked for. The members are SLSA's, v0.2 and v1
 * (slsa.dev/provenance), what is in them is in BuildKit's shape (its slsa-definitions.md), so that
 * the same tools read it; there is no "buildConfig", for there is no LLB. With mode=min no value is
 * told that a user gave. */
#include <openssl/evp.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "build/attest.h"
#include "build/execute.h"

#define BUILDKIT_TYPE "https://mobyproject.org/buildkit@v1"
#define BUILDKIT_DEFINITIONS                                                                       \
    "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"

static char *image_url(const struct image *image, const char *name, const struct platform *p)
{
    CLEANUP(reference) struct reference ref = {0};
    CLEANUP(free) char *platform = platform_text(p);
    CLEANUP(strbuf) struct strbuf escaped = {0};
    for (const char *c = platform; *c; c++) {
        strbuf_adds(&escaped, *c == '/' ? "%2F" : (char[]){*c, '\0'});
    }
    if (reference_parse(str_or(image->name, name), &ref, NULL) < 0) {
        return str_format("pkg:docker/%s?platform=%s", name, escaped.data);
    }
    CLEANUP(free) char *familiar = reference_familiar_name(&ref);
    return str_format("pkg:docker/%s@%s?platform=%s", familiar, ref.tag ? ref.tag : ref.digest,
                      escaped.data);
}

static void add_image(json_t *list, const struct image *image, const char *name,
                      const struct platform *p)
{
    CLEANUP(free) char *url = image_url(image, name, p);
    json_t *entry;
    size_t i;
    json_array_foreach(list, i, entry)
    {
        if (str_equal(json_string_value(json_object_get(entry, "uri")), url)) {
            return;
        }
    }
    json_array_append_new(list, json_pack("{s:s, s:{s:s}}", "uri", url, "digest", "sha256",
                                          digest_hex(image->manifest_digest)));
}

static void add_input(json_t *list, const struct stage *s, const struct input *from)
{
    if (from->kind == INPUT_IMAGE && from->image) {
        add_image(list, from->image, str_or(from->name, ""), &s->platform);
    }
}

/* The images that the needed stages stand on or take files from. */
static json_t *materials(const struct build *b)
{
    json_t *list = json_array();
    for (size_t i = 0; i < b->stage_count; i++) {
        const struct stage *s = &b->stages[i];
        if (s->needed && s->image) {
            add_image(list, s->image, s->base, &s->platform);
        }
        for (size_t n = 0; s->needed && n < s->step_count; n++) {
            const struct build_step *step = &s->steps[n];
            add_input(list, s, &step->copy.from);
            for (size_t m = 0; m < step->mount_count; m++) {
                if (step->mounts[m].has_from) {
                    add_input(list, s, &step->mounts[m].from);
                }
            }
        }
    }
    return list;
}

static void add_pairs(json_t *args, const char *prefix, const struct strv *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        size_t n = strcspn(pairs->items[i], "=");
        CLEANUP(free) char *key = str_format("%s%.*s", prefix, (int)n, pairs->items[i]);
        json_object_set_new(args, key,
                            json_string(pairs->items[i] + n + (pairs->items[i][n] == '=')));
    }
}

/* How it was asked for: BuildKit's frontend's arguments. */
static json_t *parameters(const struct build *b, bool max)
{
    const struct build_options *o = b->options;
    json_t *args = json_object(), *secrets = json_array();
    if (o->target && *o->target) {
        json_object_set_new(args, "target", json_string(o->target));
    }
    if (b->file.syntax) {
        json_object_set_new(args, "source", json_string(b->file.syntax));
    }
    json_t *json = json_pack("{s:s, s:o, s:[{s:s}, {s:s}]}", "frontend", "dockerfile.v0", "args",
                             args, "locals", "name", "context", "name", "dockerfile");
    if (max) {
        add_pairs(args, "build-arg:", &b->build_args);
        add_pairs(args, "label:", &o->labels);
        add_pairs(args, "context:", &o->contexts);
    }
    for (size_t i = 0; i < b->secret_count && max; i++) {
        json_array_append_new(secrets, json_pack("{s:s}", "id", b->secrets[i].id));
    }
    if (json_array_size(secrets)) {
        json_object_set(json, "secrets", secrets);
    }
    json_decref(secrets);
    return json;
}

/* The Dockerfile itself, base64. */
static json_t *source(const struct build *b)
{
    CLEANUP(strbuf) struct strbuf text = {0};
    for (size_t i = 0; i < b->file.lines.count; i++) {
        strbuf_addf(&text, "%s\n", b->file.lines.items[i]);
    }
    CLEANUP(free) char *encoded = xcalloc(text.len / 3 * 4 + 8, 1);
    EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)str_or(text.data, ""),
                    (int)text.len);
    return json_pack("{s:[{s:s, s:s, s:s}]}", "infos", "filename", b->file.name, "language",
                     "Dockerfile", "data", encoded);
}

static json_t *version_two(const struct build *b, const struct attestations *a, const char *ended)
{
    CLEANUP(free) char *host = platform_text(&b->host);
    json_t *own = json_object();
    if (a->max) {
        json_object_set_new(own, "source", source(b));
    }
    return json_pack(
        "{s:{s:s}, s:s, s:o, s:{s:{s:s}, s:o, s:{s:s}}, s:{s:s, s:s, s:s, s:{s:b, s:b, s:b}, s:b, "
        "s:o}}",
        "builder", "id", str_or(a->builder_id, ""), "buildType", BUILDKIT_TYPE, "materials",
        materials(b), "invocation", "configSource", "entryPoint", b->file.name, "parameters",
        parameters(b, a->max), "environment", "platform", host, "metadata", "buildInvocationID",
        b->id, "buildStartedOn", b->began, "buildFinishedOn", ended, "completeness", "parameters",
        a->max, "environment", true, "materials", false, "reproducible", a->reproducible,
        BUILDKIT_TYPE "#metadata", own);
}

static json_t *version_one(const struct build *b, const struct attestations *a, const char *ended)
{
    CLEANUP(free) char *host = platform_text(&b->host);
    json_t *own = json_object();
    if (a->max) {
        json_object_set_new(own, "source", source(b));
    }
    return json_pack(
        "{s:{s:s, s:{s:{s:s}, s:o}, s:{s:s}, s:o}, s:{s:{s:s}, s:{s:s, s:s, s:s, s:{s:b, s:b}, "
        "s:b, s:o}}}",
        "buildDefinition", "buildType", BUILDKIT_DEFINITIONS, "externalParameters", "configSource",
        "path", b->file.name, "request", parameters(b, a->max), "internalParameters",
        "builderPlatform", host, "resolvedDependencies", materials(b), "runDetails", "builder",
        "id", str_or(a->builder_id, ""), "metadata", "invocationId", b->id, "startedOn", b->began,
        "finishedOn", ended, "buildkit_completeness", "request", a->max, "resolvedDependencies",
        false, "buildkit_reproducible", a->reproducible, "buildkit_metadata", own);
}

json_t *provenance_json(const struct build *b, const struct attestations *a)
{
    char ended[TIME_TEXT_BYTES];
    time_now_text(ended);
    return a->version_one ? version_one(b, a, ended) : version_two(b, a, ended);
}
