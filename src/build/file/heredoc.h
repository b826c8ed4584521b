// SPDX-License-Identifier: Apache-2.0
/* The marks of here-documents in a line: "<<EOF", "<<-'EOF'", "3<<EOF". Pure. */
#pragma once

#include "build/file/dockerfile.h"

struct heredoc_mark {
    char *name;
    bool chomp;  /* "<<-": leading tabs go */
    bool expand; /* the name is not quoted */
};

/* Whether the instruction, or the one behind ONBUILD, can have here-documents. */
bool heredoc_is_taken_by(const struct instruction *i);
/* Those of a line, in order. Freed with heredoc_marks_free(). */
void heredoc_marks_find(const char *line, char escape, struct heredoc_mark **ret,
                        size_t *ret_count);
void heredoc_marks_free(struct heredoc_mark *marks, size_t count);

/* Whether a word as it stands in the line is such a mark. */
bool heredoc_is_mark(const char *word);
