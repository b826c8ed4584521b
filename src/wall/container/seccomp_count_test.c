// SPDX-License-Identifier: Apache-2.0
/* Filters of libseccomp's, and how many calls they let through. */
#include "wall/container/seccomp_count.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/test.h"

static struct seccomp_count count_of(scmp_filter_ctx filter)
{
    struct seccomp_count ret;
    struct stat st;
    CLEANUP(fd) int fd = memfd_create("filter", MFD_CLOEXEC);
    CHECK(fd >= 0 && seccomp_export_bpf(filter, fd) == 0 && fstat(fd, &st) == 0);
    CLEANUP(free) struct sock_filter *code = xmalloc((size_t)st.st_size);
    CHECK_INT(pread(fd, code, (size_t)st.st_size, 0), st.st_size);
    seccomp_count_calls(code, (size_t)st.st_size / 8, seccomp_arch_native(), &ret);
    seccomp_release(filter);
    return ret;
}

static void test_seccomp_count_allows_all(void)
{
    struct seccomp_count c = count_of(seccomp_init(SCMP_ACT_ALLOW));
    CHECK(c.known > 300);
    CHECK_INT(c.always, c.known);
    CHECK_INT(c.somehow, 0);
}

static void test_seccomp_count_refuses_some(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    CHECK(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mount), 0) == 0);
    CHECK(seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(reboot), 0) == 0);
    struct seccomp_count c = count_of(filter);
    CHECK_INT(c.always, c.known - 2);
    CHECK_INT(c.somehow, 0);
}

static void test_seccomp_count_tells_conditions(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    CHECK(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(read), 0) == 0);
    CHECK(seccomp_rule_add(filter, SCMP_ACT_LOG, SCMP_SYS(write), 0) == 0);
    CHECK(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_NE, 40)) ==
          0);
    CHECK(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                           SCMP_A0(SCMP_CMP_MASKED_EQ, 0x7e020000, 0)) == 0);
    struct seccomp_count c = count_of(filter);
    CHECK_INT(c.always, 2);
    CHECK_INT(c.somehow, 2);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(test_seccomp_count_allows_all),
        TEST(test_seccomp_count_refuses_some),
        TEST(test_seccomp_count_tells_conditions),
    };
    return test_main(tests, ARRAY_SIZE(tests), argc, argv);
}
