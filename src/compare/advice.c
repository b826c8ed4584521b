// SPDX-License-Identifier: Apache-2.0
/* From rules, answers and a comparison to a recommendation. */
#include "compare/advice.h"

#include <math.h>
#include <stdio.h>

#include "compare/views.h"

struct asking {
    const json_t *rules, *answers, *doc;
    json_t *advice; /* what comes out */
};

/* --- figures -------------------------------------------------------------------------------------
 */

struct figure {
    double low, high;
    bool higher_is_better;
    char *text;       /* "start of vm: 350 ms (340 to 360, n = 7)"; the caller frees */
    const char *flaw; /* why it cannot be used; NULL: it can */
};

static const char *flaw_of(const json_t *doc, const char *wall, const json_t *figure)
{
    if (document_wall_is_emulated(doc, wall)) {
        return "was measured under emulation, without KVM";
    }
    const char *verdict = document_text(figure, "verdict");
    return !*verdict                         ? "was not measured"
           : str_equal(verdict, "too few")   ? "has too few values"
           : str_equal(verdict, "too noisy") ? "is too noisy"
                                             : NULL;
}

static struct figure criterion_figure(const json_t *doc, const char *name, const char *wall)
{
    const json_t *c = document_criterion(doc, name), *f = document_figure(doc, name, wall);
    const char *unit = document_text(c, "unit");
    struct figure figure = {.low = document_number(f, "low"),
                            .high = document_number(f, "high"),
                            .higher_is_better = str_equal(document_text(c, "better"), "higher"),
                            .flaw = flaw_of(doc, wall, f)};
    CLEANUP(free) char *median = view_quantity(document_number(f, "median"), unit);
    CLEANUP(free) char *low = view_quantity(figure.low, unit);
    CLEANUP(free) char *high = view_quantity(figure.high, unit);
    figure.text = str_format("%s of %s: %s (%s to %s, n = %.0f)", name, wall, median, low, high,
                             document_number(f, "n"));
    return figure;
}

static struct figure memory_figure(const json_t *doc, const char *wall)
{
    const json_t *m = json_object_get(json_object_get(doc, "memory"), wall);
    struct figure figure = {.low = document_number(m, "fitsLow"),
                            .high = document_number(m, "fitsHigh"),
                            .higher_is_better = true};
    figure.flaw = document_wall_is_emulated(doc, wall) ? "was measured under emulation, without KVM"
                  : isnan(document_number(m, "fits"))  ? "was not measured"
                  : isnan(figure.low)                  ? "has too few counts"
                                                       : NULL;
    figure.text = str_format("instances of %s that fit: %.0f (%.0f to %.0f, from %zu counts)", wall,
                             document_number(m, "fits"), figure.low, figure.high,
                             json_array_size(json_object_get(m, "points")));
    return figure;
}

/* Of several the first that the comparison has. */
static const char *first_measured(const json_t *doc, const json_t *names)
{
    const json_t *n;
    size_t i;
    json_array_foreach(names, i, n)
    {
        if (document_criterion(doc, json_string_value(n))) {
            return json_string_value(n);
        }
    }
    return str_or(json_string_value(json_array_get(names, 0)), "");
}

static struct figure bound_figure(const struct asking *a, const json_t *bound, const char *wall)
{
    if (json_object_get(bound, "memory")) {
        return memory_figure(a->doc, wall);
    }
    return criterion_figure(a->doc, first_measured(a->doc, json_object_get(bound, "figures")),
                            wall);
}

/* --- what an answer brings -----------------------------------------------------------------------
 */

/* The fact behind a rule, for every wall: "kernel: container the host's (6.1), vm its own (6.1)".
 */
static char *shown_fact(const struct asking *a, const char *title)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    const json_t *wall;
    size_t i;
    for (const struct view_fact *f = view_facts; f->title; f++) {
        if (!str_equal(f->title, title)) {
            continue;
        }
        strbuf_addf(&b, "%s:", title);
        json_array_foreach(json_object_get(a->rules, "walls"), i, wall)
        {
            CLEANUP(free) char *words = f->words(a->doc, json_string_value(wall));
            strbuf_addf(&b, "%s %s %s", i ? "," : "", json_string_value(wall), words);
        }
    }
    return strbuf_take(&b);
}

