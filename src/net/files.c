// SPDX-License-Identifier: Apache-2.0
#include "net/files.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define HOST_FILE_MAX ((size_t)4 << 20) /* block lists in /etc/hosts are a few hundred KiB */

static bool is_address(const char *text)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* Splits "name:ip"; both are the caller's. The first separator counts: an IPv6 address has more. */
static int split_entry(const char *entry, char **ret_name, char **ret_address, struct error **err)
{
    size_t n = strcspn(entry, ":=");
    const char *address = entry[n] ? entry + n + 1 : "";
    size_t len = strlen(address);
    bool brackets = len > 1 && address[0] == '[' && address[len - 1] == ']';
    CLEANUP(free) char *bare = xstrndup(address + brackets, len - 2 * (size_t)brackets);
    if (n == 0 || strpbrk(entry, " \t\n#") ||
        (!is_address(bare) && !str_equal(bare, "host-gateway"))) {
        int r = error_set(err, ERROR_USAGE, EINVAL, "invalid host '%s'", entry);
        return error_hint(err, r, "write NAME:ADDRESS or NAME:host-gateway");
    }
    *ret_name = xstrndup(entry, n);
    *ret_address = take_ptr(bare);
    return 0;
}

int net_check_add_host(const char *entry, struct error **err)
{
    CLEANUP(free) char *name = NULL;
    CLEANUP(free) char *address = NULL;
    return split_entry(entry, &name, &address, err);
}

static int add_extra(struct strbuf *b, const struct net_hosts *hosts, const char *entry,
                     struct error **err)
{
    CLEANUP(free) char *name = NULL;
    CLEANUP(free) char *address = NULL;
    int r = split_entry(entry, &name, &address, err);
    if (r < 0) {
        return r;
    }
    const char *means = str_equal(address, "host-gateway") ? hosts->gateway : address;
    if (!means) {
        return error_set(err, ERROR_USAGE, EINVAL, "host '%s': this network has no gateway", entry);
    }
    strbuf_addf(b, "%s\t%s\n", means, name);
    return 0;
}

static int add_host_file(struct strbuf *b, const char *path, struct error **err)
{
    CLEANUP(free) char *text = NULL;
    int r = file_read(AT_FDCWD, path, HOST_FILE_MAX, &text, NULL, NULL);
    if (r < 0 && r != -ENOENT) {
        return error_set_errno(err, ERROR_KERNEL, -r, "reading '%s'", path);
    }
    if (text) {
        strbuf_adds(b, text);
        if (b->len && b->data[b->len - 1] != '\n') {
            strbuf_addc(b, '\n');
        }
    }
    return 0;
}

static const char loopback_hosts[] = "127.0.0.1\tlocalhost\n"
                                     "::1\tlocalhost ip6-localhost ip6-loopback\n"
                                     "fe00::\tip6-localnet\n"
                                     "ff00::\tip6-mcastprefix\n"
                                     "ff02::1\tip6-allnodes\n"
                                     "ff02::2\tip6-allrouters\n";

/* In place for who has the file open or mounted. Shortened behind the writing: a reader in between
 * sees no empty file. */
static int overwrite(const char *path, const struct strbuf *b, struct error **err)
{
    CLEANUP(fd) int fd = open_file(AT_FDCWD, path, O_WRONLY, 0, err);
    int r = fd < 0 ? fd : write_all(fd, str_or(b->data, ""), b->len);
    r = r >= 0 && ftruncate(fd, (off_t)b->len) < 0 ? -errno : r;
    return fd >= 0 && r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "writing '%s'", path) : r;
}

static int write_text(const char *path, const struct strbuf *b, bool in_place, struct error **err)
{
    return in_place ? overwrite(path, b, err)
                    : file_write_atomic(AT_FDCWD, path, str_or(b->data, ""), b->len, 0644,
                                        FILE_NO_SYNC, err);
}

