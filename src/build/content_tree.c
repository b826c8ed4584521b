// SPDX-License-Identifier: Apache-2.0
#include "build/content_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "build/content_pieces.h"
#include "build/name_cache.h"
#include "image/store/parallel.h"

#define DEPTH_MAX 128 /* as base/copy_tree.c, which would copy it */
#define BLOCK_BYTES ((size_t)256 << 10)
#define LIST_BYTES ((size_t)64 << 10)
#define THREADS_MAX 8
#define MANY 4096 /* entries, which take longer than telling of what is new */

/* A folder to be looked at. Its digest goes into what is hashed of the folder above, at `at`; when
 * nothing is missing any more that one has its own. */
struct node {
    struct node *above;
    size_t at;
    char *path; /* from the top; "" */
    int depth;
    struct strbuf bytes; /* of each entry: name, head, and digest or link */
    size_t missing;      /* folders in it, and 1 until it is listed itself */
    struct node *next;   /* to be looked at */
};

struct known { /* hashed in this look */
    struct stat st;
    int64_t looked_ns;
    unsigned char digest[CONTENT_DIGEST_BYTES];
};

struct look {
    const struct content_request *q;
    const char *top;
    int folder; /* the top, opened */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct node *waiting;
    size_t unfinished; /* nodes, waiting or in work */
    size_t seen;       /* entries */
    bool expected;
    struct known *fresh;
    size_t fresh_count;
    struct first_failure failure;
    unsigned char *result;
    pthread_t helpers[THREADS_MAX];
    size_t helper_count, helpers_wanted;
};

/* What a thread has for itself. */
struct looker {
    struct look *look;
    struct strbuf names, sorted; /* of a folder: as it gives them; in order */
    struct name *list;
    size_t room, count;
    size_t seen; /* entries of the folder */
    char *block; /* of a file, or of a folder's entries */
    EVP_MD_CTX *hash;
    struct error **err;
};

/* The first bytes, so that most comparisons need not go to the name. */
struct name {
    uint64_t begin;
    size_t at;
};

void content_head_of(const struct content_request *q, const struct stat *st,
                     struct content_head *ret)
{
    *ret = (struct content_head){.mode = st->st_mode};
    if (q->owners) {
        ret->uid = st->st_uid;
        ret->gid = st->st_gid;
    }
    if (S_ISREG(st->st_mode)) {
        ret->size = (uint64_t)st->st_size;
    } else if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        ret->device = st->st_rdev;
    }
}

static int cannot_read(const char *path, int code, struct error **err)
{
    return error_set_errno(err, ERROR_KERNEL, code, "reading '%s'", *path ? path : ".");
}

/* All that the descriptor gives. `block` has BLOCK_BYTES. */
static int hash_content(int fd, EVP_MD_CTX *hash, char *block,
                        unsigned char ret[CONTENT_DIGEST_BYTES])
{
    struct stat st;
    ssize_t n = 0;
    if (fstat(fd, &st) == 0 && st.st_size >= CONTENT_LARGE_BYTES) {
        return content_pieces_digest(fd, st.st_size, ret);
    }
    int ok = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    while (ok && (n = read_all(fd, block, BLOCK_BYTES)) > 0) {
        ok = EVP_DigestUpdate(hash, block, (size_t)n);
    }
    ok = ok && EVP_DigestFinal_ex(hash, ret, NULL);
    return n < 0 ? (int)n : ok ? 0 : -EIO;
}

int content_file_digest(const struct content_request *q, int fd, const char *path,
                        const struct stat *seen, unsigned char ret[CONTENT_DIGEST_BYTES],
                        struct error **err)
{
    const unsigned char *known = q->digests ? stat_cache_find(q->digests, seen) : NULL;
    if (known) {
        memcpy(ret, known, CONTENT_DIGEST_BYTES);
        return 0;
    }
    int64_t looked_ns = stat_cache_clock();
    CLEANUP(free) char *self = str_format("/proc/self/fd/%d", fd);
    CLEANUP(fd) int content = open(self, O_RDONLY | O_CLOEXEC);
    CLEANUP(free) char *block = xmalloc(BLOCK_BYTES);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    int r = content < 0 ? -errno : hash_content(content, hash, block, ret);
    EVP_MD_CTX_free(hash);
    if (r < 0) {
        return cannot_read(path, -r, err);
    }
    if (q->digests) {
        stat_cache_put(q->digests, seen, looked_ns, ret);
    }
    return 0;
}