static void add_reason(struct asking *a, const json_t *criterion, const char *wall, double points,
                       const char *because, const char *shows)
{
    const char *name = document_text(criterion, "name");
    const json_t *answer = json_object_get(a->answers, name);
    double weight = document_number(answer, "weight");
    json_t *reason = json_pack("{s:s, s:O, s:f, s:s, s:s, s:s}", "criterion", name, "answer",
                               json_object_get(answer, "answer"), "weight", weight, "wall", wall,
                               "because", because, "shows", shows);
    if (points > 0) {
        json_t *scores = json_object_get(a->advice, "scores");
        double sum = document_number(scores, wall) + points * weight;
        json_object_set_new(reason, "points", json_real(points * weight));
        json_object_set_new(scores, wall, json_real(sum));
    } else {
        json_object_set_new(json_object_get(a->advice, "out"), wall, json_true());
    }
    json_array_append_new(json_object_get(a->advice, "reasons"), reason);
}

static void add_unused(struct asking *a, const json_t *criterion, const char *why)
{
    json_array_append_new(
        json_object_get(a->advice, "unused"),
        json_pack("{s:s, s:s}", "criterion", document_text(criterion, "name"), "why", why));
}

static bool is_known(const struct asking *a, const char *wall)
{
    return json_object_get(json_object_get(a->advice, "scores"), wall) != NULL;
}

struct contest {
    const char *best;
    double edge; /* of the best one's interval, as a cost: less is better */
    bool apart;  /* no other interval reaches it */
};

static double cost_low(const struct figure *f)
{
    return f->higher_is_better ? -f->high : f->low;
}

static double cost_high(const struct figure *f)
{
    return f->higher_is_better ? -f->low : f->high;
}

/* Whose interval ends first, and whether all others begin behind it. */
static struct contest hold_contest(const struct asking *a, const char *name)
{
    struct contest c = {.apart = true};
    const char *wall;
    json_t *score;
    json_object_foreach(json_object_get(a->advice, "scores"), wall, score)
    {
        struct figure f = criterion_figure(a->doc, name, wall);
        if (!c.best || cost_high(&f) < c.edge) {
            c.best = wall;
            c.edge = cost_high(&f);
        }
        free(f.text);
    }
    json_object_foreach(json_object_get(a->advice, "scores"), wall, score)
    {
        struct figure f = criterion_figure(a->doc, name, wall);
        c.apart = c.apart && (str_equal(wall, c.best) || cost_low(&f) > c.edge);
        free(f.text);
    }
    return c;
}

/* The figures of all walls in a line; false when one of them cannot be used, which is noted. */
static bool show_figures(struct asking *a, const json_t *criterion, const char *name,
                         struct strbuf *shows)
{
    const char *wall;
    json_t *score;
    json_object_foreach(json_object_get(a->advice, "scores"), wall, score)
    {
        struct figure f = criterion_figure(a->doc, name, wall);
        CLEANUP(free) char *text = f.text;
        strbuf_addf(shows, "%s%s", shows->len ? "; " : "", text);
        if (f.flaw) {
            CLEANUP(free) char *why = str_format("%s of %s %s", name, wall, f.flaw);
            add_unused(a, criterion, why);
            return false;
        }
    }
    return true;
}

static void apply_better(struct asking *a, const json_t *criterion, const json_t *rule)
{
    const char *name = first_measured(a->doc, json_object_get(rule, "better"));
    CLEANUP(strbuf) struct strbuf shows = {0};
    if (!show_figures(a, criterion, name, &shows)) {
        return;
    }
    struct contest c = hold_contest(a, name);
    if (c.best && c.apart) {
        add_reason(a, criterion, c.best, document_number(rule, "points"),
                   document_text(rule, "because"), str_or(shows.data, ""));
    } else {
        CLEANUP(free) char *why = str_format("no difference is shown: %s", str_or(shows.data, ""));
        add_unused(a, criterion, why);
    }
}

static void apply_rule(struct asking *a, const json_t *criterion, const json_t *rule)
{
    const char *out = document_text(rule, "exclude"), *wall = document_text(rule, "prefer");
    CLEANUP(free) char *shows = shown_fact(a, document_text(rule, "shows"));
    if (*out && is_known(a, out)) {
        add_reason(a, criterion, out, 0, document_text(rule, "because"), shows);
    } else if (*wall && is_known(a, wall)) {
        add_reason(a, criterion, wall, document_number(rule, "points"),
                   document_text(rule, "because"), shows);
    } else if (json_object_get(rule, "better")) {
        apply_better(a, criterion, rule);
    }
}

