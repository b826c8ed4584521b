// SPDX-License-Identifier: Apache-2.0
#include "compare/statistics.h"

#include <math.h>
#include <string.h>

#include "base/str.h"

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The probability of fewer than k heads in n throws. */
static double fewer_heads(size_t n, size_t k)
{
    double term = pow(0.5, (double)n), sum = 0;
    for (size_t i = 0; i < k; i++) {
        sum += term;
        term = term * (double)(n - i) / (double)(i + 1);
    }
    return sum;
}

/* From the k-th least to the k-th greatest of n: the median lies outside when fewer than k values
 * fall on one side of it. */
static double confidence_of(size_t n, size_t k)
{
    return 1 - 2 * fewer_heads(n, k);
}

struct statistics statistics_of(const double *values, size_t n)
{
    double *sorted = xmalloc(n * sizeof(*sorted));
    memcpy(sorted, values, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), ascending);
    size_t k = 1;
    while (2 * (k + 1) <= n && confidence_of(n, k + 1) >= STATISTICS_CONFIDENCE) {
        k++;
    }
    struct statistics s = {.n = n,
                           .median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2,
                           .low = sorted[k - 1],
                           .high = sorted[n - k],
                           .confidence = confidence_of(n, k)};
    free(sorted);
    s.spread = s.median == 0 ? 0 : (s.high - s.low) / 2 / fabs(s.median);
    s.verdict = n < STATISTICS_ENOUGH         ? VERDICT_TOO_FEW
                : s.spread > STATISTICS_NOISY ? VERDICT_TOO_NOISY
                                              : VERDICT_SURE;
    return s;
}

const char *verdict_name(enum verdict v)
{
    static const char *const names[] = {"sure", "too few", "too noisy"};
    return names[v];
}

/* Student's t, 97.5 %, by degrees of freedom. */
static double student(size_t freedom)
{
    static const double t[] = {0,     12.71, 4.303, 3.182, 2.776, 2.571,
                               2.447, 2.365, 2.306, 2.262, 2.228};
    return freedom < ARRAY_SIZE(t) ? t[freedom] : 2.0;
}

struct line line_fit(const double *x, const double *y, size_t n)
{
    double mean_x = 0, mean_y = 0, xx = 0, xy = 0, residual = 0;
    for (size_t i = 0; i < n; i++) {
        mean_x += x[i] / (double)n;
        mean_y += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        xy += (x[i] - mean_x) * (y[i] - mean_y);
    }
    struct line l = {.n = n};
    if (xx == 0) {
        l.slope = mean_x == 0 ? 0 : mean_y / mean_x;
        return l;
    }
    l.slope = xy / xx;
    l.intercept = mean_y - l.slope * mean_x;
    for (size_t i = 0; i < n; i++) {
        double d = y[i] - l.intercept - l.slope * x[i];
        residual += d * d;
    }
    l.has_error = n >= 3;
    if (l.has_error) {
        l.slope_error = student(n - 2) * sqrt(residual / (double)(n - 2) / xx);
    }
    return l;
}
