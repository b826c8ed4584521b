// SPDX-License-Identifier: Apache-2.0
#include <math.h>

#include "base/human.h"
#include "compare/plots.h"

/* Nothing is loaded and nothing runs: the policy holds the browser to it. */
static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'; img-src data:\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n";

static const char style[] =
    "<style>\n"
    ":root{--page:#fff;--text:#1a1d21;--soft:#5a636e;--line:#d9dde2;--card:#f6f7f9;"
    "--w0:#5a636e;--w1:#1f6feb;--w2:#c4560a;--bad:#b3261e}\n"
    "@media(prefers-color-scheme:dark){:root{--page:#14171a;--text:#e7eaee;--soft:#a0a9b4;"
    "--line:#363c44;--card:#1c2025;--w0:#b4bcc6;--w1:#6ea8fe;--w2:#f2994a;--bad:#ff8a80}}\n"
    "@media print{:root{--page:#fff;--text:#000;--soft:#444;--line:#ccc;--card:#fff;--w0:#555;"
    "--w1:#1f6feb;--w2:#c4560a;--bad:#b3261e}main{max-width:none;padding:0}"
    "figure,tr,li{break-inside:avoid}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,sans-serif}\n"
    "main{max-width:72rem;margin:0 auto;padding:1.5rem}\n"
    "h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2rem 0 .6rem}\n"
    "p{margin:.3rem 0;max-width:60rem}small,.soft{color:var(--soft)}\n"
    ".warning{border-left:4px solid var(--bad);padding:.4rem .8rem;background:var(--card)}\n"
    ".scroll{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
    "th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line);"
    "vertical-align:top}\nth{font-weight:600}td small{display:block}\n"
    ".plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(19rem,1fr));gap:1rem;margin-"
    "top:1rem}\n"
    "figure{margin:0;padding:.7rem;background:var(--card);border:1px solid var(--line);"
    "border-radius:6px}\nfigure.wide{max-width:44rem;margin:0 auto}\n"
    "figcaption{font-weight:600}figcaption small{display:block;font-weight:400}\n"
    "svg{display:block;width:100%;height:auto}svg text{font-size:11px;fill:var(--soft)}\n"
    ".legend{display:flex;gap:1.2rem;list-style:none;margin:.5rem 0;padding:0;flex-wrap:wrap}\n"
    ".legend svg{display:inline-block;width:12px;height:12px;vertical-align:-1px}\n"
    ".grid{stroke:var(--line);fill:none}.native-ring{stroke:var(--w0);stroke-width:1.6;fill:none}\n"
    "svg text.ring{font-size:9px}\n"
    ".wall0{--c:var(--w0)}.wall1{--c:var(--w1)}.wall2{--c:var(--w2)}\n"
    ".marks{fill:var(--c);fill-opacity:.75}.median{stroke:var(--c);stroke-width:2}\n"
    ".interval{fill:var(--c);fill-opacity:.18}.fit{stroke:var(--c);stroke-dasharray:5 3}\n"
    ".shape{stroke:var(--c);stroke-width:1.8;fill:var(--c);fill-opacity:.08}\n"
    ".long{overflow-wrap:anywhere}\n"
    "code{font:12px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}li{margin:.2rem 0}\n"
    "</style>\n";

static const json_t *walls_of(const json_t *doc)
{
    return json_object_get(json_object_get(doc, "settings"), "walls");
}

static void tagged(struct strbuf *out, const char *tag, const char *text)
{
    strbuf_addf(out, "<%s>", tag);
    html_text(out, text);
    strbuf_addf(out, "</%s>", tag);
}

static void add_headings(struct strbuf *out, const json_t *doc, const char *first)
{
    const json_t *w;
    size_t i;
    strbuf_adds(out, "<div class=\"scroll\"><table><thead><tr>");
    tagged(out, "th", first);
    json_array_foreach(walls_of(doc), i, w)
    {
        CLEANUP(free) char *name = view_wall_name(doc, str_or(json_string_value(w), ""));
        tagged(out, "th", name);
    }
    strbuf_adds(out, "</tr></thead><tbody>\n");
}

static void end_table(struct strbuf *out)
{
    strbuf_adds(out, "</tbody></table></div>\n");
}

