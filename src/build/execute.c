// SPDX-License-Identifier: Apache-2.0
#include "build/execute.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "build/copy_job.h"
#include "build/elsewhere.h"
#include "build/network.h"
#include "build/prepare.h"
#include "build/progress.h"
#include "build/run_job.h"
#include "build/sealer.h"
#include "build/second_look.h"

#define JOBS_MAX 64
#define TICK_MS 100

struct execution {
    struct build *b;
    struct job jobs[JOBS_MAX];
    size_t count, limit;
    struct error *failure; /* the first */
    struct error **err;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
    interrupted = signal;
}

bool execute_is_interrupted(void)
{
    return interrupted;
}

static void watch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction act = {.sa_handler = on_interrupt};
    struct sigaction old;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            (void)sigaction(signals[i], &act, NULL); /* valid */
        }
    }
}

static size_t core_count(void)
{
    cpu_set_t set;
    size_t n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
    return n < 2 ? 2 : n > JOBS_MAX ? JOBS_MAX : n;
}

static bool stage_is_ready(const struct build *b, int stage)
{
    return stage < 0 || b->stages[stage].done;
}

static bool inputs_are_ready(const struct build *b, const struct build_step *step)
{
    bool ready = step->copy.from.kind != INPUT_STAGE || stage_is_ready(b, step->copy.from.stage);
    for (size_t i = 0; i < step->mount_count; i++) {
        const struct run_mount *m = &step->mounts[i];
        ready = ready &&
                (!m->has_from || m->from.kind != INPUT_STAGE || stage_is_ready(b, m->from.stage));
    }
    return ready;
}

/* The layers of the base. */
static void begin_stage(struct build *b, struct stage *s)
{
    s->running = true;
    if (s->base_stage >= 0) {
        const struct stage *from = &b->stages[s->base_stage];
        for (size_t i = 0; i < from->layer_count; i++) {
            stage_push_layer(s, from->layers[i].diff, from->layers[i].chain_id,
                             from->layers[i].step);
        }
        memcpy(s->created, from->created, sizeof(s->created));
    } else if (s->image) {
        const struct strv *diffs = &s->image->config.diff_ids;
        char below[DIGEST_TEXT_BYTES], chain[DIGEST_TEXT_BYTES];
        for (size_t i = 0; i < diffs->count; i++) {
            digest_chain(i ? below : NULL, diffs->items[i], chain);
            memcpy(below, chain, sizeof(chain));
            stage_push_layer(s, s->image->layers.items[s->image->layers.count - 1 - i], chain,
                             NULL);
        }
        const char *created = s->image->config.created;
        snprintf(s->created, sizeof(s->created), "%s", str_or(created, ""));
    }
    s->base_layer_count = s->layer_count;
}

static const char *top_chain(const struct stage *s)
{
    return s->layer_count ? s->layers[s->layer_count - 1].chain_id : "";
}

static void step_is_done(struct execution *x, struct stage *s, struct build_step *step)
{
    memcpy(s->created, step->record.created, sizeof(s->created));
    s->next++;
    progress_step(x->b->progress, s, step);
}

/* 1: it was in the cache. */
static int take_from_cache(struct execution *x, struct stage *s, struct build_step *step)
{
    char key[DIGEST_TEXT_BYTES];
    bool known = s->layer_count == 0 || *top_chain(s);
    if (!known || !step_is_cacheable(x->b, s, step) ||
        !step_key(x->b, s, step, top_chain(s), key)) {
        return 0;
    }
    int r = cache_find(x->b->engine.data_dir, key, &step->record);
    r = r ? r : elsewhere_take(x->b, s, step, key, x->err);
    if (r <= 0) {
        return r;
    }
    step->state = STEP_CACHED;
    CLEANUP(free)
    char *diff = str_format("%s/images/layers/%s/diff", x->b->engine.data_dir,
                            digest_hex(step->record.chain_id));
    stage_push_layer(s, diff, step->record.chain_id, step);
    step_is_done(x, s, step);
    return 1;
}

/* What only a step that runs needs. */
static int prepare(struct execution *x, struct build_step *step)
{
    struct build *b = x->b;
    int r = sealer_need(b, x->err);
    if (r >= 0 && step->kind == BUILD_RUN && str_equal(step->network, "default") && !b->network) {
        r = network_make(b, &b->network, x->err);
    }
    return r;
}

