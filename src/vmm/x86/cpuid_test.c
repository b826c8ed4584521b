// SPDX-License-Identifier: Apache-2.0
#include "vmm/x86/cpuid.h"

#include "base/test.h"

#define ALL UINT32_MAX

static struct kvm_cpuid_entry2 filtered(uint32_t leaf, uint32_t subleaf, unsigned index,
                                        unsigned count)
{
    struct kvm_cpuid_entry2 e = {
        .function = leaf, .index = subleaf, .eax = ALL, .ebx = ALL, .ecx = ALL, .edx = ALL};
    struct cpuid_settings s = {.index = index, .count = count, .tsc_deadline = true};
    cpuid_filter(&e, 1, &s);
    return e;
}

static void test_cpuid_features_of_a_host_that_has_all(void)
{
    struct kvm_cpuid_entry2 e = filtered(1, 0, 3, 4);
    CHECK_INT(e.ebx >> 24, 3);
    CHECK_INT(e.ebx >> 16 & 0xff, 4);
    CHECK_INT(e.ecx & (1u << 5 | 1u << 3), 0);                /* neither VMX nor MONITOR */
    CHECK_INT(e.ecx >> 24 & 1, 1);                            /* TSC deadline */
    CHECK_INT(e.ecx >> 31, 1);                                /* a hypervisor */
    CHECK_INT(e.ecx >> 28 & 1, 1);                            /* AVX stays */
    CHECK_INT(filtered(0x80000001, 0, 0, 1).ecx >> 2 & 1, 0); /* nor SVM */
    CHECK_INT(filtered(7, 0, 0, 1).ebx & (1u << 4 | 1u << 11), 0);
    CHECK_INT(filtered(7, 0, 0, 1).ebx >> 5 & 1, 1); /* AVX2 stays */
    CHECK_INT(filtered(0xa, 0, 0, 1).eax, 0);
    CHECK_INT(filtered(0x80000007, 0, 0, 1).edx, 1u << 8);
}

static void test_cpuid_topology_is_one_socket_of_cores(void)
{
    struct kvm_cpuid_entry2 thread = filtered(0xb, 0, 5, 6), core = filtered(0xb, 1, 5, 6),
                            none = filtered(0xb, 2, 5, 6);
    CHECK_INT(thread.eax, 0);
    CHECK_INT(thread.ebx, 1);
    CHECK_INT(thread.ecx, 1 << 8);
    CHECK_INT(core.eax, 3); /* six cores need three bits */
    CHECK_INT(core.ebx, 6);
    CHECK_INT(core.ecx, 2 << 8 | 1);
    CHECK_INT(core.edx, 5);
    CHECK_INT(none.ebx, 0);
    CHECK_INT(filtered(4, 0, 0, 6).eax >> 26, 5);
    CHECK_INT(filtered(0x80000008, 0, 0, 6).ecx, 5 | 3 << 12);
    CHECK_INT(filtered(0x8000001e, 0, 2, 6).eax, 2);
}

static void test_cpuid_unknown_leaves_stay(void)
{
    CHECK_INT(filtered(0x40000001, 0, 0, 1).eax, ALL);
    CHECK_INT(filtered(7, 1, 0, 1).ebx, ALL);
}

static const struct test tests[] = {
    TEST(test_cpuid_features_of_a_host_that_has_all),
    TEST(test_cpuid_topology_is_one_socket_of_cores),
    TEST(test_cpuid_unknown_leaves_stay),
};
TEST_MAIN(tests)
