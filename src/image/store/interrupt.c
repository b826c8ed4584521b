// SPDX-License-Identifier: Apache-2.0
#include "image/store/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t signal_number;

static void note(int number)
{
    signal_number = number;
}

void interrupt_watch(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction ignored, action = {.sa_handler = note}; /* no SA_RESTART: reads end */
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        if (sigaction(signals[i], NULL, &ignored) == 0 && ignored.sa_handler != SIG_IGN) {
            (void)sigaction(signals[i], &action, NULL); /* valid by construction */
        }
    }
}

bool interrupt_wanted(void)
{
    return signal_number != 0;
}

int interrupt_check(struct error **err)
{
    return signal_number ? error_set(err, ERROR_BUSY, EINTR, "interrupted by a signal") : 0;
}

void interrupt_finish(void)
{
    if (signal_number) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        (void)sigaction(signal_number, &action, NULL);
        (void)kill(getpid(), signal_number);
    }
}
