// SPDX-License-Identifier: Apache-2.0
#include "build/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/file.h"

#define REDRAW_MS 100
#define TAIL_LINES 6

struct shown {
    struct build_step *step;
    char *label;       /* "[build 2/5] RUN make" */
    size_t line_begun; /* in step->output: where the unfinished line begins (plain) */
};

struct progress {
    struct build *b;
    enum progress_mode mode;
    struct shown *items;
    size_t count;
    int64_t began_ms, drawn_ms;
    size_t drawn; /* lines on the terminal that are redrawn */
};

int progress_mode_parse(const char *text, bool quiet, enum progress_mode *ret, struct error **err)
{
    static const char *const words[] = {"quiet", "plain", "tty", "rawjson", "auto", NULL};
    for (int i = 0; words[i]; i++) {
        if (str_equal(words[i], text)) {
            bool automatic = i == 4;
            *ret = quiet       ? PROGRESS_QUIET
                   : automatic ? (isatty(STDERR_FILENO) ? PROGRESS_TTY : PROGRESS_PLAIN)
                               : (enum progress_mode)i;
            return 0;
        }
    }
    return error_set(err, ERROR_USAGE, 0,
                     "--progress is auto, plain, tty, rawjson or quiet, not '%s'", text);
}

struct progress *progress_new(struct build *b, enum progress_mode mode)
{
    struct progress *p = xcalloc(1, sizeof(*p));
    *p = (struct progress){.b = b, .mode = mode, .began_ms = clock_ms()};
    return p;
}

static char *make_label(const struct stage *s, const struct build_step *step)
{
    size_t index = 1;
    for (size_t i = 0; i < s->step_count && &s->steps[i] != step; i++) {
        index++;
    }
    CLEANUP(free)
    char *name = s->name ? xstrdup(s->name) : str_format("stage-%d", s->index);
    char *label = str_format("[%s %zu/%zu] %s", name, index, s->step_count, step->text);
    str_replace_control(label);
    return label;
}

static struct shown *find(struct progress *p, struct stage *s, struct build_step *step)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->items[i].step == step) {
            return &p->items[i];
        }
    }
    p->items = xrealloc(p->items, (p->count + 1) * sizeof(*p->items));
    p->items[p->count] = (struct shown){.step = step, .label = make_label(s, step)};
    return &p->items[p->count++];
}

static void print_json(struct progress *p, const struct shown *x, const char *text, size_t len)
{
    static const char *const states[] = {"waiting", "running", "done", "cached", "failed"};
    CLEANUP(free) char *log = text ? xstrndup(text, len) : NULL;
    CLEANUP(json)
    json_t *json =
        json_pack("{s:i, s:s, s:s, s:I}", "step", x->step->number, "name", x->label, "state",
                  states[x->step->state], "ms", (json_int_t)(clock_ms() - p->began_ms));
    if (log) {
        json_t *value = json_string(log);
        json_object_set_new(json, "log", value ? value : json_string("(no UTF-8)"));
    }
    CLEANUP(free) char *line = json_dumps(json, JSON_COMPACT);
    fprintf(stderr, "%s\n", str_or(line, "{}"));
}

static void print_state(const struct shown *x)
{
    const struct build_step *s = x->step;
    switch (s->state) {
    case STEP_WAITING:
    case STEP_RUNNING:
        fprintf(stderr, "#%d %s\n", s->number, x->label);
        break;
    case STEP_CACHED:
        fprintf(stderr, "#%d %s\n#%d CACHED\n\n", s->number, x->label, s->number);
        break;
    case STEP_DONE:
        fprintf(stderr, "#%d DONE %.1fs\n\n", s->number, (double)s->took_ms / 1000);
        break;
    case STEP_FAILED:
        fprintf(stderr, "#%d ERROR\n\n", s->number);
        break;
    }
}

/* Whole lines, each with its step and time in front; at the step's end also one that is not. */
static void print_lines(struct shown *x, bool over)
{
    struct build_step *s = x->step;
    while (x->line_begun < s->output.len) {
        const char *begin = s->output.data + x->line_begun;
        const char *end = memchr(begin, '\n', s->output.len - x->line_begun);
        if (!end && !over) {
            return;
        }
        size_t len = end ? (size_t)(end - begin) : s->output.len - x->line_begun;
        fprintf(stderr, "#%d %.3f %.*s\n", s->number, (double)(clock_ms() - s->began_ms) / 1000,
                (int)len, begin);
        x->line_begun += len + 1;
    }
}

