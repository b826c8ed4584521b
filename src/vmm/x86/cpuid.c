// SPDX-License-Identifier: Apache-2.0
#include "vmm/x86/cpuid.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/str.h"

#define BIT(n) (1u << (n))

enum {
    ENTRIES_MAX = 256,
    LEAF_FEATURES = 1,
    LEAF_CACHE = 4,
    LEAF_MWAIT = 5,
    LEAF_POWER = 6,
    LEAF_EXTENDED_FEATURES = 7,
    LEAF_COUNTERS = 0xa,
    LEAF_TOPOLOGY = 0xb,
    LEAF_TRACE = 0x14,
    LEAF_TOPOLOGY_2 = 0x1f,
    POWER_ARAT = 2, /* the APIC timer always runs */
    TSC_INVARIANT = 8,
};
static const uint32_t leaf_amd_features = 0x80000001, leaf_amd_power = 0x80000007,
                      leaf_amd_size = 0x80000008, leaf_amd_svm = 0x8000000a,
                      leaf_amd_cache = 0x8000001d, leaf_amd_topology = 0x8000001e;

/* Leaf 1, ECX: debug store, MONITOR, CPL-qualified store, VMX, SMX, EIST, TM2, PDCM. */
static const uint32_t features_ecx_off =
    BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(15);
/* Leaf 1, EDX: debug store, ACPI thermal, thermal monitor, pending break. */
static const uint32_t features_edx_off = BIT(21) | BIT(22) | BIT(29) | BIT(31);
/* Leaf 7, EBX: HLE, RTM, resource monitoring and allocation, processor trace. */
static const uint32_t extended_ebx_off = BIT(4) | BIT(11) | BIT(12) | BIT(15) | BIT(25);
/* 80000001h, ECX: SVM, IBS, SKINIT, watchdog, LWP, performance counters of core, bridge, L2. */
static const uint32_t amd_ecx_off =
    BIT(2) | BIT(10) | BIT(12) | BIT(13) | BIT(15) | BIT(23) | BIT(24) | BIT(28);

/* How many bits an index below `count` needs. */
static uint32_t bits_of(uint32_t count)
{
    uint32_t bits = 0;
    while (BIT(bits) < count) {
        bits++;
    }
    return bits;
}

static void features(struct kvm_cpuid_entry2 *e, const struct cpuid_settings *s)
{
    e->ebx = (e->ebx & 0xffff) | s->index << 24 | s->count << 16;
    e->ecx &= ~features_ecx_off;
    e->ecx |= BIT(31) | BIT(21); /* there is a hypervisor; x2APIC */
    e->ecx = s->tsc_deadline ? e->ecx | BIT(24) : e->ecx & ~BIT(24);
    e->edx &= ~features_edx_off;
    e->edx = s->count > 1 ? e->edx | BIT(28) : e->edx & ~BIT(28);
}

/* One thread a core: the first level is one, the second all of them. */
static void topology(struct kvm_cpuid_entry2 *e, const struct cpuid_settings *s)
{
    enum { TYPE_THREAD = 1, TYPE_CORE = 2 };
    uint32_t level = e->index;
    e->eax = level == 1 ? bits_of(s->count) : 0;
    e->ebx = level == 0 ? 1 : level == 1 ? s->count : 0;
    e->ecx = level | (level == 0 ? TYPE_THREAD : level == 1 ? TYPE_CORE : 0u) << 8;
    e->edx = s->index;
}

static void clear(struct kvm_cpuid_entry2 *e)
{
    e->eax = e->ebx = e->ecx = e->edx = 0;
}

static void filter_amd(struct kvm_cpuid_entry2 *e, const struct cpuid_settings *s)
{
    if (e->function == leaf_amd_features) {
        e->ecx &= ~amd_ecx_off;
    } else if (e->function == leaf_amd_power) {
        e->eax = e->ebx = e->ecx = 0;
        e->edx &= BIT(TSC_INVARIANT);
    } else if (e->function == leaf_amd_size) {
        e->ecx = (s->count - 1) | bits_of(s->count) << 12;
    } else if (e->function == leaf_amd_svm) {
        clear(e);
    } else if (e->function == leaf_amd_cache) {
        e->eax &= ~(0xfffu << 14); /* no two cores share one */
    } else if (e->function == leaf_amd_topology) {
        e->eax = s->index;
        e->ebx = s->index; /* the core's number, one thread each */
        e->ecx = 0;
    }
}

static void filter(struct kvm_cpuid_entry2 *e, const struct cpuid_settings *s)
{
    switch (e->function) {
    case LEAF_FEATURES:
        features(e, s);
        break;
    case LEAF_CACHE:
        e->eax &= ~(0xfffu << 14 | 0x3fu << 26);
        e->eax |= (s->count - 1 > 0x3f ? 0x3f : s->count - 1) << 26;
        break;
    case LEAF_POWER:
        e->eax &= BIT(POWER_ARAT);
        e->ebx = e->ecx = e->edx = 0;
        break;
    case LEAF_EXTENDED_FEATURES:
        e->ebx &= e->index == 0 ? ~extended_ebx_off : ~0u;
        break;
    case LEAF_MWAIT:
    case LEAF_COUNTERS:
    case LEAF_TRACE:
        clear(e);
        break;
    case LEAF_TOPOLOGY:
    case LEAF_TOPOLOGY_2:
        topology(e, s);
        break;
    default:
        filter_amd(e, s);
        break;
    }
}

void cpuid_filter(struct kvm_cpuid_entry2 *entries, unsigned entry_count,
                  const struct cpuid_settings *settings)
{
    for (unsigned i = 0; i < entry_count; i++) {
        filter(&entries[i], settings);
    }
}

int cpuid_set(const struct kvm *k, int vcpu_fd, unsigned index, unsigned count, struct error **err)
{
    size_t bytes = sizeof(struct kvm_cpuid2) + ENTRIES_MAX * sizeof(struct kvm_cpuid_entry2);
    CLEANUP(free) struct kvm_cpuid2 *cpuid = xcalloc(1, bytes);
    struct cpuid_settings settings = {.index = index, .count = count};
    cpuid->nent = ENTRIES_MAX;
    int r = kvm_call(k->device, KVM_GET_SUPPORTED_CPUID, cpuid, "KVM_GET_SUPPORTED_CPUID", err);
    if (r < 0) {
        return r;
    }
    settings.tsc_deadline = ioctl(k->device, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
    cpuid_filter(cpuid->entries, cpuid->nent, &settings);
    return kvm_call(vcpu_fd, KVM_SET_CPUID2, cpuid, "KVM_SET_CPUID2", err);
}
