// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/template/internal.h"

struct variable {
    const char *name;
    json_t *value;
};

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

/* An evaluation: values are new references wherever a function returns one. */
struct evaluation {
    const struct template_data *data;
    struct strbuf *out;
    struct variable *variables;
    size_t count, capacity;
    enum flow flow;
    struct error **err;
};

static json_t *fail(struct evaluation *e, size_t at, const char *what, const char *name)
{
    (void)error_set(e->err, ERROR_USAGE, 0, "template: character %zu: %s '%s'", at, what, name);
    return NULL;
}

static void push_variable(struct evaluation *e, const char *name, json_t *value)
{
    if (e->count == e->capacity) {
        e->capacity = e->capacity ? e->capacity * 2 : 8;
        e->variables = xrealloc(e->variables, e->capacity * sizeof(*e->variables));
    }
    e->variables[e->count++] = (struct variable){name, json_incref(value)};
}

static void pop_variables(struct evaluation *e, size_t count)
{
    while (e->count > count) {
        json_decref(e->variables[--e->count].value);
    }
}

/* The parser saw to it that the variable is in scope. */
static struct variable *find_variable(struct evaluation *e, const char *name)
{
    for (size_t i = e->count; i-- > 0;) {
        if (str_equal(e->variables[i].name, name)) {
            return &e->variables[i];
        }
    }
    return NULL;
}

static bool is_struct_field(const char *name)
{
    return isupper((unsigned char)name[0]);
}

/* The key nearest to a mistyped field. */
static const char *near_key(json_t *object, const char *name)
{
    const char *best = NULL, *key;
    size_t best_distance = strlen(name) / 3 + 1;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        size_t d = str_distance(name, key);
        if (d <= best_distance && (!best || d < best_distance)) {
            best = key;
            best_distance = d;
        }
    }
    return best;
}

static json_t *get_field(struct evaluation *e, size_t at, json_t *v, const char *name)
{
    json_t *field = json_object_get(v, name);
    if (field) {
        return json_incref(field);
    }
    if (!is_struct_field(name) && (json_is_object(v) || json_is_null(v))) {
        return json_null();
    }
    if (!json_is_object(v)) {
        return fail(e, at, "not an object, it has no field", name);
    }
    const char *near = near_key(v, name);
    (void)fail(e, at, "there is no field", name);
    if (near) {
        (void)error_hint(e->err, 0, "did you mean '%s'?", near);
    }
    return NULL;
}

static json_t *get_fields(struct evaluation *e, const struct operand *o, size_t count,
                          json_t *value_take)
{
    for (size_t i = 0; i < count && value_take; i++) {
        json_t *field = get_field(e, o->at, value_take, o->fields[i]);
        json_decref(value_take);
        value_take = field;
    }
    return value_take;
}

static json_t *eval_pipeline(struct evaluation *e, const struct pipeline *p, json_t *dot);
static json_t *eval_function(struct evaluation *e, const struct call *call, json_t *dot,
                             json_t *last);

static json_t *eval_operand(struct evaluation *e, const struct operand *o, json_t *dot)
{
    json_t *v = NULL;
    switch (o->kind) {
    case OPERAND_DOT:
        v = json_incref(dot);
        break;
    case OPERAND_VARIABLE:
        v = json_incref(find_variable(e, o->name)->value);
        break;
    case OPERAND_LITERAL:
        v = json_incref(o->value);
        break;
    case OPERAND_PIPELINE:
        v = eval_pipeline(e, o->pipeline, dot);
        break;
    case OPERAND_FUNCTION: { /* as an argument: one that needs none */
        struct operand alone = *o;
        alone.next = NULL;
        v = eval_function(e, &(struct call){.operands = &alone}, dot, NULL);
        break;
    }
    }
    return v ? get_fields(e, o, o->field_count, v) : NULL;
}

static json_t *eval_lazy(struct evaluation *e, const struct call *call, json_t *dot, json_t *last)
{
    bool until = str_equal(call->operands->function->name, "or");
    json_t *v = NULL;
    for (const struct operand *o = call->operands->next; o; o = o->next) {
        json_decref(v);
        v = eval_operand(e, o, dot);
        if (!v || template_truth(v) == until) {
            return v;
        }
    }
    if (last) {
        json_decref(v);
        v = json_incref(last);
    }
    return v;
}

