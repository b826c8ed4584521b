// SPDX-License-Identifier: Apache-2.0
/* What the parts of the template module share: tokens (lex.c), the tree (parse.c), its evaluation
 * (eval.c), the functions (functions.c) and Go's fmt verbs (print.c). */
#pragma once

#include "base/template/template.h"

#define TEMPLATE_TEXT_MAX 65536
#define TEMPLATE_DEPTH_MAX 64 /* nested parentheses and blocks: recursion has this depth */
#define TEMPLATE_OUTPUT_MAX ((size_t)64 << 20)

enum token_kind {
    TOKEN_END,
    TOKEN_TEXT,
    TOKEN_OPEN,     /* {{ */
    TOKEN_CLOSE,    /* }} */
    TOKEN_DOT,      /* . */
    TOKEN_FIELD,    /* .Name; text is the name */
    TOKEN_VARIABLE, /* $ or $name; text is the name, "" for $ */
    TOKEN_WORD,     /* a function or a keyword */
    TOKEN_LITERAL,  /* value */
    TOKEN_PIPE,
    TOKEN_LEFT,
    TOKEN_RIGHT,
    TOKEN_DECLARE, /* := */
    TOKEN_ASSIGN,  /* = */
    TOKEN_COMMA,
};

struct token {
    enum token_kind kind;
    bool spaced;     /* white space stands in front: ".a .b" are two operands, ".a.b" one */
    size_t at;       /* its place in the template, from 1 */
    size_t text_len; /* TOKEN_TEXT may be empty */
    const char *text;
    json_t *value; /* borrowed from template.literals */
};

enum operand_kind {
    OPERAND_DOT,
    OPERAND_VARIABLE,
    OPERAND_FUNCTION,
    OPERAND_LITERAL,
    OPERAND_PIPELINE,
};

struct operand {
    enum operand_kind kind;
    size_t at;
    const char *name; /* of a variable */
    const struct template_function *function;
    json_t *value;
    struct pipeline *pipeline;
    const char **fields; /* looked up in it, one after the other */
    size_t field_count;
    struct operand *next;
};

struct call { /* an operand, or a function (or a method) with its arguments */
    struct operand *operands;
    struct call *next;
};

struct pipeline {
    const char *variables[2];
    int variable_count;
    bool declares; /* := rather than = */
    struct call *calls;
};

enum node_kind {
    NODE_TEXT,
    NODE_ACTION,
    NODE_IF,
    NODE_WITH,
    NODE_RANGE,
    NODE_BREAK,
    NODE_CONTINUE,
};

struct node {
    enum node_kind kind;
    const char *text;
    size_t text_len;
    struct pipeline *pipeline;
    struct node *body, *otherwise;
    struct node *next;
};

struct template
{
    struct arena *arena;
    json_t *literals; /* an array that holds the references */
    struct node *nodes;
};

/* The tokens of the whole text, in the template's arena; the last one is TOKEN_END. */
int template_lex(struct template *t, const char *text, struct token **ret, struct error **err);

/* A function takes `count` arguments and returns a new reference, or NULL with *err set. */
struct template_function {
    const char *name;
    int min_arguments, max_arguments; /* max -1: any number */
    json_t *(*run)(json_t **arguments, size_t count, struct error **err);
    bool lazy;        /* and, or: the evaluator does them, argument by argument */
    bool leaves_head; /* gives a column heading back as it is */
};
const struct template_function *template_function_find(const char *name);
const char *template_function_near(const char *name); /* for "did you mean"; or NULL */

bool template_truth(const json_t *v);

/* Appends a value as Go's fmt %v does: [a b], map[k:v]. */
void template_print(struct strbuf *out, const json_t *v);
/* Appends printf's result; never fails: a wrong verb shows in the text, as Go's "%!d(string=x)". */
void template_printf(struct strbuf *out, const char *format, json_t **arguments, size_t count);
