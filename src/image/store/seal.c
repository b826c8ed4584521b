// SPDX-License-Identifier: Apache-2.0
#include "image/store/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "image/store/tar_stream.h"

#define BLOCK_BYTES ((size_t)256 << 10)
#define XATTRS_MAX 65536
#define PACK_LEVEL 1 /* the next step waits for nothing but this, in a cold build */

struct sealing {
    struct blob_writer blob;
    struct isal_zstream packer;
    unsigned char *level, *in, *out;
    struct digest *diff;
    int64_t tar_size;
};

static void sealing_done(struct sealing *s)
{
    blob_writer_done(&s->blob);
    digest_free(s->diff);
    free(s->level);
    free(s->in);
    free(s->out);
}

static int pack(struct sealing *s, size_t len, bool end, struct error **err)
{
    struct isal_zstream *z = &s->packer;
    z->next_in = s->in;
    z->avail_in = (uint32_t)len;
    z->end_of_stream = end;
    do {
        z->next_out = s->out;
        z->avail_out = (uint32_t)BLOCK_BYTES;
        if (isal_deflate(z) != COMP_OK) {
            return error_set(err, ERROR_INTERNAL, 0, "compressing failed");
        }
        int r = blob_write(&s->blob, s->out, BLOCK_BYTES - z->avail_out, err);
        if (r < 0) {
            return r;
        }
    } while (z->avail_out == 0 || (end && z->internal_state.state != ZSTATE_END));
    return 0;
}

static int pack_all(struct sealing *s, int fd, struct error **err)
{
    for (;;) {
        ssize_t n = read_all(fd, s->in, BLOCK_BYTES);
        if (n < 0) {
            return error_set_errno(err, ERROR_KERNEL, (int)-n, "reading the archive");
        }
        digest_add(s->diff, s->in, (size_t)n);
        s->tar_size += n;
        bool end = (size_t)n < BLOCK_BYTES;
        int r = pack(s, (size_t)n, end, err);
        if (r < 0 || end) {
            return r;
        }
    }
}

static int sealing_begin(struct sealing *s, struct store *store, struct error **err)
{
    isal_deflate_init(&s->packer);
    s->level = xmalloc(ISAL_DEF_LVL1_DEFAULT);
    s->packer.level = PACK_LEVEL;
    s->packer.level_buf = s->level;
    s->packer.level_buf_size = ISAL_DEF_LVL1_DEFAULT;
    s->packer.gzip_flag = IGZIP_GZIP;
    s->in = xmalloc(BLOCK_BYTES);
    s->out = xmalloc(BLOCK_BYTES);
    s->diff = digest_new();
    return blob_begin(store, &s->blob, err);
}

static int seal_folder(struct store *store, int folder, struct layer *l, struct error **err)
{
    struct sealing s = {.blob = {.fd = -1}};
    struct tar_stream stream;
    int r = sealing_begin(&s, store, err);
    if (r >= 0) {
        r = tar_stream_open(folder, true, &stream, err);
    }
    if (r >= 0) {
        r = pack_all(&s, stream.fd, err);
        r = tar_stream_close(&stream, r, err);
    }
    if (r >= 0) {
        l->size = stream.bytes;
        l->blob_size = s.blob.size;
        l->tar_size = s.tar_size;
        digest_end(s.diff, l->diff_id);
        l->media_type = MEDIA_LAYER_GZIP;
        r = blob_end(&s.blob, NULL, l->digest, &l->tmp_blob, err);
    }
    sealing_done(&s);
    return r;
}

/* What overlayfs wrote for itself, but for the mark that hides what is below. */
static void drop_marks(const char *path)
{
    char names[XATTRS_MAX];
    ssize_t len = llistxattr(path, names, sizeof(names));
    for (char *name = names; len > 0 && name < names + len; name += strlen(name) + 1) {
        if (str_starts(name, "trusted.overlay.") && !str_equal(name, "trusted.overlay.opaque")) {
            (void)lremovexattr(path, name); /* then it stays: no reader minds */
        }
    }
}

/* The folder is to be what its archive says, as if it had been unpacked from it: times are whole
 * seconds, and none is later than `newest`, unless that is negative. Children first: to change a
 * child touches no folder's time of change. */
static int settle(int parent, const char *name, int64_t newest)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    int r = 0;
    if (S_ISDIR(st.st_mode)) {
        CLEANUP(fd) int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        CLEANUP(strv) struct strv names = {0};
        r = fd < 0 ? -errno : list_folder_whole(fd, ".", &names, NULL);
        for (size_t i = 0; i < names.count && r >= 0; i++) {
            r = settle(fd, names.items[i], newest);
        }
    }
    char path[64 + NAME_MAX];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", parent, name); /* it has the room */
    drop_marks(path);
    bool late = newest >= 0 && st.st_mtim.tv_sec >= newest;
    if (r >= 0 && (st.st_mtim.tv_nsec || late)) {
        struct timespec time = {.tv_sec = late ? newest : st.st_mtim.tv_sec};
        struct timespec times[2] = {time, time};
        r = utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
    }
    return r;
}

int layer_seal(struct store *s, const char *name, int64_t newest, struct layer *ret,
               struct error **err)
{
    struct layer l = {.tmp = str_format("%s/%s", s->tmp, name)};
    CLEANUP(free) char *diff = str_format("%s/diff", l.tmp);
    CLEANUP(free) char *work = str_format("%s/work", l.tmp);
    int r = remove_tree(s->fd, work, err);
    CLEANUP(fd) int folder = r < 0 ? -1 : open_file(s->fd, diff, O_RDONLY | O_DIRECTORY, 0, err);
    r = r < 0 ? r : folder;
    if (r >= 0 && (r = settle(folder, ".", newest)) < 0) {
        r = error_set_errno(err, ERROR_KERNEL, -r, "setting times of change");
    }
    r = r < 0 ? r : seal_folder(s, folder, &l, err);
    if (r < 0) {
        layer_done(&l);
        return error_wrap(err, r, "making a layer");
    }
    *ret = l;
    return 0;
}
