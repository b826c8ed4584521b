// SPDX-License-Identifier: Apache-2.0
#include "compose/balancer.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/paths.h"
#include "compose/roll.h"

#define ANSWER_BYTES_MAX (1u << 20)
#define CHECKER_PATH "/sbin/cloison-balance" /* in the container */

static char *folder_of_project(const struct engine *e, const char *project, const char *file)
{
    return str_format("%s/compose/%s/balancer%s%s", e->data_dir, project, file ? "/" : "",
                      str_or(file, ""));
}

static struct node *list_of(struct arena *a, struct node *map, const char *key)
{
    struct node *list = node_get(map, key);
    if (!list) {
        list = node_new(a, NODE_LIST, map);
        node_set(a, map, key, list);
    }
    return list;
}

/* A port speaks TLS or it does not: the name of its row says which. */
static int add_port(struct project *p, struct node *balancer, int port, bool tls,
                    const struct node *at, struct error **err)
{
    const char *name = tls ? "https" : "http";
    struct arena *a = p->arena;
    struct node *ports = list_of(a, balancer, "ports");
    for (size_t i = 0; i < ports->count; i++) {
        if (node_int(ports->items[i], "target", 0) == port) {
            return str_equal(node_text(ports->items[i], "app_protocol"), name)
                       ? 0
                       : node_error(at, err, "publish: port %d is http and https at once", port);
        }
    }
    struct node *one = node_new(a, NODE_MAP, balancer);
    node_set(a, one, "target", node_integer(a, port, balancer));
    node_set(a, one, "published", node_string(a, arena_format(a, "%d", port), balancer));
    node_set(a, one, "protocol", node_string(a, "tcp", balancer));
    node_set(a, one, "app_protocol", node_string(a, name, balancer));
    node_append(a, ports, one);
    return 0;
}

static void add_words(struct arena *a, struct node *map, const char *key, const char *const *words)
{
    struct node *list = list_of(a, map, key);
    for (; *words; words++) {
        node_append(a, list, node_string(a, *words, map));
    }
}

static struct node *add_mount(struct arena *a, struct node *map, const char *type,
                              const char *source, const char *target)
{
    struct node *v = node_new(a, NODE_MAP, map);
    node_set(a, v, "type", node_string(a, type, map));
    node_set(a, v, "source", node_string(a, source, map));
    node_set(a, v, "target", node_string(a, target, map));
    node_append(a, list_of(a, map, "volumes"), v);
    return v;
}

/* The service itself: unprivileged but for low ports, read-only but for its volume. */
static struct node *make_service(struct project *p, const struct engine *e)
{
    static const char *const command[] = {
        CHECKER_PATH, "caddy", "run", "--config", BALANCE_FOLDER "/config.json", NULL};
    static const char *const dropped[] = {"ALL", NULL}, *const added[] = {"NET_BIND_SERVICE", NULL};
    struct arena *a = p->arena;
    struct node *n = node_new(a, NODE_MAP, p->model);
    struct node *environment = node_new(a, NODE_MAP, p->model);
    CLEANUP(free) char *folder = folder_of_project(e, p->name, NULL);
    const struct node *ours = node_at(p->model, "x-cloison", "balancer", NULL);
    node_set(a, n, "image", node_string(a, str_or(node_text(ours, "image"), BALANCER_IMAGE), n));
    add_words(a, n, "command", command);
    add_words(a, n, "cap_drop", dropped);
    add_words(a, n, "cap_add", added);
    node_set(a, n, "read_only", node_bool(a, true, n));
    node_set(a, n, "restart", node_string(a, "unless-stopped", n));
    node_set(a, environment, "GODEBUG", node_string(a, "netdns=go", n)); /* /etc/hosts first */
    node_set(a, environment, "GOGC", node_string(a, "400", n)); /* memory for time: see promises */
    node_set(a, environment, "XDG_DATA_HOME", node_string(a, "/data", n));
    node_set(a, environment, "XDG_CONFIG_HOME", node_string(a, "/data", n));
    node_set(a, n, "environment", environment);
    (void)add_mount(a, n, "bind", folder, BALANCE_FOLDER);
    CLEANUP(free) char *hosts = folder_of_project(e, p->name, "hosts");
    (void)add_mount(a, n, "bind", hosts, "/etc/hosts");
    CLEANUP(free) char *checker = program_path("cloison-balance");
    struct node *bound = add_mount(a, n, "bind", checker, CHECKER_PATH);
    node_set(a, bound, "read_only", node_bool(a, true, bound));
    (void)add_mount(a, n, "volume", BALANCER_SERVICE, "/data");
    return n;
}

