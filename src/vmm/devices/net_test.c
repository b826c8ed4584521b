// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/net.h"

#include <linux/virtio_net.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/test.h"
#include "vmm/devices/fake_driver.h"
#include "vmm/log.h"

enum { RECEIVE, TRANSMIT, HEADER = 12 };

static struct fake_driver f;
static struct net_device *net;
static int wire[2] = {-1, -1};

static void fresh_on(int type, uint64_t features)
{
    CLEANUP(error) struct error *err = NULL;
    wire[0] = fd_close(wire[0]);
    wire[1] = fd_close(wire[1]);
    CHECK_INT(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, wire), 0);
    struct net_settings settings = {
        .fd = wire[0], .is_stream = type == SOCK_STREAM, .mac = {2, 0, 0, 0, 0, 9}, .mtu = 1400};
    fake_memory(&f);
    vmm_log_silence();
    net_free(net);
    CHECK_OK(net_new(&settings, &f.memory, NULL, &net, &err), err);
    fake_start(&f, net_virtio(net), features);
}

static void fresh(uint64_t features)
{
    fresh_on(SOCK_DGRAM, features);
}

static void test_net_configuration(void)
{
    uint8_t mac[6];
    uint16_t mtu;
    fresh(UINT64_MAX);
    for (uint32_t i = 0; i < 6; i++) {
        virtio_mmio_read(&f.mmio, VIRTIO_MMIO_CONFIG + i, mac + i, 1);
    }
    CHECK_INT(memcmp(mac, (const uint8_t[]){2, 0, 0, 0, 0, 9}, 6), 0);
    virtio_mmio_read(&f.mmio, VIRTIO_MMIO_CONFIG + 10, &mtu, 2);
    CHECK_INT(mtu, 1400);
}

static void test_net_sends(void)
{
    uint8_t got[256];
    fresh(0);
    memset(fake_bytes + FAKE_DATA, 7, 100);
    fake_add(&f, TRANSMIT, FAKE_DATA, HEADER, false);
    fake_add(&f, TRANSMIT, FAKE_DATA + HEADER, 60, false);
    CHECK_INT(fake_offer(&f, TRANSMIT), 0);
    CHECK_INT(read(wire[1], got, sizeof(got)), HEADER + 60);
    fake_add(&f, TRANSMIT, FAKE_DATA, 5, false); /* no frame: dropped, and returned */
    CHECK_INT(fake_offer(&f, TRANSMIT), 0);
    CHECK_INT(read(wire[1], got, sizeof(got)), -1);
}

static void test_net_receives_into_several_buffers(void)
{
    uint8_t frame[250];
    uint16_t buffers;
    for (size_t i = 0; i < sizeof(frame); i++) {
        frame[i] = (uint8_t)i;
    }
    fresh(1ull << VIRTIO_NET_F_MRG_RXBUF);
    CHECK_INT(write(wire[1], frame, sizeof(frame)), sizeof(frame));
    fake_add(&f, RECEIVE, FAKE_DATA, 100, true);
    CHECK_INT(fake_offer(&f, RECEIVE), -1); /* it does not fit yet, and is kept */
    uint16_t *avail = (uint16_t *)(void *)(fake_bytes + FAKE_AVAIL);
    for (uint16_t i = 1; i < 3; i++) { /* two more buffers, each a chain of one */
        struct vring_desc d = {FAKE_DATA + i * 0x100u, 100, VRING_DESC_F_WRITE, 0};
        memcpy(fake_bytes + i * sizeof(d), &d, sizeof(d));
        avail[2 + avail[1]++ % FAKE_QUEUE_SIZE] = i;
    }
    fake_notify(&f, RECEIVE);
    CHECK_INT(fake_bytes[FAKE_USED + 2], 3);
    memcpy(&buffers, fake_bytes + FAKE_DATA + 10, sizeof(buffers));
    CHECK_INT(buffers, 3);
    CHECK_INT(memcmp(fake_bytes + FAKE_DATA + 12, frame + 12, 88), 0);
    CHECK_INT(memcmp(fake_bytes + FAKE_DATA + 0x100, frame + 100, 100), 0);
    CHECK_INT(memcmp(fake_bytes + FAKE_DATA + 0x200, frame + 200, 50), 0);
    CHECK_INT(fake_bytes[FAKE_DATA + 0x200 + 50], 0);
}