int net_write_hosts(const char *path, const struct net_hosts *hosts, struct error **err)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    int r = 0;
    if (hosts->host_path) {
        r = add_host_file(&b, hosts->host_path, err);
    } else {
        strbuf_adds(&b, loopback_hosts);
    }
    for (size_t i = 0; r >= 0 && hosts->extra && i < hosts->extra->count; i++) {
        r = add_extra(&b, hosts, hosts->extra->items[i], err);
    }
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; hosts->others && i < hosts->others->count; i++) {
        strbuf_addf(&b, "%s\n", hosts->others->items[i]);
    }
    size_t count =
        hosts->addresses && hosts->hostname && hosts->hostname[0] ? hosts->addresses->count : 0;
    for (size_t i = 0; i < count; i++) {
        size_t dot = strcspn(hosts->hostname, ".");
        strbuf_addf(&b, "%s\t", hosts->addresses->items[i]);
        if (hosts->domainname && hosts->domainname[0]) {
            strbuf_addf(&b, "%s.%s ", hosts->hostname, hosts->domainname);
        }
        strbuf_adds(&b, hosts->hostname);
        if (hosts->hostname[dot]) { /* "web.example.org web" */
            strbuf_addf(&b, " %.*s", (int)dot, hosts->hostname);
        }
        strbuf_addc(&b, '\n');
    }
    return write_text(path, &b, hosts->in_place, err);
}

int net_write_hostname(const char *path, const char *hostname, struct error **err)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    strbuf_addf(&b, "%s\n", str_or(hostname, ""));
    return write_text(path, &b, false, err);
}

/* What of resolv.conf(5) matters here. */
struct resolvers {
    struct strv nameservers, search, options;
};

static void resolvers_cleanup(struct resolvers *r)
{
    strv_done(&r->nameservers);
    strv_done(&r->search);
    strv_done(&r->options);
}

/* Resolvers on the host's loopback cannot be reached from a network namespace of one's own, IPv6
 * ones not from one whose network is IPv4, link-local ones from none. */
static bool reachable(const char *address, bool ipv6)
{
    struct in_addr a;
    struct in6_addr a6;
    if (inet_pton(AF_INET6, address, &a6) == 1) {
        return ipv6 && !IN6_IS_ADDR_LOOPBACK(&a6) && !IN6_IS_ADDR_UNSPECIFIED(&a6) &&
               !IN6_IS_ADDR_LINKLOCAL(&a6);
    }
    return inet_pton(AF_INET, address, &a) == 1 && ntohl(a.s_addr) >> 24 != 127 && a.s_addr != 0;
}

static void parse_line(struct resolvers *ret, char *line)
{
    char *save = NULL;
    char *key = strtok_r(line, " \t", &save);
    struct strv *list = NULL;
    if (!key || key[0] == '#' || key[0] == ';') {
        return;
    }
    if (str_equal(key, "nameserver")) {
        list = &ret->nameservers;
    } else if (str_equal(key, "search") || str_equal(key, "domain")) {
        strv_done(&ret->search); /* the last line wins */
        list = &ret->search;
    } else if (str_equal(key, "options")) {
        list = &ret->options;
    }
    for (char *word = list ? strtok_r(NULL, " \t", &save) : NULL; word;
         word = strtok_r(NULL, " \t", &save)) {
        strv_add(list, word);
        if (list == &ret->nameservers) {
            break;
        }
    }
}

static int parse_file(const char *path, struct resolvers *ret, struct error **err)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    int r = add_host_file(&b, path, err);
    char *save = NULL;
    for (char *line = b.data ? strtok_r(b.data, "\r\n", &save) : NULL; line;
         line = strtok_r(NULL, "\r\n", &save)) {
        parse_line(ret, line);
    }
    return r;
}

static void keep_reachable(struct strv *nameservers, bool ipv6)
{
    struct strv kept = {0};
    for (size_t i = 0; i < nameservers->count; i++) {
        if (reachable(nameservers->items[i], ipv6)) {
            strv_add(&kept, nameservers->items[i]);
        }
    }
    strv_done(nameservers);
    *nameservers = kept;
}

/* The host's own resolvers as they are of use inside. */
static int host_resolvers(const struct net_resolv *resolv, struct resolvers *ret,
                          struct error **err)
{
    int r = parse_file(str_or(resolv->host_path, "/etc/resolv.conf"), ret, err);
    if (r < 0 || resolv->host_network) {
        return r;
    }
    keep_reachable(&ret->nameservers, resolv->ipv6);
    if (ret->nameservers.count == 0) {
        CLEANUP(resolvers) struct resolvers behind = {0};
        r = parse_file(str_or(resolv->systemd_path, "/run/systemd/resolve/resolv.conf"), &behind,
                       err);
        keep_reachable(&behind.nameservers, resolv->ipv6);
        strv_add_all(&ret->nameservers, behind.nameservers.items);
    }
    if (ret->nameservers.count == 0) {
        strv_add(&ret->nameservers, "8.8.8.8");
        strv_add(&ret->nameservers, "8.8.4.4");
    }
    return r;
}