static void add_volume(struct project *p)
{
    struct arena *a = p->arena;
    struct node *volumes = node_get(p->model, "volumes");
    struct node *one = node_new(a, NODE_MAP, p->model);
    if (!volumes) {
        volumes = node_new(a, NODE_MAP, p->model);
        node_set(a, p->model, "volumes", volumes);
    }
    node_set(a, one, "name", node_string(a, arena_format(a, "%s_" BALANCER_SERVICE, p->name), one));
    node_set(a, volumes, BALANCER_SERVICE, one);
}

/* Files of the user's, or ACME, and what belongs to each. */
static int check_tls(const struct node *tls, struct error **err)
{
    const struct node *acme = node_get(tls, "acme"), *certificate = node_get(tls, "certificate");
    if (!tls) {
        return 0;
    }
    if (acme && (certificate || node_get(tls, "key"))) {
        return node_error(acme, err, "tls: 'acme' and 'certificate' exclude each other");
    }
    if (acme && !str_starts(acme->text, "https://")) {
        return node_error(acme, err, "tls: '%s' is not the https://… address of an ACME directory",
                          acme->text);
    }
    if (!acme && (node_get(tls, "email") || node_get(tls, "root"))) {
        return node_error(tls, err, "tls: 'email' and 'root' belong to 'acme'");
    }
    return acme || (certificate && node_get(tls, "key"))
               ? 0
               : node_error(tls, err, "tls needs a 'certificate' and a 'key', or 'acme'");
}

