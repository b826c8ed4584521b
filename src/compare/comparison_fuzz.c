// SPDX-License-Identifier: Apache-2.0
/* Any JSON as {"rules", "answers", "doc"}: never a crash; what is let through is advised on and
 * shown, and a page has no more markup than ours. */
#include <assert.h>
#include <string.h>

#include "compare/advice.h"
#include "compare/views.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void show(const json_t *doc)
{
    CLEANUP(free) char *table = view_table(doc);
    CLEANUP(free) char *page = view_page(doc);
    assert(table && page && !strstr(page, "<script"));
}

static void try_advice(const json_t *all, const json_t *doc)
{
    const json_t *rules = json_object_get(all, "rules");
    CLEANUP(json) json_t *answers = NULL;
    if (advice_check_rules(rules, "rules", NULL) < 0 ||
        advice_answers(rules, json_object_get(all, "answers"), "answers", &answers, NULL) < 0) {
        return;
    }
    CLEANUP(json) json_t *advice = advise(rules, answers, doc);
    CLEANUP(free) char *text = advice_text(advice, doc);
    assert(text && *text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(json) json_t *all = NULL;
    if (json_parse((const char *)bytes, size, "fuzz", &all, NULL) < 0) {
        return 0;
    }
    json_t *doc = json_object_get(all, "doc");
    if (document_check(doc, "doc", NULL) >= 0) {
        show(doc);
        try_advice(all, doc);
        document_sum_up(doc);
        show(doc);
    }
    return 0;
}
