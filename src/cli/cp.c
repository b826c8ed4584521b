// SPDX-License-Identifier: Apache-2.0
/* `cloison cp`: between a container and the host, with Docker's rules on what a trailing "/" and
 * "/." mean. Paths in a container are resolved inside its root, whatever its links say. "-" is a
 * tar stream, which the program cloison-image reads and writes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/copy_tree.h"
#include "base/human.h"
#include "cli/commands.h"
#include "cli/engine_of.h"
#include "cli/helper_folder.h"
#include "engine/recover.h"
#include "engine/rootfs.h"

#define LINKS_MAX 40 /* as the kernel's path walk */

struct cp_values {
    bool archive, follow, quiet;
};
#define AT(member) offsetof(struct cp_values, member)

static const struct option options[] = {
    {'a', "archive", OPTION_FLAG, AT(archive), NULL, "Keep the owners"},
    {'L', "follow-link", OPTION_FLAG, AT(follow), NULL,
     "Copy what a link as the source leads to, not the link"},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Do not say what was copied"},
    {0},
};

/* One side: a path on the host (root -1), or in a container. */
struct side {
    const char *text; /* as given */
    char *container;  /* NULL: the host */
    const char *path;
    int root;
    bool is_stream;     /* "-" */
    bool wants_folder;  /* it ends with "/" or "/." */
    bool wants_content; /* it ends with "/.", or is "." */
};

/* Where a path leads: an entry of a folder, which may be missing, or a folder itself ("/", "..").
 */
struct place {
    int folder; /* that holds it; itself when `name` is empty */
    char *name;
    bool exists;
    struct stat st;
};

static void place_done(struct place *p)
{
    fd_close(p->folder);
    free(p->name);
}
static inline void place_cleanup(struct place *p)
{
    place_done(p);
}

static void parse_side(const char *text, struct side *ret)
{
    const char *colon = strchr(text, ':');
    bool local = !colon || text[0] == '/' || text[0] == '.' || colon == text;
    *ret = (struct side){.text = text, .path = text, .root = -1};
    if (!local) {
        ret->container = xstrndup(text, (size_t)(colon - text));
        ret->path = colon[1] ? colon + 1 : "/";
    }
    ret->is_stream = local && str_equal(text, "-");
    ret->wants_content = str_ends(ret->path, "/.") || str_equal(ret->path, ".");
    ret->wants_folder = ret->wants_content || str_ends(ret->path, "/");
}

