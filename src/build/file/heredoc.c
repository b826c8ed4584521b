// SPDX-License-Identifier: Apache-2.0
#include "build/file/heredoc.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "build/file/line.h"

bool heredoc_is_taken_by(const struct instruction *i)
{
    if (i->is_json) {
        return false;
    }
    if (i->kind == I_ONBUILD) {
        size_t n = strcspn(i->rest, " \t");
        return (n == 3 &&
                (strncasecmp(i->rest, "RUN", 3) == 0 || strncasecmp(i->rest, "ADD", 3) == 0)) ||
               (n == 4 && strncasecmp(i->rest, "COPY", 4) == 0);
    }
    return i->kind == I_RUN || i->kind == I_COPY || i->kind == I_ADD;
}

/* The name without its quotes; NULL when there is none, or more than a name. */
static char *unquote(const char *text, bool *ret_quoted)
{
    CLEANUP(strbuf) struct strbuf name = {0};
    char quote = 0;
    *ret_quoted = false;
    for (const char *s = text; *s; s++) {
        if (quote ? *s == quote : *s == '\'' || *s == '"') {
            quote = quote ? 0 : *s;
            *ret_quoted = true;
        } else if (*s == '\\' && s[1] && !quote) {
            strbuf_addc(&name, *++s);
            *ret_quoted = true;
        } else if (!quote && isspace((unsigned char)*s)) {
            return NULL;
        } else {
            strbuf_addc(&name, *s);
        }
    }
    return quote || !name.len ? NULL : strbuf_take(&name);
}

static bool read_mark(const char *word, struct heredoc_mark *ret)
{
    const char *s = word;
    while (isdigit((unsigned char)*s)) {
        s++;
    }
    if (!str_starts(s, "<<")) {
        return false;
    }
    s += 2;
    bool chomp = *s == '-';
    s += chomp;
    if (strchr(s, '<')) {
        return false;
    }
    bool quoted;
    char *name = unquote(s, &quoted);
    if (!name) {
        return false;
    }
    *ret = (struct heredoc_mark){.name = name, .chomp = chomp, .expand = !quoted};
    return true;
}

bool heredoc_is_mark(const char *word)
{
    struct heredoc_mark m;
    if (!read_mark(word, &m)) {
        return false;
    }
    free(m.name);
    return true;
}

void heredoc_marks_find(const char *line, char escape, struct heredoc_mark **ret, size_t *ret_count)
{
    CLEANUP(strv) struct strv words = {0};
    struct heredoc_mark *marks = NULL;
    size_t count = 0;
    if (strstr(line, "<<")) {
        line_words(line, escape, &words);
    }
    for (size_t i = 0; i < words.count; i++) {
        struct heredoc_mark m;
        if (read_mark(words.items[i], &m)) {
            marks = xrealloc(marks, (count + 1) * sizeof(*marks));
            marks[count++] = m;
        }
    }
    *ret = marks;
    *ret_count = count;
}

void heredoc_marks_free(struct heredoc_mark *marks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(marks[i].name);
    }
    free(marks);
}
