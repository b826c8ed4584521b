// SPDX-License-Identifier: Apache-2.0
/* COPY and ADD: what is copied, from where, to where, as whose. */
#include <ctype.h>
#include <string.h>

#include "build/add_remote.h"
#include "build/build.h"
#include "build/file/expand.h"
#include "build/file/heredoc.h"
#include "build/file/line.h"
#include "build/flags.h"

static int bad(struct build *b, const struct instruction *i, struct error **err, const char *what)
{
    return dockerfile_error(b->file.name, i->line, err, "%s: %s", instruction_name(i->kind), what);
}

static const char *lookup(void *context, const char *name)
{
    return stage_variable(context, name);
}

static int add_file(struct build *b, struct stage *s, const struct instruction *i,
                    const struct heredoc *h, struct copy_spec *c, struct error **err)
{
    CLEANUP(error) struct error *why = NULL;
    struct expansion e = {
        .escape = b->file.escape, .lookup = lookup, .context = s, .keep_quotes = true};
    char *content = NULL;
    if (!h->expand) {
        content = xstrdup(h->content);
    } else if (expand_word(&e, h->content, &content, &why) < 0) {
        return bad(b, i, err, why->message);
    }
    c->files = xrealloc(c->files, (c->file_count + 1) * sizeof(*c->files));
    c->files[c->file_count++] = (struct inline_file){xstrdup(h->name), content};
    return 0;
}

