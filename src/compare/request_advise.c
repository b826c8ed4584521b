// SPDX-License-Identifier: Apache-2.0
/* The verb advise: its files, and the dialogue where there is no file of answers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/paths.h"
#include "compare/advice.h"
#include "compare/request.h"

#define WHERE "the request"
#define COMPARISON_BYTES_MAX ((size_t)16 << 20)
#define LINE_BYTES 256

/* Beside our programs (a build folder), else where they are installed. The caller frees. */
static char *rules_path(void)
{
    CLEANUP(free) char *probe = program_path("cloison-probe");
    *strrchr(probe, '/') = '\0';
    char *beside = str_format("%s/advice.yaml", probe);
    if (access(beside, R_OK) == 0) {
        return beside;
    }
    free(beside);
    return xstrdup(CLOISON_DATA "/advice.yaml");
}

static int load_comparison(const char *path, json_t **ret, struct error **err)
{
    CLEANUP(free) char *where = str_format("'%s'", path);
    int r = access(path, F_OK) < 0
                ? error_set(err, ERROR_NOT_FOUND, 0, "there is no comparison '%s'", path)
                : json_load_path(AT_FDCWD, path, COMPARISON_BYTES_MAX, ret, err);
    if (r == -ENOENT) {
        return error_hint(err, r, "make one first: cloison compare IMAGE");
    }
    return r < 0 ? r : document_check(*ret, where, err);
}

/* One line of the user's, without its newline. 0 at the end of the input. */
static int read_line(char line[LINE_BYTES])
{
    if (!fgets(line, LINE_BYTES, stdin)) {
        return 0;
    }
    line[strcspn(line, "\n")] = '\0';
    return 1;
}

static int ended(struct error **err)
{
    int r = error_set(err, ERROR_USAGE, 0, "the answers ended before the questions");
    return error_hint(err, r, "answer them all, or write them to a file: --answers");
}

/* Asks until it is an answer. */
static int ask(const json_t *criterion, json_t **ret, struct error **err)
{
    const char *otherwise = json_object_get(criterion, "number") ? "0" : "no";
    char line[LINE_BYTES];
    for (;;) {
        fprintf(stderr, "%s [%s] ", document_text(criterion, "question"), otherwise);
        if (!read_line(line)) {
            return ended(err);
        }
        if (advice_parse_answer(criterion, line, ret) == 0) {
            return 0;
        }
        fprintf(stderr, "Please answer with %s.\n",
                json_object_get(criterion, "number") ? "a whole number" : "yes or no");
    }
}

static int ask_weight(int64_t *ret, struct error **err)
{
    char line[LINE_BYTES];
    for (;;) {
        *ret = 1;
        fprintf(stderr, "    How much does it weigh, 0 to %d? [1] ", ADVICE_WEIGHT_MAX);
        if (!read_line(line)) {
            return ended(err);
        }
        if (!*line || (str_to_i64(line, 10, ret) == 0 && *ret >= 0 && *ret <= ADVICE_WEIGHT_MAX)) {
            return 0;
        }
    }
}

static bool says_something(const json_t *answer)
{
    return json_integer_value(answer) > 0 || str_equal(json_string_value(answer), "yes");
}

/* Answers as a file of them would hold them. */
static int dialogue(const json_t *rules, json_t **ret, struct error **err)
{
    const json_t *c;
    CLEANUP(json) json_t *answers = json_object();
    size_t i;
    json_array_foreach(json_object_get(rules, "criteria"), i, c)
    {
        json_t *answer = NULL;
        int64_t weight = 1;
        int r = ask(c, &answer, err);
        if (r >= 0 && says_something(answer)) {
            r = ask_weight(&weight, err);
        }
        if (r < 0) {
            json_decref(answer);
            return r;
        }
        json_object_set_new(
            answers, document_text(c, "name"),
            json_pack("{s:o, s:I}", "answer", answer, "weight", (json_int_t)weight));
    }
    *ret = take_ptr(answers);
    return 0;
}

static int take_answers(const json_t *rules, const char *path, json_t **ret, struct error **err)
{
    CLEANUP(json) json_t *written = NULL;
    CLEANUP(free) char *where = path ? str_format("'%s'", path) : xstrdup("the dialogue");
    int r = path ? advice_load(path, &written, err) : dialogue(rules, &written, err);
    return r < 0 ? r : advice_answers(rules, written, where, ret, err);
}

static int take_rules(const char *path, json_t **ret, struct error **err)
{
    CLEANUP(free) char *where = str_format("'%s'", path);
    int r = advice_load(path, ret, err);
    return r < 0 ? r : advice_check_rules(*ret, where, err);
}

int request_advise(const json_t *request, struct error **err)
{
    const char *answers_path = NULL, *rules_given = NULL, *given = NULL, *data_dir = "";
    int r = json_get_str(request, "dataDir", WHERE, &data_dir, err);
    r = r < 0 ? r : json_get_str(request, "answers", WHERE, &answers_path, err);
    r = r < 0 ? r : json_get_str(request, "rules", WHERE, &rules_given, err);
    r = r < 0 ? r : json_get_str(request, "comparison", WHERE, &given, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(free) char *rules_file = rules_given ? xstrdup(rules_given) : rules_path();
    CLEANUP(free) char *comparison = given ? xstrdup(given) : last_comparison_path(data_dir);
    CLEANUP(json) json_t *rules = NULL;
    CLEANUP(json) json_t *answers = NULL;
    CLEANUP(json) json_t *doc = NULL;
    r = load_comparison(comparison, &doc, err);
    r = r < 0 ? r : take_rules(rules_file, &rules, err);
    r = r < 0 ? r : take_answers(rules, answers_path, &answers, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(json) json_t *advice = advise(rules, answers, doc);
    CLEANUP(free) char *text = advice_text(advice, doc);
    printf("%s\nBy the rules of '%s', and the comparison '%s' of %s.\n", text, rules_file,
           comparison, document_text(doc, "created"));
    return json_is_null(json_object_get(advice, "recommendation"));
}
