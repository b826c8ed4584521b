// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "guest/agent/agent.h"
#include "guest/agent/files.h"
#include "guest/agent/host_files.h"

enum { CLOCK_TOLERANCE_MS = 100 };

struct request {
    struct agent *agent;
    uint32_t session;
    const json_t *json;
    json_t *reply; /* what it answers beside "ok", or NULL */
};

static int no_workload(struct error **err)
{
    return error_set(err, ERROR_BUSY, 0, "there is no workload yet");
}

static int get_u32(const struct request *q, const char *key, uint32_t *ret, struct error **err)
{
    int64_t value = *ret;
    int r = json_get_i64(q->json, key, "request", 0, UINT32_MAX, &value, err);
    *ret = (uint32_t)value;
    return r;
}

static int create(struct request *q, struct error **err)
{
    struct agent *a = q->agent;
    struct session *s = NULL;
    const json_t *spec = json_object_get(q->json, "spec");
    bool terminal = json_is_true(json_object_get(json_object_get(spec, "process"), "terminal"));
    int r = session_open(&a->sessions, q->session, terminal, &s, err);
    if (r < 0) {
        return r;
    }
    r = workload_create(&a->workload, q->json, &s->ends, session_console, s, err);
    if (r < 0) {
        session_close(s);
        return r;
    }
    a->workload_session = q->session;
    session_running(s, wall_container.pid(a->workload.workload));
    return 0;
}

static int start(struct request *q, struct error **err)
{
    struct workload *w = q->agent->workload.workload;
    return w ? wall_container.start(w, err) : no_workload(err);
}

static int exec(struct request *q, struct error **err)
{
    struct agent *a = q->agent;
    CLEANUP(arena) struct arena *arena = arena_new();
    struct spec_process process = {0};
    json_t *object = NULL;
    struct session *s = NULL;
    bool privileged = false;
    if (!a->workload.workload) {
        return no_workload(err);
    }
    int r = json_get_object(q->json, "process", "exec", &object, err);
    r = r < 0 ? r : json_get_bool(q->json, "privileged", "exec", &privileged, err);
    r = r < 0 ? r : spec_parse_process(arena, object, "exec", &process, err);
    r = r < 0 ? r : session_open(&a->sessions, q->session, process.terminal, &s, err);
    if (r < 0) {
        return r;
    }
    workload_adapt_process(&process);
    struct wall_exec exec = {.process = &process,
                             .io = s->ends,
                             .console = session_console,
                             .context = s,
                             .privileged = privileged};
    pid_t pid = 0;
    r = wall_container.exec(a->workload.workload, &exec, &pid, err);
    if (r < 0) {
        session_close(s);
        return r;
    }
    session_running(s, pid);
    return 0;
}

static int files(struct request *q, struct error **err)
{
    struct agent *a = q->agent;
    const char *tree = "root";
    struct session *s = NULL;
    int r = json_get_str(q->json, "tree", "files", &tree, err);
    r = r < 0 || a->workload.workload || !json_object_get(q->json, "layers")
            ? r
            : workload_browse(q->json, err);
    r = r < 0 ? r : session_open(&a->sessions, q->session, false, &s, err);
    if (r < 0) {
        return r;
    }
    pid_t pid = files_start(a->files_program, tree, &a->workload, &s->ends, err);
    if (pid < 0) {
        session_close(s);
        return pid;
    }
    session_running(s, pid);
    return 0;
}

static int send_signal(struct request *q, struct error **err)
{
    struct agent *a = q->agent;
    const struct session *s = session_find(&a->sessions, q->session);
    uint32_t number = 0;
    bool all = false;
    int r = get_u32(q, "signal", &number, err);
    r = r < 0 ? r : json_get_bool(q->json, "all", "signal", &all, err);
    if (r < 0) {
        return r;
    }
    if (number >= NSIG) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "signal %u", number);
    }
    if (!a->workload.workload || !s || s->pid == 0) {
        return error_set(err, ERROR_NOT_FOUND, ESRCH, "the process has ended");
    }
    if (q->session == a->workload_session) {
        return wall_container.signal(a->workload.workload, (int)number, all, err);
    }
    return kill(s->pid, (int)number) < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "kill") : 0;
}