static size_t count_arguments(const struct call *call, const json_t *last)
{
    size_t n = last ? 1 : 0;
    for (const struct operand *o = call->operands->next; o; o = o->next) {
        n++;
    }
    return n;
}

/* The arguments behind the first operand, `last` behind them; *ret are references. -1: failed. */
static int eval_arguments(struct evaluation *e, const struct call *call, json_t *dot, json_t *last,
                          json_t **ret)
{
    int n = 0;
    for (const struct operand *o = call->operands->next; o; o = o->next) {
        ret[n] = eval_operand(e, o, dot);
        if (!ret[n]) {
            return -1;
        }
        n++;
    }
    if (last) {
        ret[n++] = json_incref(last);
    }
    return n;
}

static json_t *eval_function(struct evaluation *e, const struct call *call, json_t *dot,
                             json_t *last)
{
    const struct template_function *f = call->operands->function;
    if (f->lazy) {
        return eval_lazy(e, call, dot, last);
    }
    size_t count = count_arguments(call, last);
    CLEANUP(free) json_t **arguments = xcalloc(count + 1, sizeof(json_t *));
    json_t *v = NULL;
    if (eval_arguments(e, call, dot, last, arguments) >= 0) {
        /* Docker gives the text first, but for pad and truncate it is first in Go's order too */
        v = e->data->headers && f->leaves_head ? json_incref(arguments[0])
                                               : f->run(arguments, count, e->err);
    }
    for (size_t i = 0; i < count; i++) {
        json_decref(arguments[i]);
    }
    return v;
}

/* {{.Label "x"}}: the last field is a method. */
static json_t *eval_method(struct evaluation *e, const struct call *call, json_t *dot, json_t *last)
{
    const struct operand *o = call->operands;
    const char *name = o->fields[o->field_count - 1];
    const json_t *map = json_object_get(e->data->methods, name);
    if (!map || o->kind != OPERAND_DOT || o->field_count != 1 || count_arguments(call, last) != 1) {
        return fail(e, o->at, "no arguments are taken by", name);
    }
    json_t *argument[2] = {NULL, NULL};
    json_t *v = NULL;
    if (eval_arguments(e, call, dot, last, argument) == 1) {
        if (!json_is_string(argument[0])) {
            v = fail(e, o->at, "a text is wanted by", name);
        } else if (e->data->headers) {
            v = json_incref(argument[0]);
        } else {
            json_t *found = json_object_get(map, json_string_value(argument[0]));
            v = found ? json_incref(found) : json_string("");
        }
    }
    json_decref(argument[0]);
    return v;
}

static json_t *eval_call(struct evaluation *e, const struct call *call, json_t *dot, json_t *last)
{
    const struct operand *o = call->operands;
    if (o->kind == OPERAND_FUNCTION) {
        return eval_function(e, call, dot, last);
    }
    if (o->next || last) {
        return eval_method(e, call, dot, last);
    }
    return eval_operand(e, o, dot);
}

/* The pipeline's value; its variables are set by the caller for range, here otherwise. */
static json_t *eval_calls(struct evaluation *e, const struct pipeline *p, json_t *dot)
{
    json_t *v = NULL;
    for (const struct call *c = p->calls; c; c = c->next) {
        json_t *next = eval_call(e, c, dot, v);
        json_decref(v);
        v = next;
        if (!v) {
            return NULL;
        }
    }
    return v;
}

static void set_variable(struct evaluation *e, const struct pipeline *p, int index, json_t *value)
{
    if (p->declares) {
        push_variable(e, p->variables[index], value);
        return;
    }
    struct variable *variable = find_variable(e, p->variables[index]);
    json_incref(value);
    json_decref(variable->value);
    variable->value = value;
}

static json_t *eval_pipeline(struct evaluation *e, const struct pipeline *p, json_t *dot)
{
    json_t *v = eval_calls(e, p, dot);
    if (v && p->variable_count == 1) {
        set_variable(e, p, 0, v);
    }
    return v;
}

static int run_nodes(struct evaluation *e, const struct node *n, json_t *dot);

static int run_action(struct evaluation *e, const struct node *n, json_t *dot)
{
    CLEANUP(json) json_t *v = eval_pipeline(e, n->pipeline, dot);
    if (!v) {
        return -EINVAL;
    }
    if (n->pipeline->variable_count) {
        return 0;
    }
    if (json_is_null(v)) {
        strbuf_adds(e->out, "<no value>");
    } else {
        template_print(e->out, v);
    }
    return 0;
}

