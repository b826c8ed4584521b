// SPDX-License-Identifier: Apache-2.0
/* ACPI machine language, as much of it as the machine's DSDT says: names with constants, devices
 * with resources. Appends to a buffer; pure. Names are four letters. Spec: ACPI 6.5 §20.2, §6.4. */
#pragma once

#include <stdint.h>

#include "base/str.h"

void aml_name_string(struct strbuf *out, const char *name, const char *value);
void aml_name_integer(struct strbuf *out, const char *name, uint32_t value);
/* The resources gathered by aml_memory() and aml_interrupt(), closed with their end tag. */
void aml_name_resources(struct strbuf *out, const char *name, struct strbuf *resources);
void aml_memory(struct strbuf *resources, uint32_t address, uint32_t len);
/* Edge-triggered, active high, shared. */
void aml_interrupt(struct strbuf *resources, uint32_t gsi);
/* \name = Package {type, 0, 0, 0}. */
void aml_sleep_state(struct strbuf *out, const char *name, uint8_t type);
void aml_scope(struct strbuf *out, const char *name, const struct strbuf *body);
void aml_device(struct strbuf *out, const char *name, const struct strbuf *body);
