// SPDX-License-Identifier: Apache-2.0
/* A container in the words of `ps`: its status, ports, command. Pure but for the clock. The caller
 * frees what is returned. */
#pragma once

#include "engine/container.h"

/* "Up 5 seconds (healthy)", "Exited (137) 3 minutes ago (memory limit)", "Created", … */
char *container_status_text(const struct container *c);

/* "0.0.0.0:8080-8081->80-81/tcp, 443/tcp"; "" when it has none. */
char *container_ports_text(const struct container *c);

/* The workload's command line in Go's quotes, "\"nginx -g 'daemon of…\"" when shortened. */
char *container_command_text(const struct container *c, bool shorten);

/* The first 12 digits, or all. */
char *container_id_text(const struct container *c, bool whole);

/* An object of labels as "a=1,b=2". */
char *labels_text(const json_t *labels);

/* The text cut to `width` characters, the last one "…"; itself when it fits. */
char *text_shorten(const char *text, size_t width);
