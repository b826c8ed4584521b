// SPDX-License-Identifier: Apache-2.0
#include "cli/host_text.h"

#include <string.h>

#define COLUMNS 80
#define INDENT 11

const char *host_architecture(const char *machine)
{
    return str_equal(machine, "x86_64")    ? "amd64"
           : str_equal(machine, "aarch64") ? "arm64"
                                           : machine;
}

size_t host_features_found(const struct host_report *host)
{
    size_t found = 0;
    for (size_t i = 0; i < host->count; i++) {
        found += host->features[i].found;
    }
    return found;
}

void host_print_found(const struct host_report *host, FILE *stream)
{
    size_t column = INDENT;
    const char *between = "";
    fprintf(stream, " %-*s", INDENT - 1, "Found:");
    for (size_t i = 0; i < host->count; i++) {
        const struct host_feature *f = &host->features[i];
        if (!f->found) {
            continue;
        }
        size_t len = strlen(between) + strlen(f->name) + 1;
        if (column + len > COLUMNS && column > INDENT) {
            fprintf(stream, ",\n%*s", INDENT, "");
            between = "";
            column = INDENT;
        }
        column += (size_t)fprintf(stream, "%s%s", between, f->name);
        between = ", ";
    }
    fprintf(stream, "\n");
}

void host_print_missing(const struct host_report *host, FILE *stream)
{
    const char *head = "Missing:";
    for (size_t i = 0; i < host->count; i++) {
        const struct host_feature *f = &host->features[i];
        if (!f->found) {
            fprintf(stream, " %-*s%s: %s\n", INDENT - 1, head, f->name, f->detail);
            head = "";
        }
    }
}

void host_print_all(const struct host_report *host, FILE *stream)
{
    const char *group = NULL;
    for (size_t i = 0; i < host->count; i++) {
        const struct host_feature *f = &host->features[i];
        if (!str_equal(group, f->group)) {
            group = f->group;
            fprintf(stream, "%s:\n", group);
        }
        const char *state = f->found ? "found" : "missing";
        if (*f->detail) {
            fprintf(stream, " %-17s %-8s %s\n", f->name, state, f->detail);
        } else {
            fprintf(stream, " %-17s %s\n", f->name, state);
        }
    }
}