static int start_step(struct execution *x, struct stage *s, struct build_step *step)
{
    static job_work *const works[] = {
        [BUILD_RUN] = run_job, [BUILD_COPY] = copy_job, [BUILD_WORKDIR] = workdir_job};
    int r = prepare(x, step);
    if (r < 0) {
        return r;
    }
    step->state = STEP_RUNNING;
    step->began_ms = clock_ms();
    s->missed = true;
    progress_step(x->b->progress, s, step);
    (void)fflush(NULL); /* the fork would have it twice */
    r = job_start(x->b, s, step, works[step->kind], &x->jobs[x->count], x->err);
    x->count += r >= 0;
    return r;
}

static bool is_at_work(const struct execution *x, const struct stage *s)
{
    for (size_t i = 0; i < x->count; i++) {
        if (x->jobs[i].stage == s) {
            return true;
        }
    }
    return false;
}

static struct error *at_line(const struct build *b, const struct build_step *step, struct error *e)
{
    CLEANUP(free) char *place = str_format("%s:%d", b->file.name, step->at->line);
    if (!str_starts(e->message, place)) {
        IGNORE(error_wrap(&e, 0, "%s", place));
    }
    return e;
}

static int step_failed(struct execution *x, struct stage *s, struct build_step *step, int r)
{
    step->state = STEP_FAILED;
    progress_step(x->b->progress, s, step);
    if (x->err && *x->err) {
        *x->err = at_line(x->b, step, *x->err);
    }
    return r;
}

/* As far as it goes without waiting. */
static int advance(struct execution *x, struct stage *s)
{
    int r = 0;
    if (!s->running) {
        if (!stage_is_ready(x->b, s->base_stage)) {
            return 0;
        }
        begin_stage(x->b, s);
    }
    while (s->next < s->step_count && r >= 0) {
        struct build_step *step = &s->steps[s->next];
        if (!inputs_are_ready(x->b, step) || x->count == x->limit) {
            return 0;
        }
        step->looked_ms = clock_ms();
        r = step_look(x->b, s, step, x->err);
        step->looked_ms = clock_ms() - step->looked_ms;
        int found = r < 0 ? 0 : take_from_cache(x, s, step);
        if (r >= 0 && found == 0) {
            r = start_step(x, s, step);
            return r < 0 ? step_failed(x, s, step, r) : 0;
        }
        r = found < 0 ? found : r;
        if (r < 0) {
            return step_failed(x, s, step, r);
        }
    }
    s->done = r >= 0 && s->next == s->step_count;
    return r;
}

static int advance_all(struct execution *x)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (size_t i = 0; i < x->b->stage_count; i++) {
            struct stage *s = &x->b->stages[i];
            if (!s->needed || s->done || is_at_work(x, s)) {
                continue;
            }
            int r = advance(x, s);
            if (r < 0) {
                return r;
            }
            moved |= s->done;
        }
    }
    return 0;
}

static void set_created(const struct build *b, struct build_step *step)
{
    memcpy(step->record.created, b->created, sizeof(step->record.created));
}

static int exit_error(struct execution *x, struct build_step *step, const json_t *result)
{
    int status = (int)json_integer_value(json_object_get(result, "exit"));
    bool oom = json_is_true(json_object_get(result, "oom"));
    CLEANUP(free) char *text = xstrndup(step->text, 200);
    return dockerfile_error(x->b->file.name, step->at->line, x->err, "'%s' ended with %d%s", text,
                            status, oom ? ": it was killed for want of memory (--memory)" : "");
}

/* What the step had on tmpfs, secrets too. Not in the job: there, others' folders are mounted in
 * it. Of a job that was killed the workload may still be there.
 */
static void clear_step(const struct build *b, const struct build_step *step)
{
    CLEANUP(free) char *folder = str_format("%s/s%d", b->run_dir, step->number);
    recover_step(folder);
    IGNORE(remove_tree(AT_FDCWD, folder, NULL)); /* goes with the build's folder else */
}

static int end_step(struct execution *x, struct job *job)
{
    struct stage *s = job->stage;
    struct build_step *step = job->step;
    CLEANUP(json) json_t *result = NULL;
    int r = job_end(job, &result, x->err);
    clear_step(x->b, step);
    step->took_ms = clock_ms() - step->began_ms;
    if (r >= 0 && json_integer_value(json_object_get(result, "exit")) != 0) {
        r = exit_error(x, step, result);
    }
    if (r < 0) {
        r = step_failed(x, s, step, r);
        x->b->failed = step;
        return r;
    }
    set_created(x->b, step);
    step->state = STEP_DONE;
    r = keep_layer(x->b, s, step, x->err);
    second_look_begin(x->b, s, step); /* while the layer is sealed */
    step_is_done(x, s, step);
    return r;
}