/* The path from the context's root, for messages. The caller frees. */
static char *whole_path(const struct look *l, const struct node *n, const char *name)
{
    bool top = *l->top, below = *n->path;
    return str_format("%s%s%s%s%s", l->top, top && (below || *name) ? "/" : "", n->path,
                      below && *name ? "/" : "", name);
}

static int failed(struct looker *k, const struct node *n, const char *name, int code)
{
    CLEANUP(free) char *path = whole_path(k->look, n, name);
    return cannot_read(path, code, k->err);
}

static void note_fresh(struct look *l, const struct stat *st, int64_t looked_ns,
                       const unsigned char *digest)
{
    pthread_mutex_lock(&l->lock);
    if ((l->fresh_count & (l->fresh_count - 1)) == 0) {
        size_t room = l->fresh_count ? l->fresh_count * 2 : 1;
        l->fresh = xrealloc(l->fresh, room * sizeof(*l->fresh));
    }
    struct known *f = &l->fresh[l->fresh_count++];
    f->st = *st;
    f->looked_ns = looked_ns;
    memcpy(f->digest, digest, sizeof(f->digest));
    pthread_mutex_unlock(&l->lock);
}

static int add_file(struct looker *k, struct node *n, int folder, const char *name,
                    const struct stat *seen)
{
    struct stat_cache *cache = k->look->q->digests;
    const unsigned char *known = cache ? stat_cache_find(cache, seen) : NULL;
    unsigned char own[CONTENT_DIGEST_BYTES];
    if (!known) {
        CLEANUP(fd) int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        int64_t looked_ns = stat_cache_clock();
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0) {
            return failed(k, n, name, errno);
        }
        int r = S_ISREG(st.st_mode) ? hash_content(fd, k->hash, k->block, own)
                                    : -ESTALE; /* it became something else just now */
        if (r < 0) {
            return failed(k, n, name, -r);
        }
        known = own;
        if (cache && st.st_size == seen->st_size && st.st_ino == seen->st_ino) {
            note_fresh(k->look, &st, looked_ns, own);
        }
    }
    strbuf_add(&n->bytes, known, CONTENT_DIGEST_BYTES);
    return 0;
}

static int add_link(struct looker *k, struct node *n, int folder, const char *name)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(folder, name, target, sizeof(target));
    if (len < 0) {
        return failed(k, n, name, errno);
    }
    strbuf_add(&n->bytes, target, (size_t)len);
    strbuf_add(&n->bytes, "", 1);
    return 0;
}

static void add_folder(struct node *n, const char *name, struct node **ret_below)
{
    static const unsigned char room[CONTENT_DIGEST_BYTES];
    struct node *below = xcalloc(1, sizeof(*below));
    *below = (struct node){.above = n,
                           .at = n->bytes.len,
                           .depth = n->depth + 1,
                           .missing = 1,
                           .path = str_format("%s%s%s", n->path, *n->path ? "/" : "", name),
                           .next = *ret_below};
    strbuf_add(&n->bytes, room, sizeof(room));
    n->missing++;
    *ret_below = below;
}

static bool is_part(const struct look *l, const struct node *n, const char *name, bool is_folder)
{
    const struct content_request *q = l->q;
    if (!q->excludes && (!q->ignore || !q->ignore->count)) {
        return true;
    }
    CLEANUP(free) char *path = str_format("%s%s%s", n->path, *n->path ? "/" : "", name);
    return content_has(q, l->top, path, is_folder) != COPY_NONE;
}

