// SPDX-License-Identifier: Apache-2.0
/* The terminal's end of a container: copies between our standard streams and the monitor, in raw
 * mode where both sides have a terminal, forwards signals and the window's size, sees the detach
 * keys. Ends with the workload or at detaching; the terminal is then as it was.
 *
 * Side effects: the terminal's mode, signal dispositions of this process. Main thread. */
#pragma once

#include <signal.h>

#include "engine/attach.h"
#include "engine/container.h"
#include "spec/request.h"

struct session_options {
    const struct run_request *request; /* of run; NULL for attach and start -a: */
    bool in, out, err;                 /* what to attach */
    bool sig_proxy;
    const char *detach_keys; /* NULL: "ctrl-p,ctrl-q" */
    /* The signal mask to go on with, of a caller that holds signals back (signals_hold()): one that
     * comes between the start and the session is then forwarded. NULL: the current one. */
    const sigset_t *mask;
};

/* Refuses what cannot work before anything is made: -t without a terminal, wrong detach keys. */
int session_check(const struct run_request *r, struct error **err) NODISCARD;
/* Which streams a foreground run attaches. */
struct frame_attach session_streams(const struct run_request *r);

/* Runs it over a socket of the attach protocol on which FRAME_ATTACH was sent. Returns the
 * workload's exit code, 0 after detaching. */
int session_run(const struct engine *e, const struct container *c, int sock,
                const struct session_options *options, struct error **err) NODISCARD;

/* The detach keys in a stream of input: "ctrl-p,ctrl-q", "ctrl-@", "a,b". */
#define KEYS_MAX 16
struct keys_scan {
    unsigned char keys[KEYS_MAX];
    int count, seen;
};
/* text NULL: "ctrl-p,ctrl-q". */
int keys_scan_init(struct keys_scan *k, const char *text, struct error **err) NODISCARD;
/* Copies what is to be passed on to `out`, which has room for len + KEYS_MAX bytes: what turns out
 * to be only the keys' beginning comes late. True when they are complete. */
bool keys_scan(struct keys_scan *k, const unsigned char *bytes, size_t len, unsigned char *out,
               size_t *ret_len);

/* What is forwarded: everything that a user or a program may send us; job control's and the
 * kernel's own signals stay. With `tty` the window's changes too. */
void session_signals(sigset_t *set, bool proxy, bool tty);