static int run_if(struct evaluation *e, const struct node *n, json_t *dot)
{
    CLEANUP(json) json_t *v = eval_pipeline(e, n->pipeline, dot);
    if (!v) {
        return -EINVAL;
    }
    bool truth = template_truth(v);
    json_t *inner = truth && n->kind == NODE_WITH ? v : dot;
    return run_nodes(e, truth ? n->body : n->otherwise, inner);
}

/* One turn of a range. */
static int run_turn(struct evaluation *e, const struct node *n, json_t *key, json_t *value)
{
    const struct pipeline *p = n->pipeline;
    size_t scope = e->count;
    if (p->variable_count == 2) {
        set_variable(e, p, 0, key);
    }
    if (p->variable_count) {
        set_variable(e, p, p->variable_count - 1, value);
    }
    int r = run_nodes(e, n->body, value);
    pop_variables(e, scope);
    return r;
}

static int range_map(struct evaluation *e, const struct node *n, json_t *map)
{
    CLEANUP(free) const char **keys = json_sorted_keys(map);
    size_t count = json_object_size(map);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(json) json_t *name = json_string_nocheck(keys[i]);
        int r = run_turn(e, n, name, json_object_get(map, keys[i]));
        if (r < 0 || e->flow == FLOW_BREAK) {
            return r;
        }
        e->flow = FLOW_ON;
    }
    return 0;
}

static int range_array(struct evaluation *e, const struct node *n, json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        CLEANUP(json) json_t *number = json_integer((json_int_t)i);
        int r = run_turn(e, n, number, json_array_get(array, i));
        if (r < 0 || e->flow == FLOW_BREAK) {
            return r;
        }
        e->flow = FLOW_ON;
    }
    return 0;
}

static int run_range(struct evaluation *e, const struct node *n, json_t *dot)
{
    CLEANUP(json) json_t *v = eval_calls(e, n->pipeline, dot);
    if (!v) {
        return -EINVAL;
    }
    int r = 0;
    if (!json_is_array(v) && !json_is_object(v) && !json_is_null(v)) {
        return error_set(e->err, ERROR_USAGE, 0, "template: range: not a list nor a map");
    }
    if (!template_truth(v)) {
        return run_nodes(e, n->otherwise, dot);
    }
    r = json_is_array(v) ? range_array(e, n, v) : range_map(e, n, v);
    e->flow = FLOW_ON;
    return r;
}

static int run_node(struct evaluation *e, const struct node *n, json_t *dot)
{
    switch (n->kind) {
    case NODE_TEXT:
        strbuf_add(e->out, n->text, n->text_len);
        return 0;
    case NODE_ACTION:
        return run_action(e, n, dot);
    case NODE_IF:
    case NODE_WITH:
        return run_if(e, n, dot);
    case NODE_RANGE:
        return run_range(e, n, dot);
    case NODE_BREAK:
        e->flow = FLOW_BREAK;
        return 0;
    case NODE_CONTINUE:
        e->flow = FLOW_CONTINUE;
        return 0;
    }
    return 0;
}

static int run_nodes(struct evaluation *e, const struct node *n, json_t *dot)
{
    int r = 0;
    for (; n && r >= 0 && e->flow == FLOW_ON; n = n->next) {
        size_t scope = e->count;
        r = run_node(e, n, dot);
        if (n->kind != NODE_ACTION) {
            pop_variables(e, scope); /* a block's own; an action's live until its list ends */
        }
        if (e->out->len > TEMPLATE_OUTPUT_MAX) {
            return error_set(e->err, ERROR_USAGE, E2BIG, "template: it makes too much text");
        }
    }
    return r;
}

int template_execute(const struct template *t, const struct template_data *data, struct strbuf *out,
                     struct error **err)
{
    struct error *own = NULL; /* NULL stands for failure below: an error must be there */
    struct evaluation e = {.data = data, .out = out, .err = err ? err : &own};
    json_t *dot = (json_t *)data->value; /* references are taken, the value is not changed */
    push_variable(&e, "", dot);
    int r = run_nodes(&e, t->nodes, dot);
    pop_variables(&e, 0);
    free(e.variables);
    error_free(own);
    return r;
}
