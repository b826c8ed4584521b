// SPDX-License-Identifier: Apache-2.0
#include "compare/plots.h"

#include <math.h>
#include <string.h>

void html_text(struct strbuf *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            strbuf_adds(out, "&lt;");
            break;
        case '>':
            strbuf_adds(out, "&gt;");
            break;
        case '&':
            strbuf_adds(out, "&amp;");
            break;
        case '"':
            strbuf_adds(out, "&quot;");
            break;
        default:
            strbuf_addc(out, *text);
        }
    }
}

static const json_t *walls_of(const json_t *doc)
{
    return json_object_get(json_object_get(doc, "settings"), "walls");
}

size_t plot_wall_index(const json_t *doc, const char *wall)
{
    const json_t *w;
    size_t i;
    json_array_foreach(walls_of(doc), i, w)
    {
        if (str_equal(json_string_value(w), wall)) {
            break;
        }
    }
    return i;
}

/* A circle, a square, a triangle: told apart without colours. */
static void mark(struct strbuf *out, double x, double y, size_t wall)
{
    if (wall % 3 == 0) {
        strbuf_addf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\"/>", x, y);
    } else if (wall % 3 == 1) {
        strbuf_addf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"6\" height=\"6\"/>", x - 3, y - 3);
    } else {
        strbuf_addf(out, "<path d=\"M%.1f %.1fl3.6 6.4h-7.2z\"/>", x, y - 3.8);
    }
}

void plot_legend(struct strbuf *out, const json_t *doc)
{
    const json_t *w;
    size_t i;
    strbuf_adds(out, "<ul class=\"legend\">");
    json_array_foreach(walls_of(doc), i, w)
    {
        CLEANUP(free) char *name = view_wall_name(doc, str_or(json_string_value(w), ""));
        strbuf_addf(out,
                    "<li class=\"wall%zu\"><svg width=\"12\" height=\"12\" aria-hidden=\"true\">"
                    "<g class=\"marks\">",
                    i);
        mark(out, 6, 6, i);
        strbuf_adds(out, "</g></svg> ");
        html_text(out, name);
        strbuf_adds(out, "</li>");
    }
    strbuf_adds(out, "</ul>\n");
}

/* --- axes ----------------------------------------------------------------------------------------
 */

#define WIDTH 330.0
#define LEFT 78.0
#define RIGHT 26.0
#define ROW 24.0
#define TOP 6.0
#define TICKS_MAX 12  /* whatever the values: a file may hold any */
#define LOG_FROM 20.0 /* what spans more is drawn by powers of ten */

struct axis {
    double min, max, from, to; /* values; where they are drawn */
    bool is_log;
};

static double axis_at(const struct axis *a, double v)
{
    double part =
        a->is_log ? log(v / a->min) / log(a->max / a->min) : (v - a->min) / (a->max - a->min);
    return a->from + part * (a->to - a->from);
}

/* From the least to the greatest with some air; from zero where that costs little. */
static struct axis axis_of(double least, double greatest, double from, double to)
{
    struct axis a = {.min = least, .max = greatest, .from = from, .to = to};
    a.is_log = least > 0 && greatest / least > LOG_FROM;
    if (a.is_log) {
        a.min = pow(10, floor(log10(least)));
        a.max = pow(10, ceil(log10(greatest)));
    } else {
        a.min = 0;
        a.max = greatest > 0 ? greatest * 1.08 : 1;
    }
    return a;
}

/* 1, 2 or 5 times a power of ten, for about four steps. */
static double step_of(const struct axis *a)
{
    double rough = (a->max - a->min) / 4, power = pow(10, floor(log10(rough))),
           part = rough / power;
    return power * (part > 5 ? 10 : part > 2 ? 5 : part > 1 ? 2 : 1);
}

/* "1.00 ms" is "1 ms" on an axis. */
static char *tick_text(double v, const char *unit)
{
    CLEANUP(free) char *text = view_quantity(v, unit);
    char *space = strchr(text, ' ');
    double number = strtod(text, NULL);
    return v == 0 || !space ? xstrdup("0") : str_format("%.4g%s", number, space);
}

static void add_tick(struct strbuf *out, const struct axis *a, double v, double bottom,
                     const char *unit)
{
    CLEANUP(free) char *text = tick_text(v, unit);
    double x = axis_at(a, v);
    strbuf_addf(out,
                "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.1f\"/>"
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                x, x, TOP, bottom, x, bottom + 13);
    html_text(out, text);
    strbuf_adds(out, "</text>");
}