static void apply_bound(struct asking *a, const json_t *criterion, double number)
{
    const json_t *bound = json_object_get(criterion, "bound");
    bool most = str_equal(document_text(bound, "at"), "most");
    const char *wall;
    json_t *score;
    json_object_foreach(json_object_get(a->advice, "scores"), wall, score)
    {
        struct figure f = bound_figure(a, bound, wall);
        CLEANUP(free) char *text = f.text;
        bool within = most ? f.high <= number : f.low >= number;
        bool beyond = most ? f.low > number : f.high < number;
        if (f.flaw) {
            CLEANUP(free) char *why = str_format("the figure for %s %s", wall, f.flaw);
            add_unused(a, criterion, why);
        } else if (beyond) {
            add_reason(a, criterion, wall, 0, document_text(criterion, "because"), text);
        } else if (!within) {
            CLEANUP(free) char *why = str_format("%.0f lies in the interval of %s", number, text);
            add_unused(a, criterion, why);
        }
    }
}

static void apply_criterion(struct asking *a, const json_t *criterion)
{
    const json_t *answer = json_object_get(a->answers, document_text(criterion, "name"));
    const json_t *value = json_object_get(answer, "answer"), *rule;
    size_t i;
    if (!(document_number(answer, "weight") > 0)) {
        return;
    }
    if (json_is_integer(value)) {
        if (json_integer_value(value) > 0) {
            apply_bound(a, criterion, (double)json_integer_value(value));
        }
        return;
    }
    json_array_foreach(json_object_get(criterion, "rules"), i, rule)
    {
        if (str_equal(document_text(rule, "answer"), json_string_value(value))) {
            apply_rule(a, criterion, rule);
        }
    }
}

/* --- the recommendation --------------------------------------------------------------------------
 */

/* The rules' walls that were compared; one whose first run failed is out. */
static void take_walls(struct asking *a)
{
    const json_t *w;
    size_t i;
    json_array_foreach(json_object_get(a->rules, "walls"), i, w)
    {
        const char *wall = str_or(json_string_value(w), "");
        const json_t *compared = json_object_get(json_object_get(a->doc, "walls"), wall);
        if (!compared) {
            continue;
        }
        json_object_set_new(json_object_get(a->advice, "scores"), wall, json_real(0));
        if (json_is_true(json_object_get(compared, "failed"))) {
            json_object_set_new(json_object_get(a->advice, "out"), wall, json_true());
            json_array_append_new(json_object_get(a->advice, "reasons"),
                                  json_pack("{s:s, s:s, s:s}", "wall", wall, "because",
                                            "it did not start when it was compared", "shows", ""));
        }
    }
}

static const char *best_of(const struct asking *a)
{
    const json_t *scores = json_object_get(a->advice, "scores"), *w;
    const char *best = NULL;
    size_t i;
    json_array_foreach(json_object_get(a->rules, "walls"), i, w)
    {
        const char *wall = str_or(json_string_value(w), "");
        if (json_object_get(scores, wall) &&
            !json_object_get(json_object_get(a->advice, "out"), wall) &&
            (!best || document_number(scores, wall) > document_number(scores, best))) {
            best = wall;
        }
    }
    return best;
}

/* Without what would change. */
static json_t *evaluate(const json_t *rules, const json_t *answers, const json_t *doc)
{
    struct asking a = {rules, answers, doc,
                       json_pack("{s:{}, s:{}, s:[], s:[], s:[]}", "scores", "out", "reasons",
                                 "unused", "changes")};
    const json_t *c;
    size_t i;
    take_walls(&a);
    json_array_foreach(json_object_get(rules, "criteria"), i, c)
    {
        apply_criterion(&a, c);
    }
    const char *best = best_of(&a);
    json_object_set_new(a.advice, "recommendation", best ? json_string(best) : json_null());
    return a.advice;
}

/* The recommendation if this one answer were another. A new reference. */
static json_t *recommended_if(const json_t *rules, const json_t *answers, const json_t *doc,
                              const char *name, json_t *answer, double weight)
{
    CLEANUP(json) json_t *others = json_copy((json_t *)answers);
    json_object_set_new(others, name, json_pack("{s:o, s:f}", "answer", answer, "weight", weight));
    CLEANUP(json) json_t *advice = evaluate(rules, others, doc);
    return json_incref(json_object_get(advice, "recommendation"));
}

struct changing {
    const json_t *rules, *answers, *doc;
    json_t *advice;
    const json_t *criterion;
};

