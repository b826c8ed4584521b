# SPDX-License-Identifier: Apache-2.0
# What the tests of a machine share: a stock kernel made ready once a file, and machines whose first program
# is a script. They run where KVM runs a stock kernel: in the test machine (tests/testbed/suite tests/vm/…).

setup_file() {
    export BUILD=${BUILD:-build}
    BUILD=$(cd "$BUILD" && pwd -P)
    export KERNEL_DIR=$BATS_FILE_TMPDIR
    kernel=$(ls /boot/vmlinuz-* | tail -1)
    "$BUILD/cloison-kernel" extract "$kernel" "$KERNEL_DIR/vmlinux"
    cat >"$KERNEL_DIR/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
for module in $(/bin/busybox cat /modules/order); do /bin/busybox insmod /modules/$module.ko; done
/bin/busybox --install /bin
export PATH=/bin
exec sh /script >/dev/hvc0 2>&1 </dev/hvc0
INIT
}

pack() { # pack SCRIPT: the initramfs whose first program is this script
    printf '%s\n' "$1" >"$BATS_TEST_TMPDIR/script"
    "$BUILD/cloison-kernel" initramfs "/lib/modules/$(uname -r)" "$KERNEL_DIR/init" \
        "$BATS_TEST_TMPDIR/initramfs" bin/busybox=/bin/busybox script="$BATS_TEST_TMPDIR/script"
}

# machine SCRIPT [DEVICES [CPUS [MEMORY_MIB]]]: runs it to its end; descriptors 20 and up may be the devices'.
# What the guest printed is in the output, the report in $BATS_TEST_TMPDIR/report, the kernel's words in
# $BATS_TEST_TMPDIR/kernel, the monitor's in $BATS_TEST_TMPDIR/monitor.
machine() {
    local devices=${2:-} cpus=${3:-1} memory=${4:-192} none=''
    pack "$1"
    cat >"$BATS_TEST_TMPDIR/machine.json" <<SPEC
{"cpus": $cpus, "memory_bytes": $((memory << 20)), "kvm_fd": 10, "kernel_fd": 11, "initramfs_fd": 12,
 "serial_fd": 14, "report_fd": 13, "command_line": "console=ttyS0 quiet panic=-1 pci=off ${COMMAND_LINE:-}",
 "limits": {${LIMITS:-}}, "devices": [{"type": "console", "ports": [{"name": "console", "in_fd": 0, "out_fd": 1,
              "is_console": true}]}$devices]}
SPEC
    timeout --kill-after=5 "${LIMIT:-120}" "$BUILD/cloison-vmm" 9 9<"$BATS_TEST_TMPDIR/machine.json" 10<>/dev/kvm \
        11<"$KERNEL_DIR/vmlinux" 12<"$BATS_TEST_TMPDIR/initramfs" 13>"$BATS_TEST_TMPDIR/report" \
        14>"$BATS_TEST_TMPDIR/kernel" 2>"$BATS_TEST_TMPDIR/monitor" < <(cat "${INPUT:-/dev/null}") | cat
    return "${PIPESTATUS[0]}"
}

show() { # what there is to see when something failed
    echo "output: $output"
    tail -n 5 "$BATS_TEST_TMPDIR/kernel" "$BATS_TEST_TMPDIR/monitor" "$BATS_TEST_TMPDIR/report"
}
