// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/session.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/test.h"

static struct sessions sessions;
static struct channel channel;
static struct session *session;
static int host = -1, process_in = -1, process_out = -1;

/* A session whose process is the test itself, holding its ends. */
static void fresh(void)
{
    CLEANUP(error) struct error *err = NULL;
    int ends[2];
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (sessions.slots[i].id != 0) {
            session_close(&sessions.slots[i]);
        }
    }
    host = fd_close(host);
    process_in = fd_close(process_in);
    process_out = fd_close(process_out);
    strbuf_done(&channel.out);
    fd_close(channel.fd > 0 ? channel.fd : -1);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    channel = (struct channel){.fd = ends[0]};
    host = ends[1];
    CHECK_OK(session_open(&sessions, 5, false, &session, &err), err);
    process_in = fcntl(session->ends.in, F_DUPFD_CLOEXEC, 3);
    process_out = fcntl(session->ends.out, F_DUPFD_CLOEXEC, 3);
    session_running(session, 1234);
}

/* How many bytes of this stream are queued for the host, and whether its end is. */
static size_t queued(enum message_type type, enum message_stream stream)
{
    struct message_reader r = {0};
    struct message m;
    size_t bytes = 0;
    message_feed(&r, str_or(channel.out.data, ""), channel.out.len);
    while (message_next(&r, &m) > 0) {
        if (m.header.type == type && m.header.stream == stream) {
            bytes += type == MESSAGE_DATA ? m.header.bytes : 1;
        }
    }
    message_reader_done(&r);
    return bytes;
}

static void test_session_output_stops_at_the_credit(void)
{
    static char block[64 * 1024];
    fresh();
    CHECK(fcntl(process_out, F_SETPIPE_SZ, 1 << 20) >= 1 << 20);
    session->out.credit = 100000;
    for (int i = 0; i < 3; i++) {
        CHECK_INT(write(process_out, block, sizeof(block)), sizeof(block));
    }
    for (int i = 0; i < 10; i++) {
        session_serve(session, &channel);
    }
    CHECK_INT(queued(MESSAGE_DATA, STREAM_OUT), 100000);
    struct pollfd p[3];
    CHECK_INT(session_poll(session, true, p), 0); /* the error output has ended */
    session_credit(session, STREAM_OUT, 1000);
    session_serve(session, &channel);
    CHECK_INT(queued(MESSAGE_DATA, STREAM_OUT), 101000);
    session_credit(session, STREAM_OUT, UINT32_MAX);
    session_credit(session, STREAM_OUT, UINT32_MAX); /* does not wrap around */
    CHECK_INT(session->out.credit, UINT32_MAX);
}

static void test_session_input_gives_credit_back(void)
{
    char text[16] = "";
    fresh();
    CHECK_INT(session_input(session, "hello ", 6), 0);
    CHECK_INT(session_input(session, "world", 5), 0);
    session_input_ends(session);
    CHECK_INT(queued(MESSAGE_CREDIT, STREAM_IN), 0);
    session_serve(session, &channel);
    CHECK_INT(queued(MESSAGE_CREDIT, STREAM_IN), 1);
    CHECK_INT(read(process_in, text, sizeof(text)), 11);
    CHECK_STR(text, "hello world");
    CHECK_INT(read(process_in, text, sizeof(text)), 0); /* and closed */
    CHECK_INT(session_input(session, "late", 4), 0);
}

static void test_session_input_beyond_the_credit(void)
{
    static char block[MESSAGE_DATA_MAX];
    int r = 0;
    fresh();
    for (int i = 0; r == 0 && i < 10; i++) {
        r = session_input(session, block, sizeof(block));
    }
    CHECK_INT(r, -EPROTO);
}

static void test_session_end_follows_all_output(void)
{
    fresh();
    CHECK_INT(write(process_out, "last words", 10), 10);
    CHECK(!session_tell_end(session, &channel, false)); /* it runs */
    session->has_ended = true;
    session->pid = 0;
    session->out.credit = 4;
    CHECK(!session_tell_end(session, &channel, false)); /* the host has room for four bytes */
    session_credit(session, STREAM_OUT, 100);
    CHECK(session_tell_end(session, &channel, true));
    CHECK_INT(queued(MESSAGE_DATA, STREAM_OUT), 10);
    CHECK_INT(queued(MESSAGE_EXIT, STREAM_IN), 1);
    CHECK(memmem(channel.out.data, channel.out.len, "\"oomKilled\":true", 16));
    CHECK(!session_find(&sessions, 5));
}

static void test_session_numbers(void)
{
    CLEANUP(error) struct error *err = NULL;
    struct session *s;
    fresh();
    CHECK(session_open(&sessions, 5, false, &s, &err) < 0);
    CHECK_STR(err->message, "session 5 exists");
    CHECK(session_open(&sessions, 0, false, &s, NULL) < 0);
    CHECK(!session_find(&sessions, 0));
}

static const struct test tests[] = {
    TEST(test_session_output_stops_at_the_credit),
    TEST(test_session_input_gives_credit_back),
    TEST(test_session_input_beyond_the_credit),
    TEST(test_session_end_follows_all_output),
    TEST(test_session_numbers),
};
TEST_MAIN(tests)
