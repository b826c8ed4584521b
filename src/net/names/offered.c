// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sys/epoll.h>

#include "base/file.h"
#include "net/names/server.h"

/* The container has ended, though its record may still be there: its namespace, and the devices in
 * it, live on as long as the sockets. */
static void ended(struct server *s, struct source *source)
{
    struct listener **at = &s->listeners;
    while (*at && &(*at)->end != source) {
        at = &(*at)->next;
    }
    if (*at) {
        listen_close(s, at);
    }
}

static void close_those_of(struct server *s, const char *id)
{
    for (struct listener **at = &s->listeners; *at;) {
        if (str_equal((*at)->owner, id)) {
            listen_close(s, at);
        } else {
            at = &(*at)->next;
        }
    }
}

void offered_take(struct server *s, const char *id, const int fds_take[NET_NAMES_FDS])
{
    CLEANUP(fd) int end = fds_take[NET_NAMES_PIDFD];
    close_those_of(s, id);
    struct listener *l = listen_add(s, fds_take[NET_NAMES_UDP], fds_take[NET_NAMES_TCP]);
    l->owner = xstrdup(id);
    l->end = (struct source){take_fd(&end), ended};
    IGNORE(server_watch(s, &l->end, EPOLLIN) < 0);
}
