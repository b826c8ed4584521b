// SPDX-License-Identifier: Apache-2.0
/* Patterns: Go's path.Match, as COPY's wildcards and .dockerignore have them, and the shell's in
 * ${name#pattern}. Pure; time is bounded by pattern times text, whatever the pattern. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether the pattern could be a name itself: no wildcard in it. */
bool glob_is_plain(const char *pattern);

/* Go's: '*' and '?' do not take '/', [a-z] and [^a-z] classes, '\' takes the next as it is. The
 * whole text. -EINVAL: a malformed pattern, else 1 or 0. With `doublestar`, "**" takes anything,
 * and "**" with a '/' behind takes any number of folders, none too (moby's patternmatcher). */
int glob_match(const char *pattern, const char *text, bool doublestar);

/* The shell's: '*' takes anything, '?' one character, '\' the next as it is. How much of the
 * text's begin the pattern takes (the longest or the shortest); -1: nothing fits. */
long glob_prefix(const char *pattern, const char *text, size_t text_len, bool longest);