void progress_step(struct progress *p, struct stage *s, struct build_step *step)
{
    struct shown *x = find(p, s, step);
    if (p->mode == PROGRESS_PLAIN) {
        print_lines(x, step->state == STEP_DONE || step->state == STEP_FAILED);
        print_state(x);
    } else if (p->mode == PROGRESS_JSON) {
        print_json(p, x, NULL, 0);
    }
    progress_tick(p);
}

/* The last part alone is kept of what a step says. */
static void keep_output(struct shown *x, const char *bytes, size_t len)
{
    struct strbuf *out = &x->step->output;
    if (out->len + len >= out->max) {
        size_t keep = out->max / 2;
        size_t cut = out->len > keep ? out->len - keep : 0;
        memmove(out->data, out->data + cut, out->len - cut);
        out->len -= cut;
        x->line_begun = x->line_begun > cut ? x->line_begun - cut : 0;
    }
    strbuf_add(out, bytes, len < out->max / 2 ? len : out->max / 2);
}

void progress_output(struct progress *p, struct build_step *step, const char *bytes, size_t len)
{
    for (size_t i = 0; i < p->count; i++) {
        struct shown *x = &p->items[i];
        if (x->step != step) {
            continue;
        }
        keep_output(x, bytes, len);
        if (p->mode == PROGRESS_PLAIN) {
            print_lines(x, false);
        } else if (p->mode == PROGRESS_JSON) {
            print_json(p, x, bytes, len);
        }
    }
    progress_tick(p);
}

void progress_note(struct progress *p, const char *text)
{
    if (p->mode == PROGRESS_PLAIN || p->mode == PROGRESS_TTY) {
        fprintf(stderr, "%s\n", text);
    }
}

static void put_line(struct progress *p, const char *text, size_t columns, bool dim)
{
    size_t n = strlen(text);
    n = n < columns ? n : columns;
    while (n > 0 && n < strlen(text) && ((unsigned char)text[n] & 0xc0) == 0x80) {
        n--; /* not in the middle of a character */
    }
    fprintf(stderr, dim ? "\x1b[2m%.*s\x1b[0m\x1b[K\n" : "%.*s\x1b[K\n", (int)n, text);
    p->drawn++;
}

static void draw_tail(struct progress *p, const struct build_step *s, size_t columns)
{
    const char *data = s->output.data;
    size_t end = s->output.len;
    end -= end && data[end - 1] == '\n';
    size_t begin = end;
    for (int lines = 0; begin > 0 && lines < TAIL_LINES; begin--) {
        if (data[begin - 1] == '\n' && ++lines == TAIL_LINES) {
            break;
        }
    }
    CLEANUP(strv) struct strv lines = {0};
    CLEANUP(free) char *text = xstrndup(str_or(data, "") + begin, end - begin);
    strv_split(&lines, text, '\n');
    for (size_t i = 0; i < lines.count && end; i++) {
        char *visible = lines.items[i];
        char *cr = strrchr(visible, '\r');
        visible = cr && cr[1] ? cr + 1 : visible;
        str_replace_control(visible);
        CLEANUP(free) char *line = str_format("    %s", visible);
        put_line(p, line, columns, true);
    }
}

static void draw_step(struct progress *p, const struct shown *x, size_t columns)
{
    static const char *const marks[] = {" ", "=>", "ok", "CACHED", "ERROR"};
    const struct build_step *s = x->step;
    int64_t took = s->state == STEP_RUNNING ? clock_ms() - s->began_ms : s->took_ms;
    CLEANUP(free)
    char *line = s->state == STEP_CACHED ? str_format(" %-6s %s", marks[s->state], x->label)
                                         : str_format(" %-6s %s  %.1fs", marks[s->state], x->label,
                                                      (double)took / 1000);
    put_line(p, line, columns, false);
}

