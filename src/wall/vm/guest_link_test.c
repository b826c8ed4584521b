// SPDX-License-Identifier: Apache-2.0
#include "wall/vm/guest_link.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test.h"

static struct guest_link host;
static int guest = -1;
static unsigned received;

static int count_messages(void *context, const struct message *m, struct error **err)
{
    (void)context;
    (void)m;
    (void)err;
    received++;
    return 0;
}

static void fresh(void)
{
    int ends[2];
    guest = fd_close(guest);
    fd_close(host.fd > 0 ? host.fd : -1);
    link_done(&host);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    host = (struct guest_link){.fd = ends[0], .receive = count_messages};
    guest = ends[1];
    received = 0;
}

static void guest_says(enum message_type type, uint32_t session, const char *text)
{
    CLEANUP(strbuf) struct strbuf out = {0};
    message_add(&out, type, session, type == MESSAGE_DATA ? STREAM_OUT : STREAM_IN, text,
                strlen(text));
    CHECK_INT(write(guest, out.data, out.len), (ssize_t)out.len);
}

static void test_guest_link_hello(void)
{
    CLEANUP(error) struct error *err = NULL;
    fresh();
    guest_says(MESSAGE_HELLO, 0, "{\"version\":2}");
    CHECK_OK(link_hello(&host, 1000, NULL, &err), err);
    fresh();
    guest_says(MESSAGE_HELLO, 0, "{\"version\":3}");
    CHECK(link_hello(&host, 1000, NULL, &err) < 0);
    CHECK_STR(err->message, "the machine's agent speaks version 3 of the protocol, not 2");
}

static void test_guest_link_reply_after_other_messages(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(json) json_t *reply = NULL;
    fresh();
    guest_says(MESSAGE_DATA, 1, "output");
    guest_says(MESSAGE_EXIT, 3, "{\"status\":0}");
    guest_says(MESSAGE_REPLY, 2, "{\"ok\":true,\"x\":5}");
    CHECK_OK(link_request(&host, 2, "stats", NULL, 1000, &reply, &err), err);
    CHECK_INT(json_integer_value(json_object_get(reply, "x")), 5);
    CHECK_INT(received, 2);
}

static void test_guest_link_what_comes_with_a_reply(void)
{
    CLEANUP(error) struct error *err = NULL;
    fresh();
    guest_says(MESSAGE_REPLY, 2, "{\"ok\":true}");
    guest_says(MESSAGE_DATA, 2, "output");
    guest_says(MESSAGE_EXIT, 2, "{\"status\":0}");
    CHECK_OK(link_request(&host, 2, "exec", NULL, 1000, NULL, &err), err);
    CHECK_INT(received, 0); /* one read brought all three */
    CHECK_OK(link_drain(&host, &err), err);
    CHECK_INT(received, 2);
}

static void test_guest_link_carries_the_guests_error(void)
{
    CLEANUP(error) struct error *err = NULL;
    fresh();
    guest_says(MESSAGE_REPLY, 2,
               "{\"error\":{\"kind\":\"command-not-found\",\"code\":2,\"message\":\"no such\","
               "\"hint\":\"look\"}}");
    CHECK_INT(link_request(&host, 2, "start", NULL, 1000, NULL, &err), -2);
    CHECK_INT(err->kind, ERROR_COMMAND_NOT_FOUND);
    CHECK_STR(err->message, "no such");
    CHECK_STR(err->hint, "look");
}

static void test_guest_link_broken_in_every_way(void)
{
    static const struct {
        enum message_type type;
        uint32_t session;
        const char *text, *error;
    } rows[] = {
        {MESSAGE_REPLY, 2, "[]",
         "the machine's agent broke the protocol: a reply that is no object"},
        {MESSAGE_REPLY, 3, "{}",
         "the machine's agent broke the protocol: an answer that nobody asked for"},
        {MESSAGE_HELLO, 0, "{}",
         "the machine's agent broke the protocol: an answer that nobody asked for"},
        {MESSAGE_REPLY, 2, "{\"error\":{\"message\":7}}", "reply: 'message' must be a string"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(error) struct error *err = NULL;
        fresh();
        guest_says(rows[i].type, rows[i].session, rows[i].text);
        CHECK(link_request(&host, 2, "start", NULL, 1000, NULL, &err) < 0);
        CHECK_STR(err->message, rows[i].error);
    }
    CLEANUP(error) struct error *err = NULL;
    fresh();
    CHECK_INT(write(guest, "not a message at all", 20), 20);
    CHECK(link_take_in(&host, &err) < 0);
    CHECK_STR(err->message, "the machine's agent broke the protocol: a malformed message");
}

static void test_guest_link_silent_or_gone(void)
{
    struct error *err = NULL;
    fresh();
    CHECK(link_hello(&host, 20, NULL, &err) < 0);
    CHECK_STR(err->message, "the machine did not start in time");
    error_free(err);
    err = NULL;
    guest = fd_close(guest);
    CHECK(link_hello(&host, 1000, NULL, &err) < 0);
    CHECK_STR(err->message, "the machine has ended");
    error_free(err);
    CHECK_INT(link_take_in(&host, NULL), 0);
}

static const struct test tests[] = {
    TEST(test_guest_link_hello),
    TEST(test_guest_link_reply_after_other_messages),
    TEST(test_guest_link_what_comes_with_a_reply),
    TEST(test_guest_link_carries_the_guests_error),
    TEST(test_guest_link_broken_in_every_way),
    TEST(test_guest_link_silent_or_gone),
};
TEST_MAIN(tests)
