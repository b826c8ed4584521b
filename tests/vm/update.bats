#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Rates of a machine's disks and network as `cloison run` and `update` set them, by true KVM in the test machine.

bats_require_minimum_version 1.5.0
load ../integration/helper

setup_file() {
    [ -n "${TESTBED-}" ] || return 0
    engine_setup busybox
}
teardown_file() { engine_teardown; }
setup() {
    [ -n "${TESTBED-}" ] || skip "needs KVM that runs a kernel: tests/testbed/suite tests/vm/update.bats"
}

data_device() { findmnt -n -o SOURCE -T "$CLOISON_DATA_ROOT" | sed 's/\[.*//'; }

# Both would take minutes at the rate that they begin with: they end because it is lifted.
@test "a disk's rate and the network's are those of run, and change by update while the machine runs" {
    local device host
    device=$(data_device)
    cloison run -d --wall vm --vmm kvm --name box --memory 192m --device-write-bps "$device:100kb" \
        --network-rate out=400kbit busybox sh -c 'dd if=/dev/zero of=/f bs=64k count=480 conv=fsync; touch /done; sleep 1000'
    wait_for 60 cloison exec box test -s /f
    run ! cloison exec box test -e /done
    cloison update --device-write-bps "$device:0" box
    wait_for 90 cloison exec box test -e /done

    host=$(cloison exec box ip route | awk '/^default/ { print $3 }')
    (nc -l "$host" 7005 >"$BATS_TEST_TMPDIR/got" 3>&-) &
    wait_for 10 sh -c 'ss -ltn | grep -q ":7005 "'
    cloison exec -d box sh -c 'head -c 12000000 /dev/zero | nc '"$host"' 7005'
    wait_for 60 test -s "$BATS_TEST_TMPDIR/got"
    [ "$(stat -c %s "$BATS_TEST_TMPDIR/got")" -lt 12000000 ]
    cloison update --network-rate 0 box
    wait_for 90 sh -c '[ "$(stat -c %s "$1")" = 12000000 ]' _ "$BATS_TEST_TMPDIR/got"
    cloison rm -f box
}