static void add_ticks(struct strbuf *out, const struct axis *a, double bottom, const char *unit)
{
    if (!a->is_log) {
        double step = step_of(a);
        for (int i = 0; i < TICKS_MAX && step * i <= a->max; i++) {
            add_tick(out, a, step * i, bottom, unit);
        }
        return;
    }
    double decades = log10(a->max / a->min);
    double step = pow(10, ceil(decades / 4));
    for (int i = 0; i < TICKS_MAX && a->min * pow(step, i) <= a->max * 1.001; i++) {
        add_tick(out, a, a->min * pow(step, i), bottom, unit);
    }
}

/* --- distributions -------------------------------------------------------------------------------
 */

static bool range_of(const json_t *criterion, double *ret_least, double *ret_greatest)
{
    const char *wall;
    const json_t *figure, *v;
    size_t i;
    *ret_least = INFINITY;
    *ret_greatest = -INFINITY;
    json_object_foreach(json_object_get(criterion, "walls"), wall, figure)
    {
        json_array_foreach(json_object_get(figure, "values"), i, v)
        {
            if (json_is_number(v)) {
                *ret_least = fmin(*ret_least, json_number_value(v));
                *ret_greatest = fmax(*ret_greatest, json_number_value(v));
            }
        }
    }
    return *ret_least <= *ret_greatest;
}

static void add_row(struct strbuf *out, const struct axis *a, const json_t *figure, size_t wall,
                    double y)
{
    const json_t *v;
    size_t i;
    double median = document_number(figure, "median");
    if (isnan(median)) {
        return;
    }
    double low = axis_at(a, document_number(figure, "low"));
    double high = axis_at(a, document_number(figure, "high"));
    strbuf_addf(out,
                "<g class=\"wall%zu\"><rect class=\"interval\" x=\"%.1f\" y=\"%.1f\" "
                "width=\"%.1f\" height=\"12\"/><g class=\"marks\">",
                wall, low, y - 6, fmax(high - low, 1));
    json_array_foreach(json_object_get(figure, "values"), i, v)
    {
        if (json_is_number(v)) {
            mark(out, axis_at(a, json_number_value(v)), y, wall);
        }
    }
    strbuf_addf(out,
                "</g><line class=\"median\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/></g>",
                axis_at(a, median), axis_at(a, median), y - 9, y + 9);
}

