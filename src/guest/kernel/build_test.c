// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/build.h"

#include "base/str.h"
#include "base/test.h"

static void test_build_names_what_was_not_taken(void)
{
    static const char made[] = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=64\n";
    CLEANUP(free) char *all = kernel_config_missing("# words\nCONFIG_A=y\n\nCONFIG_C=64\n", made);
    CLEANUP(free) char *two = kernel_config_missing("CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=32\n", made);
    CHECK(!all);
    CHECK_STR(two, "CONFIG_B=y, CONFIG_C=32");
}

static void test_build_names_only_the_first(void)
{
    CLEANUP(free)
    char *many = kernel_config_missing("CONFIG_1=y\nCONFIG_2=y\nCONFIG_3=y\nCONFIG_4=y\n"
                                       "CONFIG_5=y\nCONFIG_6=y\nCONFIG_7=y\nCONFIG_8=y\n",
                                       "");
    CHECK_STR(many, "CONFIG_1=y, CONFIG_2=y, CONFIG_3=y, CONFIG_4=y, CONFIG_5=y, CONFIG_6=y, …");
}

static const struct test tests[] = {
    TEST(test_build_names_what_was_not_taken),
    TEST(test_build_names_only_the_first),
};
TEST_MAIN(tests)
