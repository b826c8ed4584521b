// SPDX-License-Identifier: Apache-2.0
/* Any guest memory as a console's queues, with input waiting and an output that fills up. */
#include <sys/socket.h>

#include "base/file.h"
#include "vmm/devices/console.h"
#include "vmm/devices/fake_driver.h"
#include "vmm/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static int ends[2] = {-1, -1};
    struct fake_driver f;
    struct console_device *c = NULL;
    uint8_t drained[4096];
    if (ends[0] < 0 &&
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        return 0;
    }
    vmm_log_silence();
    (void)!write(ends[1], "some input", 10); /* a full socket is fine */
    const struct console_port_settings ports[] = {
        {.name = "console", .in = ends[0], .out = ends[0], .is_console = true},
        {.name = "agent", .in = ends[0], .out = ends[0]},
    };
    fake_memory(&f);
    if (console_new(ports, ARRAY_SIZE(ports), &f.memory, NULL, &c, NULL) >= 0) {
        fake_fuzz(&f, console_virtio(c), input, size);
    }
    console_free(c);
    while (read(ends[1], drained, sizeof(drained)) > 0 || read(ends[0], drained, 10) > 0) {
    }
    return 0;
}
