// SPDX-License-Identifier: Apache-2.0
#include "engine/userns.h"

#include "base/test.h"

static void test_userns_find_range(void)
{
    struct spec_id_map m = {0};
    const char *text = "# comment\nroot:1:2\ncloisons:5:6\ncloison:x:1\ncloison:7\n"
                       "cloison:100000:65536\ncloison:1:1\n";
    CHECK_INT(userns_find_range(text, "cloison", &m), 1);
    CHECK_INT(m.container_id, 0);
    CHECK_INT(m.host_id, 100000);
    CHECK_INT(m.size, 65536);
    CHECK_INT(userns_find_range(text, "nobody", &m), 0);
    CHECK_INT(userns_find_range("", "cloison", &m), 0);
    CHECK_INT(userns_find_range("a:4294967294:5\n", "a", &m), 0);
    CHECK_INT(userns_find_range("a:5:0", "a", &m), 0);
    CHECK_INT(userns_find_range("a:5:1", "a", &m), 1);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {TEST(test_userns_find_range)};
    return test_main(tests, ARRAY_SIZE(tests), argc, argv);
}
