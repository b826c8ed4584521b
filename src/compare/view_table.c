// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <string.h>

#include "compare/views.h"

/* --- columns -------------------------------------------------------------------------------------
 */

#define COLUMNS_MAX 8
#define TERMINAL_COLUMNS 80

struct grid {
    char *cells[128][COLUMNS_MAX];
    size_t rows, columns;
};

static void grid_set(struct grid *g, size_t column, char *text)
{
    if (g->rows < ARRAY_SIZE(g->cells) && column < COLUMNS_MAX) {
        free(g->cells[g->rows][column]);
        g->cells[g->rows][column] = text;
        g->columns = column >= g->columns ? column + 1 : g->columns;
    } else {
        free(text);
    }
}

static void grid_end_row(struct grid *g)
{
    g->rows += g->rows < ARRAY_SIZE(g->cells);
}

/* Columns as terminals count them: UTF-8's continuation bytes take none. */
static size_t width_of(const char *s)
{
    size_t n = 0;
    for (; *s; s++) {
        n += ((unsigned char)*s & 0xc0) != 0x80;
    }
    return n;
}

/* Whether these columns are more than a terminal has. The first then gets a line of its own above
 * the others. */
static bool is_wide(const size_t *widths, size_t columns, size_t indent)
{
    size_t sum = indent;
    for (size_t c = 0; c < columns; c++) {
        sum += widths[c] + (c + 1 < columns ? 3 : 0);
    }
    return sum > TERMINAL_COLUMNS;
}

/* The first column's text on its own line; the rest begins anew. Returns what the rest is indented
 * by. */
static size_t print_above(const struct grid *g, size_t row, struct strbuf *out)
{
    const char *first = str_or(g->cells[row][0], "");
    bool has_rest = false;
    for (size_t c = 1; c < g->columns; c++) {
        has_rest |= g->cells[row][c] && *g->cells[row][c];
    }
    if (*first) {
        strbuf_addf(out, has_rest ? "%s\n" : "%s", first);
    }
    return has_rest ? 2 : 0;
}

/* Where even that is too wide: a line each, behind the column's heading. */
static void print_list(const struct grid *g, struct strbuf *out)
{
    for (size_t r = 0; r < g->rows; r++) {
        strbuf_addf(out, "%s\n", str_or(g->cells[r][0], ""));
        for (size_t c = 1; c < g->columns && r > 0; c++) {
            const char *cell = str_or(g->cells[r][c], "");
            if (*cell) {
                strbuf_addf(out, "  %s: %s\n", str_or(g->cells[0][c], ""), cell);
            }
        }
    }
}

static void grid_clear(struct grid *g)
{
    for (size_t r = 0; r < g->rows; r++) {
        for (size_t c = 0; c < COLUMNS_MAX; c++) {
            free(g->cells[r][c]);
        }
    }
    *g = (struct grid){0};
}

static void grid_print(struct grid *g, struct strbuf *out)
{
    size_t widths[COLUMNS_MAX] = {0};
    for (size_t r = 0; r < g->rows; r++) {
        for (size_t c = 0; c < g->columns; c++) {
            size_t w = width_of(str_or(g->cells[r][c], ""));
            widths[c] = w > widths[c] ? w : widths[c];
        }
    }
    size_t first = is_wide(widths, g->columns, 0) ? 1 : 0;
    if (first && is_wide(widths + 1, g->columns - 1, 2)) {
        print_list(g, out);
        grid_clear(g);
        return;
    }
    for (size_t r = 0; r < g->rows; r++) {
        size_t due = first ? print_above(g, r, out) : 0;
        for (size_t c = first; c < g->columns; c++) {
            const char *cell = str_or(g->cells[r][c], "");
            if (*cell) {
                strbuf_addf(out, "%*s%s", (int)due, "", cell);
                due = 0;
            }
            due += widths[c] - (*cell ? width_of(cell) : 0) + (c + 1 < g->columns ? 3 : 0);
        }
        strbuf_addc(out, '\n');
    }
    grid_clear(g);
}

/* --- figures -------------------------------------------------------------------------------------
 */

/* "0.91 ms ±4 %  1.8x", or what it cannot say. `few`: all are too few, which is said above. */
static char *figure_text(const json_t *figure, bool few)
{
    const char *verdict = document_text(figure, "verdict");
    const json_t *ratio = json_object_get(figure, "ratio");
    CLEANUP(strbuf) struct strbuf b = {0};
    if (!*verdict) {
        return xstrdup("-");
    }
    CLEANUP(free)
    char *median = view_quantity(document_number(figure, "median"), document_text(figure, "unit"));
    strbuf_adds(&b, median);
    if (document_number(figure, "n") > 1) {
        strbuf_addf(&b, " \xc2\xb1%.0f %%", 100 * document_number(figure, "spread"));
    }
    if (str_equal(verdict, "too noisy") || (!few && !str_equal(verdict, "sure"))) {
        strbuf_addf(&b, " %s", verdict);
    }
    if (ratio && !str_equal(verdict, "too noisy")) {
        CLEANUP(free) char *times = view_ratio(ratio);
        strbuf_addf(&b, "  x%s", times);
    }
    return strbuf_take(&b);
}