static int read_words(struct build *b, struct stage *s, const struct instruction *i,
                      struct copy_spec *c, struct error **err)
{
    CLEANUP(strv) struct strv words = {0};
    size_t heredocs = 0;
    if (i->is_json) {
        strv_add_all(&words, i->json.items);
    } else {
        line_words(i->rest, b->file.escape, &words);
    }
    if (words.count < 2) {
        return bad(b, i, err, "it takes at least a source and a destination");
    }
    for (size_t n = 0; n < words.count; n++) {
        char *word = NULL;
        int r = 0;
        if (n + 1 < words.count && heredocs < i->heredoc_count && heredoc_is_mark(words.items[n])) {
            r = add_file(b, s, i, &i->heredocs[heredocs++], c, err);
        } else if ((r = evaluate_word(b, s, i, words.items[n], &word, err)) == 0) {
            strv_add_take(&c->sources, word);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* The last word: below the working folder, unless it is absolute; a slash at its end stays. */
static int take_destination(struct build *b, struct stage *s, const struct instruction *i,
                            struct copy_spec *c, struct error **err)
{
    CLEANUP(free) char *last = c->sources.items[--c->sources.count];
    c->sources.items[c->sources.count] = NULL;
    if (!*last) {
        return bad(b, i, err, "the destination is empty");
    }
    const char *cwd = str_or(json_string_value(json_object_get(s->config, "WorkingDir")), "/");
    c->destination = *last == '/' ? xstrdup(last) : str_format("%s/%s", cwd, last);
    size_t n = strlen(c->destination);
    bool folder = c->destination[n - 1] == '/' || str_ends(last, "/.") || str_equal(last, ".") ||
                  str_equal(last, "..") || str_ends(last, "/..");
    if (folder && c->destination[n - 1] != '/') {
        char *slashed = str_format("%s/", c->destination);
        free(c->destination);
        c->destination = slashed;
    }
    return 0;
}

/* As BuildKit tells it: the words expanded, the flags left out. */
static char *history_text(const struct instruction *i, const struct copy_spec *c, const char *to)
{
    struct strbuf text = {0};
    strbuf_adds(&text, instruction_name(i->kind));
    for (size_t n = 0; n < c->sources.count; n++) {
        strbuf_addf(&text, " %s", c->sources.items[n]);
    }
    for (size_t n = 0; n < c->file_count; n++) {
        strbuf_addf(&text, " <<%s", c->files[n].name);
    }
    strbuf_addf(&text, " %s", to);
    return strbuf_take(&text);
}

static int check_chmod(struct build *b, const struct instruction *i, const char *mode,
                       struct error **err)
{
    int64_t number;
    if (str_to_i64(mode, 8, &number) == 0
            ? number >= 0 && number <= 07777
            : strspn(mode, "ugoarwxXst+-=,") == strlen(mode) && *mode) {
        return 0;
    }
    CLEANUP(free) char *what = str_format("'--chmod=%s' is no mode", mode);
    return bad(b, i, err, what);
}

static int read_flags(struct build *b, struct stage *s, const struct instruction *i,
                      struct copy_spec *c, struct error **err)
{
    const struct {
        const char *name;
        char **at;
    } texts[] = {{"chown", &c->chown}, {"chmod", &c->chmod}, {"checksum", &c->checksum}};
    int r = 0;
    for (size_t n = 0; n < ARRAY_SIZE(texts) && r == 0; n++) {
        const char *value = flag_value(i, texts[n].name);
        r = value ? evaluate_word(b, s, i, value, texts[n].at, err) : 0;
    }
    CLEANUP(strv) struct strv excludes = {0};
    flag_list(i, "exclude", &excludes);
    for (size_t n = 0; n < excludes.count && r == 0; n++) {
        char *pattern = NULL;
        r = evaluate_word(b, s, i, excludes.items[n], &pattern, err);
        if (r == 0) {
            strv_add_take(&c->excludes, pattern);
        }
    }
    const char *file = b->file.name;
    if (r < 0 || (r = flag_bool(file, i, "link", &c->link, err)) < 0 ||
        (r = flag_bool(file, i, "parents", &c->parents, err)) < 0 ||
        (r = flag_bool(file, i, "keep-git-dir", &c->keep_git_dir, err)) < 0 ||
        (r = flag_bool(file, i, "unpack", &c->unpack, err)) < 0) {
        return r;
    }
    c->unpack_set = flag_value(i, "unpack");
    const char *from = flag_value(i, "from");
    CLEANUP(free) char *name = NULL;
    r = from ? evaluate_word(b, s, i, from, &name, err) : 0;
    r = r == 0 && c->chmod ? check_chmod(b, i, c->chmod, err) : r;
    if (r < 0 || !from) {
        return r;
    }
    return *name ? graph_input(b, s, name, i->line, &c->from, err)
                 : bad(b, i, err, "'--from=' expands to nothing");
}

static json_t *definition(const struct copy_spec *c)
{
    json_t *files = json_array();
    for (size_t n = 0; n < c->file_count; n++) {
        json_array_append_new(files, json_pack("[s, s]", c->files[n].name, c->files[n].content));
    }
    return json_pack("{s:s, s:s?, s:s?, s:s?, s:b, s:b, s:b, s:b, s:b, s:o, s:o, s:o}", "copy",
                     c->destination, "chown", c->chown, "chmod", c->chmod, "checksum", c->checksum,
                     "add", c->is_add, "link", c->link, "parents", c->parents, "git",
                     c->keep_git_dir, "unpack", c->unpack, "excludes", json_from_strv(&c->excludes),
                     "sources", json_from_strv(&c->sources), "files", files);
}

static int check_sources(struct build *b, const struct instruction *i, const struct copy_spec *c,
                         struct error **err)
{
    size_t remote = 0;
    for (size_t n = 0; n < c->sources.count; n++) {
        remote += copy_is_remote(c, n);
    }
    if (c->checksum && (remote != 1 || c->sources.count != 1)) {
        return bad(b, i, err, "--checksum is for one source that is a URL");
    }
    return 0;
}

int evaluate_copy(struct build *b, struct stage *s, const struct instruction *i, struct error **err)
{
    static const char *const of_copy[] = {"from=",   "chown=",   "chmod=", "link",
                                          "parents", "exclude=", NULL};
    static const char *const of_add[] = {
        "chown=", "chmod=", "link", "checksum=", "unpack", "exclude=", "keep-git-dir", NULL};
    int r = flags_check(b->file.name, i, i->kind == I_ADD ? of_add : of_copy, err);
    if (r < 0) {
        return r;
    }
    struct copy_spec copy = {.is_add = i->kind == I_ADD, .from = {.stage = -1}};
    r = read_flags(b, s, i, &copy, err);
    r = r < 0 ? r : read_words(b, s, i, &copy, err);
    CLEANUP(free) char *to = r < 0 ? NULL : xstrdup(copy.sources.items[copy.sources.count - 1]);
    r = r < 0 ? r : take_destination(b, s, i, &copy, err);
    r = r < 0 ? r : check_sources(b, i, &copy, err);
    struct build_step *step = stage_add_step(s, BUILD_COPY, i);
    step->copy = copy;
    if (r < 0) {
        return r;
    }
    step->user = xstrdup(json_string_value(json_object_get(s->config, "User")));
    step->text = str_format("%s %s", instruction_name(i->kind), i->rest);
    step->definition = definition(&step->copy);
    CLEANUP(free) char *told = history_text(i, &step->copy, to);
    step->history = history_add(s, told, false);
    return 0;
}
