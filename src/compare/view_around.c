// SPDX-License-Identifier: Apache-2.0
/* What the table and the page both say. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/human.h"
#include "compare/statistics.h"
#include "compare/views.h"

/* --- memory and disk -----------------------------------------------------------------------------
 */

#define SIZE_MAX_BYTES 1e18 /* no memory is larger; a file may say so */

char *view_size(double bytes)
{
    return isnan(bytes) || bytes < 0 || bytes > SIZE_MAX_BYTES ? xstrdup("-")
                                                               : human_binary_size((int64_t)bytes);
}

static char *each_text(const json_t *m)
{
    CLEANUP(free) char *each = view_size(document_number(m, "bytesEach"));
    double error = document_number(m, "bytesEachError");
    if (isnan(error)) {
        return isnan(document_number(m, "bytesEach")) ? xstrdup("-")
                                                      : str_format("%s too few counts", each);
    }
    CLEANUP(free) char *around = view_size(error);
    return str_format("%s \xc2\xb1 %s", each, around);
}

static char *fits_text(const json_t *m)
{
    double fits = document_number(m, "fits"), low = document_number(m, "fitsLow");
    if (isnan(fits)) {
        return xstrdup("-");
    }
    return isnan(low)
               ? str_format("about %.0f", fits)
               : str_format("%.0f (%.0f to %.0f)", fits, low, document_number(m, "fitsHigh"));
}

static char *points_text(const json_t *m)
{
    const json_t *p;
    size_t i;
    CLEANUP(strbuf) struct strbuf b = {0};
    json_array_foreach(json_object_get(m, "points"), i, p)
    {
        CLEANUP(free) char *size = view_size(document_number(p, "bytes"));
        strbuf_addf(&b, "%s%.0f: %s", i ? ", " : "", document_number(p, "count"), size);
    }
    return b.len ? strbuf_take(&b) : xstrdup("-");
}

static char *disk_text(const json_t *m)
{
    return view_size(document_number(m, "diskBytesEach"));
}

static char *cache_text(const json_t *m)
{
    return view_size(document_number(m, "diskBytesCache"));
}

const struct view_memory_row view_memory_rows[] = {
    {"Memory at several counts (PSS)", points_text}, {"Memory of each instance", each_text},
    {"Instances that fit in memory now", fits_text}, {"Disk of each instance", disk_text},
    {"Disk for all: kernel, layers", cache_text},    {0},
};

/* --- around it -----------------------------------------------------------------------------------
 */

char *view_title(const json_t *doc)
{
    const json_t *host = json_object_get(doc, "host"), *image = json_object_get(doc, "image");
    CLEANUP(free) char *memory = view_size(document_number(host, "memoryBytes"));
    CLEANUP(free) char *size = view_size(document_number(image, "sizeBytes"));
    const char *load = document_text(host, "load"); /* behind three averages come tasks */
    int averages = 0;
    (void)sscanf(load, "%*s %*s %*s%n", &averages);
    return str_format("%s (%s), on %s, %.0f processors, %s, kernel %s, load %.*s",
                      document_text(image, "name"), size, document_text(host, "processor"),
                      document_number(host, "processors"), memory, document_text(host, "kernel"),
                      averages > 0 ? averages : (int)strlen(load), load);
}

bool view_rounds_are_few(const json_t *doc)
{
    return document_number(json_object_get(doc, "settings"), "repeat") < STATISTICS_ENOUGH;
}

char *view_rounds(const json_t *doc)
{
    return str_format("n = %.0f rounds, every wall in each; median \xc2\xb1 half its interval "
                      "(%s); x: ratio to native, the median of the rounds' own",
                      document_number(json_object_get(doc, "settings"), "repeat"),
                      view_rounds_are_few(doc) ? "too few rounds for 95 %" : "95 %");
}

bool view_machine_is_busy(const json_t *doc)
{
    const json_t *host = json_object_get(doc, "host");
    double load = 0;
    return sscanf(document_text(host, "load"), "%lf", &load) == 1 &&
           load > document_number(host, "processors") / 2;
}

bool view_any_emulated(const json_t *doc)
{
    const char *wall;
    json_t *w;
    json_object_foreach(json_object_get(doc, "walls"), wall, w)
    {
        if (json_is_true(json_object_get(w, "emulated"))) {
            return true;
        }
    }
    return false;
}

static void add_once(const json_t *figures, struct strv *ret)
{
    const char *wall;
    json_t *figure;
    json_object_foreach((json_t *)figures, wall, figure)
    {
        const char *command = document_text(figure, "command");
        if (*command && !strv_contains(ret, command)) {
            strv_add(ret, command);
        }
    }
}

void view_commands(const json_t *doc, struct strv *ret)
{
    const json_t *c;
    size_t i;
    json_array_foreach(json_object_get(doc, "criteria"), i, c)
    {
        add_once(json_object_get(c, "walls"), ret);
    }
    add_once(json_object_get(doc, "memory"), ret);
}
