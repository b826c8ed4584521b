// SPDX-License-Identifier: Apache-2.0
/* `cloison advise`: the program cloison-compare does it. */
#include "cli/commands.h"
#include "cli/compare_program.h"

struct advise_values {
    const char *answers, *comparison, *rules;
};
#define AT(member) offsetof(struct advise_values, member)

static const struct option options[] = {
    {0, "answers", OPTION_STRING, AT(answers), "FILE", "Answers in YAML, instead of the dialogue",
     COMPLETE_FILE, .origin = FROM_CLOISON},
    {0, "comparison", OPTION_STRING, AT(comparison), "FILE",
     "A comparison's JSON, instead of the last one", COMPLETE_FILE, .origin = FROM_CLOISON},
    {0, "rules", OPTION_STRING, AT(rules), "FILE", "Rules in YAML, instead of those installed",
     COMPLETE_FILE, .origin = FROM_CLOISON},
    {0},
};

static int run(const struct command_context *context, void *values, int argc, char **argv,
               struct error **err)
{
    const struct advise_values *v = values;
    CLEANUP(json) json_t *request = compare_request("advise", context);
    const struct {
        const char *key, *value;
    } texts[] = {{"answers", v->answers}, {"comparison", v->comparison}, {"rules", v->rules}};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (texts[i].value) {
            json_object_set_new(request, texts[i].key, json_string(texts[i].value));
        }
    }
    return compare_become(request, err);
}

const struct command command_advise = {
    .name = "advise",
    .group = "Walls",
    .summary = "Say which wall fits, by your needs and the figures",
    .arguments = "[OPTIONS]",
    .options = options,
    .values_size = sizeof(struct advise_values),
    .run = run,
};
