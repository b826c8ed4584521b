#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The VM wall by true KVM, in a minute: for `make test`, in the test machine. What else there is: the other files.

load ../integration/helper

setup_file() {
    [ -n "${TESTBED-}" ] || return 0
    engine_setup busybox
}
teardown_file() { engine_teardown; }
setup() {
    [ -n "${TESTBED-}" ] || skip "needs KVM that runs a kernel: tests/testbed/suite tests/vm/short.bats"
}

@test "by KVM: a kernel of its own behind cloison-vmm; exec, a folder, the files, the exit code" {
    mkdir "$BATS_TEST_TMPDIR/share"
    cloison run -d --wall vm --vmm kvm --name box -v "$BATS_TEST_TMPDIR/share:/d" --cpus 1 --memory 128m busybox sh -c \
        'uname -r >/d/release; trap "exit 6" TERM; touch /made; while :; do sleep 1; done'
    relay=$(cloison inspect --format '{{.State.Pid}}' box)
    [ -n "$(pgrep -x cloison-vmm -P "$relay")" ]
    wait_for 60 test -s "$BATS_TEST_TMPDIR/share/release"
    # What speaks with the machine has given up all but that: docs/security.md.
    [ "$(grep -c $'^Cap[A-Z][a-z]*:\t0000000000000000' "/proc/$relay/status")" = 5 ]
    grep -q $'^NoNewPrivs:\t1' "/proc/$relay/status"
    grep -q $'^Seccomp:\t2' "/proc/$relay/status"
    [ -z "$(ls -A "/proc/$relay/root/")" ]
    for ns in user mnt ipc uts cgroup net; do
        [ "$(readlink "/proc/$relay/ns/$ns")" != "$(readlink "/proc/self/ns/$ns")" ]
    done
    [ -e "/boot/vmlinuz-$(cat "$BATS_TEST_TMPDIR/share/release")" ]
    run cloison exec box sh -c 'cat /d/release; exit 4'
    [ "$status" = 4 ]
    [[ $(cloison diff box) == *'A /made'* ]]
    [[ $(cloison top box) == *'trap "exit 6"'* ]]
    grep -q "$(cloison inspect --format '{{.Id}}' box)" "/proc/$(pgrep -x cloison-vmm -P "$relay")/cgroup"
    cloison stop -t 30 box
    [ "$(cloison inspect --format '{{.State.ExitCode}}' box)" = 6 ]
    cloison rm box
}
