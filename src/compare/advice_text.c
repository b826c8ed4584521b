// SPDX-License-Identifier: Apache-2.0
#include <math.h>

#include "compare/advice.h"
#include "compare/views.h"

static void add_run_line(struct strbuf *out, const json_t *doc, const char *wall)
{
    const json_t *word;
    size_t i;
    strbuf_adds(out, "    cloison run");
    if (!str_equal(wall, "container")) {
        strbuf_addf(out, " --wall %s", wall);
    }
    strbuf_addc(out, ' ');
    view_shell_word(out, document_text(json_object_get(doc, "image"), "name"));
    json_array_foreach(json_object_get(doc, "command"), i, word)
    {
        strbuf_addc(out, ' ');
        view_shell_word(out, str_or(json_string_value(word), ""));
    }
    strbuf_addc(out, '\n');
}

static char *answer_text(const json_t *reason)
{
    const json_t *answer = json_object_get(reason, "answer");
    return json_is_integer(answer) ? str_format("%lld", json_integer_value(answer))
                                   : xstrdup(str_or(json_string_value(answer), ""));
}

static void add_reasons(struct strbuf *out, const json_t *advice)
{
    const json_t *reasons = json_object_get(advice, "reasons"), *r;
    size_t i;
    strbuf_adds(out, json_array_size(reasons)
                         ? "\nBecause\n"
                         : "\nBecause nothing that was asked for speaks against "
                           "the one that costs less\n");
    json_array_foreach(reasons, i, r)
    {
        CLEANUP(free) char *answer = answer_text(r);
        const char *criterion = document_text(r, "criterion"), *shows = document_text(r, "shows");
        double points = document_number(r, "points");
        if (isnan(points)) {
            strbuf_addf(out, "  %s is out", document_text(r, "wall"));
        } else {
            strbuf_addf(out, "  %s +%.3g", document_text(r, "wall"), points);
        }
        if (*criterion) {
            strbuf_addf(out, "  (%s: %s, weight %.0f)", criterion, answer,
                        document_number(r, "weight"));
        }
        strbuf_addf(out, "\n      %s\n", document_text(r, "because"));
        if (*shows) {
            strbuf_addf(out, "      %s\n", shows);
        }
    }
}

static void add_scores(struct strbuf *out, const json_t *advice)
{
    const char *wall;
    json_t *score;
    strbuf_adds(out, "\nPoints: ");
    size_t n = 0;
    json_object_foreach(json_object_get(advice, "scores"), wall, score)
    {
        bool is_out = json_object_get(json_object_get(advice, "out"), wall) != NULL;
        strbuf_addf(out, "%s%s %.3g%s", n++ ? ", " : "", wall, json_number_value(score),
                    is_out ? " (out)" : "");
    }
    strbuf_addc(out, '\n');
}

static void add_unused(struct strbuf *out, const json_t *advice)
{
    const json_t *unused = json_object_get(advice, "unused"), *u;
    size_t i;
    if (json_array_size(unused)) {
        strbuf_adds(out, "\nNot used\n");
    }
    json_array_foreach(unused, i, u)
    {
        strbuf_addf(out, "  %s: %s\n", document_text(u, "criterion"), document_text(u, "why"));
    }
}

static void add_changes(struct strbuf *out, const json_t *advice)
{
    const json_t *changes = json_object_get(advice, "changes"), *c;
    size_t i;
    strbuf_adds(out, json_array_size(changes) ? "\nWhat would change it\n"
                                              : "\nNo single answer would change it.\n");
    json_array_foreach(changes, i, c)
    {
        strbuf_addf(out, "  %s: %s -> %s\n", document_text(c, "criterion"),
                    document_text(c, "text"),
                    str_or(json_string_value(json_object_get(c, "recommendation")), "no wall"));
    }
}

char *advice_text(const json_t *advice, const json_t *doc)
{
    const char *wall = json_string_value(json_object_get(advice, "recommendation"));
    CLEANUP(strbuf) struct strbuf out = {0};
    if (wall) {
        strbuf_addf(&out, "Recommended: the %s wall\n", wall);
        add_run_line(&out, doc, wall);
    } else {
        strbuf_adds(&out, "No wall does all that was asked for.\n");
    }
    if (wall && document_wall_is_emulated(doc, wall)) {
        strbuf_adds(&out,
                    "Here a machine runs by emulation, many times slower: this is advice for a "
                    "host with KVM. Compare there.\n");
    }
    if (json_is_true(json_object_get(doc, "interrupted"))) {
        strbuf_adds(&out, "The comparison was interrupted: some of its figures are not there.\n");
    }
    add_reasons(&out, advice);
    add_scores(&out, advice);
    add_unused(&out, advice);
    add_changes(&out, advice);
    return strbuf_take(&out);
}
