// SPDX-License-Identifier: Apache-2.0
#include "compare/statistics.h"

#include <math.h>

#include "base/test.h"

#define NEAR(a, b) CHECK(fabs((a) - (b)) < 1e-6)

static void test_statistics_seven_values(void)
{
    const double v[] = {7, 1, 3, 2, 6, 5, 4};
    struct statistics s = statistics_of(v, 7);
    NEAR(s.median, 4);
    NEAR(s.low, 1); /* from the second on it would be 87.5 % */
    NEAR(s.high, 7);
    NEAR(s.confidence, 1 - 2.0 / 128);
    CHECK_INT(s.verdict, VERDICT_TOO_NOISY);
}

static void test_statistics_twenty_values(void)
{
    double v[20];
    for (int i = 0; i < 20; i++) {
        v[i] = 100 + i;
    }
    struct statistics s = statistics_of(v, 20);
    NEAR(s.median, 109.5);
    NEAR(s.low, 105); /* the sixth: the table of the binomial has 95.86 % */
    NEAR(s.high, 114);
    CHECK(s.confidence > 0.9586 && s.confidence < 0.9587);
    CHECK_INT(s.verdict, VERDICT_SURE);
}

static void test_statistics_nine_leave_an_outlier_out(void)
{
    const double v[] = {100, 101, 99, 100, 5000, 100, 1, 102, 98};
    struct statistics s = statistics_of(v, 9);
    NEAR(s.low, 98);
    NEAR(s.high, 102);
    NEAR(s.confidence, 1 - 20.0 / 512);
    CHECK_INT(s.verdict, VERDICT_SURE);
}

static void test_statistics_few(void)
{
    const double v[] = {5, 5, 5, 5, 5};
    struct statistics s = statistics_of(v, 5);
    NEAR(s.confidence, 0.9375);
    CHECK_INT(s.verdict, VERDICT_TOO_FEW);
    s = statistics_of(v, 1);
    NEAR(s.median, 5);
    NEAR(s.confidence, 0);
    CHECK_STR(verdict_name(s.verdict), "too few");
}

static void test_statistics_noise(void)
{
    const double steady[] = {100, 101, 99, 100, 102, 98}, wild[] = {100, 10, 300, 50, 90, 250};
    CHECK_INT(statistics_of(steady, 6).verdict, VERDICT_SURE);
    NEAR(statistics_of(steady, 6).spread, 0.02);
    CHECK_INT(statistics_of(wild, 6).verdict, VERDICT_TOO_NOISY);
    const double nothing[] = {0, 0, 0, 0, 0, 0};
    NEAR(statistics_of(nothing, 6).spread, 0);
}

static void test_statistics_line(void)
{
    const double x[] = {1, 2, 4, 8}, exact[] = {12, 14, 18, 26};
    struct line l = line_fit(x, exact, 4);
    NEAR(l.slope, 2);
    NEAR(l.intercept, 10);
    CHECK(l.has_error);
    NEAR(l.slope_error, 0);
    const double bent[] = {12, 15, 18, 26};
    l = line_fit(x, bent, 4);
    CHECK(l.slope_error > 0.1 && l.slope_error < 1);
    CHECK(fabs(l.slope - 2) < l.slope_error);
    l = line_fit(x, exact, 2);
    NEAR(l.slope, 2);
    CHECK(!l.has_error);
    l = line_fit(x + 3, exact + 3, 1);
    NEAR(l.slope, 26.0 / 8);
}

static const struct test tests[] = {
    TEST(test_statistics_seven_values), TEST(test_statistics_twenty_values),
    TEST(test_statistics_few),          TEST(test_statistics_nine_leave_an_outlier_out),
    TEST(test_statistics_noise),        TEST(test_statistics_line),
};
TEST_MAIN(tests)
