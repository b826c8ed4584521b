// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "base/template/internal.h"

struct parser {
    struct template *t;
    const struct token *at;
    struct strv variables; /* those in scope */
    int depth, ranges;
    struct error **err;
};

static int fail(const struct parser *p, const char *what)
{
    return error_set(p->err, ERROR_USAGE, 0, "template: character %zu: %s", p->at->at, what);
}

static void *make(struct parser *p, size_t size)
{
    return arena_alloc(p->t->arena, size);
}

static bool at_word(const struct parser *p, const char *word)
{
    return p->at->kind == TOKEN_WORD && str_equal(p->at->text, word);
}

static void forget_variables(struct parser *p, size_t count)
{
    while (p->variables.count > count) {
        free(p->variables.items[--p->variables.count]);
        p->variables.items[p->variables.count] = NULL;
    }
}

static int parse_pipeline(struct parser *p, enum token_kind end, struct pipeline **ret);

static int parse_function(struct parser *p, struct operand *o)
{
    o->kind = OPERAND_FUNCTION;
    o->function = template_function_find(p->at->text);
    if (o->function) {
        p->at++;
        return 0;
    }
    const char *near = template_function_near(p->at->text);
    int r = error_set(p->err, ERROR_USAGE, 0, "template: character %zu: unknown function '%s'",
                      p->at->at, p->at->text);
    return near ? error_hint(p->err, r, "did you mean '%s'?", near) : r;
}

static int parse_parentheses(struct parser *p, struct operand *o)
{
    o->kind = OPERAND_PIPELINE;
    if (++p->depth > TEMPLATE_DEPTH_MAX) {
        return fail(p, "too deeply nested");
    }
    p->at++;
    int r = parse_pipeline(p, TOKEN_RIGHT, &o->pipeline);
    p->depth--;
    return r;
}

static int parse_operand_head(struct parser *p, struct operand *o)
{
    switch ((int)p->at->kind) {
    case TOKEN_DOT:
        p->at++;
        return 0;
    case TOKEN_FIELD: /* ".Name" is the dot with a field, taken by the caller */
        return 0;
    case TOKEN_VARIABLE:
        if (*p->at->text && !strv_contains(&p->variables, p->at->text)) {
            return error_set(p->err, ERROR_USAGE, 0,
                             "template: character %zu: unknown variable '$%s'", p->at->at,
                             p->at->text);
        }
        o->kind = OPERAND_VARIABLE;
        o->name = p->at++->text;
        return 0;
    case TOKEN_LITERAL:
        o->kind = OPERAND_LITERAL;
        o->value = p->at++->value;
        return 0;
    case TOKEN_WORD:
        return parse_function(p, o);
    case TOKEN_LEFT:
        return parse_parentheses(p, o);
    default:
        return fail(p, "a value is missing here");
    }
}

static int parse_operand(struct parser *p, struct operand **ret)
{
    struct operand *o = make(p, sizeof(*o));
    o->at = p->at->at;
    const struct token *begin = p->at;
    int r = parse_operand_head(p, o);
    if (r < 0) {
        return r;
    }
    while (p->at->kind == TOKEN_FIELD && (p->at == begin || !p->at->spaced)) {
        if (o->kind == OPERAND_FUNCTION || o->kind == OPERAND_LITERAL) {
            return fail(p, "a field of something that has none");
        }
        *arena_push(p->t->arena, o->fields, o->field_count) = p->at++->text;
    }
    *ret = o;
    return 0;
}

static bool ends_call(const struct parser *p)
{
    return p->at->kind == TOKEN_PIPE || p->at->kind == TOKEN_CLOSE || p->at->kind == TOKEN_RIGHT ||
           p->at->kind == TOKEN_END;
}

static int check_function(struct parser *p, const struct call *call, bool piped)
{
    const struct operand *o = call->operands;
    int count = piped ? 1 : 0;
    for (const struct operand *a = o->next; a; a = a->next) {
        count++;
    }
    const struct template_function *f = o->function;
    if (o->kind == OPERAND_FUNCTION &&
        (count < f->min_arguments || (f->max_arguments >= 0 && count > f->max_arguments))) {
        return error_set(p->err, ERROR_USAGE, 0,
                         "template: character %zu: function '%s' does not take %d argument%s",
                         o->at, f->name, count, count == 1 ? "" : "s");
    }
    if (o->kind != OPERAND_FUNCTION && count && !o->field_count) {
        return error_set(p->err, ERROR_USAGE, 0,
                         "template: character %zu: this value takes no arguments", o->at);
    }
    return 0;
}

