// SPDX-License-Identifier: Apache-2.0
/* check: the store examined and, if asked, mended. Writes a line for each thing that is wrong. */
#include "image/store/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "image/layout.h"
#include "image/store/limits.h"
#include "image/store/verbs.h"

static struct problem *find_problem(struct check *c, enum problem_kind kind, const char *object)
{
    for (size_t i = 0; i < c->problem_count; i++) {
        if (c->problems[i].kind == kind && str_equal(c->problems[i].object, object)) {
            return &c->problems[i];
        }
    }
    return NULL;
}

void check_note(struct check *c, enum problem_kind kind, const char *object, const json_t *images,
                const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    CLEANUP(free) char *text = str_vformat(format, ap);
    va_end(ap);
    pthread_mutex_lock(&c->lock);
    if (!find_problem(c, kind, object)) { /* the first that was found is the one to tell */
        size_t n = c->problem_count++;
        c->problems = xrealloc(c->problems, (n + 1) * sizeof(*c->problems));
        struct problem *p = &c->problems[n];
        *p = (struct problem){.kind = kind, .object = xstrdup(object), .text = take_ptr(text)};
        size_t i;
        json_t *image;
        json_array_foreach(images, i, image)
        {
            strv_add(&p->images, json_string_value(image));
        }
    }
    pthread_mutex_unlock(&c->lock);
}

static void forget_problems(struct check *c)
{
    for (size_t i = 0; i < c->problem_count; i++) {
        struct problem *p = &c->problems[i];
        free(p->object);
        free(p->text);
        free(p->obstacle);
        strv_done(&p->images);
    }
    free(c->problems);
    c->problems = NULL;
    c->problem_count = 0;
}

void check_done(struct check *c)
{
    forget_problems(c);
    json_decref(c->references.blobs);
    json_decref(c->references.layers);
    free(c->not_compared_why);
    error_free(c->error);
    (void)pthread_mutex_destroy(&c->lock);
}

int check_run(struct check *c, struct error **err)
{
    int r;
    c->references = (struct references){json_object(), json_object()};
    (void)pthread_mutex_init(&c->lock, NULL); /* a plain one cannot fail on Linux */
    if ((r = check_images(c, err)) < 0 || (r = check_names(c, err)) < 0 ||
        (r = check_containers(c, err)) < 0 || (r = check_blobs(c, err)) < 0) {
        return r;
    }
    return check_layers(c, err);
}

/* The first name of an image, for people: "nginx:latest", else its short ID. */
struct first_name {
    const char *hex;
    char *name;
};

static int note_first(void *context, const char *reference, const char *hex)
{
    struct first_name *f = context;
    if (!str_equal(f->hex, hex) || (f->name && strchr(reference, '@'))) {
        return 0;
    }
    free(f->name);
    f->name = reference_text_familiar(reference, false);
    return !strchr(reference, '@'); /* a tag is good enough to stop at */
}

static char *image_name(const struct check *c, const char *hex)
{
    struct first_name f = {.hex = hex};
    IGNORE(layout_each_name(c->store->fd, note_first, &f, NULL)); /* then its ID tells it */
    return f.name ? f.name : xstrndup(hex, 12);
}

static void print_problem(const struct check *c, const struct problem *p)
{
    static const char *const kinds[] = {[PROBLEM_BLOB] = "blob",
                                        [PROBLEM_LAYER] = "layer",
                                        [PROBLEM_IMAGE] = "image",
                                        [PROBLEM_NAME] = "name",
                                        [PROBLEM_CONTAINER] = "container"};
    CLEANUP(strbuf) struct strbuf line = {0};
    strbuf_addf(&line, "%s '%s': %s", kinds[p->kind], p->object, p->text);
    for (size_t i = 0; i < p->images.count && p->kind != PROBLEM_IMAGE; i++) {
        CLEANUP(free) char *name = image_name(c, p->images.items[i]);
        strbuf_addf(&line, "%s%s", i ? ", " : " (needed by ", name);
    }
    if (p->images.count && p->kind != PROBLEM_IMAGE) {
        strbuf_addc(&line, ')');
    }
    if (p->mended) {
        strbuf_adds(&line, ": mended");
    } else if (p->obstacle) {
        strbuf_addf(&line, ": not mended: %s", p->obstacle);
    }
    str_replace_control(line.data);
    printf("%s\n", line.data);
}

static size_t print_report(const struct check *c, bool repair)
{
    size_t left = 0;
    for (size_t i = 0; i < c->problem_count; i++) {
        print_problem(c, &c->problems[i]);
        left += !c->problems[i].mended;
    }
    if (c->not_compared) {
        printf("%zu of the layers could not be compared with their blobs: %s\n", c->not_compared,
               c->not_compared_why);
    }
    printf("Checked %zu images, %zu names, %zu layers, %zu blobs of %lld bytes", c->images,
           c->names, c->layers, c->blobs, (long long)c->bytes);
    if (c->unused_bytes) {
        printf(", %lld of them unused", (long long)c->unused_bytes);
    }
    if (!c->problem_count) {
        printf(": no problem\n");
    } else if (repair) {
        printf(": %zu problems, %zu mended\n", c->problem_count, c->problem_count - left);
    } else {
        printf(": %zu problems; 'cloison system check --repair' mends what it can\n", left);
    }
    return left;
}

int verb_check(const struct verb_request *request, struct error **err)
{
    CLEANUP(store) struct store s = {.fd = -1, .lock = -1};
    struct check c = {.store = &s, .config_path = request->config_path};
    bool repair = false;
    int r;
    if ((r = json_get_bool(request->json, "repair", "request", &repair, err)) < 0 ||
        (r = json_get_bool(request->json, "quick", "request", &c.quick, err)) < 0 ||
        (r = json_get_array(request->json, "inUse", "request", &c.in_use, err)) < 0 ||
        (r = limits_load(request->config_path, &c.limits, err)) < 0 ||
        (r = store_open_to_read(request->data_dir, &s, err)) < 0 ||
        (r = c.quick && !repair ? 0 : store_start_unpacker(&s, repair, err)) < 0) {
        return r;
    }
    r = check_run(&c, err);
    if (r >= 0 && repair) {
        r = check_mend(&c, err);
    }
    if (r >= 0) {
        r = print_report(&c, repair) ? 1 : 0;
    }
    check_done(&c);
    return r;
}