/* It is in each network of those that it serves. */
static int join(struct project *p, const char *name, const struct node *service,
                struct node *balancer, struct error **err)
{
    struct arena *a = p->arena;
    const struct node *list = published_of(a, service);
    const struct node *networks = node_get(service, "networks");
    struct node *joined = node_get(balancer, "networks");
    const struct node *health = node_get(node_get(service, "x-cloison"), "health");
    if (health && (health->text[0] != '/' || health->text[strcspn(health->text, " \t\r\n")])) {
        return node_error(health, err, "health: '%s' is not a path: it begins with '/'",
                          health->text);
    }
    int checked = check_tls(node_get(node_get(service, "x-cloison"), "tls"), err);
    if (checked < 0) {
        return checked;
    }
    if (!networks) {
        return node_error(service, err, "service '%s' publishes and has no network of its own",
                          name);
    }
    if (!joined) {
        joined = node_new(a, NODE_MAP, balancer);
        node_set(a, balancer, "networks", joined);
    }
    for (size_t i = 0; i < networks->count; i++) {
        node_set(a, joined, networks->entries[i].key, node_new(a, NODE_NULL, balancer));
    }
    for (size_t i = 0; i < list->count; i++) {
        struct published at;
        int r = published_parse(a, list->items[i], &at, err);
        if (r == 0) {
            r = add_port(p, balancer, at.port, at.tls, list->items[i], err);
        }
        if (r == 0 && at.tls && at.port == 443) {
            r = add_port(p, balancer, 80, false, list->items[i], err);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int balancer_add(struct project *p, const struct engine *e, struct error **err)
{
    struct node *services = node_get(p->model, "services");
    struct node *balancer = NULL;
    for (size_t i = 0; i < services->count; i++) {
        const struct node_entry *s = &services->entries[i];
        if (!balancer_serves(s->value)) {
            continue;
        }
        if (node_get(services, BALANCER_SERVICE)) {
            return node_error(node_get(services, BALANCER_SERVICE), err,
                              "'%s' is the load balancer's name: call this service otherwise",
                              BALANCER_SERVICE);
        }
        balancer = balancer ? balancer : make_service(p, e);
        int r = join(p, s->key, s->value, balancer, err);
        if (r < 0) {
            return r;
        }
    }
    if (!balancer) {
        return 0;
    }
    node_sort(balancer);
    node_set(p->arena, services, BALANCER_SERVICE, balancer);
    add_volume(p);
    return 1;
}

/* Where the balancer reaches it: its address in the first network of the service. */
char *balancer_address(const struct project *p, const struct container *c,
                       const struct node *service)
{
    const struct node *networks = node_get(service, "networks");
    for (size_t i = 0; networks && i < networks->count; i++) {
        const char *name =
            node_text(node_at(p->model, "networks", networks->entries[i].key, NULL), "name");
        const json_t *end;
        size_t k;
        json_array_foreach(json_object_get(c->network, "endpoints"), k, end)
        {
            const char *of =
                json_string_value(json_object_get(json_object_get(end, "network"), "name"));
            const char *address = json_string_value(json_object_get(end, "address"));
            if (address && str_equal(of, name)) {
                return str_format("%s:%d", address, balancer_target_port(service));
            }
        }
    }
    return NULL;
}

static bool serves_now(const struct container *c)
{
    return c->status == CONTAINER_RUNNING && !str_equal(c->health, "unhealthy");
}

/* A name of nobody: a connection there fails at once, where one that is unknown would be asked of
 * name servers. */
static void describe_empty(const struct project *p, struct strbuf *b)
{
    const struct node *services = node_get(p->model, "services");
    for (size_t i = 0; i < services->count; i++) {
        CLEANUP(free) char *mark = str_format(" %s ", services->entries[i].key);
        if (balancer_serves(services->entries[i].value) && !strstr(str_or(b->data, ""), mark)) {
            strbuf_addf(b, "255.255.255.255 80%s-\n", mark);
        }
    }
}

/* replicas.h's line of each replica that is to get requests. */
static void describe_replicas(const struct project *p, const struct members *m, struct strbuf *b)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct container *c = m->items[i].container;
        const struct node *service = node_at(p->model, "services", m->items[i].service, NULL);
        if (m->items[i].one_off || !service || !balancer_serves(service) || !serves_now(c) ||
            container_is_leaving(c)) {
            continue;
        }
        CLEANUP(free) char *address = balancer_address(p, c, service);
        if (address) {
            const char *path = node_text(node_get(service, "x-cloison"), "health");
            *strchr(address, ':') = ' ';
            strbuf_addf(b, "%s %s %s\n", address, m->items[i].service, str_or(path, "-"));
        }
    }
    describe_empty(p, b);
}

/* What the checker in the balancer reads, then the hosts file itself: the checker may not run yet.
 * An unchanged list is left alone, and so is what the checker has found. */
static int write_replicas(const struct engine *e, const struct project *p, struct error **err)
{
    CLEANUP(members) struct members m = {0};
    CLEANUP(strbuf) struct strbuf b = {0};
    CLEANUP(free) char *path = folder_of_project(e, p->name, "replicas");
    CLEANUP(free) char *hosts = folder_of_project(e, p->name, "hosts");
    CLEANUP(free) char *there = NULL;
    CLEANUP(replicas) struct replicas replicas = {0};
    int r = members_load(e, p->name, &m, err);
    if (r < 0) {
        return r;
    }
    describe_replicas(p, &m, &b);
    const char *text = str_or(b.data, "");
    if (file_read(AT_FDCWD, path, REPLICAS_BYTES_MAX, &there, NULL, NULL) == 0 &&
        str_equal(there, text) && access(hosts, F_OK) == 0) {
        return 0;
    }
    r = file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, FILE_NO_SYNC, err);
    replicas_parse(text, NULL, &replicas);
    return r < 0 ? r : replicas_write_hosts(&replicas, hosts, err);
}