static void add_heading(struct grid *g, const json_t *doc, const char *first)
{
    const json_t *walls = json_object_get(json_object_get(doc, "settings"), "walls"), *w;
    size_t i;
    grid_set(g, 0, xstrdup(first));
    json_array_foreach(walls, i, w)
    {
        grid_set(g, i + 1, view_wall_name(doc, str_or(json_string_value(w), "?")));
    }
    grid_end_row(g);
}

static void add_criteria(struct grid *g, const json_t *doc)
{
    const json_t *walls = json_object_get(json_object_get(doc, "settings"), "walls"), *w, *c;
    size_t i, k;
    bool few = view_rounds_are_few(doc);
    json_array_foreach(json_object_get(doc, "criteria"), k, c)
    {
        grid_set(g, 0, xstrdup(document_text(c, "title")));
        json_array_foreach(walls, i, w)
        {
            const char *wall = str_or(json_string_value(w), "");
            json_t *figure = json_object_get(json_object_get(c, "walls"), wall);
            CLEANUP(json) json_t *f = figure ? json_copy(figure) : json_object();
            (void)json_object_set_new(f, "unit", json_string(document_text(c, "unit")));
            grid_set(g, i + 1, figure_text(f, few));
        }
        grid_end_row(g);
    }
}

static void add_memory(struct grid *g, const json_t *doc)
{
    const json_t *walls = json_object_get(json_object_get(doc, "settings"), "walls"), *w;
    size_t i;
    for (size_t r = 0; view_memory_rows[r].title; r++) {
        grid_set(g, 0, xstrdup(view_memory_rows[r].title));
        json_array_foreach(walls, i, w)
        {
            const char *wall = str_or(json_string_value(w), "");
            grid_set(
                g, i + 1,
                view_memory_rows[r].text(json_object_get(json_object_get(doc, "memory"), wall)));
        }
        grid_end_row(g);
    }
}

static void add_facts(struct grid *g, const json_t *doc)
{
    const json_t *walls = json_object_get(json_object_get(doc, "settings"), "walls"), *w;
    size_t i;
    for (const struct view_fact *f = view_facts; f->title; f++) {
        grid_set(g, 0, xstrdup(f->title));
        json_array_foreach(walls, i, w)
        {
            grid_set(g, i + 1, f->words(doc, str_or(json_string_value(w), "")));
        }
        grid_end_row(g);
    }
}

/* --- around it -----------------------------------------------------------------------------------
 */

static void add_title(struct strbuf *out, const json_t *doc)
{
    CLEANUP(free) char *title = view_title(doc);
    CLEANUP(free) char *rounds = view_rounds(doc);
    strbuf_addf(out, "%s\n%s\n", title, rounds);
    if (view_machine_is_busy(doc)) {
        strbuf_adds(out, VIEW_BUSY "\n");
    }
    if (json_is_true(json_object_get(doc, "interrupted"))) {
        strbuf_adds(out, "INTERRUPTED: what there was until then\n");
    }
    strbuf_addc(out, '\n');
}

static void add_failures(struct strbuf *out, const json_t *doc)
{
    const json_t *failures = json_object_get(doc, "failures"), *f;
    size_t i;
    if (json_array_size(failures) > 0) {
        strbuf_adds(out, "\nFailed:\n");
    }
    json_array_foreach(failures, i, f)
    {
        CLEANUP(free) char *wall = view_wall_name(doc, document_text(f, "wall"));
        strbuf_addf(out, "  %s, %s (%.0fx): %s\n", wall, document_text(f, "what"),
                    document_number(f, "times"), document_text(f, "why"));
    }
}

static void add_commands(struct strbuf *out, const json_t *doc)
{
    CLEANUP(strv) struct strv commands = {0};
    view_commands(doc, &commands);
    strbuf_adds(out, "\nCommands:\n");
    for (size_t i = 0; i < commands.count; i++) {
        strbuf_addf(out, "  %s\n", commands.items[i]);
    }
}

char *view_table(const json_t *doc)
{
    CLEANUP(strbuf) struct strbuf out = {0};
    struct grid *g = xcalloc(1, sizeof(*g));
    add_title(&out, doc);
    add_heading(g, doc, "");
    add_criteria(g, doc);
    add_memory(g, doc);
    grid_print(g, &out);
    strbuf_addc(&out, '\n');
    add_heading(g, doc, "What stands between");
    add_facts(g, doc);
    grid_print(g, &out);
    free(g);
    if (view_any_emulated(doc)) {
        strbuf_adds(&out, "\n" VIEW_EMULATED "\n");
    }
    add_failures(&out, doc);
    add_commands(&out, doc);
    return strbuf_take(&out);
}
