// SPDX-License-Identifier: Apache-2.0
#include "base/signals.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

/* man 7 signal, x86 and ARM numbering. The C library keeps 32 and 33 for itself, so its SIGRTMIN is
 * 34; names beyond are what `kill -l` prints. */
static const char *const names[] = {
    [1] = "SIGHUP",       [2] = "SIGINT",       [3] = "SIGQUIT",      [4] = "SIGILL",
    [5] = "SIGTRAP",      [6] = "SIGABRT",      [7] = "SIGBUS",       [8] = "SIGFPE",
    [9] = "SIGKILL",      [10] = "SIGUSR1",     [11] = "SIGSEGV",     [12] = "SIGUSR2",
    [13] = "SIGPIPE",     [14] = "SIGALRM",     [15] = "SIGTERM",     [16] = "SIGSTKFLT",
    [17] = "SIGCHLD",     [18] = "SIGCONT",     [19] = "SIGSTOP",     [20] = "SIGTSTP",
    [21] = "SIGTTIN",     [22] = "SIGTTOU",     [23] = "SIGURG",      [24] = "SIGXCPU",
    [25] = "SIGXFSZ",     [26] = "SIGVTALRM",   [27] = "SIGPROF",     [28] = "SIGWINCH",
    [29] = "SIGIO",       [30] = "SIGPWR",      [31] = "SIGSYS",      [34] = "SIGRTMIN",
    [35] = "SIGRTMIN+1",  [36] = "SIGRTMIN+2",  [37] = "SIGRTMIN+3",  [38] = "SIGRTMIN+4",
    [39] = "SIGRTMIN+5",  [40] = "SIGRTMIN+6",  [41] = "SIGRTMIN+7",  [42] = "SIGRTMIN+8",
    [43] = "SIGRTMIN+9",  [44] = "SIGRTMIN+10", [45] = "SIGRTMIN+11", [46] = "SIGRTMIN+12",
    [47] = "SIGRTMIN+13", [48] = "SIGRTMIN+14", [49] = "SIGRTMIN+15", [50] = "SIGRTMAX-14",
    [51] = "SIGRTMAX-13", [52] = "SIGRTMAX-12", [53] = "SIGRTMAX-11", [54] = "SIGRTMAX-10",
    [55] = "SIGRTMAX-9",  [56] = "SIGRTMAX-8",  [57] = "SIGRTMAX-7",  [58] = "SIGRTMAX-6",
    [59] = "SIGRTMAX-5",  [60] = "SIGRTMAX-4",  [61] = "SIGRTMAX-3",  [62] = "SIGRTMAX-2",
    [63] = "SIGRTMAX-1",  [64] = "SIGRTMAX",
};
#define SIGNAL_MAX 64
#define REAL_TIME_MIN 34

static const struct {
    const char *name;
    int number;
} aliases[] = {{"IOT", 6}, {"CLD", 17}, {"POLL", 29}};

const char *signal_name(int number)
{
    return number > 0 && number <= SIGNAL_MAX ? names[number] : NULL;
}

/* "RTMIN+3" and "RTMAX-2" beyond the names of the table: RTMIN+20 is RTMAX-10. */
static int parse_real_time(const char *name)
{
    int64_t offset = 0;
    bool from_min = strncasecmp(name, "RTMIN+", 6) == 0;
    bool from_max = strncasecmp(name, "RTMAX-", 6) == 0;
    if (!(from_min || from_max) || str_to_i64(name + 6, 10, &offset) < 0 || offset < 0 ||
        offset > SIGNAL_MAX - REAL_TIME_MIN) {
        return -EINVAL;
    }
    return (int)(from_min ? REAL_TIME_MIN + offset : SIGNAL_MAX - offset);
}

static int parse_name(const char *name)
{
    if (strncasecmp(name, "SIG", 3) == 0) {
        name += 3;
    }
    for (int i = 1; i <= SIGNAL_MAX; i++) {
        if (names[i] && strcasecmp(names[i] + 3, name) == 0) {
            return i;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
        if (strcasecmp(aliases[i].name, name) == 0) {
            return aliases[i].number;
        }
    }
    return parse_real_time(name);
}

int signal_parse(const char *text, int *ret, struct error **err)
{
    int64_t number = 0;
    if (str_to_i64(text, 10, &number) < 0) {
        number = parse_name(text);
    }
    if (number < 1 || number > SIGNAL_MAX) {
        int r = error_set(err, ERROR_USAGE, 0, "invalid signal: '%s'", text);
        return error_hint(err, r, "a name such as TERM, or 1 to %d", SIGNAL_MAX);
    }
    *ret = (int)number;
    return 0;
}

void signals_hold(sigset_t *ret_held, sigset_t *ret_old)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    (void)sigemptyset(ret_held);
    for (size_t i = 0; i < ARRAY_SIZE(ending); i++) {
        struct sigaction now;
        if (sigaction(ending[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN) {
            (void)sigaddset(ret_held, ending[i]);
        }
    }
    (void)sigprocmask(SIG_BLOCK, ret_held, ret_old);
}

bool signals_are_pending(const sigset_t *held)
{
    sigset_t pending, both;
    return sigpending(&pending) == 0 && sigandset(&both, &pending, held) == 0 &&
           !sigisemptyset(&both);
}
