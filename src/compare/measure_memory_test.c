// SPDX-License-Identifier: Apache-2.0
#include "base/test.h"
#include "compare/comparison.h"

static void test_measure_memory_room(void)
{
    double more = 0;
    CHECK(room_for(100, 2, 10, 801, &more));
    CHECK(more > 399 && more < 401);
    CHECK(!room_for(100, 2, 10, 799, &more));
    CHECK(room_for(0, 1, 1000, 0, &more));
    CHECK(!room_for(1, 1, 2, 0, &more));
}

static const struct test tests[] = {TEST(test_measure_memory_room)};
TEST_MAIN(tests)
