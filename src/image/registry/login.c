// SPDX-License-Identifier: Apache-2.0
/* login and logout: a registry is asked whether it takes a name and a password, which are then kept
 * where Docker and Podman look for them (credentials.h). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

#include "base/file.h"
#include "base/json.h"
#include "image/reference.h"
#include "image/registry/registry.h"
#include "image/store/interrupt.h"
#include "image/store/verbs.h"

#define SECRET_BYTES_MAX 65536

struct login_request {
    char *server;
    char *user, *password;
    char *basic, *identity_token;
};

static void login_request_done(struct login_request *q)
{
    char *secrets[] = {q->password, q->basic, q->identity_token};
    for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
        if (secrets[i]) {
            explicit_bzero(secrets[i], strlen(secrets[i]));
            free(secrets[i]);
        }
    }
    free(q->server);
    free(q->user);
    *q = (struct login_request){0};
}

/* "https://registry.example/v1/" is Docker's old way to name "registry.example". */
static int server_name(const char *text, char **ret, struct error **err)
{
    const char *host = strstr(text, "://");
    host = host ? host + 3 : text;
    CLEANUP(free) char *name = xstrndup(host, strcspn(host, "/"));
    static const char *const hub[] = {"index.docker.io", "registry-1.docker.io", "docker.io", NULL};
    CLEANUP(free) char *probe = str_format("%s/x", name);
    CLEANUP(reference) struct reference ref = {0};
    if (str_in(name, hub)) {
        *ret = xstrdup(REFERENCE_DEFAULT_REGISTRY);
        return 0;
    }
    if (reference_parse(probe, &ref, NULL) < 0 || !str_equal(ref.registry, name)) {
        return error_set(err, ERROR_USAGE, 0, "'%s' is no name of a registry", text);
    }
    *ret = take_ptr(name);
    return 0;
}

/* A line from the terminal, without echo where it is secret. */
static int prompt(const char *question, bool secret, char **ret, struct error **err)
{
    struct termios before, silent;
    if (tcgetattr(STDIN_FILENO, &before) < 0) {
        int r = error_set(err, ERROR_USAGE, 0, "there is no terminal to ask for a login on");
        return error_hint(err, r, "use --username and --password-stdin");
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    fprintf(stderr, "%s: ", question);
    if (secret) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent); /* then it is seen */
    }
    char line[SECRET_BYTES_MAX];
    ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);
    if (secret) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    int r = interrupt_check(err);
    if (r < 0) {
        return r;
    }
    line[n < 0 ? 0 : n] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    *ret = xstrdup(line);
    explicit_bzero(line, sizeof(line));
    return **ret ? 0 : error_set(err, ERROR_USAGE, 0, "nothing was given for '%s'", question);
}

/* All that a pipe gives, without the newline at its end. */
static int read_secret(int fd, char **ret, struct error **err)
{
    char *text = xcalloc(1, SECRET_BYTES_MAX + 1);
    ssize_t n = read_all(fd, text, SECRET_BYTES_MAX);
    int r = n < 0 ? error_set_errno(err, ERROR_KERNEL, (int)-n, "reading the password")
                  : interrupt_check(err);
    text[n < 0 ? 0 : n] = '\0';
    if (n > 0 && text[n - 1] == '\n') {
        text[n - 1] = '\0';
        n--;
    }
    if (n > 0 && text[n - 1] == '\r') {
        text[n - 1] = '\0';
    }
    *ret = xstrdup(text);
    explicit_bzero(text, SECRET_BYTES_MAX);
    free(text);
    if (r >= 0 && !**ret) {
        r = error_set(err, ERROR_USAGE, 0, "the password is empty");
    }
    return r;
}

static int read_request(const struct verb_request *verb, struct login_request *q,
                        struct error **err)
{
    const char *server = REFERENCE_DEFAULT_REGISTRY, *user = NULL;
    bool from_stdin = false;
    int64_t fd = -1;
    int r;
    if ((r = json_get_str(verb->json, "server", "request", &server, err)) < 0 ||
        (r = json_get_str(verb->json, "user", "request", &user, err)) < 0 ||
        (r = json_get_bool(verb->json, "passwordStdin", "request", &from_stdin, err)) < 0 ||
        (r = json_get_i64(verb->json, "passwordFd", "request", 3, 1023, &fd, err)) < 0 ||
        (r = server_name(server, &q->server, err)) < 0) {
        return r;
    }
    q->user = xstrdup(user);
    if (!q->user && (r = prompt("Username", false, &q->user, err)) < 0) {
        return r;
    }
    if (strchr(q->user, ':')) {
        return error_set(err, ERROR_USAGE, 0, "a ':' cannot be in the user's name '%s'", q->user);
    }
    return from_stdin ? read_secret(STDIN_FILENO, &q->password, err)
           : fd >= 0  ? read_secret((int)fd, &q->password, err)
                      : prompt("Password", true, &q->password, err);
}

static int try_login(void *context, struct registry *r, struct error **err)
{
    struct login_request *q = context;
    return registry_login(r, q->basic, &q->identity_token, err);
}

static int login(const struct verb_request *verb, struct login_request *q, struct error **err)
{
    CLEANUP(free) char *where = NULL;
    bool plain = false;
    int r = read_request(verb, q, err);
    if (r < 0) {
        return r;
    }
    q->basic = credentials_basic(q->user, q->password);
    r = registry_at_each(verb->config_path, q->server, "", 0, try_login, q, err);
    if (r < 0) {
        return error_wrap(err, r, "logging in to '%s'", q->server);
    }
    struct login login = {q->user, q->password, q->identity_token};
    r = credentials_save(q->server, &login, &where, &plain, err);
    if (r < 0) {
        return error_wrap(err, r, "keeping the login");
    }
    printf("Login Succeeded\n");
    if (plain) {
        fprintf(stderr, "The login is kept in %s, which is not encrypted.\n", where);
    }
    return 0;
}

int verb_login(const struct verb_request *request, struct error **err)
{
    struct login_request q = {0};
    int r = login(request, &q, err);
    login_request_done(&q);
    return r;
}

int verb_logout(const struct verb_request *request, struct error **err)
{
    const char *server = REFERENCE_DEFAULT_REGISTRY;
    CLEANUP(free) char *name = NULL;
    int r = json_get_str(request->json, "server", "request", &server, err);
    if (r < 0 || (r = server_name(server, &name, err)) < 0) {
        return r;
    }
    r = credentials_erase(name, err);
    if (r < 0) {
        return error_wrap(err, r, "logging out of '%s'", name);
    }
    printf(r ? "Removing login credentials for %s\n" : "Not logged in to %s\n", name);
    return 0;
}
