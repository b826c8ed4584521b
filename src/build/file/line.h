// SPDX-License-Identifier: Apache-2.0
/* One joined line of a Dockerfile: keyword, flags, rest; and words with their quotes. Pure. */
#pragma once

#include "build/file/dockerfile.h"

/* "A=b 'c d'" → words at blanks, quotes and escapes understood and kept. */
void line_words(const char *text, char escape, struct strv *ret);

/* The text is a JSON array of strings: true, and they are appended. */
bool line_json_strings(const char *text, struct strv *ret);