static void add_figure(struct strbuf *out, const json_t *figure, const char *unit)
{
    const json_t *ratio = json_object_get(figure, "ratio");
    const char *verdict = document_text(figure, "verdict");
    strbuf_adds(out, "<td>");
    if (*verdict) {
        CLEANUP(free) char *median = view_quantity(document_number(figure, "median"), unit);
        CLEANUP(free) char *low = view_quantity(document_number(figure, "low"), unit);
        CLEANUP(free) char *high = view_quantity(document_number(figure, "high"), unit);
        html_text(out, median);
        if (ratio) {
            CLEANUP(free) char *times = view_ratio(ratio);
            strbuf_addf(out, " <b>\xc3\x97%s</b>", times);
        }
        strbuf_addf(out, "<small>%s to %s, n = %.0f%s%s</small>", low, high,
                    document_number(figure, "n"), str_equal(verdict, "sure") ? "" : ", ",
                    str_equal(verdict, "sure") ? "" : verdict);
    } else {
        strbuf_adds(out, "<span class=\"soft\">not measured</span>");
    }
    strbuf_adds(out, "</td>");
}

static void add_criteria_table(struct strbuf *out, const json_t *doc)
{
    const json_t *c, *w;
    size_t i, k;
    add_headings(out, doc, "Criterion");
    json_array_foreach(json_object_get(doc, "criteria"), k, c)
    {
        strbuf_adds(out, "<tr>");
        tagged(out, "th", document_text(c, "title"));
        json_array_foreach(walls_of(doc), i, w)
        {
            const char *wall = str_or(json_string_value(w), "");
            add_figure(out, json_object_get(json_object_get(c, "walls"), wall),
                       document_text(c, "unit"));
        }
        strbuf_adds(out, "</tr>\n");
    }
    end_table(out);
}

static void add_facts_table(struct strbuf *out, const json_t *doc)
{
    const json_t *w;
    size_t i;
    add_headings(out, doc, "Fact");
    for (const struct view_fact *f = view_facts; f->title; f++) {
        strbuf_adds(out, "<tr>");
        tagged(out, "th", f->title);
        json_array_foreach(walls_of(doc), i, w)
        {
            CLEANUP(free) char *words = f->words(doc, str_or(json_string_value(w), ""));
            tagged(out, "td", words);
        }
        strbuf_adds(out, "</tr>\n");
    }
    end_table(out);
}

/* All that was read back of a wall, with what each means. */
static void add_isolation(struct strbuf *out, const json_t *doc)
{
    const json_t *w, *item;
    size_t i, k;
    json_array_foreach(walls_of(doc), i, w)
    {
        const json_t *list =
            json_object_get(json_object_get(doc, "isolation"), str_or(json_string_value(w), ""));
        if (json_array_size(list) == 0) {
            continue;
        }
        CLEANUP(free) char *name = view_wall_name(doc, json_string_value(w));
        strbuf_adds(out, "<h3>");
        html_text(out, name);
        strbuf_adds(out, "</h3>\n<div class=\"scroll\"><table><tbody>\n");
        json_array_foreach(list, k, item)
        {
            strbuf_adds(out, "<tr>");
            tagged(out, "th", document_text(item, "name"));
            tagged(out, "td", document_text(item, "kind"));
            strbuf_adds(out, "<td class=\"long\">");
            html_text(out, document_text(item, "value"));
            tagged(out, "small", document_text(item, "meaning"));
            strbuf_adds(out, "</td></tr>\n");
        }
        end_table(out);
    }
}

static void add_memory_table(struct strbuf *out, const json_t *doc)
{
    const json_t *w;
    size_t i, r;
    add_headings(out, doc, "Memory and disk");
    for (r = 0; view_memory_rows[r].title; r++) {
        strbuf_adds(out, "<tr>");
        tagged(out, "th", view_memory_rows[r].title);
        json_array_foreach(walls_of(doc), i, w)
        {
            const char *wall = str_or(json_string_value(w), "");
            CLEANUP(free)
            char *text =
                view_memory_rows[r].text(json_object_get(json_object_get(doc, "memory"), wall));
            tagged(out, "td", text);
        }
        strbuf_adds(out, "</tr>\n");
    }
    end_table(out);
}