/* What is done is left where it stands, above; what runs is redrawn below. */
static void draw(struct progress *p)
{
    struct winsize size = {.ws_col = 80, .ws_row = 24};
    (void)ioctl(STDERR_FILENO, TIOCGWINSZ, &size); /* then as it was once */
    size_t columns = size.ws_col ? size.ws_col - 1 : 79;
    if (p->drawn) {
        fprintf(stderr, "\x1b[%zuA", p->drawn);
    }
    p->drawn = 0;
    for (size_t i = 0; i < p->count; i++) {
        if (p->items[i].step->state != STEP_RUNNING) {
            draw_step(p, &p->items[i], columns);
            p->drawn = 0;
            free(p->items[i].label);
            memmove(&p->items[i], &p->items[i + 1], (p->count - i - 1) * sizeof(*p->items));
            p->count--;
            i--;
        }
    }
    for (size_t i = 0; i < p->count && p->drawn + TAIL_LINES + 2u < size.ws_row; i++) {
        draw_step(p, &p->items[i], columns);
        draw_tail(p, p->items[i].step, columns);
    }
    fprintf(stderr, "\x1b[J");
    (void)fflush(stderr);
}

void progress_tick(struct progress *p)
{
    if (p->mode == PROGRESS_TTY && clock_ms() - p->drawn_ms >= REDRAW_MS) {
        p->drawn_ms = clock_ms();
        draw(p);
    }
}

/* The longest of what the error names in quotes that the line has, else the instruction's name. */
static void find_mark(const char *line, const char *error, size_t *ret_at, size_t *ret_len)
{
    *ret_at = strspn(line, " \t");
    *ret_len = strcspn(line + *ret_at, " \t");
    size_t best = 0;
    for (const char *open = strchr(error, '\''); open; open = strchr(open + 1, '\'')) {
        for (const char *end = strchr(open + 1, '\''); end; end = strchr(end + 1, '\'')) {
            CLEANUP(free) char *word = xstrndup(open + 1, (size_t)(end - open - 1));
            size_t n = strlen(word);
            /* A command is told with its instruction's name, and without its flags. */
            const char *shown = str_starts(word, "RUN ") ? word + strlen("RUN ") : word;
            const char *at = n > best ? strstr(line, shown) : NULL;
            if (at) {
                best = n;
                *ret_at = (size_t)(at - line);
                *ret_len = strlen(shown);
            }
        }
    }
}

static void print_mark(const char *line, const char *error)
{
    size_t at, len;
    find_mark(line, error, &at, &len);
    fprintf(stderr, "     |     ");
    for (size_t i = 0; i < at; i++) { /* tabs stay, for the columns to be the same */
        if (((unsigned char)line[i] & 0xc0) != 0x80) {
            fputc(line[i] == '\t' ? '\t' : ' ', stderr);
        }
    }
    fputc('^', stderr);
    for (size_t i = at + 1; i < at + len; i++) {
        if (((unsigned char)line[i] & 0xc0) != 0x80) {
            fputc('~', stderr);
        }
    }
    fputc('\n', stderr);
}

/* The lines of the file around the instruction, its own marked. */
static void print_excerpt(const struct build *b, const struct build_step *step, const char *error)
{
    const struct instruction *at = step->at;
    int first = at->line > 2 ? at->line - 2 : 1;
    int last =
        at->last_line + 2 < (int)b->file.lines.count ? at->last_line + 2 : (int)b->file.lines.count;
    fprintf(stderr, "%s:%d\n--------------------\n", b->file.name, at->line);
    for (int n = first; n <= last; n++) {
        CLEANUP(free) char *line = xstrdup(b->file.lines.items[n - 1]);
        bool marked = n >= at->line && n <= at->last_line;
        str_replace_control(line);
        fprintf(stderr, "%4d | %s %s\n", n, marked ? ">>>" : "   ", line);
        if (n == at->line) {
            print_mark(line, error);
        }
    }
    fprintf(stderr, "--------------------\n");
}

void progress_failure(struct progress *p, const struct build_step *step, const char *error)
{
    if (p->mode == PROGRESS_TTY) {
        draw(p);
    }
    if (p->mode == PROGRESS_JSON) {
        return;
    }
    if (step->output.len && p->mode != PROGRESS_PLAIN) {
        fprintf(stderr, "------\n%.*s%s------\n", (int)step->output.len, step->output.data,
                step->output.data[step->output.len - 1] == '\n' ? "" : "\n");
    }
    print_excerpt(p->b, step, error);
}

void progress_free(struct progress *p)
{
    if (!p) {
        return;
    }
    if (p->mode == PROGRESS_TTY) {
        draw(p);
    }
    for (size_t i = 0; i < p->count; i++) {
        free(p->items[i].label);
    }
    free(p->items);
    free(p);
}