static void add_rows(struct strbuf *out, const json_t *doc, const json_t *criterion,
                     const struct axis *a)
{
    const json_t *w;
    size_t i;
    json_array_foreach(walls_of(doc), i, w)
    {
        const char *wall = str_or(json_string_value(w), "");
        const char *name = str_equal(wall, WALL_NATIVE) ? "native" : wall;
        double y = TOP + ROW * ((double)i + 0.5);
        strbuf_addf(out, "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 8, y + 4);
        html_text(out, name);
        strbuf_adds(out, "</text>");
        add_row(out, a, json_object_get(json_object_get(criterion, "walls"), wall), i, y);
    }
}

void plot_distribution(struct strbuf *out, const json_t *doc, const json_t *criterion)
{
    double least, greatest, bottom = TOP + ROW * (double)json_array_size(walls_of(doc));
    if (!range_of(criterion, &least, &greatest)) {
        return;
    }
    struct axis a = axis_of(least, greatest, LEFT, WIDTH - RIGHT);
    bool higher = str_equal(document_text(criterion, "better"), "higher");
    strbuf_adds(out, "<figure><figcaption>");
    html_text(out, document_text(criterion, "title"));
    strbuf_addf(out, "<small>%s is better%s</small></figcaption>", higher ? "more" : "less",
                a.is_log ? "; by powers of ten" : "");
    strbuf_addf(out, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\"><title>", WIDTH, bottom + 18);
    html_text(out, document_text(criterion, "title"));
    strbuf_adds(out, "</title>");
    add_ticks(out, &a, bottom, document_text(criterion, "unit"));
    add_rows(out, doc, criterion, &a);
    strbuf_adds(out, "</svg></figure>\n");
}

/* --- memory --------------------------------------------------------------------------------------
 */

#define MEMORY_HEIGHT 170.0

static void add_memory_axes(struct strbuf *out, const struct axis *x, const struct axis *y)
{
    double across = fmax(1, step_of(x));
    for (int i = 0; i < TICKS_MAX && across * i <= x->max; i++) {
        strbuf_addf(out, "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%.0f</text>",
                    axis_at(x, across * i), MEMORY_HEIGHT - 4, across * i);
    }
    double up = exp2(ceil(log2(y->max / 5))); /* sizes are written in powers of two */
    for (int i = 0; i < TICKS_MAX && up * i <= y->max; i++) {
        CLEANUP(free) char *size = view_size(up * i);
        double at = axis_at(y, up * i);
        strbuf_addf(out,
                    "<line class=\"grid\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>"
                    "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%s</text>",
                    LEFT, WIDTH - RIGHT, at, at, LEFT - 6, at + 4, size);
    }
}

void plot_memory(struct strbuf *out, const json_t *doc, const char *wall)
{
    const json_t *m = json_object_get(json_object_get(doc, "memory"), wall), *p;
    const json_t *points = json_object_get(m, "points");
    double most = 0, greatest = 0, each = document_number(m, "bytesEach");
    double fixed = document_number(m, "bytesFixed");
    size_t i, index = plot_wall_index(doc, wall);
    json_array_foreach(points, i, p)
    {
        most = fmax(most, document_number(p, "count"));
        greatest = fmax(greatest, document_number(p, "bytes"));
    }
    if (i == 0 || isnan(each)) {
        return;
    }
    struct axis x = {0, most * 1.05, LEFT, WIDTH - RIGHT, false};
    struct axis y = {0, greatest * 1.1, MEMORY_HEIGHT - 22, TOP, false};
    CLEANUP(free) char *name = view_wall_name(doc, wall);
    strbuf_adds(out, "<figure><figcaption>");
    html_text(out, name);
    strbuf_addf(out,
                "<small>memory of the host by the number of instances</small></figcaption>"
                "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\"><title>Memory</title>",
                WIDTH, MEMORY_HEIGHT);
    add_memory_axes(out, &x, &y);
    strbuf_addf(out,
                "<g class=\"wall%zu\"><line class=\"fit\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" "
                "y2=\"%.1f\"/><g class=\"marks\">",
                index, axis_at(&x, 0), axis_at(&y, fmax(fixed, 0)), axis_at(&x, most),
                axis_at(&y, fmax(fixed + each * most, 0)));
    json_array_foreach(points, i, p)
    {
        mark(out, axis_at(&x, document_number(p, "count")),
             axis_at(&y, document_number(p, "bytes")), index);
    }
    strbuf_adds(out, "</g></g></svg></figure>\n");
}

/* --- radar ---------------------------------------------------------------------------------------
 */

#define RADAR_WIDTH 620.0
#define RADAR_HEIGHT 380.0
#define RADAR_RADIUS 140.0
#define RADAR_DECADES 4 /* from ten times better than native to a thousand times worse */

static const struct {
    const char *criterion, *title; /* as short as the page wants it */
} radar_criteria[] = {
    {"start", "start"},
    {"own-time", "your command"},
    {"ready", "ready"},
    {"loop", "processor"},
    {"memory-bandwidth", "memory copy"},
    {"page-fault", "page fault"},
    {"syscall", "system call"},
    {"context-switch", "context switch"},
    {"fork-exec", "fork and exec"},
    {"metadata", "files"},
    {"disk-random-sync", "disk, fsync"},
    {"net-throughput", "network rate"},
    {"net-latency", "network delay"},
};

struct spoke {
    const char *title;
    double ratio[8]; /* by wall: how many times as good as native; NAN: not measured */
};

static double goodness(const json_t *criterion, const char *wall)
{
    const json_t *walls = json_object_get(criterion, "walls");
    double mine = document_number(json_object_get(walls, wall), "median");
    double native = document_number(json_object_get(walls, WALL_NATIVE), "median");
    return str_equal(document_text(criterion, "better"), "higher") ? mine / native : native / mine;
}

static size_t make_spokes(const json_t *doc, struct spoke *spokes)
{
    const json_t *w;
    size_t n = 0, i;
    for (size_t k = 0; k < ARRAY_SIZE(radar_criteria); k++) {
        const json_t *c = document_criterion(doc, radar_criteria[k].criterion);
        if (!c || isnan(goodness(c, WALL_NATIVE))) {
            continue;
        }
        spokes[n].title = radar_criteria[k].title;
        json_array_foreach(walls_of(doc), i, w)
        {
            if (i < ARRAY_SIZE(spokes[n].ratio)) {
                spokes[n].ratio[i] = goodness(c, str_or(json_string_value(w), ""));
            }
        }
        n++;
    }
    return n;
}

static double radius_of(double ratio)
{
    double decades = isnan(ratio) || ratio <= 0 ? -RADAR_DECADES : log10(ratio);
    double part = (decades + RADAR_DECADES - 1) / RADAR_DECADES;
    return RADAR_RADIUS * (part < 0 ? 0 : part > 1 ? 1 : part);
}

static void spoke_point(size_t i, size_t n, double radius, double *ret_x, double *ret_y)
{
    double angle = 2 * M_PI * (double)i / (double)n - M_PI / 2;
    *ret_x = RADAR_WIDTH / 2 + radius * cos(angle);
    *ret_y = RADAR_HEIGHT / 2 + radius * sin(angle);
}

static void add_rings(struct strbuf *out)
{
    static const char *const names[] = {"1/1000", "1/100", "1/10", "native", ""};
    for (int i = 0; i <= RADAR_DECADES; i++) {
        double r = RADAR_RADIUS * i / RADAR_DECADES;
        strbuf_addf(out,
                    "<circle class=\"%s\" cx=\"%.0f\" cy=\"%.0f\" r=\"%.1f\"/>"
                    "<text class=\"ring\" x=\"%.0f\" y=\"%.1f\">%s</text>",
                    i == RADAR_DECADES - 1 ? "native-ring" : "grid", RADAR_WIDTH / 2,
                    RADAR_HEIGHT / 2, r, RADAR_WIDTH / 2 + 3, RADAR_HEIGHT / 2 - r - 2, names[i]);
    }
}

static void add_spoke(struct strbuf *out, const struct spoke *s, size_t i, size_t n)
{
    double x, y, text_x, text_y;
    spoke_point(i, n, RADAR_RADIUS, &x, &y);
    spoke_point(i, n, RADAR_RADIUS + 18, &text_x, &text_y);
    const char *anchor = text_x < RADAR_WIDTH / 2 - 20   ? "end"
                         : text_x > RADAR_WIDTH / 2 + 20 ? "start"
                                                         : "middle";
    strbuf_addf(out,
                "<line class=\"grid\" x1=\"%.0f\" y1=\"%.0f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">",
                RADAR_WIDTH / 2, RADAR_HEIGHT / 2, x, y, text_x, text_y + 4, anchor);
    html_text(out, s->title);
    strbuf_adds(out, "</text>");
}

static void add_shape(struct strbuf *out, const struct spoke *spokes, size_t n, size_t wall)
{
    double x, y;
    strbuf_addf(out, "<g class=\"wall%zu\"><polygon class=\"shape\" points=\"", wall);
    for (size_t i = 0; i < n; i++) {
        spoke_point(i, n, radius_of(spokes[i].ratio[wall]), &x, &y);
        strbuf_addf(out, "%.1f,%.1f ", x, y);
    }
    strbuf_adds(out, "\"/><g class=\"marks\">");
    for (size_t i = 0; i < n; i++) {
        if (!isnan(spokes[i].ratio[wall])) {
            spoke_point(i, n, radius_of(spokes[i].ratio[wall]), &x, &y);
            mark(out, x, y, wall);
        }
    }
    strbuf_adds(out, "</g></g>");
}

void plot_radar(struct strbuf *out, const json_t *doc)
{
    struct spoke spokes[ARRAY_SIZE(radar_criteria)];
    size_t n = make_spokes(doc, spokes), walls = json_array_size(walls_of(doc));
    if (n < 3) {
        return;
    }
    strbuf_addf(
        out,
        "<figure class=\"wide\"><figcaption>How each wall stands against native"
        "<small>medians; farther out is better; each ring is ten times; the bold ring is native"
        "</small></figcaption><svg viewBox=\"0 0 %.0f %.0f\" role=\"img\"><title>Radar of "
        "the criteria</title>",
        RADAR_WIDTH, RADAR_HEIGHT);
    add_rings(out);
    for (size_t i = 0; i < n; i++) {
        add_spoke(out, &spokes[i], i, n);
    }
    for (size_t w = 0; w < walls && w < ARRAY_SIZE(spokes[0].ratio); w++) {
        add_shape(out, spokes, n, w);
    }
    strbuf_adds(out, "</svg></figure>\n");
}
