// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare/views.h"

/* A unit's bigger and smaller ones, by thousands. */
static const struct {
    const char *unit, *bigger, *smaller;
} neighbours[] = {
    {"ns", "us", NULL},     {"us", "ms", "ns"}, {"ms", "s", "us"},      {"s", NULL, "ms"},
    {"MB/s", "GB/s", NULL}, {"mg", "g", NULL},  {"GB/s", NULL, "MB/s"}, {"g", NULL, "mg"},
};

static const char *neighbour(const char *unit, bool bigger)
{
    for (size_t i = 0; i < ARRAY_SIZE(neighbours); i++) {
        if (str_equal(neighbours[i].unit, unit)) {
            return bigger ? neighbours[i].bigger : neighbours[i].smaller;
        }
    }
    return NULL;
}

char *view_quantity(double value, const char *unit)
{
    const char *other;
    if (isnan(value)) {
        return xstrdup("-");
    }
    while (fabs(value) >= 1000 && (other = neighbour(unit, true))) {
        value /= 1000;
        unit = other;
    }
    while (value != 0 && fabs(value) < 1 && (other = neighbour(unit, false))) {
        value *= 1000;
        unit = other;
    }
    double size = fabs(value);
    /* Written with the letter that the unit has; "us" is for files and programs. */
    const char *written = str_equal(unit, "us") ? "\xc2\xb5s" : unit;
    int digits = size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : 2;
    return str_format("%.*f %s", digits, value, written);
}

char *view_ratio(const json_t *ratio)
{
    double median = document_number(ratio, "median"), size = fabs(median);
    bool same = document_number(ratio, "low") <= 1 && document_number(ratio, "high") >= 1;
    if (str_equal(document_text(ratio, "verdict"), "too noisy")) {
        return xstrdup(" too noisy");
    }
    int digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 4;
    /* Of too few rounds nothing is said but that they do not tell. */
    bool sure = str_equal(document_text(ratio, "verdict"), "sure");
    return str_format("%.*f%s", digits, median, !same ? "" : sure ? " (as native)" : " (not told)");
}

void view_shell_word(struct strbuf *out, const char *word)
{
    if (*word && !strpbrk(word, " \t\n'\"\\$*?;&|<>()`#~[]{}!")) {
        strbuf_adds(out, word);
        return;
    }
    strbuf_addc(out, '\'');
    for (; *word; word++) {
        if (*word == '\'') {
            strbuf_adds(out, "'\\''"); /* a quote cannot be quoted: out, an escaped one, in again */
        } else {
            strbuf_addc(out, *word);
        }
    }
    strbuf_addc(out, '\'');
}

char *view_wall_name(const json_t *doc, const char *wall)
{
    const char *name = str_equal(wall, WALL_NATIVE) ? "native" : wall;
    return str_format("%s%s", name, document_wall_is_emulated(doc, wall) ? " (emulated)" : "");
}

/* --- facts ---------------------------------------------------------------------------------------
 */

static const json_t *facts_of(const json_t *doc, const char *wall)
{
    return json_object_get(json_object_get(doc, "facts"), wall);
}

static const char *fact(const json_t *doc, const char *wall, const char *name)
{
    return document_text(facts_of(doc, wall), name);
}

/* The boot's number is the kernel's own: two that share it are one kernel. */
static char *kernel_words(const json_t *doc, const char *wall)
{
    const char *boot = fact(doc, wall, "boot"), *kernel = fact(doc, wall, "kernel");
    const char *hosts = document_text(json_object_get(doc, "host"), "boot");
    if (!*boot || !*hosts) {
        return xstrdup("not known");
    }
    return str_format("%s (%s)", str_equal(boot, hosts) ? "the host's" : "its own", kernel);
}

/* What `inspect --isolation` told of this wall, or NULL. Borrowed. */
static const char *isolation_value(const json_t *doc, const char *wall, const char *name)
{
    const json_t *item;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(doc, "isolation"), wall), i, item)
    {
        if (str_equal(document_text(item, "name"), name)) {
            return document_text(item, "value");
        }
    }
    return NULL;
}

