// SPDX-License-Identifier: Apache-2.0
/* What a few measured values say, and how surely. Pure.
 *
 * The middle is the median. Its interval is read off the sorted values (order statistics): no
 * assumption on how the values are distributed, no random numbers; its confidence is exact, the
 * binomial's. Fewer than STATISTICS_ENOUGH values cannot give 95 %: then the interval is from the
 * least to the greatest, its confidence says what that is worth, and the verdict is "too few". */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define STATISTICS_CONFIDENCE 0.95
#define STATISTICS_ENOUGH 6 /* 1 - 2 / 2^6 = 0.969 */
/* Half the interval in parts of the median, above which a figure is "too noisy". */
#define STATISTICS_NOISY 0.25

enum verdict { VERDICT_SURE, VERDICT_TOO_FEW, VERDICT_TOO_NOISY };

struct statistics {
    size_t n;
    double median, low, high; /* the median and its interval */
    double confidence;        /* of the interval: 0.984 for seven values */
    double spread;            /* half the interval / |median|; 0 for a median of 0 */
    enum verdict verdict;
};

/* Of n >= 1 values, in any order. */
struct statistics statistics_of(const double *values, size_t n);

/* "sure", "too few", "too noisy". */
const char *verdict_name(enum verdict v);

/* A straight line through points, by least squares. */
struct line {
    size_t n;
    double slope, intercept;
    /* Half the 95 % interval of the slope (Student's t); has_error is false below three points. */
    double slope_error;
    bool has_error;
};

/* n >= 1 points; of one point, or of points above one another, a line through the origin. */
struct line line_fit(const double *x, const double *y, size_t n);