static void read_output(struct execution *x, struct job *job)
{
    char block[16384];
    ssize_t n = read(job->output, block, sizeof(block));
    if (n > 0) {
        progress_output(x->b->progress, job->step, block, (size_t)n);
    } else if (n == 0 || errno != EINTR) {
        job->output = fd_close(job->output);
    }
}

static void read_result(struct job *job)
{
    char block[16384];
    ssize_t n = read(job->result, block, sizeof(block));
    if (n > 0) {
        strbuf_add(&job->answer, block, (size_t)n);
    } else if (n == 0 || errno != EINTR) {
        job->result = fd_close(job->result);
    }
}

/* A job that has closed both pipes has ended, or is about to. */
static int reap(struct execution *x)
{
    for (size_t i = 0; i < x->count; i++) {
        if (x->jobs[i].output < 0 && x->jobs[i].result < 0) {
            struct job job = x->jobs[i];
            x->jobs[i--] = x->jobs[--x->count];
            int r = end_step(x, &job);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

static int wait_for_events(struct execution *x)
{
    struct pollfd fds[2 * JOBS_MAX + 1];
    nfds_t n = 0;
    for (size_t i = 0; i < x->count; i++) {
        fds[n++] = (struct pollfd){.fd = x->jobs[i].output, .events = POLLIN};
        fds[n++] = (struct pollfd){.fd = x->jobs[i].result, .events = POLLIN};
    }
    if (x->b->sealer) {
        fds[n++] = (struct pollfd){.fd = sealer_fd(x->b->sealer), .events = POLLIN};
    }
    if (poll(fds, n, TICK_MS) < 0) {
        return 0; /* a signal: the caller looks */
    }
    for (size_t i = 0; i < x->count; i++) {
        if (fds[2 * i].revents) {
            read_output(x, &x->jobs[i]);
        }
        if (fds[2 * i + 1].revents) {
            read_result(&x->jobs[i]);
        }
    }
    progress_tick(x->b->progress);
    return x->b->sealer && fds[n - 1].revents ? sealer_read(x->b->sealer, x->err) : 0;
}

static bool is_over(const struct execution *x)
{
    return x->count == 0 && x->b->stages[x->b->target_stage].done;
}

static int run_all(struct execution *x)
{
    int r = 0;
    while (r >= 0) {
        r = interrupted ? error_set(x->err, ERROR_BUSY, EINTR, "interrupted") : advance_all(x);
        if (r < 0 || is_over(x)) {
            break;
        }
        r = wait_for_events(x);
        r = r < 0 ? r : reap(x);
    }
    return r;
}

/* What still runs is told to stop, and waited for. */
static void stop_jobs(struct execution *x)
{
    for (size_t i = 0; i < x->count; i++) {
        job_stop(&x->jobs[i]);
    }
    while (x->count) {
        struct job *job = &x->jobs[--x->count];
        CLEANUP(json) json_t *result = NULL;
        char block[4096];
        while (job->output >= 0 && read(job->output, block, sizeof(block)) > 0) {
        }
        IGNORE(job_end(job, &result, NULL) < 0); /* it was told to fail */
        clear_step(x->b, job->step);
    }
}

int execute_end(struct build *b, struct error **err)
{
    int r = keep_records(b, err);
    for (size_t i = 0; i < b->stage_count; i++) {
        for (size_t n = 0; n < b->stages[i].step_count; n++) {
            second_look_end(&b->stages[i].steps[n]); /* of steps that are not kept */
        }
    }
    return r;
}

int execute_graph(struct build *b, struct error **err)
{
    struct execution *x = xcalloc(1, sizeof(*x));
    CLEANUP(error) struct error *mine = NULL;
    *x = (struct execution){.b = b, .limit = core_count(), .err = &mine};
    b->records_kept = false;
    watch_signals();
    int r = run_all(x);
    stop_jobs(x);
    free(x);
    if (r >= 0) {
        r = keep_all(b, &mine);
        if (r >= 0 && (elsewhere_is_asked(b) || b->options->squash)) { /* which need them */
            r = keep_records(b, &mine);
            r = r < 0 ? r : elsewhere_put(b, &mine);
        }
    } else {
        IGNORE(keep_all(b, NULL) < 0); /* the steps that were done are not lost; no matter if so */
        IGNORE(execute_end(b, NULL) < 0);
    }
    return r < 0 ? error_move(err, &mine, r) : 0;
}