static int parse_call(struct parser *p, bool piped, struct call **ret)
{
    struct call *call = make(p, sizeof(*call));
    struct operand **end = &call->operands;
    while (!ends_call(p)) {
        int r = parse_operand(p, end);
        if (r < 0) {
            return r;
        }
        if ((*end)->kind == OPERAND_FUNCTION && end != &call->operands &&
            (*end)->function->min_arguments > 0) {
            return fail(p, "a function with arguments wants parentheses here");
        }
        end = &(*end)->next;
        if (!ends_call(p) && !p->at->spaced && p->at->kind != TOKEN_LEFT) {
            return fail(p, "a space is missing here");
        }
    }
    if (!call->operands) {
        return fail(p, "a value is missing here");
    }
    *ret = call;
    return check_function(p, call, piped);
}

/* "$x := ", "$i, $x := ", "$x = " in front of a pipeline. Declared ones come in scope behind it. */
static int parse_declaration(struct parser *p, enum token_kind end, struct pipeline *pipe)
{
    const struct token *k = p->at;
    int count = 1;
    if (k[0].kind != TOKEN_VARIABLE) {
        return 0;
    }
    if (k[1].kind == TOKEN_COMMA && k[2].kind == TOKEN_VARIABLE) {
        count = 2;
    }
    const struct token *sign = &k[count * 2 - 1];
    if (sign->kind != TOKEN_DECLARE && sign->kind != TOKEN_ASSIGN) {
        return 0;
    }
    if (end == TOKEN_RIGHT) {
        return fail(p, "a variable is not set inside parentheses");
    }
    pipe->declares = sign->kind == TOKEN_DECLARE;
    pipe->variable_count = count;
    for (int i = 0; i < count; i++) {
        pipe->variables[i] = k[i * 2].text;
        if (!*pipe->variables[i]) {
            return fail(p, "'$' cannot be set");
        }
        if (!pipe->declares && !strv_contains(&p->variables, pipe->variables[i])) {
            return fail(p, "an unknown variable");
        }
    }
    p->at = sign + 1;
    return 0;
}

static int parse_pipeline(struct parser *p, enum token_kind end, struct pipeline **ret)
{
    struct pipeline *pipe = make(p, sizeof(*pipe));
    int r = parse_declaration(p, end, pipe);
    struct call **last = &pipe->calls;
    while (r >= 0) {
        r = parse_call(p, last != &pipe->calls, last);
        if (r < 0 || p->at->kind != TOKEN_PIPE) {
            break;
        }
        last = &(*last)->next;
        p->at++;
    }
    if (r < 0) {
        return r;
    }
    if (p->at->kind != end) {
        return fail(p, end == TOKEN_RIGHT ? "')' is missing" : "an unexpected ')'");
    }
    p->at++;
    for (int i = 0; i < pipe->variable_count && pipe->declares; i++) {
        strv_add(&p->variables, pipe->variables[i]);
    }
    *ret = pipe;
    return 0;
}

static int parse_list(struct parser *p, struct node **ret);

/* Behind the body of a block: {{end}}, {{else}} or {{else if …}}. */
static int parse_block_end(struct parser *p, struct node *n);

/* What a body declares is not known in its else; nor is a range's own variable, which then was
 * never set. */
static int parse_block(struct parser *p, struct node *n)
{
    size_t scope = p->variables.count;
    if (++p->depth > TEMPLATE_DEPTH_MAX) {
        return fail(p, "too deeply nested");
    }
    p->at++;
    int r = parse_pipeline(p, TOKEN_CLOSE, &n->pipeline);
    if (r >= 0 && n->pipeline->variable_count == 2 && n->kind != NODE_RANGE) {
        r = fail(p, "two variables are for range alone");
    }
    size_t otherwise_scope = n->kind == NODE_RANGE ? scope : p->variables.count;
    p->ranges += n->kind == NODE_RANGE;
    r = r < 0 ? r : parse_list(p, &n->body);
    p->ranges -= n->kind == NODE_RANGE;
    forget_variables(p, otherwise_scope);
    r = r < 0 ? r : parse_block_end(p, n);
    forget_variables(p, scope);
    p->depth--;
    return r;
}

