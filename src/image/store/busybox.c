// SPDX-License-Identifier: Apache-2.0
/* The embedded image: Debian's static busybox with a link for each applet, and the few files that
 * programs expect. The same bytes give the same ID on every machine. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "image/store/add.h"
#include "image/store/busybox_data.h"
#include "image/store/verbs.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "daemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
                             "bin:x:2:2:bin:/bin:/bin/false\n"
                             "sys:x:3:3:sys:/dev:/bin/false\n"
                             "sync:x:4:100:sync:/bin:/bin/sync\n"
                             "mail:x:8:8:mail:/var/spool/mail:/bin/false\n"
                             "www-data:x:33:33:www-data:/var/www:/bin/false\n"
                             "operator:x:37:37:Operator:/var:/bin/false\n"
                             "nobody:x:65534:65534:nobody:/home:/bin/false\n";
static const char group[] =
    "root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nadm:x:4:\ntty:x:5:\n"
    "disk:x:6:\nlp:x:7:\nmail:x:8:\nkmem:x:9:\nwheel:x:10:root\ncdrom:x:11:"
    "\ndialout:x:18:\nfloppy:x:19:\nvideo:x:28:\naudio:x:29:\ntape:x:32:\n"
    "www-data:x:33:\noperator:x:37:\nutmp:x:43:\nplugdev:x:46:\nstaff:x:50:\n"
    "lock:x:54:\nnetdev:x:82:\nusers:x:100:\nnogroup:x:65534:\n";

/* Empty ones are where a start mounts its own: made here once, not at every start. */
static const struct {
    const char *path;
    mode_t mode;
    const char *content;
} files[] = {
    {"bin", S_IFDIR | 0755},
    {"dev", S_IFDIR | 0755},
    {"etc", S_IFDIR | 0755},
    {"etc/group", S_IFREG | 0644, group},
    {"etc/hostname", S_IFREG | 0644, ""},
    {"etc/hosts", S_IFREG | 0644, ""},
    {"etc/passwd", S_IFREG | 0644, passwd},
    {"etc/resolv.conf", S_IFREG | 0644, ""},
    {"home", S_IFDIR | 0755},
    {"proc", S_IFDIR | 0755},
    {"root", S_IFDIR | 0700},
    {"run", S_IFDIR | 0755},
    {"sbin", S_IFDIR | 0755},
    {"sys", S_IFDIR | 0755},
    {"tmp", S_IFDIR | 01777},
    {"usr", S_IFDIR | 0755},
    {"usr/bin", S_IFDIR | 0755},
    {"usr/sbin", S_IFDIR | 0755},
    {"var", S_IFDIR | 0755},
    {"var/spool", S_IFDIR | 0755},
    {"var/spool/mail", S_IFDIR | 0755},
    {"var/tmp", S_IFDIR | 01777},
    {"var/www", S_IFDIR | 0755},
};

static ssize_t to_buffer(struct archive *a, void *context, const void *bytes, size_t len)
{
    strbuf_add(context, bytes, len);
    return (ssize_t)len;
}

static bool put(struct archive *a, struct archive_entry *e, const char *path, mode_t mode,
                const void *content, size_t len)
{
    archive_entry_set_pathname(e, path);
    archive_entry_set_mode(e, mode);
    archive_entry_set_mtime(e, busybox_date, 0);
    archive_entry_set_size(e, (la_int64_t)len);
    return archive_write_header(a, e) == ARCHIVE_OK &&
           (!len || archive_write_data(a, content, len) == (la_ssize_t)len);
}

static bool put_applets(struct archive *a)
{
    bool done = true;
    for (const char *line = busybox_applets_begin; *line && done;) {
        size_t n = strcspn(line, "\n");
        CLEANUP(free) char *path = xstrndup(line, n);
        struct archive_entry *e = archive_entry_new();
        if (strchr(path, '/') && !str_equal(path, "bin/busybox")) {
            archive_entry_set_symlink(e, str_starts(path, "bin/") ? "busybox" : "/bin/busybox");
            done = put(a, e, path, S_IFLNK | 0777, NULL, 0);
        }
        archive_entry_free(e);
        line += n + (line[n] == '\n');
    }
    return done;
}

