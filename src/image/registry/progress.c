// SPDX-License-Identifier: Apache-2.0
#include "image/registry/progress.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "image/reference.h"

#define REDRAW_MS 100
#define BAR_CELLS 40

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static const char *words(enum progress_state state)
{
    switch (state) {
    case PROGRESS_WAITING:
        return "Waiting";
    case PROGRESS_FETCHING:
        return "Downloading";
    case PROGRESS_DONE:
        return "Pull complete";
    case PROGRESS_EXISTS:
        return "Already exists";
    }
    return "";
}

void progress_init(struct progress *p, size_t count, bool quiet)
{
    *p = (struct progress){.count = count, .quiet = quiet, .terminal = isatty(STDOUT_FILENO)};
    p->layers = xcalloc(count, sizeof(*p->layers));
    int code = pthread_mutex_init(&p->lock, NULL);
    assert(code == 0); /* a plain one cannot fail on Linux */
}

void progress_done(struct progress *p)
{
    (void)pthread_mutex_destroy(&p->lock);
    free(p->layers);
    *p = (struct progress){0};
}

void progress_layer(struct progress *p, size_t i, const char *digest, int64_t size)
{
    struct progress_layer *l = &p->layers[i];
    snprintf(l->label, sizeof(l->label), "%.12s", digest_hex(digest));
    l->size = size;
}

static void draw_layer(const struct progress_layer *l)
{
    printf("\033[2K%s: %s", l->label, words(l->state));
    if (l->state == PROGRESS_FETCHING && l->size > 0) {
        int cells = (int)(l->done * BAR_CELLS / l->size);
        char bar[BAR_CELLS + 1];
        memset(bar, ' ', BAR_CELLS);
        memset(bar, '=', (size_t)cells);
        bar[BAR_CELLS] = '\0';
        printf(" [%s] %.1f/%.1f MB", bar, (double)l->done / 1e6, (double)l->size / 1e6);
    }
    printf("\n");
}

static void draw(struct progress *p)
{
    if (p->drawn) {
        printf("\033[%zuA", p->count);
    }
    for (size_t i = 0; i < p->count; i++) {
        draw_layer(&p->layers[i]);
    }
    fflush(stdout);
    p->drawn = true;
    p->last_drawn_ms = now_ms();
}

void progress_set(struct progress *p, size_t i, enum progress_state state)
{
    if (p->quiet) {
        return;
    }
    pthread_mutex_lock(&p->lock);
    bool changed = p->layers[i].state != state;
    p->layers[i].state = state;
    if (p->terminal && changed) {
        draw(p);
    } else if (changed) {
        const char *text = state == PROGRESS_FETCHING ? "Pulling fs layer" : words(state);
        printf("%s: %s\n", p->layers[i].label, text);
        fflush(stdout);
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
    if (now_ms() - p->last_drawn_ms >= REDRAW_MS) {
        draw(p);
    }
    pthread_mutex_unlock(&p->lock);
}