static void add_title(struct strbuf *out, const json_t *doc)
{
    CLEANUP(free) char *title = view_title(doc);
    CLEANUP(free) char *rounds = view_rounds(doc);
    strbuf_adds(out, "<title>cloison compare: ");
    html_text(out, document_text(json_object_get(doc, "image"), "name"));
    strbuf_adds(out, "</title>\n");
    strbuf_adds(out, style);
    strbuf_adds(out, "</head>\n<body>\n<main>\n<h1>What each wall costs: ");
    html_text(out, document_text(json_object_get(doc, "image"), "name"));
    strbuf_adds(out, "</h1>\n");
    tagged(out, "p", title);
    tagged(out, "p", rounds);
    strbuf_adds(out, "<p class=\"soft\">");
    html_text(out, document_text(doc, "created"));
    strbuf_adds(out, "</p>\n");
}

static void add_warnings(struct strbuf *out, const json_t *doc)
{
    if (json_is_true(json_object_get(doc, "interrupted"))) {
        strbuf_adds(out, "<p class=\"warning\">Interrupted: what there was until then.</p>\n");
    }
    if (view_machine_is_busy(doc)) {
        strbuf_adds(out, "<p class=\"warning\">" VIEW_BUSY "</p>\n");
    }
    if (view_any_emulated(doc)) {
        strbuf_addf(out, "<p class=\"warning\">%s</p>\n", VIEW_EMULATED);
    }
}

static void add_failures(struct strbuf *out, const json_t *doc)
{
    const json_t *failures = json_object_get(doc, "failures"), *f;
    size_t i;
    if (json_array_size(failures) == 0) {
        return;
    }
    strbuf_adds(out, "<h2>Failed</h2>\n<ul>");
    json_array_foreach(failures, i, f)
    {
        CLEANUP(free) char *wall = view_wall_name(doc, document_text(f, "wall"));
        CLEANUP(free)
        char *text = str_format("%s, %s (%.0fx): %s", wall, document_text(f, "what"),
                                document_number(f, "times"), document_text(f, "why"));
        tagged(out, "li", text);
    }
    strbuf_adds(out, "</ul>\n");
}

static void add_distributions(struct strbuf *out, const json_t *doc)
{
    const json_t *c;
    size_t i;
    strbuf_adds(out, "<h2>Distributions</h2>\n<p class=\"soft\">A mark a round; the line is the "
                     "median, the band its interval.</p>\n");
    plot_legend(out, doc);
    strbuf_adds(out, "<div class=\"plots\">\n");
    json_array_foreach(json_object_get(doc, "criteria"), i, c)
    {
        plot_distribution(out, doc, c);
    }
    strbuf_adds(out, "</div>\n");
}

static void add_memory(struct strbuf *out, const json_t *doc)
{
    const json_t *w;
    size_t i;
    strbuf_adds(out, "<h2>Memory, and how many fit</h2>\n");
    add_memory_table(out, doc);
    strbuf_adds(out, "<div class=\"plots\">\n");
    json_array_foreach(walls_of(doc), i, w)
    {
        plot_memory(out, doc, str_or(json_string_value(w), ""));
    }
    strbuf_adds(out, "</div>\n");
}

static void add_commands(struct strbuf *out, const json_t *doc)
{
    CLEANUP(strv) struct strv commands = {0};
    view_commands(doc, &commands);
    strbuf_adds(out, "<h2>Commands</h2>\n<ul>");
    for (size_t i = 0; i < commands.count; i++) {
        strbuf_adds(out, "<li>");
        tagged(out, "code", commands.items[i]);
        strbuf_adds(out, "</li>\n");
    }
    strbuf_adds(out, "</ul>\n");
}

char *view_page(const json_t *doc)
{
    CLEANUP(strbuf) struct strbuf out = {0};
    strbuf_adds(&out, head);
    add_title(&out, doc);
    add_warnings(&out, doc);
    strbuf_adds(&out, "<h2>What stands between</h2>\n");
    add_facts_table(&out, doc);
    strbuf_adds(&out, "<h2>At a glance</h2>\n");
    plot_legend(&out, doc);
    plot_radar(&out, doc);
    add_memory(&out, doc);
    add_distributions(&out, doc);
    strbuf_adds(&out, "<h2>All figures</h2>\n");
    add_criteria_table(&out, doc);
    add_failures(&out, doc);
    if (json_object_size(json_object_get(doc, "isolation"))) {
        strbuf_adds(&out, "<h2>The walls as the kernel tells them</h2>\n");
        add_isolation(&out, doc);
    }
    add_commands(&out, doc);
    strbuf_adds(&out, "</main>\n</body>\n</html>\n");
    return strbuf_take(&out);
}
