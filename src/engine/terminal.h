// SPDX-License-Identifier: Apache-2.0
/* A child of ours at our terminal: the foreground half of exec, and of cloison-oci's run. Copies
 * between a pseudo-terminal's master and our own streams where there is one, forwards signals and
 * the window's size, waits for the child. Side effects: the terminal's mode, this process's signal
 * mask. Main thread. */
#pragma once

#include <sys/types.h>
#include <termios.h>

#include "base/error.h"
#include "engine/session.h"

struct terminal {
    /* filled in by the caller */
    bool interactive;
    bool no_detach;          /* no keys detach: all input is the child's */
    const char *detach_keys; /* NULL: "ctrl-p,ctrl-q" */
    int master;              /* borrowed; -1: the child has our streams itself */
    pid_t pid;
    /* the rest is its own */
    bool detached, raw, input_open;
    struct termios saved;
    struct keys_scan keys;
    int signals;
};

/* Before the child exists: no signal is lost between its making and terminal_serve(). */
int terminal_prepare(struct terminal *t, struct error **err) NODISCARD;
/* Until the child has ended (*ret_status as of waitpid) or the user has detached. */
int terminal_serve(struct terminal *t, int *ret_status, struct error **err) NODISCARD;
void terminal_done(struct terminal *t);

/* After the keys that detach: the shell's prompt begins a line of its own. Writes to our stderr. */
void terminal_new_line(void);