static int add_entry(struct looker *k, struct node *n, int folder, const char *name,
                     struct node **ret_below)
{
    struct stat st;
    struct content_head head;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return failed(k, n, name, errno);
    }
    if (!is_part(k->look, n, name, S_ISDIR(st.st_mode))) {
        return 0;
    }
    content_head_of(k->look->q, &st, &head);
    strbuf_add(&n->bytes, name, strlen(name) + 1);
    strbuf_add(&n->bytes, &head, sizeof(head));
    if (S_ISDIR(st.st_mode)) {
        add_folder(n, name, ret_below);
        return 0;
    }
    return S_ISREG(st.st_mode)   ? add_file(k, n, folder, name, &st)
           : S_ISLNK(st.st_mode) ? add_link(k, n, folder, name)
                                 : 0;
}

static void add_name(struct looker *k, const char *name)
{
    unsigned char begin[8] = {0};
    if (str_equal(name, ".") || str_equal(name, "..")) {
        return;
    }
    if (k->count == k->room) {
        k->room = k->room ? k->room * 2 : 256;
        k->list = xrealloc(k->list, k->room * sizeof(*k->list));
    }
    size_t len = strlen(name);
    memcpy(begin, name, len < sizeof(begin) ? len : sizeof(begin));
    struct name *entry = &k->list[k->count++];
    *entry = (struct name){.at = k->names.len};
    for (size_t i = 0; i < sizeof(begin); i++) {
        entry->begin = entry->begin << 8 | begin[i];
    }
    strbuf_add(&k->names, name, len + 1);
}

static int by_name(const void *left, const void *right, void *names)
{
    const struct name *a = left, *b = right;
    return a->begin != b->begin ? (a->begin < b->begin ? -1 : 1)
                                : strcmp((char *)names + a->at, (char *)names + b->at);
}

static int list_names(struct looker *k, int folder)
{
    ssize_t n;
    k->count = 0;
    k->names.len = 0;
    while ((n = getdents64(folder, k->block, LIST_BYTES)) > 0) {
        for (char *at = k->block; at < k->block + n;) {
            const struct dirent64 *d = (const struct dirent64 *)at;
            add_name(k, d->d_name);
            at += d->d_reclen;
        }
    }
    if (n == 0 && k->count > 1) {
        qsort_r(k->list, k->count, sizeof(*k->list), by_name, k->names.data);
    }
    return n < 0 ? -errno : 0;
}

/* Of the folder, in order: as they were kept, or read. */
static int names_of(struct looker *k, int folder, struct folder_names *ret)
{
    struct name_cache *cache = k->look->q->names;
    struct stat st;
    int64_t looked_ns = stat_cache_clock();
    if (fstat(folder, &st) < 0) {
        return -errno;
    }
    if (cache && name_cache_find(cache, &st, ret)) {
        return 0;
    }
    int r = list_names(k, folder);
    k->sorted.len = 0;
    for (size_t i = 0; i < k->count; i++) {
        const char *name = k->names.data + k->list[i].at;
        strbuf_add(&k->sorted, name, strlen(name) + 1);
    }
    *ret = (struct folder_names){k->sorted.data, k->sorted.len, k->count};
    if (r >= 0 && cache) {
        name_cache_put(cache, &st, looked_ns, ret);
    }
    return r;
}

static int open_node(const struct look *l, const struct node *n)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    const char *path = *n->path ? n->path : ".";
    int fd = n->depth > DEPTH_MAX ? -ELOOP
                                  : (int)syscall(SYS_openat2, l->folder, path, &how, sizeof(how));
    return fd == -1 ? -errno : fd;
}

static int look_at(struct looker *k, struct node *n, struct node **ret_below)
{
    CLEANUP(fd) int folder = open_node(k->look, n);
    struct folder_names names = {0};
    int r = folder < 0 ? folder : names_of(k, folder, &names);
    if (r < 0) {
        return failed(k, n, "", -r);
    }
    const char *name = names.data;
    k->seen = names.count;
    for (size_t i = 0; i < names.count && r >= 0; i++, name += strlen(name) + 1) {
        r = add_entry(k, n, folder, name, ret_below);
    }
    return r;
}

static void node_free(struct node *n)
{
    strbuf_done(&n->bytes);
    free(n->path);
    free(n);
}