static void test_net_cuts_what_does_not_fit_without_merging(void)
{
    uint8_t frame[250] = {0};
    fresh(0);
    CHECK_INT(write(wire[1], frame, sizeof(frame)), sizeof(frame));
    fake_add(&f, RECEIVE, FAKE_DATA, 100, true);
    CHECK_INT(fake_offer(&f, RECEIVE), 100);
    CHECK_INT(fake_bytes[FAKE_DATA + 10], 1);
}

/* The driver's header and a frame of `len` bytes, each `value`. */
static void send_frame(uint32_t len, uint8_t value)
{
    memset(fake_bytes + FAKE_DATA, value, HEADER + len);
    fake_add(&f, TRANSMIT, FAKE_DATA, HEADER, false);
    fake_add(&f, TRANSMIT, FAKE_DATA + HEADER, len, false);
}

static void test_net_stream_sends(void)
{
    uint8_t got[256];
    unsigned sent = 0, came = 0, wrong = 0;
    ssize_t n;
    fresh_on(SOCK_STREAM, UINT64_MAX);
    send_frame(60, 7);
    CHECK_INT(fake_offer(&f, TRANSMIT), 0);
    CHECK_INT(read(wire[1], got, sizeof(got)), 4 + 60);
    CHECK_INT(memcmp(got, (const uint8_t[]){0, 0, 0, 60, 7, 7}, 6), 0);
    send_frame(5, 7); /* no frame: dropped, and returned */
    CHECK_INT(fake_offer(&f, TRANSMIT), 0);
    CHECK_INT(read(wire[1], got, sizeof(got)), -1);
    /* Nobody reads: the last frame that was taken waits, its rest behind what fitted. */
    int small = 1;
    CHECK_INT(setsockopt(wire[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    do {
        send_frame(60, (uint8_t)++sent);
    } while (fake_offer(&f, TRANSMIT) == 0 && sent < 10000);
    CHECK(sent < 10000);
    for (int turns = 0; turns < 10; turns++) {
        while ((n = read(wire[1], got, 64)) > 0) {
            came++;
            wrong += n != 64 || got[3] != 60 || got[63] != (uint8_t)came;
        }
        net_wire_ready(net);
    }
    CHECK_INT(came, sent);
    CHECK_INT(wrong, 0);
}

static void test_net_stream_receives_piece_by_piece(void)
{
    uint8_t frame[4 + 60] = {0, 0, 0, 60};
    memset(frame + 4, 9, 60);
    fresh_on(SOCK_STREAM, 1ull << VIRTIO_NET_F_MRG_RXBUF);
    fake_add(&f, RECEIVE, FAKE_DATA, 100, true);
    CHECK_INT(fake_offer(&f, RECEIVE), -1);
    for (size_t i = 0; i < sizeof(frame); i++) {
        CHECK_INT(fake_bytes[FAKE_USED + 2], 0);
        CHECK_INT(write(wire[1], frame + i, 1), 1);
        net_wire_ready(net);
    }
    CHECK_INT(fake_bytes[FAKE_USED + 2], 1);
    CHECK_INT(memcmp(fake_bytes + FAKE_DATA + HEADER, frame + 4, 60), 0);
    CHECK_INT(fake_bytes[FAKE_DATA + 10], 1);
    /* A length that cannot be: the wire is left alone from here on. */
    CHECK_INT(write(wire[1], (const uint8_t[]){0, 2, 0, 0}, 4), 4);
    net_wire_ready(net);
    net_wire_ready(net);
    CHECK_INT(fake_bytes[FAKE_USED + 2], 1);
}

static const struct test tests[] = {
    TEST(test_net_configuration),
    TEST(test_net_sends),
    TEST(test_net_receives_into_several_buffers),
    TEST(test_net_cuts_what_does_not_fit_without_merging),
    TEST(test_net_stream_sends),
    TEST(test_net_stream_receives_piece_by_piece),
};
TEST_MAIN(tests)
