// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "base/test.h"
#include "net/names/book.h"

static const char records[] =
    "[{\"id\":\"aaaaaaaaaaaaaaaa\",\"name\":\"web\",\"hostname\":\"w\",\"table\":\"t\","
    "\"attachment\":"
    "{\"endpoints\":[{\"network\":NET1,\"interface\":\"eth0\",\"address\":\"10.0.0.2\","
    "\"address6\":\"fd00::2\",\"aliases\":[\"www\"],\"links\":[\"bbbbbbbbbbbbbbbb:other\"]}]}},"
    "{\"id\":\"bbbbbbbbbbbbbbbb\",\"name\":\"web2\",\"table\":\"t\",\"attachment\":"
    "{\"endpoints\":[{\"network\":NET1,\"interface\":\"eth0\",\"address\":\"10.0.0.3\","
    "\"aliases\":[\"www\"]}]}},"
    "{\"id\":\"cccccccccccccccc\",\"name\":\"db\",\"table\":\"t\",\"attachment\":"
    "{\"endpoints\":[{\"network\":NET2,\"interface\":\"eth0\",\"address\":\"10.1.0.2\"}]}}]";
static const char front[] =
    "{\"name\":\"front\",\"id\":\"01\",\"driver\":\"bridge\",\"device\":\"b1\","
    "\"pools\":[{\"subnet\":\"10.0.0.0/24\",\"gateway\":\"10.0.0.1\"},"
    "{\"subnet\":\"fd00::/64\",\"gateway\":\"fd00::1\"}]}";
static const char back[] =
    "{\"name\":\"back\",\"id\":\"02\",\"driver\":\"bridge\",\"device\":\"b2\","
    "\"pools\":[{\"subnet\":\"10.1.0.0/24\",\"gateway\":\"10.1.0.1\"}]}";

static char *replace(const char *text, const char *word, const char *by)
{
    struct strbuf b = {0};
    const char *at;
    for (; (at = strstr(text, word)); text = at + strlen(word)) {
        strbuf_add(&b, text, (size_t)(at - text));
        strbuf_adds(&b, by);
    }
    strbuf_adds(&b, text);
    return strbuf_take(&b);
}

static void fill(struct book *b)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(free) char *half = replace(records, "NET1", front);
    CLEANUP(free) char *text = replace(half, "NET2", back);
    CLEANUP(json) json_t *list = NULL;
    CHECK_OK(json_parse(text, strlen(text), "test", &list, &err), err);
    b->records = xcalloc(3, sizeof(struct net_record *));
    json_t *o;
    size_t i;
    json_array_foreach(list, i, o)
    {
        CHECK_OK(net_record_from_json(o, "test", &b->records[b->count++], &err), err);
    }
}

static size_t question(const char *name, uint16_t type, uint8_t *m)
{
    static const uint8_t head[12] = {0x12, 0x34, 1, 0, 0, 1};
    size_t n = sizeof(head);
    memcpy(m, head, n);
    while (*name) {
        size_t label = strcspn(name, ".");
        m[n++] = (uint8_t)label;
        memcpy(m + n, name, label);
        n += label;
        name += label + (name[label] == '.');
    }
    m[n++] = 0;
    m[n++] = (uint8_t)(type >> 8);
    m[n++] = (uint8_t)type;
    m[n++] = 0;
    m[n++] = 1;
    return n;
}

/* The first answer's address, "" for none of this type, NULL: not a name of ours. */
static const char *ask(struct book *b, size_t who, const char *name, uint16_t type)
{
    static char text[NET_ADDRESS_BYTES];
    uint8_t m[512], bytes[512];
    struct dns_question q;
    enum dns_code code;
    size_t len = question(name, type, m);
    CHECK(dns_parse(m, len, &q, &code));
    CHECK_INT(code, DNS_OK);
    struct dns_answer a = {bytes, 0, q.room};
    dns_answer_begin(&a, m, &q, DNS_OK);
    if (!book_answer(b, b->records[who], &q, &a)) {
        return NULL;
    }
    CHECK_INT(bytes[0] << 8 | bytes[1], 0x1234);
    struct net_address at = {.family = type == DNS_AAAA ? AF_INET6 : AF_INET};
    text[0] = '\0';
    if (bytes[7]) {
        memcpy(at.bytes, bytes + q.end + 12, net_address_len(&at));
        net_address_text(&at, text);
    }
    return text;
}