static void override(struct strv *list, const struct strv *given)
{
    if (given && given->count) {
        strv_done(list);
        strv_add_all(list, given->items);
    }
}

static int check_word(const char *what, const char *word, struct error **err)
{
    if (!word[0] || strpbrk(word, " \t\r\n#;")) {
        return error_set(err, ERROR_USAGE, EINVAL, "invalid %s '%s'", what, word);
    }
    return 0;
}

int net_check_resolv(const struct net_resolv *resolv, struct error **err)
{
    int r = 0;
    for (size_t i = 0; resolv->dns && i < resolv->dns->count; i++) {
        if (!is_address(resolv->dns->items[i])) {
            return error_set(err, ERROR_USAGE, EINVAL, "invalid DNS server '%s': not an IP address",
                             resolv->dns->items[i]);
        }
    }
    for (size_t i = 0; r >= 0 && resolv->search && i < resolv->search->count; i++) {
        r = check_word("DNS search domain", resolv->search->items[i], err);
    }
    for (size_t i = 0; r >= 0 && resolv->options && i < resolv->options->count; i++) {
        r = check_word("DNS option", resolv->options->items[i], err);
    }
    return r;
}

static void add_words(struct strbuf *b, const char *key, const struct strv *words)
{
    /* --dns-search . means: no search list. */
    if (words->count && !(words->count == 1 && str_equal(words->items[0], "."))) {
        CLEANUP(free) char *joined = strv_join(words, " ");
        strbuf_addf(b, "%s %s\n", key, joined);
    }
}

/* The whole text, of the host's and of what was given. */
static int compose_resolv(const struct net_resolv *resolv, struct strbuf *b, struct error **err)
{
    CLEANUP(resolvers) struct resolvers all = {0};
    int r = net_check_resolv(resolv, err);
    if (r >= 0) {
        r = host_resolvers(resolv, &all, err);
    }
    if (r < 0) {
        return r;
    }
    override(&all.nameservers, resolv->dns);
    override(&all.search, resolv->search);
    override(&all.options, resolv->options);
    if (resolv->served_by) {
        strv_done(&all.nameservers);
        strv_add(&all.nameservers, resolv->served_by);
        if (!resolv->options || !resolv->options->count) {
            strv_add(&all.options, "ndots:0"); /* as Docker's: a name alone is asked for first */
        }
    }
    for (size_t i = 0; i < all.nameservers.count; i++) {
        strbuf_addf(b, "nameserver %s\n", all.nameservers.items[i]);
    }
    add_words(b, "search", &all.search);
    add_words(b, "options", &all.options);
    return 0;
}

static bool has_content(const char *path, const char *expected)
{
    CLEANUP(free) char *text = NULL;
    return file_read(AT_FDCWD, path, HOST_FILE_MAX, &text, NULL, NULL) >= 0 &&
           str_equal(text, expected);
}

/* In place: is the file still what we wrote, and no longer what is to be written? */
static bool wants_rewriting(const char *path, const struct net_resolv *resolv, const char *text)
{
    CLEANUP(free) char *written = NULL;
    return !resolv->written_path ||
           (file_read(AT_FDCWD, resolv->written_path, HOST_FILE_MAX, &written, NULL, NULL) >= 0 &&
            has_content(path, written) && !str_equal(written, text));
}

int net_write_resolv(const char *path, const struct net_resolv *resolv, struct error **err)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    int r = compose_resolv(resolv, &b, err);
    if (r < 0 || (resolv->in_place && !wants_rewriting(path, resolv, str_or(b.data, "")))) {
        return r;
    }
    if (resolv->written_path) {
        r = write_text(resolv->written_path, &b, false, err);
    }
    return r < 0 ? r : write_text(path, &b, resolv->in_place, err);
}