static int connect_admin(const struct engine *e, const char *project)
{
    CLEANUP(free) char *folder = folder_of_project(e, project, NULL);
    CLEANUP(fd) int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(fd) int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    /* A socket's name has 107 characters, a path of ours may have more. */
    CLEANUP(free) char *path = str_format("/proc/self/fd/%d/admin.sock", dir);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (dir < 0 || sock < 0 ||
        connect(sock, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        return -1;
    }
    return take_fd(&sock);
}

/* One HTTP request over the admin socket: the status, *ret_body what was answered; -1: nobody
 * listens. Caddy wants an empty Host there. */
static int ask_admin(const struct engine *e, const char *project, const char *method,
                     const char *path, const char *body, char **ret_body)
{
    CLEANUP(fd) int sock = connect_admin(e, project);
    CLEANUP(free)
    char *request = str_format("%s %s HTTP/1.0\r\nHost:\r\nContent-Type: application/json\r\n"
                               "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                               method, path, strlen(body), body);
    CLEANUP(strbuf) struct strbuf answer = {.max = ANSWER_BYTES_MAX};
    char part[16384];
    ssize_t n;
    int status = -1;
    if (sock < 0 || write_all(sock, request, strlen(request)) < 0) {
        return -1;
    }
    while ((n = read(sock, part, sizeof(part))) > 0) {
        strbuf_add(&answer, part, (size_t)n);
    }
    const char *text = str_or(answer.data, "");
    const char *end = strstr(text, "\r\n\r\n");
    if (sscanf(text, "HTTP/1.%*d %d", &status) != 1) {
        return -1;
    }
    *ret_body = xstrdup(end ? end + 4 : "");
    return status;
}

static int copy_certificates(const struct engine *e, const struct project *p, struct error **err)
{
    const struct node *services = node_get(p->model, "services");
    static const char *const keys[][2] = {{"certificate", "crt"}, {"key", "key"}, {"root", "root"}};
    for (size_t i = 0; i < services->count; i++) {
        const struct node *tls = node_at(services->entries[i].value, "x-cloison", "tls", NULL);
        for (size_t k = 0; tls && k < ARRAY_SIZE(keys); k++) {
            CLEANUP(free) char *name = str_format("%s.%s", services->entries[i].key, keys[k][1]);
            CLEANUP(free) char *to = folder_of_project(e, p->name, name);
            CLEANUP(free) char *text = NULL;
            size_t len = 0;
            const char *from = node_text(tls, keys[k][0]);
            if (!from) {
                continue;
            }
            int r = file_read(AT_FDCWD, from, ANSWER_BYTES_MAX, &text, &len, err);
            if (r == 0) {
                r = file_write_atomic(AT_FDCWD, to, text, len, 0600, FILE_SYNC, err);
            }
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

/* Only another configuration is loaded. */
static int load_config(const struct engine *e, const struct project *p, struct error **err)
{
    CLEANUP(free) char *path = folder_of_project(e, p->name, "config.json");
    CLEANUP(free) char *answer = NULL;
    CLEANUP(free) char *there = NULL;
    CLEANUP(json) json_t *config = balancer_config(p);
    CLEANUP(free) char *text = json_dumps(config, JSON_INDENT(1));
    if (file_read(AT_FDCWD, path, ANSWER_BYTES_MAX, &there, NULL, NULL) == 0 &&
        str_equal(there, text)) {
        return 0;
    }
    int r = file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_SYNC, err);
    if (r < 0) {
        return r;
    }
    int status = ask_admin(e, p->name, "POST", "/load", text, &answer);
    if (status > 0 && status != 200) {
        str_replace_control(answer);
        return error_set(err, ERROR_INVALID_INPUT, 0,
                         "the load balancer refuses its configuration: %s", answer);
    }
    return 0; /* nobody listens: it reads the file when it starts */
}

int balancer_load(const struct engine *e, const struct project *p, struct error **err)
{
    CLEANUP(free) char *folder = folder_of_project(e, p->name, NULL);
    int r = mkdir_all(folder, 0700, err);
    if (r == 0) {
        r = copy_certificates(e, p, err);
    }
    if (r == 0) {
        r = write_replicas(e, p, err);
    }
    return r < 0 ? r : load_config(e, p, err);
}

void balancer_drain(const struct engine *e, const struct project *p)
{
    CLEANUP(free) char *path = folder_of_project(e, p->name, "replicas");
    struct stat st;
    struct timespec now;
    if (stat(path, &st) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0) {
        return;
    }
    int64_t since = (int64_t)(now.tv_sec - st.st_mtim.tv_sec) * 1000 +
                    (now.tv_nsec - st.st_mtim.tv_nsec) / 1000000;
    if (since >= 0 && since < BALANCER_HOSTS_MS) {
        (void)poll(NULL, 0, (int)(BALANCER_HOSTS_MS - since)); /* a cache's age: nothing tells */
    }
}

int balancer_remove(const struct engine *e, const char *project, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/compose/%s", e->data_dir, project);
    return remove_tree(AT_FDCWD, path, err);
}
