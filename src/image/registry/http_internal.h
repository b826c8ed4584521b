// SPDX-License-Identifier: Apache-2.0
/* What http.c (requests and answers) and http_client.c (the thread that works at them) share. */
#pragma once

#include <curl/curl.h>
#include <pthread.h>

#include "image/registry/http.h"

/* Whose turn it is; under the client's lock.
 *     IDLE → WANTED   http_start()
 *     WANTED → RUNNING → IDLE   the thread: begun, ended
 *     WANTED, RUNNING → STOPPING → IDLE   http_stop(), the thread */
enum http_state { HTTP_IDLE, HTTP_WANTED, HTTP_RUNNING, HTTP_STOPPING };

struct http {
    struct http_client *client;
    struct http *next; /* of the client's list */
    CURL *easy;
    struct curl_slist *headers;
    struct http_upload upload; /* as it stands */
    int64_t upload_start;
    size_t body_max;
    bool streaming;
    char message[CURL_ERROR_SIZE];
    struct strbuf taken; /* of a stream: what the reader looks at */
    /* Under the client's lock while a request runs. */
    enum http_state state;
    struct http_response *response;
    struct strbuf buffer; /* of a stream: what has come and was not yet taken */
    bool answered;        /* the status is known and the headers are there */
    bool paused, resume;  /* the buffer was full; it is no longer */
    bool too_large;
    CURLcode result;
};

/* Puts the handle into the client's thread. The options are set. */
void http_start(struct http *h);
/* Waits for it to let go of the handle, whatever it was doing. */
void http_stop(struct http *h);
/* Waits for something to change: holds the lock before and behind. */
void http_wait(struct http *h);
void http_lock(struct http *h);
void http_unlock(struct http *h);
/* Lets the thread look at what was asked of it. */
void http_wake(struct http *h);

/* The list of those that the thread looks at. */
void http_client_add(struct http_client *c, struct http *h);
void http_client_remove(struct http_client *c, struct http *h);
