// SPDX-License-Identifier: Apache-2.0
/* Drives a fuzz target without libFuzzer: every file of its corpus, then changed copies of each.
 *
 *     <target>_fuzz CORPUS-FOLDER [SEED]     or     <target>_fuzz FILE    (one input: a finding)
 *
 * Part of `make test`, so that what fuzzing once found stays found, in any compiler's build. A
 * crash or a hang of the program is the failure; TAP says which file it was at. `make fuzz` links
 * the same targets with libFuzzer instead. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"

#define INPUT_BYTES_MAX (1 << 20)
#define CHANGES_PER_FILE 400
#define SEED_DEFAULT 20260101

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* xorshift64*: the same inputs on every machine for the same seed. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static size_t below(uint64_t *state, size_t limit)
{
    return limit ? next_random(state) % limit : 0;
}

/* A copy of exactly `size` bytes, so that a sanitizer sees a read past its end. */
static void run_exact(const char *bytes, size_t size)
{
    uint8_t *copy = xmalloc(size ? size : 1);
    memcpy(copy, bytes, size);
    (void)LLVMFuzzerTestOneInput(copy, size); /* 0 always, by libFuzzer's contract */
    free(copy);
}

/* One to four edits: a byte set, a part cut out, a part doubled, the end cut off. */
static void run_changed(const char *bytes, size_t size, uint64_t *state)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    strbuf_add(&b, bytes, size);
    for (size_t edits = 1 + below(state, 4); edits > 0 && b.len > 0; edits--) {
        size_t at = below(state, b.len), n = 1 + below(state, 16);
        n = n > b.len - at ? b.len - at : n;
        switch (below(state, 4)) {
        case 0:
            b.data[at] = (char)next_random(state);
            break;
        case 1:
            memmove(b.data + at, b.data + at + n, b.len - at - n);
            b.len -= n;
            break;
        case 2: {
            char part[16];
            memcpy(part, b.data + at, n);
            strbuf_add(&b, part, n);
            break;
        }
        default:
            b.len = at;
            break;
        }
    }
    run_exact(str_or(b.data, ""), b.len);
}

static int run_file(const char *path, bool change, uint64_t seed)
{
    CLEANUP(free) char *bytes = NULL;
    size_t size = 0;
    if (file_read(AT_FDCWD, path, INPUT_BYTES_MAX, &bytes, &size, NULL) < 0) {
        return -1;
    }
    run_exact(bytes, size);
    for (int i = 0; change && i < CHANGES_PER_FILE; i++) {
        run_changed(bytes, size, &seed);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct dirent **names = NULL;
    struct stat st;
    uint64_t seed = SEED_DEFAULT;
    int failed = 0;
    if (argc < 2 || stat(argv[1], &st) < 0 || (argc > 2 && str_to_u64(argv[2], 10, &seed) < 0)) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER|FILE [SEED]\n", argv[0]);
        return 2;
    }
    if (!S_ISDIR(st.st_mode)) {
        return run_file(argv[1], false, seed) < 0;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    int count = scandir(argv[1], &names, NULL, alphasort), number = 0;
    printf("# seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < count; i++) {
        CLEANUP(free) char *path = str_format("%s/%s", argv[1], names[i]->d_name);
        if (names[i]->d_name[0] != '.') {
            printf("# %s\n", names[i]->d_name);
            bool good = run_file(path, true, seed) == 0;
            printf("%sok %d - %s\n", good ? "" : "not ", ++number, names[i]->d_name);
            failed += !good;
        }
        free(names[i]);
    }
    free(names);
    printf("1..%d\n", number);
    return failed || number == 0;
}
