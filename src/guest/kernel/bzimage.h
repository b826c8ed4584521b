// SPDX-License-Identifier: Apache-2.0
/* A distribution's kernel (bzImage) and the ELF kernel packed in it.
 *
 * bzimage_payload() is pure and trusts nothing of the file. bzimage_extract() unpacks with
 * libarchive, which knows every compression that kernels use; the caller caches the result.
 * Spec: Linux Documentation/arch/x86/boot.rst (payload_offset, payload_length). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define BZIMAGE_HEADER_BYTES 0x264 /* up to and with what we read */
#define VMLINUX_BYTES_MAX (UINT64_C(1) << 30)

struct bzimage {
    uint64_t payload_offset, payload_bytes; /* in the file, compressed */
    uint64_t version_offset;                /* of the release's text, or 0 */
};

/* Reads the first bytes of a file of file_bytes. ERROR_INVALID_INPUT: no bzImage, or a too old
 * one. */
int bzimage_payload(const uint8_t *header, size_t len, uint64_t file_bytes, struct bzimage *ret,
                    struct error **err) NODISCARD;

/* Writes the ELF kernel of the file `in` into the empty file `out`; a file that is ELF already is
 * copied. */
int bzimage_extract(int in, int out, struct error **err) NODISCARD;

/* The kernel's release ("6.1.0-18-cloud-amd64"), which its modules' folder is named by. The caller
 * frees it. */
int bzimage_release(int in, char **ret, struct error **err) NODISCARD;