/* "298 of 368 calls allowed", counted from the filter in force, where that was read. */
static const char *calls_allowed(const json_t *doc, const char *wall)
{
    const char *value = isolation_value(doc, wall, "system calls");
    const char *behind = value ? strstr(value, ": ") : NULL;
    return behind ? behind + strlen(": ") : value;
}

static char *shared_words(const json_t *doc, const char *wall)
{
    const json_t *list = json_object_get(json_object_get(doc, "isolation"), wall), *item;
    CLEANUP(strbuf) struct strbuf b = {0};
    size_t i;
    if (str_equal(wall, WALL_NATIVE)) {
        return xstrdup("everything");
    }
    json_array_foreach(list, i, item)
    {
        const char *name = document_text(item, "name");
        const char *space = strstr(name, " namespace");
        bool told = space || str_equal(name, "kernel") || str_equal(name, "device nodes");
        if (told && str_equal(document_text(item, "kind"), "shared")) {
            size_t len = space ? (size_t)(space - name) : strlen(name);
            strbuf_addf(&b, "%s%.*s", b.len ? ", " : "", (int)len, name);
        }
    }
    return b.len ? strbuf_take(&b) : xstrdup("not read");
}

static char *seccomp_words(const json_t *doc, const char *wall)
{
    const char *mode = fact(doc, wall, "seccomp"), *allowed = calls_allowed(doc, wall);
    if (allowed) {
        return xstrdup(allowed);
    }
    CLEANUP(free) char *kernel = kernel_words(doc, wall);
    bool own = str_starts(kernel, "its own");
    return xstrdup(str_equal(mode, "2")   ? own ? "a list of allowed ones, of its own kernel"
                                                : "a list of allowed ones"
                   : str_equal(mode, "0") ? "all of its kernel"
                   : *mode                ? "four"
                                          : "not known");
}

static char *capability_words(const json_t *doc, const char *wall)
{
    const char *text = fact(doc, wall, "capabilities");
    unsigned long long set = 0;
    if (sscanf(text, "%llx", &set) != 1) {
        return xstrdup("not known");
    }
    return str_format("%d", __builtin_popcountll(set));
}

static char *devices_words(const json_t *doc, const char *wall)
{
    return xstrdup(
        str_or(json_string_value(json_object_get(facts_of(doc, wall), "devices")), "not known"));
}

static char *disks_words(const json_t *doc, const char *wall)
{
    const char *seen = fact(doc, wall, "disks"), *opened = fact(doc, wall, "disks-opened");
    return *seen ? str_format("%s of the %s of its kernel", opened, seen) : xstrdup("not known");
}

static char *settings_words(const json_t *doc, const char *wall)
{
    return xstrdup(
        str_or(json_string_value(json_object_get(facts_of(doc, wall), "kernel-settings-writable")),
               "not known"));
}

static char *label_words(const json_t *doc, const char *wall)
{
    const char *label = fact(doc, wall, "label");
    return xstrdup(*label ? label : "none");
}

static char *root_words(const json_t *doc, const char *wall)
{
    unsigned inside = 1, outside = 1;
    if (sscanf(fact(doc, wall, "user-ids"), "%u %u", &inside, &outside) != 2) {
        return xstrdup("not known");
    }
    const char *boot = fact(doc, wall, "boot");
    const char *hosts = document_text(json_object_get(doc, "host"), "boot");
    if (!str_equal(boot, hosts)) {
        return xstrdup("root of its own machine alone");
    }
    if (str_equal(wall, WALL_NATIVE)) {
        return xstrdup("the host's root");
    }
    return outside == 0 ? xstrdup("the host's root, less what is below")
                        : str_format("user %u on the host", outside);
}

const struct view_fact view_facts[] = {
    {"kernel", kernel_words},
    {"a root inside is", root_words},
    {"system calls", seccomp_words},
    {"capabilities", capability_words},
    {"device nodes", devices_words},
    {"disks that a root inside can open", disks_words},
    {"kernel settings writable", settings_words},
    {"security label", label_words},
    {"namespaces and more, shared", shared_words},
    {0},
};
