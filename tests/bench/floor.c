// SPDX-License-Identifier: Apache-2.0
/* The floor of pulling an image: what must be done whoever does it, with the fastest libraries.
 *
 *     floor THREADS FOLDER BLOB.tar.gz…
 *
 * For each blob: reads it, hashes it, keeps a copy, inflates it, hashes that, makes its files below
 * FOLDER (content, modes, times, owners; nothing is checked), then has all of it on the disk. */
#include <errno.h>
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IN_BYTES 262144
#define OUT_BYTES 262144
#define BLOCK 512

struct tar { /* what of the stream has been understood so far */
    int root, fd;
    char header[BLOCK], name[4096], link[4096];
    size_t header_len, long_len;
    uint64_t left, pad; /* of the entry's content */
    char long_kind;
    char text[8192];
    bool long_name;
};

static char **blobs;
static int blob_count;
static const char *folder;
static atomic_int next_blob;

static void check(bool good, const char *what)
{
    if (!good) {
        perror(what);
        exit(1);
    }
}

static uint64_t octal(const char *text, size_t len)
{
    uint64_t n = 0;
    for (size_t i = 0; i < len && text[i] >= '0' && text[i] <= '7'; i++) {
        n = n * 8 + (uint64_t)(text[i] - '0');
    }
    return n;
}

