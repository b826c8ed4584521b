// SPDX-License-Identifier: Apache-2.0
/* The thread of a client: begins, carries and ends what the other threads ask for. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "image/registry/http_internal.h"

#define POLL_MS 1000 /* libcurl's own timers end it earlier, and so does http_wake() */
#define WAIT_NS 100000000L

struct http_client {
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct http *list;
    bool ending;
};

static void must(int code)
{
    assert(code == 0); /* of pthread's: only a mistake of ours or no memory */
}

void http_lock(struct http *h)
{
    must(pthread_mutex_lock(&h->client->lock));
}

void http_unlock(struct http *h)
{
    must(pthread_mutex_unlock(&h->client->lock));
}

/* A signal's handler can wake no thread: so every wait is a short one. */
void http_wait(struct http *h)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += WAIT_NS;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    (void)pthread_cond_timedwait(&h->client->changed, &h->client->lock, &t);
}

void http_wake(struct http *h)
{
    (void)curl_multi_wakeup(h->client->multi);
}

static void finish(struct http_client *c, struct http *h, CURLcode result)
{
    curl_off_t wait = 0;
    (void)curl_easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &wait);
    curl_multi_remove_handle(c->multi, h->easy);
    if (h->response) {
        h->response->retry_after_seconds = wait;
    }
    h->result = result;
    h->state = HTTP_IDLE;
}

/* What was asked for since the last look. libcurl calls back into http.c, which takes the lock: it
 * is not held over what does so. */
static void obey(struct http_client *c)
{
    must(pthread_mutex_lock(&c->lock));
    for (struct http *h = c->list; h; h = h->next) {
        if (h->state == HTTP_STOPPING) {
            finish(c, h, CURLE_ABORTED_BY_CALLBACK);
        } else if (h->state == HTTP_WANTED) {
            h->state = HTTP_RUNNING;
            curl_multi_add_handle(c->multi, h->easy);
        } else if (h->state == HTTP_RUNNING && h->resume) {
            h->resume = h->paused = false;
            must(pthread_mutex_unlock(&c->lock));
            curl_easy_pause(h->easy, CURLPAUSE_CONT);
            must(pthread_mutex_lock(&c->lock));
        }
    }
    must(pthread_cond_broadcast(&c->changed));
    must(pthread_mutex_unlock(&c->lock));
}

static void note_ends(struct http_client *c)
{
    struct CURLMsg *m;
    int left = 0;
    must(pthread_mutex_lock(&c->lock));
    while ((m = curl_multi_info_read(c->multi, &left))) {
        struct http *h = NULL;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&h);
        if (m->msg == CURLMSG_DONE && h) {
            finish(c, h, m->data.result);
        }
    }
    must(pthread_cond_broadcast(&c->changed));
    must(pthread_mutex_unlock(&c->lock));
}

static bool is_ending(struct http_client *c)
{
    must(pthread_mutex_lock(&c->lock));
    bool ending = c->ending;
    must(pthread_mutex_unlock(&c->lock));
    return ending;
}

static void *serve(void *context)
{
    struct http_client *c = context;
    while (!is_ending(c)) {
        int running = 0;
        obey(c);
        (void)curl_multi_perform(c->multi, &running); /* a transfer's failure is in its message */
        note_ends(c);
        (void)curl_multi_poll(c->multi, NULL, 0, POLL_MS, NULL);
    }
    return NULL;
}

struct http_client *http_client_new(void)
{
    struct http_client *c = xcalloc(1, sizeof(*c));
    pthread_condattr_t attributes;
    c->multi = curl_multi_init();
    if (!c->multi) {
        abort(); /* out of memory, as xmalloc() */
    }
    must(pthread_mutex_init(&c->lock, NULL));
    must(pthread_condattr_init(&attributes));
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    must(pthread_cond_init(&c->changed, &attributes));
    must(pthread_condattr_destroy(&attributes));
    sigset_t all, before; /* signals are the others' */
    sigfillset(&all);
    must(pthread_sigmask(SIG_SETMASK, &all, &before));
    must(pthread_create(&c->thread, NULL, serve, c));
    must(pthread_sigmask(SIG_SETMASK, &before, NULL));
    return c;
}

void http_client_free(struct http_client *c)
{
    if (!c) {
        return;
    }
    must(pthread_mutex_lock(&c->lock));
    assert(!c->list);
    c->ending = true;
    must(pthread_mutex_unlock(&c->lock));
    (void)curl_multi_wakeup(c->multi);
    must(pthread_join(c->thread, NULL));
    curl_multi_cleanup(c->multi);
    must(pthread_cond_destroy(&c->changed));
    must(pthread_mutex_destroy(&c->lock));
    free(c);
}

void http_client_add(struct http_client *c, struct http *h)
{
    must(pthread_mutex_lock(&c->lock));
    h->next = c->list;
    c->list = h;
    must(pthread_mutex_unlock(&c->lock));
}

void http_client_remove(struct http_client *c, struct http *h)
{
    must(pthread_mutex_lock(&c->lock));
    struct http **at = &c->list;
    while (*at != h) {
        at = &(*at)->next;
    }
    *at = h->next;
    must(pthread_mutex_unlock(&c->lock));
}

void http_start(struct http *h)
{
    http_lock(h);
    h->state = HTTP_WANTED;
    http_unlock(h);
    http_wake(h);
}

void http_stop(struct http *h)
{
    http_lock(h);
    if (h->state == HTTP_WANTED) {
        h->state = HTTP_IDLE;
    } else if (h->state == HTTP_RUNNING) {
        h->state = HTTP_STOPPING;
        http_wake(h);
    }
    while (h->state != HTTP_IDLE) {
        http_wait(h);
    }
    http_unlock(h);
}
