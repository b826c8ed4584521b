// SPDX-License-Identifier: Apache-2.0
/* Any words as a command line over one table of every type: no input may crash or leak. */
#include <string.h>

#include "base/options.h"

struct values {
    bool flag;
    const char *text;
    struct strv list;
    struct option_integer integer, bytes, duration, decimal;
};

#define AT(field) offsetof(struct values, field)
static const struct option rows[] = {
    {'f', "flag", OPTION_FLAG, AT(flag), NULL, "A flag"},
    {'t', "text", OPTION_STRING, AT(text), NULL, "A text"},
    {'l', "list", OPTION_LIST, AT(list), NULL, "A list"},
    {'i', "integer", OPTION_INTEGER, AT(integer), NULL, "An integer"},
    {'b', "bytes", OPTION_BYTES, AT(bytes), NULL, "A size"},
    {'d', "duration", OPTION_DURATION, AT(duration), NULL, "A duration"},
    {'n', "decimal", OPTION_DECIMAL, AT(decimal), NULL, "A decimal"},
    {0},
};

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* The first byte chooses whether options end at the first argument; lines are the words. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct command command = {
        .name = "fuzz", .options = rows, .min_arguments = 1, .max_arguments = 3};
    command.options_end_at_argument = size && (bytes[0] & 1);
    CLEANUP(free) char *text = xstrndup((const char *)bytes + (size > 0), size - (size > 0));
    char *words[WORDS_MAX];
    int count = 0, first = 0;
    for (char *s = text; count < WORDS_MAX; s += strlen(s) + 1) {
        char *end = strchr(s, '\n');
        words[count++] = s;
        if (!end) {
            break;
        }
        *end = '\0';
    }
    struct values values = {0};
    CLEANUP(error) struct error *err = NULL;
    (void)!options_parse(&command, count, words, &values, &first, &err); /* either is fine */
    options_done(rows, &values);
    return 0;
}
