// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <string.h>

#include "image/sbom/sbom.h"

/* Databases may hold any bytes, JSON may not. */
static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);
    if (json) {
        return json;
    }
    CLEANUP(free) char *ascii = xstrdup(text);
    for (char *c = ascii; *c; c++) {
        *c = *c & (char)0x80 ? '?' : *c;
    }
    return json_string(ascii);
}

static void escape(struct strbuf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~:", c)) {
            strbuf_addc(out, *text);
        } else {
            strbuf_addf(out, "%%%02X", c);
        }
    }
}

static void qualifier(struct strbuf *out, char *sep, const char *key, const char *value)
{
    if (value && *value) {
        strbuf_addf(out, "%c%s=", *sep, key);
        escape(out, value);
        *sep = '&';
    }
}

/* "pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=debian-12" */
static char *package_url(const struct packages_found *f, const struct package *p)
{
    struct strbuf out = {0};
    char sep = '?';
    CLEANUP(free)
    char *distro = f->os_id ? str_format("%s-%s", f->os_id, str_or(f->os_version, "")) : NULL;
    CLEANUP(free) char *epoch = p->epoch ? str_format("%lld", (long long)p->epoch) : NULL;
    strbuf_addf(&out, "pkg:%s/", p->kind);
    if (f->os_id) {
        escape(&out, f->os_id);
        strbuf_addc(&out, '/');
    }
    escape(&out, p->name);
    strbuf_addc(&out, '@');
    escape(&out, p->version);
    qualifier(&out, &sep, "arch", p->architecture);
    qualifier(&out, &sep, "distro", f->os_version ? distro : f->os_id);
    qualifier(&out, &sep, "epoch", epoch);
    qualifier(&out, &sep, "upstream", str_equal(p->source, p->name) ? NULL : p->source);
    return strbuf_take(&out);
}

static char *package_id(const struct package *p, size_t number)
{
    char *id = str_format("SPDXRef-Package-%s-%s-%zu", p->kind, p->name, number);
    for (char *c = id; *c; c++) {
        *c = isalnum((unsigned char)*c) || *c == '.' ? *c : '-';
    }
    return id;
}

static json_t *package_json(const struct packages_found *f, const struct package *p, size_t number)
{
    CLEANUP(free) char *id = package_id(p, number);
    CLEANUP(free) char *url = package_url(f, p);
    json_t *json = json_pack("{s:s, s:s, s:b, s:s, s:s, s:s, s:[{s:s, s:s, s:s}]}", "SPDXID", id,
                             "downloadLocation", "NOASSERTION", "filesAnalyzed", false,
                             "licenseConcluded", "NOASSERTION", "licenseDeclared", "NOASSERTION",
                             "copyrightText", "NOASSERTION", "externalRefs", "referenceCategory",
                             "PACKAGE-MANAGER", "referenceType", "purl", "referenceLocator", url);
    CLEANUP(free)
    char *supplier = p->maintainer ? str_format("Organization: %s", p->maintainer) : NULL;
    CLEANUP(free)
    char *license = p->license ? str_format("the package says: %s", p->license) : NULL;
    json_object_set_new(json, "name", text_json(p->name));
    json_object_set_new(json, "versionInfo", text_json(p->version));
    json_object_set_new(json, "supplier", text_json(str_or(supplier, "NOASSERTION")));
    if (license) {
        json_object_set_new(json, "licenseComments", text_json(license));
    }
    if (p->source) {
        CLEANUP(free) char *source = str_format("built from the source package %s", p->source);
        json_object_set_new(json, "sourceInfo", text_json(source));
    }
    return json;
}

json_t *spdx_json(const struct packages_found *f, const struct spdx_document *d)
{
    json_t *packages = json_array(), *relations = json_array();
    json_array_append_new(
        packages, json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s}", "SPDXID",
                            "SPDXRef-Image", "name", d->name, "downloadLocation", "NOASSERTION",
                            "filesAnalyzed", false, "licenseConcluded", "NOASSERTION",
                            "licenseDeclared", "NOASSERTION", "copyrightText", "NOASSERTION",
                            "supplier", "NOASSERTION", "primaryPackagePurpose", "CONTAINER"));
    json_array_append_new(relations, json_pack("{s:s, s:s, s:s}", "spdxElementId",
                                               "SPDXRef-DOCUMENT", "relationshipType", "DESCRIBES",
                                               "relatedSpdxElement", "SPDXRef-Image"));
    for (size_t i = 0; i < f->count; i++) {
        json_t *package = package_json(f, &f->items[i], i + 1);
        json_array_append_new(relations,
                              json_pack("{s:s, s:s, s:O}", "spdxElementId", "SPDXRef-Image",
                                        "relationshipType", "CONTAINS", "relatedSpdxElement",
                                        json_object_get(package, "SPDXID")));
        json_array_append_new(packages, package);
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:[s]}, s:o, s:o}", "spdxVersion",
                     "SPDX-2.3", "dataLicense", "CC0-1.0", "SPDXID", "SPDXRef-DOCUMENT", "name",
                     d->name, "documentNamespace", d->name_space, "creationInfo", "created",
                     d->created, "creators", "Tool: cloison-" CLOISON_VERSION, "packages", packages,
                     "relationships", relations);
}