static bool write_tar(struct archive *a, struct strbuf *tar)
{
    archive_write_set_format_ustar(a);
    bool done = archive_write_open(a, tar, NULL, to_buffer, NULL) == ARCHIVE_OK;
    struct archive_entry *e = archive_entry_new();
    for (size_t i = 0; i < ARRAY_SIZE(files) && done; i++) {
        const char *content = str_or(files[i].content, "");
        done = put(a, e, files[i].path, files[i].mode, content, strlen(content));
    }
    done = done && put(a, e, "bin/busybox", S_IFREG | 0755, busybox_program_begin,
                       (size_t)(busybox_program_end - busybox_program_begin));
    archive_entry_free(e);
    return done && put_applets(a) && archive_write_close(a) == ARCHIVE_OK;
}

/* The tar in memory, as a source. */
struct source_buffer {
    struct source base;
    struct strbuf tar;
    bool read;
};

static ssize_t read_buffer(struct source *base, const void **ret_bytes, struct error **err)
{
    struct source_buffer *s = (struct source_buffer *)base;
    ssize_t n = s->read ? 0 : (ssize_t)s->tar.len;
    s->read = true;
    *ret_bytes = s->tar.data;
    return n;
}

static int add_image(struct store *s, struct layer *layer, const struct reference *name,
                     char **ret_id, struct error **err)
{
    char created[TIME_TEXT_BYTES];
    struct timespec date = {.tv_sec = busybox_date};
    time_text(&date, created);
    json_t *config = json_pack("{s:[s], s:[s]}", "Cmd", "sh", "Env",
                               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    CLEANUP(json)
    json_t *json = image_config_new(config, layer, 1, created, "cloison: busybox-static", NULL);
    CLEANUP(free) char *text = json_dumps(json, JSON_COMPACT);
    struct image_draft d = {.config = text,
                            .config_len = strlen(text),
                            .layers = layer,
                            .layer_count = 1,
                            .names = name,
                            .name_count = 1};
    return image_add(s, &d, ret_id, err);
}

static int make(struct store *s, const struct reference *name, char **ret_id, struct error **err)
{
    struct source_buffer source = {.base.read = read_buffer};
    struct archive *a = archive_write_new();
    bool written = write_tar(a, &source.tar);
    archive_write_free(a);
    struct layer layer = {0};
    struct layer_input in = {.source = &source.base,
                             .name = "the embedded image",
                             .limits = {UNPACK_BYTES_MAX, UNPACK_ENTRIES_MAX}};
    int r = written ? layer_read(s, &in, &layer, err)
                    : error_set(err, ERROR_INTERNAL, 0, "making the embedded image's archive");
    strbuf_done(&source.tar);
    if (r >= 0) {
        r = add_image(s, &layer, name, ret_id, err);
        layer_done(&layer);
    }
    return r;
}

int verb_busybox(const struct verb_request *request, struct error **err)
{
    const char *text = "busybox";
    CLEANUP(reference) struct reference name = {0};
    CLEANUP(store) struct store s = {.fd = -1, .lock = -1};
    CLEANUP(free) char *id = NULL;
    int r = json_get_str(request->json, "reference", "request", &text, err);
    if (r >= 0) {
        r = reference_parse(text, &name, err);
    }
    if (r >= 0) {
        r = store_open(request->data_dir, &s, err);
    }
    if (r >= 0) {
        r = store_start_unpacker(&s, true, err);
    }
    if (r >= 0) {
        r = make(&s, &name, &id, err);
    }
    if (r >= 0) {
        printf("%s\n", id);
    }
    return r;
}