static int resize(struct request *q, struct error **err)
{
    uint32_t rows = 0, columns = 0;
    const struct session *s = session_find(&q->agent->sessions, q->session);
    int r = get_u32(q, "rows", &rows, err);
    r = r < 0 ? r : get_u32(q, "columns", &columns, err);
    if (r >= 0 && s) {
        session_resize(s, (uint16_t)rows, (uint16_t)columns);
    }
    return r;
}

static int pause_workload(struct request *q, struct error **err)
{
    struct workload *w = q->agent->workload.workload;
    return w ? wall_container.pause(w, err) : no_workload(err);
}

/* A machine that stood still has a clock that did. Small differences are the way's, not the
 * clock's.
 */
static void correct_clock(struct timespec host)
{
    struct timespec own;
    (void)clock_gettime(CLOCK_REALTIME, &own); /* a constant clock: cannot fail */
    int64_t ms = (host.tv_sec - own.tv_sec) * 1000 + (host.tv_nsec - own.tv_nsec) / 1000000;
    if (ms > CLOCK_TOLERANCE_MS || ms < -CLOCK_TOLERANCE_MS) {
        (void)clock_settime(CLOCK_REALTIME, &host); /* at worst it stays as it is */
    }
}

static int resume_workload(struct request *q, struct error **err)
{
    struct workload *w = q->agent->workload.workload;
    int64_t seconds = 0, nanoseconds = 0;
    int r = json_get_i64(q->json, "seconds", "resume", 0, INT64_MAX, &seconds, err);
    r = r < 0 ? r : json_get_i64(q->json, "nanoseconds", "resume", 0, 999999999, &nanoseconds, err);
    if (r < 0) {
        return r;
    }
    if (seconds > 0) {
        correct_clock((struct timespec){.tv_sec = seconds, .tv_nsec = nanoseconds});
    }
    return w ? wall_container.resume(w, err) : no_workload(err);
}

static int update(struct request *q, struct error **err)
{
    struct workload *w = q->agent->workload.workload;
    CLEANUP(arena) struct arena *arena = arena_new();
    struct spec_resources resources = {0};
    json_t *object = NULL;
    int r = json_get_object(q->json, "resources", "update", &object, err);
    r = r < 0 ? r : spec_parse_resources(arena, object, "update", &resources, err);
    workload_adapt_resources(&resources);
    return r < 0 ? r : w ? wall_container.update(w, &resources, err) : no_workload(err);
}

static int refresh_file(struct request *q, struct error **err)
{
    return host_files_refresh(q->json, q->agent->workload.files, err);
}

static int stats(struct request *q, struct error **err)
{
    struct workload *w = q->agent->workload.workload;
    struct wall_stats s;
    int r = w ? wall_container.stats(w, &s, err) : no_workload(err);
    if (r < 0) {
        return r;
    }
    q->reply =
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
                  "cpuNs", s.cpu_ns, "cpuUserNs", s.cpu_user_ns, "cpuSystemNs", s.cpu_system_ns,
                  "cpuThrottledNs", s.cpu_throttled_ns, "cpuThrottledCount", s.cpu_throttled_count,
                  "memoryBytes", s.memory_bytes, "memoryLimitBytes", s.memory_limit_bytes,
                  "memoryCacheBytes", s.memory_cache_bytes, "memoryPeakBytes", s.memory_peak_bytes,
                  "swapBytes", s.swap_bytes, "oomKills", s.oom_kills, "pids", s.pids, "pidsLimit",
                  s.pids_limit, "pidsRefused", s.pids_refused, "readBytes", s.read_bytes,
                  "writeBytes", s.write_bytes, "readOps", s.read_ops, "writeOps", s.write_ops);
    return 0;
}