static int open_side(const struct side *s, const char *path, int flags)
{
    if (s->root >= 0) {
        return open_in_root(s->root, path, flags, 0);
    }
    int fd = open(path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* "a/b//" and "a/b/." → "a/b". */
static char *without_tail(const char *path)
{
    char *text = xstrdup(path);
    size_t len = strlen(text);
    while (len > 1 && (text[len - 1] == '/' || (text[len - 1] == '.' && text[len - 2] == '/'))) {
        text[--len] = '\0';
    }
    return text;
}

/* One step: the folder and the last component, links not followed. */
static int look_at(const struct side *s, const char *path, struct place *ret)
{
    CLEANUP(free) char *text = without_tail(path);
    char *slash = strrchr(text, '/');
    const char *name = slash ? slash + 1 : text;
    bool folder_itself = !*name || str_equal(name, ".") || str_equal(name, "..");
    CLEANUP(free)
    char *above = folder_itself ? xstrdup(text)
                  : slash       ? xstrndup(text, (size_t)(slash - text) + 1)
                                : xstrdup(s->root >= 0 ? "/" : ".");
    ret->folder = open_side(s, above, O_RDONLY | O_DIRECTORY);
    if (ret->folder < 0) {
        return ret->folder;
    }
    ret->name = xstrdup(folder_itself ? "" : name);
    if (fstatat(ret->folder, ret->name, &ret->st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0) {
        ret->exists = true;
    } else if (errno != ENOENT) {
        return -errno;
    }
    return 0;
}

/* The path that the link at `path` leads to. */
static char *link_target(const struct place *p, const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(p->folder, p->name, target, sizeof(target) - 1);
    target[n < 0 ? 0 : n] = '\0';
    CLEANUP(free) char *text = without_tail(path);
    char *slash = strrchr(text, '/');
    if (target[0] == '/' || !slash) {
        return xstrdup(target);
    }
    return str_format("%.*s/%s", (int)(slash - text), text, target);
}

static int look(const struct side *s, bool follow, struct place *ret, struct error **err)
{
    CLEANUP(free) char *path = xstrdup(s->path);
    for (int links = 0; links < LINKS_MAX; links++) {
        struct place p = {.folder = -1};
        int r = look_at(s, path, &p);
        if (r < 0) {
            place_done(&p);
            return error_set_errno(err, r == -ENOENT ? ERROR_NOT_FOUND : ERROR_KERNEL, -r, "'%s'",
                                   s->text);
        }
        if (!p.exists || !S_ISLNK(p.st.st_mode) || !follow) {
            *ret = p;
            return 0;
        }
        char *next = link_target(&p, path);
        free(path);
        path = next;
        place_done(&p);
    }
    return error_set_errno(err, ERROR_INVALID_INPUT, ELOOP, "'%s'", s->text);
}

static int open_place(const struct place *p)
{
    return openat(p->folder, *p->name ? p->name : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int look_at_source(const struct side *s, bool follow, struct place *ret, struct error **err)
{
    int r = look(s, follow || s->wants_folder, ret, err);
    if (r >= 0 && !ret->exists) {
        r = error_set(err, ERROR_NOT_FOUND, ENOENT, "there is no '%s'", s->text);
    } else if (r >= 0 && s->wants_folder && !S_ISDIR(ret->st.st_mode)) {
        r = error_set(err, ERROR_INVALID_INPUT, ENOTDIR, "'%s' is no folder", s->text);
    }
    return r;
}

/* Under which name, and where, the source is to stand. `folder`: -1 when its content is wanted. */
struct target {
    int folder;
    const char *name;
    bool content;
};

static int choose_target(const struct place *from, const struct side *to, const struct place *at,
                         const struct side *source, struct target *ret, struct error **err)
{
    bool folder = S_ISDIR(from->st.st_mode), into = at->exists && S_ISDIR(at->st.st_mode);
    if (into) {
        ret->folder = open_place(at);
        ret->content = folder && (source->wants_content || !*from->name);
        ret->name = from->name;
        return ret->folder < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "'%s'", to->text) : 0;
    }
    if (at->exists && folder) {
        return error_set(err, ERROR_INVALID_INPUT, ENOTDIR,
                         "cannot copy the folder '%s' over '%s', which is none", source->text,
                         to->text);
    }
    if (to->wants_folder && !folder) {
        return error_set(err, ERROR_INVALID_INPUT, ENOTDIR, "there is no folder '%s'", to->text);
    }
    ret->folder = fcntl(at->folder, F_DUPFD_CLOEXEC, 3);
    ret->name = at->name;
    return 0;
}

static int copy(const struct cp_values *v, const struct side *source, const struct place *from,
                const struct side *to, struct error **err)
{
    CLEANUP(place) struct place at = {.folder = -1};
    struct target target = {.folder = -1};
    struct copy how = {.set_owner = !v->archive};
    if (!to->container) { /* on the host it is the user's who copies; in a container, root's */
        how.uid = geteuid();
        how.gid = getegid();
    }
    int r = look(to, true, &at, err);
    if (r >= 0) {
        r = choose_target(from, to, &at, source, &target, err);
    }
    if (r < 0) {
        return r;
    }
    CLEANUP(fd) int folder = target.folder;
    CLEANUP(fd) int whole = target.content || !*from->name ? open_place(from) : -1;
    if (whole >= 0 && !target.content) { /* "/" becomes a folder of another name */
        r = mkdirat(folder, target.name, 0755) < 0 ? -errno : 0;
        CLEANUP(fd) int made = openat(folder, target.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = r < 0 ? r : copy_content(whole, made, &how);
    } else {
        r = whole >= 0 ? copy_content(whole, folder, &how)
                       : copy_tree(from->folder, from->name, folder, target.name, &how);
    }
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "copying '%s' to '%s'", source->text,
                               to->text);
    }
    if (!v->quiet) {
        CLEANUP(free) char *size = human_size(how.bytes);
        fprintf(stderr, "Successfully copied %s to %s\n", size, to->text);
    }
    return 0;
}

static int write_stream(const struct command_context *context, const struct place *from,
                        struct error **err)
{
    CLEANUP(json)
    json_t *request = image_request("export", context->data_dir, context->config_path);
    if (*from->name) {
        json_object_set_new(request, "name", json_string(from->name));
    }
    return helper_become_with_folder(request, from->folder, err);
}

static int read_stream(const struct command_context *context, const struct side *to,
                       struct error **err)
{
    CLEANUP(place) struct place at = {.folder = -1};
    int r = look(to, true, &at, err);
    if (r < 0) {
        return r;
    }
    if (!at.exists || !S_ISDIR(at.st.st_mode)) {
        return error_set(err, ERROR_INVALID_INPUT, ENOTDIR,
                         "'%s' is no folder: a tar stream needs one", to->text);
    }
    CLEANUP(fd) int folder = open_place(&at);
    CLEANUP(json)
    json_t *request = image_request("extract", context->data_dir, context->config_path);
    return folder < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "'%s'", to->text)
                      : helper_become_with_folder(request, folder, err);
}

static int open_root(const struct engine *e, struct side *s, bool write, struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    if (!s->container) {
        return 0;
    }
    int r = container_find_recovered(e, s->container, &c, err);
    if (r >= 0) {
        r = s->root = rootfs_open(e, c, write, err);
    }
    return r < 0 ? r : 0;
}

static int check_sides(const struct side *from, const struct side *to, struct error **err)
{
    if (from->container && to->container) {
        return error_set(err, ERROR_USAGE, 0, "copying between containers is not supported");
    }
    if (!from->container && !to->container) {
        int r = error_set(err, ERROR_USAGE, 0, "neither '%s' nor '%s' names a container",
                          from->text, to->text);
        return error_hint(err, r, "CONTAINER:PATH");
    }
    return 0;
}

static int run(const struct command_context *context, void *values, int argc, char **argv,
               struct error **err)
{
    const struct cp_values *v = values;
    struct engine engine = engine_of(context);
    CLEANUP(place) struct place source = {.folder = -1};
    struct side from, to;
    parse_side(argv[0], &from);
    parse_side(argv[1], &to);
    int r;
    if ((r = check_sides(&from, &to, err)) < 0 || (r = open_root(&engine, &from, false, err)) < 0 ||
        (r = open_root(&engine, &to, true, err)) < 0) {
        /* told below */
    } else if (from.is_stream) {
        r = read_stream(context, &to, err);
    } else if ((r = look_at_source(&from, v->follow, &source, err)) >= 0) {
        r = to.is_stream ? write_stream(context, &source, err) : copy(v, &from, &source, &to, err);
    }
    free(from.container);
    free(to.container);
    fd_close(from.root);
    fd_close(to.root);
    return r;
}

const struct command command_cp = {
    .name = "cp",
    .group = "Containers",
    .summary = "Copy between a container and the host",
    .arguments = "[OPTIONS] CONTAINER:PATH PATH|-  or  PATH|- CONTAINER:PATH",
    .options = options,
    .values_size = sizeof(struct cp_values),
    .min_arguments = 2,
    .max_arguments = 2,
    .argument_completion = COMPLETE_FILE,
    .run = run,
};
