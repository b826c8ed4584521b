// SPDX-License-Identifier: Apache-2.0
#include "vmm/x86/aml.h"

#include <assert.h>
#include <string.h>

enum { /* §20.3 */
       OP_NAME = 0x08,
       OP_DWORD = 0x0c,
       OP_STRING = 0x0d,
       OP_SCOPE = 0x10,
       OP_BUFFER = 0x11,
       OP_PACKAGE = 0x12,
       OP_EXTENDED = 0x5b,
       OP_DEVICE = 0x82,               /* behind OP_EXTENDED */
       RESOURCE_MEMORY32_FIXED = 0x86, /* §6.4.3.4 */
       RESOURCE_INTERRUPT = 0x89,      /* §6.4.3.6 */
       RESOURCE_END = 0x79,            /* §6.4.2.9 */
       INTERRUPT_FLAGS = 1 | 2 | 8,    /* consumer, edge, shared */
};

static void add32(struct strbuf *out, uint32_t value)
{
    strbuf_add(out, &value, sizeof(value)); /* little-endian, as every ACPI machine */
}

static void add_op_name(struct strbuf *out, int op, const char *name)
{
    assert(strlen(name) == 4);
    strbuf_addc(out, (char)op);
    strbuf_adds(out, name);
}

static void add_integer(struct strbuf *out, uint32_t value)
{
    strbuf_addc(out, OP_DWORD);
    add32(out, value);
}

/* PkgLength, §20.2.4: counts its own bytes too; we always write four, of 28 bits. */
static void add_package(struct strbuf *out, const void *body, size_t len)
{
    size_t all = len + 4;
    assert(all < 1 << 28);
    strbuf_addc(out, (char)(3 << 6 | (all & 0xf)));
    for (int shift = 4; shift < 28; shift += 8) {
        strbuf_addc(out, (char)(all >> shift & 0xff));
    }
    strbuf_add(out, body, len);
}

void aml_name_string(struct strbuf *out, const char *name, const char *value)
{
    add_op_name(out, OP_NAME, name);
    strbuf_addc(out, OP_STRING);
    strbuf_add(out, value, strlen(value) + 1);
}

void aml_name_integer(struct strbuf *out, const char *name, uint32_t value)
{
    add_op_name(out, OP_NAME, name);
    add_integer(out, value);
}

void aml_memory(struct strbuf *resources, uint32_t address, uint32_t len)
{
    strbuf_add(resources, (const uint8_t[]){RESOURCE_MEMORY32_FIXED, 9, 0, 1 /* writable */}, 4);
    add32(resources, address);
    add32(resources, len);
}

void aml_interrupt(struct strbuf *resources, uint32_t gsi)
{
    strbuf_add(resources, (const uint8_t[]){RESOURCE_INTERRUPT, 6, 0, INTERRUPT_FLAGS, 1}, 5);
    add32(resources, gsi);
}

void aml_name_resources(struct strbuf *out, const char *name, struct strbuf *resources)
{
    CLEANUP(strbuf) struct strbuf body = {0};
    strbuf_add(resources, (const uint8_t[]){RESOURCE_END, 0}, 2); /* checksum 0: not computed */
    add_integer(&body, (uint32_t)resources->len);
    strbuf_add(&body, resources->data, resources->len);
    add_op_name(out, OP_NAME, name);
    strbuf_addc(out, OP_BUFFER);
    add_package(out, body.data, body.len);
}

void aml_sleep_state(struct strbuf *out, const char *name, uint8_t type)
{
    CLEANUP(strbuf) struct strbuf body = {0};
    strbuf_addc(&body, 4);
    for (int i = 0; i < 4; i++) {
        add_integer(&body, i == 0 ? type : 0);
    }
    add_op_name(out, OP_NAME, name);
    strbuf_addc(out, OP_PACKAGE);
    add_package(out, body.data, body.len);
}

static void add_named_package(struct strbuf *out, const char *name, const struct strbuf *body)
{
    CLEANUP(strbuf) struct strbuf named = {0};
    assert(strlen(name) == 4);
    strbuf_adds(&named, name);
    if (body->len > 0) {
        strbuf_add(&named, body->data, body->len);
    }
    add_package(out, named.data, named.len);
}

void aml_scope(struct strbuf *out, const char *name, const struct strbuf *body)
{
    strbuf_addc(out, OP_SCOPE);
    add_named_package(out, name, body);
}

void aml_device(struct strbuf *out, const char *name, const struct strbuf *body)
{
    strbuf_addc(out, OP_EXTENDED);
    strbuf_addc(out, (char)OP_DEVICE);
    add_named_package(out, name, body);
}
