// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/console.h"

#include <fcntl.h>
#include <linux/virtio_console.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/test.h"
#include "vmm/devices/fake_driver.h"
#include "vmm/log.h"

enum { CONTROL_RECEIVE = 2, CONTROL_TRANSMIT = 3, AGENT_RECEIVE = 4, AGENT_TRANSMIT = 5 };

static struct fake_driver f;
static struct console_device *console;
static int agent[2] = {-1, -1}, terminal[2] = {-1, -1};

static void fresh(void)
{
    CLEANUP(error) struct error *err = NULL;
    for (int i = 0; i < 2; i++) {
        agent[i] = fd_close(agent[i]);
        terminal[i] = fd_close(terminal[i]);
    }
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, agent), 0);
    CHECK_INT(pipe2(terminal, O_CLOEXEC), 0);
    const struct console_port_settings ports[] = {
        {.name = "console", .in = -1, .out = terminal[1], .is_console = true},
        {.name = "org.cloison.agent", .in = agent[0], .out = agent[0]},
    };
    fake_memory(&f);
    vmm_log_silence();
    console_free(console);
    CHECK_OK(console_new(ports, 2, &f.memory, NULL, &console, &err), err);
    fake_start(&f, console_virtio(console), UINT64_MAX & ~(1ull << VIRTIO_RING_F_EVENT_IDX));
}

static void say(unsigned event, unsigned id, unsigned value)
{
    struct virtio_console_control m = {id, (uint16_t)event, (uint16_t)value};
    memcpy(fake_bytes + FAKE_DATA, &m, sizeof(m));
    fake_add(&f, CONTROL_TRANSMIT, FAKE_DATA, sizeof(m), false);
    CHECK_INT(fake_offer(&f, CONTROL_TRANSMIT), 0);
}

/* What the device has to say next: its event with id and value as text, and the name. */
static const char *heard(void)
{
    static char text[128];
    struct virtio_console_control m;
    fake_add(&f, CONTROL_RECEIVE, FAKE_DATA + 0x100, 64, true);
    int64_t len = fake_offer(&f, CONTROL_RECEIVE);
    if (len < (int64_t)sizeof(m)) {
        return NULL;
    }
    memcpy(&m, fake_bytes + FAKE_DATA + 0x100, sizeof(m));
    (void)snprintf(text, sizeof(text), "%u %u %u %.*s", m.event, m.id, m.value,
                   (int)(len - (int64_t)sizeof(m)), fake_bytes + FAKE_DATA + 0x100 + sizeof(m));
    return text;
}

static void test_console_announces_its_ports(void)
{
    fresh();
    say(VIRTIO_CONSOLE_DEVICE_READY, 0, 1);
    CHECK_STR(heard(), "1 0 1 ");
    CHECK_STR(heard(), "1 1 1 ");
    say(VIRTIO_CONSOLE_PORT_READY, 0, 1);
    CHECK(fake_offer(&f, CONTROL_RECEIVE) != 0); /* the buffer left from before is used first */
    fresh();
    say(VIRTIO_CONSOLE_PORT_READY, 1, 1);
    CHECK_STR(heard(), "6 1 1 ");
    CHECK_STR(heard(), "7 1 1 org.cloison.agent");
    CHECK(!heard());
    fresh();
    say(VIRTIO_CONSOLE_PORT_READY, 0, 1);
    CHECK_STR(heard(), "4 0 1 ");
    CHECK_STR(heard(), "6 0 1 ");
    CHECK_STR(heard(), "7 0 1 console");
    say(VIRTIO_CONSOLE_PORT_OPEN, 77, 1); /* no such port: nothing happens */
}

static void test_console_passes_output(void)
{
    char text[8] = "";
    fresh();
    memcpy(fake_bytes + FAKE_DATA, "bonjour", sizeof("bonjour"));
    fake_add(&f, 1, FAKE_DATA, 3, false);
    fake_add(&f, 1, FAKE_DATA + 3, 4, false);
    CHECK_INT(fake_offer(&f, 1), 0);
    CHECK_INT(read(terminal[0], text, sizeof(text) - 1), 7);
    CHECK_STR(text, "bonjour");
}

static void test_console_input_waits_for_the_guest(void)
{
    fresh();
    CHECK_INT(write(agent[1], "hello", 5), 5);
    fake_add(&f, AGENT_RECEIVE, FAKE_DATA, 100, true);
    CHECK_INT(fake_offer(&f, AGENT_RECEIVE), -1); /* nobody has opened the port */
    say(VIRTIO_CONSOLE_PORT_OPEN, 1, 1);
    CHECK_INT(memcmp(fake_bytes + FAKE_DATA, "hello", 5), 0);
}

/* A full pipe: the guest's buffer is kept until all of it is written, and no byte is lost. */
static void test_console_back_pressure(void)
{
    char block[4096];
    size_t got = 0;
    fresh();
    CHECK(fcntl(terminal[1], F_SETPIPE_SZ, 4096) >= 4096);
    memset(fake_bytes + FAKE_DATA, 'x', 10000);
    fake_add(&f, 1, FAKE_DATA, 10000, false);
    CHECK_INT(fake_offer(&f, 1), -1);
    while (got < 10000) {
        ssize_t n = read(terminal[0], block, sizeof(block));
        CHECK(n > 0);
        got += (size_t)n;
        fake_notify(&f, 1); /* as when the pipe is writable again */
    }
    CHECK_INT(got, 10000);
    CHECK_INT(fake_bytes[512 + FAKE_USED + 2], 1); /* and the buffer is returned */
}

static void test_console_hung_up_peer_closes_the_port(void)
{
    fresh();
    say(VIRTIO_CONSOLE_PORT_OPEN, 1, 1);
    agent[1] = fd_close(agent[1]);
    fake_add(&f, AGENT_RECEIVE, FAKE_DATA, 100, true);
    CHECK_INT(fake_offer(&f, AGENT_RECEIVE), -1);
    CHECK_STR(heard(), "6 1 0 ");
}

static const struct test tests[] = {
    TEST(test_console_announces_its_ports),          TEST(test_console_passes_output),
    TEST(test_console_input_waits_for_the_guest),    TEST(test_console_back_pressure),
    TEST(test_console_hung_up_peer_closes_the_port),
};
TEST_MAIN(tests)
