// SPDX-License-Identifier: Apache-2.0
/* Platforms, "os/architecture[/variant]", in the words of the image specification (Go's GOOS and
 * GOARCH). Pure but for uname(2). */
#pragma once

#include "spec/request.h"

struct platform {
    char os[16], architecture[16], variant[16]; /* variant "" when none */
};

/* "linux/arm64/v8", "linux/amd64", "arm64" (os linux), "x86_64" (kernels' names are understood). */
int platform_parse(const char *text, struct platform *ret, struct error **err) NODISCARD;
/* This machine's. */
void platform_host(struct platform *ret);
bool platform_is_host(const char *text);
/* "linux/arm64/v8"; the caller frees. */
char *platform_text(const struct platform *p);
/* Whether what an image says of itself is what is wanted; an absent variant fits any. */
bool platform_equal(const struct platform *wanted, const char *os, const char *architecture,
                    const char *variant);
bool platform_fits(const struct platform *wanted, const struct image_config *config);
/* What of that name is here is for no such platform: ERROR_NOT_FOUND. */
int platform_absent(const char *name, const char *platform, struct error **err);