static int pids(struct request *q, struct error **err)
{
    struct workload *w = q->agent->workload.workload;
    CLEANUP(free) pid_t *list = NULL;
    size_t count = 0;
    int r = w ? wall_container.pids(w, &list, &count, err) : no_workload(err);
    if (r < 0) {
        return r;
    }
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(array, json_integer(list[i]));
    }
    q->reply = json_pack("{s:o}", "pids", array);
    return 0;
}

static int power_off(struct request *q, struct error **err)
{
    (void)err;
    sync(); /* who has the answer may end the machine */
    q->agent->power_off = true;
    return 0;
}

static const struct {
    const char *name;
    int (*serve)(struct request *q, struct error **err);
} requests[] = {
    {"create", create},
    {"start", start},
    {"exec", exec},
    {"signal", send_signal},
    {"resize", resize},
    {"pause", pause_workload},
    {"resume", resume_workload},
    {"update", update},
    {"file", refresh_file},
    {"stats", stats},
    {"files", files},
    {"pids", pids},
    {"power-off", power_off},
};

static int dispatch(struct request *q, struct error **err)
{
    const char *name = NULL;
    int r = json_is_object(q->json) ? json_get_str(q->json, "request", "request", &name, err)
                                    : error_set(err, ERROR_INVALID_INPUT, 0, "not an object");
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        if (str_equal(name, requests[i].name)) {
            return requests[i].serve(q, err);
        }
    }
    return error_set(err, ERROR_UNSUPPORTED, 0, "unknown request '%s'", str_or(name, ""));
}

static void serve(struct agent *a, const struct message *f)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(json) json_t *json = NULL;
    struct request q = {.agent = a, .session = f->header.session};
    int r = json_parse(f->payload, f->header.bytes, "request", &json, &err);
    q.json = json;
    r = r < 0 ? r : dispatch(&q, &err);
    if (r >= 0) {
        json_t *reply = q.reply ? q.reply : json_object();
        (void)json_object_set_new(reply, "ok", json_true()); /* out of memory ends us anyway */
        channel_json(&a->channel, MESSAGE_REPLY, q.session, reply);
        return;
    }
    channel_json(&a->channel, MESSAGE_REPLY, q.session,
                 json_pack("{s:{s:s, s:i, s:s, s:s?}}", "error", "kind", error_kind_name(err->kind),
                           "code", err->code, "message", err->message, "hint", err->hint));
}

int agent_message(struct agent *a, const struct message *f)
{
    struct session *s = session_find(&a->sessions, f->header.session);
    uint32_t credit;
    switch (f->header.type) {
    case MESSAGE_REQUEST:
        serve(a, f);
        return 0;
    case MESSAGE_DATA: /* what comes for a session that has ended meanwhile is dropped */
        return s && f->header.stream == STREAM_IN ? session_input(s, f->payload, f->header.bytes)
                                                  : 0;
    case MESSAGE_END:
        if (s && f->header.stream == STREAM_IN) {
            session_input_ends(s);
        }
        return 0;
    case MESSAGE_CREDIT:
        memcpy(&credit, f->payload, sizeof(credit));
        if (s && f->header.stream != STREAM_IN) {
            session_credit(s, f->header.stream, credit);
        }
        return 0;
    default:
        return -EPROTO; /* the guest's own */
    }
}

static void ended(struct agent *a, pid_t pid, int status)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *s = &a->sessions.slots[i];
        if (s->id == 0 || s->pid != pid) {
            continue;
        }
        s->pid = 0;
        s->has_ended = true;
        s->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        if (s->id == a->workload_session) {
            bool pids_refused = false;
            wall_container.limits_hit(a->workload.workload, &a->oom_killed, &pids_refused);
        }
    }
}

void agent_reap(struct agent *a)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        ended(a, pid, status);
    }
}

void agent_hello(struct agent *a)
{
    struct utsname u;
    (void)uname(&u); /* a valid buffer: cannot fail */
    channel_json(&a->channel, MESSAGE_HELLO, 0,
                 json_pack("{s:i, s:s, s:s}", "version", GUEST_PROTOCOL_VERSION, "agent",
                           CLOISON_VERSION, "kernel", u.release));
}
