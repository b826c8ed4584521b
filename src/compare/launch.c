// SPDX-License-Identifier: Apache-2.0
#include "compare/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/signals.h"
#include "compare/watcher.h"

static int open_channels(struct launch *l, int ret_write[2], struct error **err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    l->reports = ends[0];
    ret_write[0] = ends[1];
    /* Both streams, for when it has ended: a file, since nobody reads meanwhile. */
    l->text = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (l->text < 0) {
        int r = error_set_errno(err, ERROR_KERNEL, errno, "making a temporary file in '/tmp'");
        l->reports = fd_close(l->reports);
        ret_write[0] = fd_close(ret_write[0]);
        return r;
    }
    return 0;
}

int launch_begin(const struct launch_order *order, struct launch *ret, struct error **err)
{
    int ends[2] = {-1, -1};
    *ret = (struct launch){.watcher = -1, .reports = -1, .text = -1};
    for (int i = 0; i < LAUNCH_EVENTS; i++) {
        ret->report[i].ns = -1;
    }
    int r = open_channels(ret, ends, err);
    if (r < 0) {
        return r;
    }
    ret->watcher = fork();
    if (ret->watcher == 0) {
        watcher_main(order, ends[0], ret->text);
    }
    r = ret->watcher < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "starting a process") : 0;
    ends[0] = fd_close(ends[0]);
    if (r < 0) {
        launch_done(ret);
    }
    return r;
}

/* Takes one report. 0 at the end, -EAGAIN when none came in time. */
static int take_report(struct launch *l, int timeout_ms)
{
    struct pollfd p = {.fd = l->reports, .events = POLLIN};
    struct launch_report report;
    int r = poll(&p, 1, timeout_ms);
    if (r <= 0) {
        return -EAGAIN;
    }
    ssize_t n = read_all(l->reports, &report, sizeof(report));
    if (n != (ssize_t)sizeof(report) || report.event >= LAUNCH_EVENTS) {
        return 0;
    }
    l->report[report.event] = report;
    return 1;
}

#define LOOK_MS 50 /* how often pending signals are looked for */

int launch_wait(struct launch *l, enum launch_event event, int timeout_ms, const sigset_t *signals)
{
    int64_t end = clock_ms() + timeout_ms;
    while (l->report[event].ns < 0) {
        if (l->report[LAUNCH_ENDED].ns >= 0) {
            return 0;
        }
        if (signals && signals_are_pending(signals)) {
            return -EINTR;
        }
        int64_t left = end - clock_ms();
        if (left <= 0) {
            return -ETIMEDOUT;
        }
        if (take_report(l, left < LOOK_MS ? (int)left : LOOK_MS) == 0) {
            return 0;
        }
    }
    return 1;
}

/* The watcher wrote the lengths of both behind them. */
static void take_text(struct launch *l)
{
    uint32_t lengths[2] = {0, 0};
    off_t at = lseek(l->text, -(off_t)sizeof(lengths), SEEK_END);
    if (at < 0 || pread(l->text, lengths, sizeof(lengths), at) != (ssize_t)sizeof(lengths) ||
        lengths[0] > LAUNCH_TEXT_BYTES || lengths[1] > LAUNCH_TEXT_BYTES) {
        lengths[0] = lengths[1] = 0;
    }
    char **const texts[] = {&l->output, &l->errors};
    for (size_t i = 0, from = 0; i < 2; i++) {
        *texts[i] = xcalloc(1, lengths[i] + 1);
        if (pread(l->text, *texts[i], lengths[i], (off_t)from) != (ssize_t)lengths[i]) {
            **texts[i] = '\0';
        }
        from += lengths[i];
    }
}

void launch_end(struct launch *l)
{
    int status;
    if (l->watcher <= 0) {
        return;
    }
    if (l->report[LAUNCH_ENDED].ns < 0) {
        (void)kill(l->watcher, SIGTERM);
    }
    while (l->report[LAUNCH_ENDED].ns < 0 && take_report(l, 60000) == 1) {
    }
    while (waitpid(l->watcher, &status, 0) < 0 && errno == EINTR) {
    }
    l->watcher = -1;
    take_text(l);
}

void launch_done(struct launch *l)
{
    launch_end(l);
    l->reports = l->reports > 0 ? fd_close(l->reports) : -1;
    l->text = l->text > 0 ? fd_close(l->text) : -1;
    free(take_ptr(l->output));
    free(take_ptr(l->errors));
}
