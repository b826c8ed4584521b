// SPDX-License-Identifier: Apache-2.0
/* The page's plots, as SVG in HTML: colours are the page's CSS variables, so that light, dark and
 * paper each have theirs; walls differ by shape too. Pure; each appends to `out`. */
#pragma once

#include "compare/views.h"

/* Text that is safe in HTML, in attributes too. */
void html_text(struct strbuf *out, const char *text);

/* The classes "wall0" … of the walls in the order asked. */
size_t plot_wall_index(const json_t *doc, const char *wall);

/* A legend: every wall with its shape. */
void plot_legend(struct strbuf *out, const json_t *doc);

/* One criterion's values: a row a wall, a mark a round, the median and its interval. */
void plot_distribution(struct strbuf *out, const json_t *doc, const json_t *criterion);

/* One wall's memory over the counts, with the line through them. */
void plot_memory(struct strbuf *out, const json_t *doc, const char *wall);

/* How each wall stands against native, criterion by criterion, by powers of ten. */
void plot_radar(struct strbuf *out, const json_t *doc);