static void make_entry(struct tar *t)
{
    const char *h = t->header;
    struct timespec times[2] = {{.tv_sec = (time_t)octal(h + 136, 12)}, {0}};
    mode_t mode = (mode_t)octal(h + 100, 8) & 07777;
    times[1] = times[0];
    if (h[156] == '5') {
        check(mkdirat(t->root, t->name, mode | 0700) == 0 || errno == EEXIST, t->name);
    } else if (h[156] == '2') {
        check(symlinkat(t->link, t->root, t->name) == 0, t->name);
    } else if (h[156] == '1') {
        check(linkat(t->root, t->link, t->root, t->name, 0) == 0, t->name);
    } else {
        t->fd = openat(t->root, t->name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        check(t->fd >= 0, t->name);
        check(fchown(t->fd, (uid_t)octal(h + 108, 8), (gid_t)octal(h + 116, 8)) == 0, "fchown");
        check(fchmod(t->fd, mode) == 0 && futimens(t->fd, times) == 0, "fchmod");
    }
}

static void take_header(struct tar *t)
{
    const char *h = t->header;
    t->header_len = 0;
    if (!h[0]) {
        return; /* the end */
    }
    uint64_t size = octal(h + 124, 12);
    t->left = h[156] == '1' || h[156] == '2' || h[156] == '5' ? 0 : size;
    t->pad = (BLOCK - t->left % BLOCK) % BLOCK;
    if (h[156] == 'L' || h[156] == 'K') {
        t->long_kind = h[156];
        t->long_len = 0;
        return;
    }
    if (!t->long_name) {
        snprintf(t->name, sizeof(t->name), "%.155s%s%.100s", h[345] ? h + 345 : "",
                 h[345] ? "/" : "", h);
    }
    if (!t->link[0]) {
        snprintf(t->link, sizeof(t->link), "%.100s", h + 157);
    }
    make_entry(t);
    t->long_name = false;
    t->link[0] = '\0';
}

static void take_content(struct tar *t, const char *bytes, size_t len)
{
    if (t->long_kind) {
        char *to = t->long_kind == 'L' ? t->name : t->link;
        memcpy(to + t->long_len, bytes, len);
        t->long_len += len;
        t->long_name = t->long_name || t->long_kind == 'L';
    } else if (t->fd >= 0) {
        check(write(t->fd, bytes, len) == (ssize_t)len, "write");
    }
    t->left -= len;
    if (!t->left) {
        t->long_kind = 0;
    }
}

static void take(struct tar *t, const char *bytes, size_t len)
{
    while (len) {
        size_t n = len;
        if (t->left) {
            n = t->left < n ? t->left : n;
            take_content(t, bytes, n);
        } else if (t->pad) {
            n = t->pad < n ? t->pad : n;
            t->pad -= n;
        } else {
            n = BLOCK - t->header_len < n ? BLOCK - t->header_len : n;
            memcpy(t->header + t->header_len, bytes, n);
            t->header_len += n;
            if (t->header_len == BLOCK) {
                take_header(t);
            }
        }
        if (!t->left && t->fd >= 0) {
            close(t->fd);
            t->fd = -1;
        }
        bytes += n;
        len -= n;
    }
}

static void unpack(int i)
{
    static const char digits[] = "0123456789";
    char path[4096], copy[4096];
    unsigned char hash[64];
    unsigned char *in = malloc(IN_BYTES), *out = malloc(OUT_BYTES);
    snprintf(path, sizeof(path), "%s/%c", folder, digits[i % 10]);
    snprintf(copy, sizeof(copy), "%s/%c.blob", folder, digits[i % 10]);
    check(mkdir(path, 0755) == 0, path);
    struct tar *t = calloc(1, sizeof(*t));
    struct inflate_state state;
    struct isal_gzip_header gzip;
    EVP_MD_CTX *packed = EVP_MD_CTX_new(), *plain = EVP_MD_CTX_new();
    EVP_DigestInit_ex(packed, EVP_sha256(), NULL);
    EVP_DigestInit_ex(plain, EVP_sha256(), NULL);
    t->root = open(path, O_RDONLY | O_DIRECTORY);
    t->fd = -1;
    int from = open(blobs[i], O_RDONLY), to = open(copy, O_WRONLY | O_CREAT | O_EXCL, 0600);
    check(from >= 0 && to >= 0 && t->root >= 0, blobs[i]);
    isal_inflate_init(&state);
    isal_gzip_header_init(&gzip);
    state.crc_flag = ISAL_GZIP_NO_HDR_VER;
    ssize_t n;
    bool begun = false;
    while ((n = read(from, in, IN_BYTES)) > 0) {
        EVP_DigestUpdate(packed, in, (size_t)n);
        check(write(to, in, (size_t)n) == n, copy);
        state.next_in = in;
        state.avail_in = (uint32_t)n;
        if (!begun) {
            check(isal_read_gzip_header(&state, &gzip) == ISAL_DECOMP_OK, "gzip");
            begun = true;
        }
        do {
            state.next_out = out;
            state.avail_out = OUT_BYTES;
            check(isal_inflate(&state) == ISAL_DECOMP_OK, "inflate");
            size_t got = OUT_BYTES - state.avail_out;
            EVP_DigestUpdate(plain, out, got);
            take(t, (const char *)out, got);
        } while (state.avail_in || state.avail_out == 0);
    }
    EVP_DigestFinal_ex(packed, hash, NULL);
    EVP_DigestFinal_ex(plain, hash, NULL);
    EVP_MD_CTX_free(packed);
    EVP_MD_CTX_free(plain);
    close(from);
    close(to);
    close(t->root);
    free(t);
    free(in);
    free(out);
}

static void *work(void *unused)
{
    for (;;) {
        int i = atomic_fetch_add(&next_blob, 1);
        if (i >= blob_count) {
            return unused;
        }
        unpack(i);
    }
}

int main(int argc, char **argv)
{
    pthread_t threads[64];
    char *end;
    long count = argc > 3 ? strtoul(argv[1], &end, 10) : 0;
    if (count < 1 || count > 64 || argc - 3 > 10) {
        fprintf(stderr, "usage: floor THREADS FOLDER BLOB.tar.gz...\n");
        return 125;
    }
    folder = argv[2];
    blobs = argv + 3;
    blob_count = argc - 3;
    for (long i = 0; i < count; i++) {
        check(pthread_create(&threads[i], NULL, work, NULL) == 0, "pthread_create");
    }
    for (long i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY);
    check(fd >= 0 && (getenv("FLOOR_NOSYNC") || syncfs(fd) == 0), folder);
    return 0;
}
