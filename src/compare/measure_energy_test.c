// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <math.h>

#include "base/file.h"
#include "base/test.h"
#include "compare/comparison.h"

static char root[] = "/tmp/cloison-energy-test-XXXXXX";

static void domain(const char *name, const char *energy)
{
    CLEANUP(free) char *folder = str_format("%s/%s", root, name);
    CLEANUP(free) char *path = str_format("%s/energy_uj", folder);
    struct error *err = NULL;
    CHECK_OK(mkdir_all(folder, 0755, &err), err);
    CHECK_OK(file_write_atomic(AT_FDCWD, path, energy, strlen(energy), 0644, FILE_NO_SYNC, &err),
             err);
}

/* As the powercap class shows two packages, a part of one, and another kind of domain. */
static void test_measure_energy_adds_packages(void)
{
    struct error *err = NULL;
    CHECK(mkdtemp(root) != NULL);
    domain("intel-rapl:0", "1500000\n");
    domain("intel-rapl:0:0", "900000\n");
    domain("intel-rapl:1", "250000\n");
    domain("intel-rapl-mmio:0", "77\n");
    CHECK(fabs(energy_joules(root) - 1.75) < 1e-9);
    domain("intel-rapl:1", "nonsense\n");
    CHECK(isnan(energy_joules(root)));
    CHECK_OK(remove_tree(AT_FDCWD, root, &err), err);
    CHECK(isnan(energy_joules(root))); /* a host without */
}

static const struct test tests[] = {TEST(test_measure_energy_adds_packages)};
TEST_MAIN(tests)
