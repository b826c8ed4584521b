// SPDX-License-Identifier: Apache-2.0
#include "build/statement_files.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "build/rootfs.h"
#include "image/store/digest.h"

#define STATEMENT_TYPE "https://in-toto.io/Statement/v0.1"
#define SBOM_TYPE "https://spdx.dev/Document"
#define BLOCK_BYTES 65536

static int add_subject(json_t *list, int folder, const char *name, const char *path)
{
    CLEANUP(fd) int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    CLEANUP(digest) struct digest *digest = digest_new();
    char block[BLOCK_BYTES], text[DIGEST_TEXT_BYTES];
    ssize_t n = fd < 0 ? -errno : 1;
    while (n > 0 && (n = read_all(fd, block, sizeof(block))) > 0) {
        digest_add(digest, block, (size_t)n);
    }
    if (n < 0) {
        return (int)n;
    }
    digest_end(digest, text);
    json_array_append_new(list, json_pack("{s:o, s:{s:s}}", "name", json_string_lossy(path),
                                          "digest", "sha256", strchr(text, ':') + 1));
    return 0;
}

/* All regular files below the folder, `path` from the top with a slash behind it, or "". */
static int add_subjects(json_t *list, int folder, const char *path, struct error **err)
{
    CLEANUP(strv) struct strv names = {0};
    int r = list_folder_whole(folder, ".", &names, err);
    for (size_t i = 0; i < names.count && r >= 0; i++) {
        const char *name = names.items[i];
        CLEANUP(free) char *whole = str_format("%s%s", path, name);
        struct stat st;
        int e = fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
        if (e == 0 && S_ISDIR(st.st_mode)) {
            CLEANUP(fd)
            int below = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            CLEANUP(free) char *under = str_format("%s/", whole);
            e = below < 0 ? -errno : 0;
            r = e < 0 ? r : add_subjects(list, below, under, err);
        } else if (e == 0 && S_ISREG(st.st_mode)) {
            e = add_subject(list, folder, name, whole);
        }
        if (e < 0) {
            r = error_set_errno(err, ERROR_KERNEL, -e, "reading '%s'", whole);
        }
    }
    return r < 0 ? r : 0;
}

static int write_statement(const char *folder, const json_t *subjects, const json_t *statement,
                           struct error **err)
{
    const char *type = json_string_value(json_object_get(statement, "type"));
    CLEANUP(free)
    char *path = str_format("%s/%s", folder,
                            str_equal(type, SBOM_TYPE) ? "sbom.spdx.json" : "provenance.json");
    CLEANUP(json)
    json_t *whole =
        json_pack("{s:s, s:s, s:O, s:O}", "_type", STATEMENT_TYPE, "predicateType", type, "subject",
                  subjects, "predicate", json_object_get(statement, "predicate"));
    CLEANUP(free) char *text = json_dumps(whole, JSON_INDENT(2));
    return file_write_atomic(AT_FDCWD, path, str_or(text, ""), strlen(str_or(text, "")), 0600,
                             FILE_NO_SYNC, err);
}

/* A folder that goes on top of the stage's: as its root is. */
static int make_folder(const struct build *b, int root, const json_t *statements, char **ret,
                       struct error **err)
{
    CLEANUP(free) char *folder = str_format("%s/statements", b->run_dir);
    CLEANUP(json) json_t *subjects = json_array();
    json_t *statement;
    size_t i;
    struct stat st;
    int r = remove_tree(AT_FDCWD, folder, err); /* of the platform before */
    r = r < 0 ? r : mkdir_all(folder, 0755, err);
    r = r < 0 ? r : add_subjects(subjects, root, "", err);
    json_array_foreach(statements, i, statement)
    {
        r = r < 0 ? r : write_statement(folder, subjects, statement, err);
    }
    if (r >= 0 && fstat(root, &st) == 0) {
        struct timespec times[2] = {st.st_atim, st.st_mtim};
        (void)chmod(folder, st.st_mode & 07777); /* a root that looks otherwise is no harm */
        (void)chown(folder, st.st_uid, st.st_gid);
        (void)utimensat(AT_FDCWD, folder, times, 0);
    }
    *ret = r < 0 ? NULL : take_ptr(folder);
    return r;
}

int statement_files_root(const struct build *b, const struct stage *s, const json_t *statements,
                         struct error **err)
{
    int root = rootfs_of_stage(b, s, err);
    CLEANUP(strv) struct strv layers = {0};
    char *folder = NULL;
    if (root < 0 || !json_array_size(statements)) {
        return root;
    }
    int r = make_folder(b, root, statements, &folder, err);
    fd_close(root);
    if (r < 0) {
        return r;
    }
    strv_add_take(&layers, folder);
    rootfs_layers(s, &layers);
    return rootfs_mount(&layers, NULL, NULL, b->run_dir, err);
}
