// SPDX-License-Identifier: Apache-2.0
#include "build/add_remote.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/error_json.h"
#include "base/file.h"
#include "base/spawn.h"
#include "build/sealer.h"
#include "image/helper.h"
#include "wall/container/mount.h"

#define HEAD_BYTES 512
#define FOLDER_FD 3
#define ERROR_FD 4
#define ERROR_BYTES_MAX 65536

bool copy_is_git(const char *source)
{
    size_t n = strcspn(source, "#");
    bool web = str_starts(source, "http://") || str_starts(source, "https://");
    return str_starts(source, "git@") || str_starts(source, "git://") ||
           str_starts(source, "ssh://") ||
           (web && n > 4 && strncmp(source + n - 4, ".git", 4) == 0);
}

bool copy_is_url(const char *source)
{
    return !copy_is_git(source) &&
           (str_starts(source, "http://") || str_starts(source, "https://"));
}

bool copy_is_remote(const struct copy_spec *c, size_t index)
{
    const char *source = c->sources.items[index];
    return c->is_add && (copy_is_url(source) || copy_is_git(source));
}

static char *fetched_path(const struct build *b, const struct build_step *step, size_t index)
{
    return str_format("%s/f%d-%zu", sealer_folder(b->sealer), step->number, index);
}

/* The last component of the URL's path. */
static char *url_name(const char *url)
{
    const char *path = strstr(url, "://") + 3;
    CLEANUP(free) char *whole = xstrndup(path, strcspn(path, "?#"));
    char *slash = strrchr(whole, '/');
    return slash && slash[1] ? xstrdup(slash + 1) : xstrdup("index.html");
}

static int fetch_url(struct build *b, struct build_step *step, size_t index, const char *folder,
                     struct digest *to, struct error **err)
{
    const char *url = step->copy.sources.items[index];
    CLEANUP(free) char *name = url_name(url);
    if (str_equal(name, ".") || str_equal(name, "..")) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "'%s' names no file", url);
    }
    CLEANUP(free) char *path = str_format("%s/%s", folder, name);
    CLEANUP(json) json_t *answer = NULL;
    json_t *request = json_pack("{s:s, s:s, s:s, s:s?}", "op", "fetch", "url", url, "to", path,
                                "checksum", step->copy.checksum);
    int r = sealer_call(b->sealer, request, &answer, err);
    if (r < 0) {
        return r;
    }
    const char *digest = str_or(json_string_value(json_object_get(answer, "digest")), "");
    int64_t modified = json_integer_value(json_object_get(answer, "modified"));
    struct timespec times[2] = {{.tv_sec = modified < 0 ? 0 : modified},
                                {.tv_sec = modified < 0 ? 0 : modified}};
    (void)utimensat(AT_FDCWD, path, times, 0); /* as the server has it, or the epoch */
    digest_add(to, digest, strlen(digest) + 1);
    digest_add(to, name, strlen(name) + 1);
    return 0;
}

static int fetch_git(struct build_step *step, size_t index, const char *folder, struct digest *to,
                     struct error **err)
{
    const struct copy_spec *c = &step->copy;
    CLEANUP(free) char *commit = NULL;
    int r = git_fetch(c->sources.items[index], folder, c->keep_git_dir, &commit, err);
    if (r >= 0 && !commit) {
        r = error_set(err, ERROR_INTERNAL, 0, "'%s' has no commit", c->sources.items[index]);
    }
    if (r >= 0) { /* which names all of its content */
        digest_add(to, commit, strlen(commit) + 1);
    }
    return r < 0 ? r : 0;
}

int add_remote_fetch(struct build *b, struct build_step *step, struct digest *to,
                     struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < step->copy.sources.count && r >= 0; i++) {
        const char *source = step->copy.sources.items[i];
        if (!copy_is_remote(&step->copy, i)) {
            continue;
        }
        CLEANUP(free) char *folder = fetched_path(b, step, i);
        if (mkdir(folder, 0700) < 0) {
            return error_set_errno(err, ERROR_KERNEL, errno, "making the folder '%s'", folder);
        }
        r = copy_is_git(source) ? fetch_git(step, i, folder, to, err)
                                : fetch_url(b, step, i, folder, to, err);
    }
    return r;
}

int add_remote_open(const struct build *b, const struct build_step *step, size_t index,
                    struct error **err)
{
    CLEANUP(free) char *path = fetched_path(b, step, index);
    return open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, err);
}

int add_remote_file(const struct build *b, const struct build_step *step, size_t index, int folder,
                    struct source_items *ret, struct error **err)
{
    char *name = url_name(step->copy.sources.items[index]);
    ret->items = xcalloc(1, sizeof(*ret->items));
    ret->items[0] = (struct source_item){.path = xstrdup(name), .name = name};
    ret->count = 1;
    return 0;
}

bool add_looks_like_archive(int file)
{
    unsigned char head[HEAD_BYTES] = {0};
    ssize_t n = pread(file, head, sizeof(head), 0);
    static const struct {
        const char *magic;
        size_t len, at;
    } kinds[] = {{"\x1f\x8b", 2, 0},
                 {"BZh", 3, 0},
                 {"\xfd"
                  "7zXZ",
                  5, 0},
                 {"\x28\xb5\x2f\xfd", 4, 0},
                 {"ustar", 5, 257}};
    for (size_t i = 0; i < ARRAY_SIZE(kinds) && n > 0; i++) {
        if (memcmp(head + kinds[i].at, kinds[i].magic, kinds[i].len) == 0) {
            return true;
        }
    }
    return false;
}

int add_unpack(const struct build *b, int file, int folder, struct error **err)
{
    CLEANUP(json)
    json_t *request = image_request("extract", b->engine.data_dir, b->engine.config_path);
    json_object_set_new(request, "folderFd", json_integer(FOLDER_FD));
    json_object_set_new(request, "errorFd", json_integer(ERROR_FD));
    CLEANUP(free) char *text = json_dumps(request, JSON_COMPACT);
    int ends[2];
    if (lseek(file, 0, SEEK_SET) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "reading an archive");
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    CLEANUP(fd) int read_end = ends[0];
    const char *const arguments[] = {text, NULL};
    const struct spawn_fd fds[] = {{file, 0}, {folder, FOLDER_FD}, {ends[1], ERROR_FD}};
    pid_t pid;
    int r = program_spawn("cloison-image", arguments, fds, ARRAY_SIZE(fds), &pid, err);
    fd_close(ends[1]);
    if (r < 0) {
        return r;
    }
    char message[ERROR_BYTES_MAX];
    ssize_t n = read_all(read_end, message, sizeof(message));
    int status = 0;
    r = program_wait(pid, &status);
    return r >= 0 && status == 0
               ? 0
               : error_from_json(message, n < 0 ? 0 : (size_t)n, "cloison-image", err);
}

int add_archive(const struct build *b, int file, int folder, struct error **err)
{
    CLEANUP(error) struct error *why = NULL;
    int r = add_unpack(b, file, folder, &why);
    if (r >= 0) {
        return 1;
    }
    /* Something compressed that is no archive is a file as any other. */
    return strstr(why->message, "Unrecognized archive format") ? 0 : error_move(err, &why, r);
}
