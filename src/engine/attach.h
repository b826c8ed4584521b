// SPDX-License-Identifier: Apache-2.0
/* What a container's monitor and its clients say to each other: over the socket that the starting
 * command hands to the monitor it spawns, and over attach.sock for every later one.
 *
 * One message of a SOCK_SEQPACKET socket is one frame: a type byte and a payload of at most
 * FRAME_DATA_MAX bytes. Numbers are the machine's own. The kernel keeps frames whole, so there is
 * no parser to get wrong; a frame of an unknown type or of a wrong length closes the connection.
 *
 * A client sends requests; FRAME_SIGNAL, _STOP, _PAUSE, _RESUME, _EXEC are answered each by
 * FRAME_OK or FRAME_FAILED, in order. Every client is told FRAME_EXIT. Output flows to those that
 * sent FRAME_ATTACH (the starting command of a foreground run is attached from the start, so that
 * no byte is lost).
 *
 * Slow clients: the socket's buffer is the only queue, bounded by the kernel. While a client's is
 * full the workload's output is not read, so the workload waits as at any full pipe. The starting
 * command may keep it waiting for ever, as `run | less` should; a client that attached later is
 * dropped (FRAME_DETACHED is its last frame, if it ever reads it) after ATTACH_PATIENCE_MS: a
 * forgotten terminal cannot stop a service.
 *
 * Spec: man 7 unix (SOCK_SEQPACKET). Side effects: none but the socket's. Any process. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

#define FRAME_DATA_MAX 16384
#define ATTACH_PATIENCE_MS 10000

enum frame_type {
    /* client → monitor */
    FRAME_ATTACH = 'a',    /* struct frame_attach */
    FRAME_STDIN = 'i',     /* bytes */
    FRAME_STDIN_END = 'e', /* no more of them */
    FRAME_RESIZE = 'r',    /* struct frame_size */
    FRAME_SIGNAL = 's',    /* struct frame_signal: to the workload's first process */
    FRAME_STOP = 't',      /* the same, and whatever the restart policy says it stays stopped */
    FRAME_PAUSE = 'p',
    FRAME_RESUME = 'u',
    FRAME_EXEC = 'x', /* the name of a file in the run folder: see engine/exec.h */
    /* monitor → client */
    FRAME_STDOUT = 'O',
    FRAME_STDERR = 'E',
    FRAME_WARNING = 'W',  /* a line for the user, of what is no failure */
    FRAME_TIMING = 'T',   /* struct frame_timing, then the phase's name */
    FRAME_STARTED = 'S',  /* the workload's program runs */
    FRAME_OK = 'K',       /* the request is done */
    FRAME_FAILED = 'F',   /* struct frame_error, then message NUL hint NUL */
    FRAME_EXIT = 'X',     /* struct frame_exit */
    FRAME_DETACHED = 'D', /* why, as text */
};

struct frame_attach {
    uint8_t in, out, err;
};
struct frame_size {
    uint16_t rows, columns;
};
struct frame_signal {
    int32_t signal;
};
struct frame_timing {
    int64_t monotonic_ns; /* when the phase ended */
};
struct frame_error {
    int32_t kind, code;
};
struct frame_exit {
    int32_t code;
    uint8_t final; /* the restart policy does not start it again; all is cleaned up */
    uint8_t oom_killed;
    uint8_t pids_limit_hit;
};

struct frame {
    uint8_t type;
    uint8_t data[FRAME_DATA_MAX + 1]; /* room for a NUL behind text */
    size_t len;                       /* of data */
};

/* Sends one. 0 or -errno (-EAGAIN on a full non-blocking socket, -EPIPE when the peer is gone). */
int frame_send(int sock, enum frame_type type, const void *data, size_t len);
/* The same without waiting, whatever the socket's mode. */
int frame_send_now(int sock, enum frame_type type, const void *data, size_t len);
/* Receives one, a NUL put behind its data: 1; 0 at the end of the connection; -errno. */
int frame_receive(int sock, struct frame *ret);

/* An error across the socket. */
int frame_send_error(int sock, const struct error *e);
int frame_to_error(const struct frame *f, struct error **err);