/* Notes it when it changes the recommendation. Keeps `answer`. */
static bool try_change(struct changing *c, json_t *answer, double weight, const char *text)
{
    const char *name = document_text(c->criterion, "name");
    json_t *other = recommended_if(c->rules, c->answers, c->doc, name, answer, weight);
    bool changed = !json_equal(other, json_object_get(c->advice, "recommendation"));
    if (changed) {
        json_array_append_new(
            json_object_get(c->advice, "changes"),
            json_pack("{s:s, s:s, s:O}", "criterion", name, "text", text, "recommendation", other));
    }
    json_decref(other);
    return changed;
}

#define NUMBER_MAX 1e15 /* beyond it a double has no whole numbers between */

struct edges { /* numbers with which something else may come out than with the one before */
    json_int_t from[9]; /* 1, and two of each of four walls: there are three */
    size_t count;
};

static void add_edge(struct edges *e, double at)
{
    size_t i = e->count;
    for (size_t k = 0; k < e->count; k++) {
        if (e->from[k] == (json_int_t)at) {
            return;
        }
    }
    for (; i > 0 && e->from[i - 1] > (json_int_t)at; i--) {
        e->from[i] = e->from[i - 1];
    }
    e->from[i] = (json_int_t)at;
    e->count++;
}

/* The two ends of each wall's figure. */
static struct edges edges_of(const struct changing *c)
{
    const struct asking a = {c->rules, c->answers, c->doc, c->advice};
    struct edges e = {{1}, 1};
    const char *wall;
    json_t *score;
    json_object_foreach(json_object_get(c->advice, "scores"), wall, score)
    {
        struct figure f = bound_figure(&a, json_object_get(c->criterion, "bound"), wall);
        free(f.text);
        if (!f.flaw && f.low >= 0 && f.high < NUMBER_MAX && e.count + 2 <= ARRAY_SIZE(e.from)) {
            add_edge(&e, fmax(1, ceil(f.low)));
            add_edge(&e, floor(f.high) + 1);
        }
    }
    return e;
}

static char *range_text(json_int_t from, json_int_t next, const char *unit)
{
    return from <= 1 ? str_format("under %lld %s", (long long)next, unit)
           : !next   ? str_format("more than %lld %s", (long long)from - 1, unit)
                     : str_format("%lld to %lld %s", (long long)from, (long long)next - 1, unit);
}

/* No bound at all, then from edge to edge: what is recommended there, where that is another. */
static void try_numbers(struct changing *c, double weight)
{
    const char *unit = document_text(c->criterion, "number");
    const char *name = document_text(c->criterion, "name");
    CLEANUP(free) char *none = str_format("0 %s (it does not matter)", unit);
    (void)try_change(c, json_integer(0), weight, none);
    struct edges e = edges_of(c);
    for (size_t i = 0, next; i < e.count && e.count > 1; i = next) {
        CLEANUP(json)
        json_t *here =
            recommended_if(c->rules, c->answers, c->doc, name, json_integer(e.from[i]), weight);
        for (next = i + 1; next < e.count; next++) {
            CLEANUP(json)
            json_t *there = recommended_if(c->rules, c->answers, c->doc, name,
                                           json_integer(e.from[next]), weight);
            if (!json_equal(here, there)) {
                break;
            }
        }
        CLEANUP(free)
        char *text = range_text(e.from[i], next < e.count ? e.from[next] : 0, unit);
        (void)try_change(c, json_integer(e.from[i]), weight, text);
    }
}

static void try_weights(struct changing *c, const json_t *answer, double weight)
{
    for (int w = 0; w <= ADVICE_WEIGHT_MAX; w++) {
        CLEANUP(free) char *text = str_format("a weight of %d instead of %.0f", w, weight);
        if (w != (int)weight &&
            try_change(c, json_incref(json_object_get(answer, "answer")), w, text)) {
            return;
        }
    }
}

json_t *advise(const json_t *rules, const json_t *answers, const json_t *doc)
{
    json_t *advice = evaluate(rules, answers, doc);
    struct changing c = {rules, answers, doc, advice, NULL};
    size_t i;
    json_array_foreach(json_object_get(rules, "criteria"), i, c.criterion)
    {
        const json_t *answer = json_object_get(answers, document_text(c.criterion, "name"));
        double weight = document_number(answer, "weight");
        double used = weight > 0 ? weight : 1;
        if (json_object_get(c.criterion, "number")) {
            try_numbers(&c, used);
        } else if (str_equal(document_text(answer, "answer"), "yes")) {
            (void)try_change(&c, json_string("no"), used, "no instead of yes");
            try_weights(&c, answer, weight);
        } else {
            (void)try_change(&c, json_string("yes"), used, "yes instead of no");
        }
    }
    return advice;
}
