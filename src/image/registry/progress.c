// SPDX-License-Identifier: Apache-2.0
#include "image/registry/progress.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "image/reference.h"

#define REDRAW_MS 100
#define BAR_CELLS_MAX 40
#define BESIDE_BAR 46 /* columns: label, word, numbers, rate */
#define LINE_BYTES 256

void progress_init(struct progress *p, const struct progress_words *words, size_t count, bool quiet)
{
    *p = (struct progress){
        .words = words, .count = count, .quiet = quiet, .terminal = isatty(STDOUT_FILENO)};
    p->layers = xcalloc(count, sizeof(*p->layers));
    p->began_ms = p->last_drawn_ms = clock_ms();
    int code = pthread_mutex_init(&p->lock, NULL);
    assert(code == 0); /* a plain one cannot fail on Linux */
}

void progress_layer(struct progress *p, size_t i, const char *digest, int64_t size)
{
    struct progress_layer *l = &p->layers[i];
    snprintf(l->label, sizeof(l->label), "%.12s", digest_hex(digest));
    l->size = size;
}

static bool is_finished(enum progress_state s)
{
    return s == PROGRESS_DONE || s == PROGRESS_EXISTS || s == PROGRESS_MOUNTED;
}

static bool is_at_work(enum progress_state s)
{
    return s != PROGRESS_WAITING && !is_finished(s);
}

/* "[=====>    ] 12.5/100.0 MB 3.1 MB/s", as much of it as the line has room for. */
static void add_bar(struct strbuf *b, int64_t done, int64_t size, int64_t rate, size_t columns)
{
    size_t cells = columns > BESIDE_BAR ? columns - BESIDE_BAR : 0;
    cells = cells > BAR_CELLS_MAX ? BAR_CELLS_MAX : cells;
    size_t full = size > 0 ? (size_t)((double)done / (double)size * (double)cells) : 0;
    if (cells >= 10) {
        strbuf_adds(b, " [");
        for (size_t i = 0; i < cells; i++) {
            strbuf_addc(b, i < full ? '=' : i == full ? '>' : ' ');
        }
        strbuf_adds(b, "]");
    }
    strbuf_addf(b, " %.1f/%.1f MB", (double)done / 1e6, (double)size / 1e6);
    if (rate > 0) {
        strbuf_addf(b, " %.1f MB/s", (double)rate / 1e6);
    }
}

static void cut(struct strbuf *b, size_t columns, char *ret, size_t size)
{
    size_t n = b->len < columns ? b->len : columns;
    snprintf(ret, size, "%.*s", (int)n, str_or(b->data, ""));
}

void progress_line(const struct progress *p, const struct progress_layer *l, size_t columns,
                   char *ret, size_t size)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    strbuf_addf(&b, "%s: %s", l->label, p->words->states[l->state]);
    if (l->state == PROGRESS_MOVING && l->size > 0) {
        add_bar(&b, l->done, l->size, l->rate, columns);
    }
    cut(&b, columns, ret, size);
}

void progress_total_line(const struct progress *p, size_t columns, char *ret, size_t size)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    size_t finished = 0;
    int64_t done = 0, all = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct progress_layer *l = &p->layers[i];
        bool skipped = l->state == PROGRESS_EXISTS || l->state == PROGRESS_MOUNTED;
        finished += is_finished(l->state);
        done += skipped ? 0 : is_finished(l->state) ? l->size : l->done;
        all += skipped ? 0 : l->size;
    }
    strbuf_addf(&b, "Total: %zu of %zu layers", finished, p->count);
    if (all > 0) {
        add_bar(&b, done, all, p->rate, columns);
    }
    cut(&b, columns, ret, size);
}

/* The rates since the last time, smoothed: half of it is news. */
static void measure(struct progress *p)
{
    int64_t now = clock_ms(), passed = now - p->last_drawn_ms;
    int64_t moved = 0;
    for (size_t i = 0; i < p->count && passed > 0; i++) {
        struct progress_layer *l = &p->layers[i];
        int64_t rate = (l->done - l->rate_done) * 1000 / passed;
        moved += l->done - l->rate_done;
        l->rate = l->rate ? (l->rate + rate) / 2 : rate;
        l->rate_done = l->done;
    }
    if (passed > 0) {
        int64_t rate = moved * 1000 / passed;
        p->rate = p->rate ? (p->rate + rate) / 2 : rate;
    }
    p->last_drawn_ms = now;
}

static void draw(struct progress *p, bool end)
{
    struct winsize w = {0};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0;
    size_t rows = known ? w.ws_row : 24, columns = known ? w.ws_col : 80;
    columns = columns < LINE_BYTES ? columns : LINE_BYTES - 1;
    bool fits = p->count + 2 <= rows;
    size_t lines = 0, before = p->drawn;
    char line[LINE_BYTES];
    measure(p);
    if (p->drawn) {
        printf("\033[%zuA", p->drawn);
    }
    for (size_t i = 0; i < p->count; i++) {
        if (fits || (is_at_work(p->layers[i].state) && lines + 2 < rows)) {
            progress_line(p, &p->layers[i], columns, line, sizeof(line));
            printf("\033[2K%s\n", line);
            lines++;
        }
    }
    progress_total_line(p, columns, line, sizeof(line));
    printf("\033[2K%s\n", line);
    p->drawn = ++lines;
    for (size_t i = lines; i < before; i++) { /* fewer than before: what is below is old */
        printf("\033[2K\n");
        p->drawn++;
    }
    if (end && p->drawn > lines) {
        printf("\033[%zuA", p->drawn - lines);
    }
    fflush(stdout);
}

void progress_done(struct progress *p)
{
    if (p->drawn) {
        draw(p, true);
    }
    (void)pthread_mutex_destroy(&p->lock);
    free(p->layers);
    *p = (struct progress){0};
}

/* The plain lines are those that Docker writes: not every step has one. */
static void tell(const struct progress *p, const struct progress_layer *l, enum progress_state from)
{
    if (from == PROGRESS_WAITING && is_at_work(l->state)) {
        printf("%s: %s\n", l->label, p->words->begin);
    } else if (is_finished(l->state)) {
        printf("%s: %s\n", l->label, p->words->states[l->state]);
    }
    fflush(stdout);
}

void progress_set(struct progress *p, size_t i, enum progress_state state)
{
    if (p->quiet) {
        return;
    }
    pthread_mutex_lock(&p->lock);
    struct progress_layer *l = &p->layers[i];
    enum progress_state from = l->state;
    l->state = state;
    if (p->terminal && from != state) {
        draw(p, false);
    } else if (from != state) {
        tell(p, l, from);
    }
    pthread_mutex_unlock(&p->lock);
}

void progress_bytes(struct progress *p, size_t i, int64_t done)
{
    if (p->quiet || !p->terminal) {
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->layers[i].done = done;
    if (clock_ms() - p->last_drawn_ms >= REDRAW_MS) {
        draw(p, false);
    }
    pthread_mutex_unlock(&p->lock);
}
