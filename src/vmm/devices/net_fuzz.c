// SPDX-License-Identifier: Apache-2.0
/* Any guest memory as a network device's queues, with frames waiting on both sides. */
#include <sys/socket.h>

#include "base/file.h"
#include "vmm/devices/fake_driver.h"
#include "vmm/devices/net.h"
#include "vmm/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static int both[2][2] = {{-1, -1}, {-1, -1}};
    bool is_stream = size % 2 == 1;
    int *ends = both[is_stream];
    static const uint8_t frame[300] = {0, 0, 0, 100}; /* a stream's second has no valid length */
    struct fake_driver f;
    struct net_device *n = NULL;
    uint8_t drained[2048];
    if (ends[0] < 0 &&
        socketpair(AF_UNIX, (is_stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK,
                   0, ends) < 0) {
        return 0;
    }
    vmm_log_silence();
    for (int i = 0; i < 3; i++) {
        (void)!write(ends[1], frame, sizeof(frame)); /* a full queue is fine */
    }
    struct net_settings settings = {.fd = ends[0], .is_stream = is_stream, .mac = {2}, .mtu = 1500};
    fake_memory(&f);
    if (net_new(&settings, &f.memory, NULL, &n, NULL) >= 0) {
        fake_fuzz(&f, net_virtio(n), input, size);
    }
    net_free(n);
    while (read(ends[1], drained, sizeof(drained)) > 0) {
    }
    return 0;
}