static int parse_block_end(struct parser *p, struct node *n)
{
    if (at_word(p, "end")) {
        p->at++;
        return p->at->kind == TOKEN_CLOSE ? (p->at++, 0) : fail(p, "'}}' is missing");
    }
    if (!at_word(p, "else")) {
        return fail(p, "'{{end}}' is missing");
    }
    p->at++;
    enum node_kind kind = at_word(p, "if") ? NODE_IF : NODE_WITH;
    if ((at_word(p, "if") || at_word(p, "with")) && n->kind == kind) {
        n->otherwise = make(p, sizeof(*n)); /* the inner block takes the one {{end}} */
        n->otherwise->kind = kind;
        return parse_block(p, n->otherwise);
    }
    if (p->at->kind != TOKEN_CLOSE) {
        return fail(p, "'}}' is missing");
    }
    p->at++;
    int r = parse_list(p, &n->otherwise);
    if (r >= 0 && at_word(p, "end") && p->at[1].kind == TOKEN_CLOSE) {
        p->at += 2;
        return 0;
    }
    return r < 0 ? r : fail(p, "'{{end}}' is missing");
}

/* An action, behind its '{{'. */
static int parse_action(struct parser *p, struct node *n)
{
    static const struct {
        const char *word;
        enum node_kind kind;
    } blocks[] = {{"if", NODE_IF}, {"with", NODE_WITH}, {"range", NODE_RANGE}};
    static const char *const unknown[] = {"define", "template", "block", "call", NULL};
    for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
        if (at_word(p, blocks[i].word)) {
            n->kind = blocks[i].kind;
            return parse_block(p, n);
        }
    }
    if (at_word(p, "break") || at_word(p, "continue")) {
        n->kind = at_word(p, "break") ? NODE_BREAK : NODE_CONTINUE;
        if (!p->ranges || p->at[1].kind != TOKEN_CLOSE) {
            return fail(p, "'break' and 'continue' stand alone, inside range");
        }
        p->at += 2;
        return 0;
    }
    if (p->at->kind == TOKEN_WORD && str_in(p->at->text, unknown)) {
        return fail(p, "define, template, block and call are not supported");
    }
    n->kind = NODE_ACTION;
    int r = parse_pipeline(p, TOKEN_CLOSE, &n->pipeline);
    if (r >= 0 && n->pipeline->variable_count == 2) {
        return fail(p, "two variables are for range alone");
    }
    return r;
}

/* Until the end, or a '{{end}}' or '{{else}}' whose word the caller looks at. */
static int parse_list(struct parser *p, struct node **ret)
{
    for (;;) {
        if (p->at->kind == TOKEN_END) {
            return 0;
        }
        struct node *n = make(p, sizeof(*n));
        if (p->at->kind == TOKEN_TEXT) {
            n->text = p->at->text;
            n->text_len = p->at++->text_len;
            if (!n->text_len) {
                continue;
            }
        } else {
            p->at++; /* TOKEN_OPEN */
            if (at_word(p, "end") || at_word(p, "else")) {
                return 0;
            }
            int r = parse_action(p, n);
            if (r < 0) {
                return r;
            }
        }
        *ret = n;
        ret = &n->next;
    }
}

static int parse_all(struct template *t, const char *text, struct error **err)
{
    struct token *tokens = NULL;
    int r = template_lex(t, text, &tokens, err);
    if (r < 0) {
        return r;
    }
    struct parser p = {.t = t, .at = tokens, .err = err};
    r = parse_list(&p, &t->nodes);
    if (r >= 0 && p.at->kind != TOKEN_END) {
        r = fail(&p, "'else' or 'end' without a block");
    }
    strv_done(&p.variables);
    return r;
}

int template_parse(const char *text, struct template **ret, struct error **err)
{
    if (strlen(text) > TEMPLATE_TEXT_MAX) {
        return error_set(err, ERROR_USAGE, E2BIG, "template: longer than %d bytes",
                         TEMPLATE_TEXT_MAX);
    }
    struct template *t = xcalloc(1, sizeof(*t));
    t->arena = arena_new();
    t->literals = json_array();
    int r = parse_all(t, text, err);
    if (r < 0) {
        template_free(t);
        return r;
    }
    *ret = t;
    return 0;
}

void template_free(struct template *t)
{
    if (t) {
        json_decref(t->literals);
        arena_free(t->arena);
        free(t);
    }
}