/* Under the lock: what is whole now has its digest, and maybe the folder above. */
static void end_node(struct look *l, struct node *n)
{
    while (n && --n->missing == 0) {
        unsigned char own[CONTENT_DIGEST_BYTES];
        struct node *above = n->above;
        unsigned char *to = above ? (unsigned char *)above->bytes.data + n->at : l->result;
        (void)EVP_Digest(str_or(n->bytes.data, ""), n->bytes.len, own, NULL, EVP_sha256(), NULL);
        memcpy(to, own, sizeof(own));
        node_free(n);
        l->unfinished--;
        n = above;
    }
}

static void *help(void *context);

/* Under the lock. A context of one folder is over before a thread would have begun. */
static void call_helpers(struct look *l)
{
    while (l->waiting && l->waiting->next && l->helper_count < l->helpers_wanted &&
           pthread_create(&l->helpers[l->helper_count], NULL, help, l) == 0) {
        l->helper_count++;
    }
}

/* Under the lock. */
static void put_waiting(struct look *l, struct node *below)
{
    while (below) {
        struct node *next = below->next;
        below->next = l->waiting;
        l->waiting = below;
        l->unfinished++;
        below = next;
    }
    call_helpers(l);
    pthread_cond_broadcast(&l->changed);
}

/* Under the lock, which it leaves meanwhile. */
static void tell_of_news(struct look *l)
{
    if (l->expected || !l->fresh_count || l->seen < MANY || !l->q->expect) {
        return;
    }
    l->expected = true;
    pthread_mutex_unlock(&l->lock);
    l->q->expect(l->q->expect_context);
    pthread_mutex_lock(&l->lock);
}

static void work(struct looker *k)
{
    struct look *l = k->look;
    pthread_mutex_lock(&l->lock);
    while (l->unfinished) {
        struct node *n = l->waiting, *below = NULL;
        if (!n) {
            (void)pthread_cond_wait(&l->changed, &l->lock); /* valid */
            continue;
        }
        l->waiting = n->next;
        pthread_mutex_unlock(&l->lock);
        struct error *why = NULL;
        k->err = &why;
        if (!atomic_load(&l->failure.failed) && look_at(k, n, &below) < 0) {
            first_failure_note(&l->failure, why);
        }
        pthread_mutex_lock(&l->lock);
        l->seen += k->seen;
        put_waiting(l, below);
        end_node(l, n);
        tell_of_news(l);
    }
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

static void *help(void *context)
{
    struct looker k = {.look = context, .block = xmalloc(BLOCK_BYTES), .hash = EVP_MD_CTX_new()};
    work(&k);
    EVP_MD_CTX_free(k.hash);
    free(k.block);
    free(k.list);
    strbuf_done(&k.names);
    strbuf_done(&k.sorted);
    return NULL;
}

int content_tree_digest(const struct content_request *q, const char *top,
                        unsigned char ret[CONTENT_DIGEST_BYTES], struct error **err)
{
    CLEANUP(fd) int folder = open_in_root(q->folder, *top ? top : ".", O_RDONLY | O_DIRECTORY, 0);
    if (folder < 0) {
        return cannot_read(top, -folder, err);
    }
    size_t processors = parallel_processors();
    struct look l = {.q = q,
                     .top = top,
                     .folder = folder,
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .changed = PTHREAD_COND_INITIALIZER,
                     .failure = FIRST_FAILURE_INIT,
                     .result = ret,
                     .unfinished = 1,
                     .helpers_wanted = (processors < THREADS_MAX ? processors : THREADS_MAX) - 1};
    l.waiting = xcalloc(1, sizeof(*l.waiting));
    *l.waiting = (struct node){.path = xstrdup(""), .missing = 1};
    (void)help(&l);
    for (size_t i = 0; i < l.helper_count; i++) {
        (void)pthread_join(l.helpers[i], NULL); /* valid */
    }
    for (size_t i = 0; i < l.fresh_count; i++) {
        const struct known *f = &l.fresh[i];
        stat_cache_put(q->digests, &f->st, f->looked_ns, f->digest);
    }
    free(l.fresh);
    return l.failure.error ? error_move(err, &l.failure.error, -l.failure.error->code) : 0;
}
