// SPDX-License-Identifier: Apache-2.0
/* What people read: made from a comparison's document alone (document.h), so that nothing is shown
 * that is not in the file. Pure. */
#pragma once

#include "compare/document.h"

/* The table for a terminal: a row a criterion, a column a wall, each figure with its spread, ratio
 * to native; then memory, size, the wall's facts, failures, and the commands. The caller frees. */
char *view_table(const json_t *doc);

/* One self-contained page: plots as SVG, no script, light and dark, printable. The caller frees. */
char *view_page(const json_t *doc);

/* What both say. Texts are the caller's. */
char *view_title(const json_t *doc);  /* the image and the host, in a line */
char *view_rounds(const json_t *doc); /* how it was measured */
bool view_rounds_are_few(const json_t *doc);
bool view_machine_is_busy(const json_t *doc); /* more was ready to run than half its processors */
#define VIEW_BUSY "The machine was busy with other things: the figures scatter, and may be too bad."
bool view_any_emulated(const json_t *doc);
#define VIEW_EMULATED                                                                              \
    "(emulated): no KVM here; these figures are the emulator's, not those of a machine on KVM."
void view_commands(const json_t *doc, struct strv *ret); /* each once */
struct view_memory_row {
    const char *title;
    char *(*text)(const json_t *memory_of_wall);
};
extern const struct view_memory_row view_memory_rows[]; /* title NULL ends */

/* A figure as people write it: three digits, "1.23 ms"; large milliseconds as seconds and so on.
 * The caller frees. */
char *view_quantity(double value, const char *unit);

/* "1.5GiB"; "-" for NAN and what is no size. The caller frees. */
char *view_size(double bytes);

/* A figure's ratio to native as people write it: "17.5", "1.02 (as native)" where its interval
 * holds 1, "1.02 (not told)" where it does of too few rounds, " too noisy". The caller frees. */
char *view_ratio(const json_t *ratio);

/* A word as a shell takes it: quoted where it must be. */
void view_shell_word(struct strbuf *out, const char *word);

/* A wall as it is called: "native", "container", "vm", "vm (emulated)". The caller frees. */
char *view_wall_name(const json_t *doc, const char *wall);

/* A fact in words, of those that cloison-probe tells: "kernel": "its own (6.1.0)". */
struct view_fact {
    const char *title;
    char *(*words)(const json_t *doc, const char *wall);
};
extern const struct view_fact view_facts[]; /* title NULL ends */