static void test_names_of_neighbours(void)
{
    CLEANUP(error) struct error *err = NULL;
    struct book b = {0};
    fill(&b);
    static const char *const called[] = {"web",          "WEB",       "w",        "web.front",
                                         "aaaaaaaaaaaa", "web.front", "www.front"};
    for (size_t i = 0; i < 6; i++) {
        CHECK_STR(ask(&b, 1, called[i], DNS_A), "10.0.0.2");
    }
    CHECK_STR(ask(&b, 1, "web", DNS_AAAA), "fd00::2");
    CHECK_STR(ask(&b, 1, "web2", DNS_AAAA), "");
    CHECK_STR(ask(&b, 1, "web", 15), "");
    CHECK(ask(&b, 1, "db", DNS_A) == NULL); /* of another network */
    CHECK(ask(&b, 2, "web", DNS_A) == NULL);
    CHECK(ask(&b, 1, "webx", DNS_A) == NULL);
    CHECK_STR(ask(&b, 0, "other", DNS_A), "10.0.0.3"); /* a link, of one container alone */
    CHECK(ask(&b, 1, "other", DNS_A) == NULL);
    CHECK(ask(&b, 1, "web.back", DNS_A) == NULL);
    CHECK(ask(&b, 1, "3.0.0.10.in-addr.arpa", DNS_PTR) != NULL);
    CHECK(ask(&b, 1, "2.0.1.10.in-addr.arpa", DNS_PTR) == NULL);
    CLEANUP(free) char *first = xstrdup(ask(&b, 0, "www", DNS_A));
    CHECK(!str_equal(first, ask(&b, 0, "www", DNS_A))); /* in turn */
    struct net_address gateway, at;
    CHECK(net_address_parse("10.0.0.1", &gateway) == 0 && net_address_parse("10.0.0.3", &at) == 0);
    CHECK(book_asker(&b, &gateway, &at) == b.records[1]);
    CHECK(net_address_parse("10.1.0.1", &gateway) == 0);
    CHECK(book_asker(&b, &gateway, &at) == NULL);
    struct gateways all = {0};
    book_gateways(&b, &all);
    CHECK_INT(all.count, 2);
    free(all.items);
    book_done(&b);
}

static void test_names_questions_refused(void)
{
    uint8_t m[512];
    struct dns_question q;
    enum dns_code code;
    size_t len = question("web", DNS_A, m);
    for (size_t n = 0; n < len; n++) { /* cut anywhere */
        if (dns_parse(m, n, &q, &code)) {
            CHECK_INT(code, DNS_FORMAT_ERROR);
            CHECK(q.end <= n);
        }
    }
    m[2] |= 0x80; /* an answer */
    CHECK(!dns_parse(m, len, &q, &code));
    m[2] = 0x28; /* an update */
    CHECK(dns_parse(m, len, &q, &code) && code == DNS_REFUSED);
    m[2] = 0;
    m[12] = 0xc0; /* a pointer */
    CHECK(dns_parse(m, len, &q, &code) && code == DNS_FORMAT_ERROR);
}

static void test_names_reverse(void)
{
    struct net_address a;
    char text[NET_ADDRESS_BYTES];
    CHECK(dns_reverse("4.3.2.1.in-addr.arpa", &a));
    net_address_text(&a, text);
    CHECK_STR(text, "1.2.3.4");
    CHECK(dns_reverse("2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
                      &a));
    net_address_text(&a, text);
    CHECK_STR(text, "fd00::2");
    CHECK(!dns_reverse("4.3.2.300.in-addr.arpa", &a) && !dns_reverse("web", &a));
    CHECK(!dns_reverse("4.3.2.1.in-addr.arpax", &a));
}

static const struct test tests[] = {
    TEST(test_names_of_neighbours),
    TEST(test_names_questions_refused),
    TEST(test_names_reverse),
};
TEST_MAIN(tests)
