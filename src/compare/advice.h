// SPDX-License-Identifier: Apache-2.0
/* What `cloison advise` decides by: rules (data/advice.yaml tells their form), answers, a
 * comparison. Nothing else: there is no number in the code. Pure, but for advice_load().
 *
 *     advice_load → advice_check_rules → advice_answers → advise → advice_text */
#pragma once

#include "compare/document.h"

#define ADVICE_SCHEMA "cloison-advice-1"
#define ADVICE_WEIGHT_MAX 10

/* A YAML file as JSON. A new reference. */
int advice_load(const char *path, json_t **ret, struct error **err) NODISCARD;

/* Whether the rules have the form; an unknown key is an error that names the nearest. */
int advice_check_rules(const json_t *rules, const char *where, struct error **err) NODISCARD;

/* Answers as a user writes them ({"untrusted-code": yes, "start-bound": {"answer": 200, "weight":
 * 2}}) made {"NAME": {"answer": "yes" or a number, "weight": 0 to 10}}, with all criteria of the
 * rules; what is not said is no, or 0. A new reference. */
int advice_answers(const json_t *rules, const json_t *written, const char *where, json_t **ret,
                   struct error **err) NODISCARD;

/* One answer from text, as the dialogue reads it. 0, or -EINVAL when it is none. */
int advice_parse_answer(const json_t *criterion, const char *text, json_t **ret);

/* {"recommendation": WALL or null, "scores": {WALL: n}, "out": {WALL: [reason]},
 *  "reasons": [{"criterion","answer","weight","wall","points","because","shows"}],
 *  "unused": [{"criterion","why"}], "changes": [{"criterion","text","recommendation"}]}.
 * A new reference. */
json_t *advise(const json_t *rules, const json_t *answers, const json_t *doc);

/* As people read it. The caller frees. */
char *advice_text(const json_t *advice, const json_t *doc);
