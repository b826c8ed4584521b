// SPDX-License-Identifier: Apache-2.0
/* Annotations by which a spec says what the machine is to be that isolates its workload: those who
 * call a runtime have no other way. The engine makes them of its options and settings. */
#pragma once

#define SPEC_MACHINE "org.cloison.vm."
#define SPEC_MACHINE_KERNEL SPEC_MACHINE "kernel"   /* as --kernel: a file, a name, a release */
#define SPEC_MACHINE_MONITOR SPEC_MACHINE "monitor" /* "kvm", "qemu" */
#define SPEC_MACHINE_DISK SPEC_MACHINE "disk"       /* bytes of the writable disk: "10g" */
#define SPEC_MACHINE_DISPLAY SPEC_MACHINE "display" /* "vnc=PATH": a socket that a viewer opens */
