#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the monitor of a running machine can still do, read from outside. docs/vm.md has the same list.

load helper

@test "a running machine's monitor has its descriptors and nothing else" {
    truncate -s 1M "$BATS_TEST_TMPDIR/disk"
    mkfifo "$BATS_TEST_TMPDIR/said"
    exec 25</etc/shadow # a descriptor of ours that is nobody's business
    machine 'echo up; sleep 100' ', {"type": "block", "fd": 20, "read_only": true}, {"type": "rng"}' 2 192 \
        20<"$BATS_TEST_TMPDIR/disk" >"$BATS_TEST_TMPDIR/said" 3>&- &
    job=$!
    read -r line <"$BATS_TEST_TMPDIR/said"
    [[ $line == up* ]]
    waiting=$(pgrep -x cloison-vmm | head -1)
    pid=$(pgrep -P "$waiting")
    cat "/proc/$pid/status"
    # Namespaces: all its own but time's.
    for ns in user mnt pid net ipc uts cgroup; do
        [ "$(readlink "/proc/$pid/ns/$ns")" != "$(readlink "/proc/self/ns/$ns")" ]
    done
    # No capability in any set, none to be had, a filter on every thread: the worker's and two vCPUs'.
    for thread in "/proc/$pid/task/"*; do
        grep -q $'^NoNewPrivs:\t1' "$thread/status"
        grep -q $'^Seccomp:\t2' "$thread/status"
        [ "$(grep -c $'^Cap[A-Z][a-z]*:\t0000000000000000' "$thread/status")" = 5 ]
    done
    [ "$(ls "/proc/$pid/task" | wc -l)" = 3 ]
    # An empty root that cannot be written; no network but an idle loopback.
    [ -z "$(ls -A "/proc/$pid/root/")" ]
    ! touch "/proc/$pid/root/x" || false
    [ "$(wc -l <"/proc/$pid/mountinfo")" = 1 ]
    [ "$(tail -n +3 "/proc/$pid/net/dev" | wc -l)" = 1 ]
    # Limits: no further descriptor, no core.
    grep -q '^Max open files  *0  *0 ' "/proc/$pid/limits"
    grep -q '^Max core file size  *0  *0 ' "/proc/$pid/limits"
    # Descriptors by kind: what the description named, and the machine's own. Neither /dev/kvm, nor the kernel,
    # nor the one that was nobody's business.
    ls -l "/proc/$pid/fd"
    for fd in "/proc/$pid/fd/"*; do readlink "$fd"; done | sed 's/:\[.*//; s/vcpu:[0-9]*/vcpu/' | sort | uniq -c |
        awk '{ print $1, $2 }' >"$BATS_TEST_TMPDIR/kinds"
    cat "$BATS_TEST_TMPDIR/kinds"
    ! grep -E 'shadow|vmlinux|initramfs|/dev/kvm$' "$BATS_TEST_TMPDIR/kinds" || false
    grep -q '^2 anon_inode:kvm-vcpu' "$BATS_TEST_TMPDIR/kinds"
    grep -q '^1 anon_inode:kvm-vm' "$BATS_TEST_TMPDIR/kinds"
    grep -q "^1 $BATS_TEST_TMPDIR/disk" "$BATS_TEST_TMPDIR/kinds"
    ! grep -vE ' (anon_inode(:kvm-vm|:kvm-vcpu)?|pipe|/dev/null|.*/(disk|report|kernel|monitor))$' \
        "$BATS_TEST_TMPDIR/kinds"
    # What it holds besides the guest's memory, which is the kernel and whatever is large and no file.
    own=$(awk '/^[0-9a-f]+-/ { file = NF > 5; kernel = /vmlinux/ } /^Size:/ { guest = kernel || (!file && $2 >= 1024) }
        /^Anonymous:/ && !guest { kib += $2 } END { print kib }' "/proc/$pid/smaps")
    echo "its own memory: $own KiB"
    [ "$own" -gt 0 ]
    [ "$own" -le 5120 ]
    kill -TERM "$waiting"
    status=0
    wait "$job" || status=$?
    [ "$status" = 143 ]
    ! kill -0 "$pid" 2>/dev/null || false
}

@test "two machines share what neither has written of the kernel" {
    local i pid
    for i in 1 2; do
        mkfifo "$BATS_TEST_TMPDIR/said$i"
        machine 'echo up; sleep 100' >"$BATS_TEST_TMPDIR/said$i" 3>&- &
        read -r line <"$BATS_TEST_TMPDIR/said$i"
        [[ $line == up* ]]
    done
    # Each has most of the kernel's text patched for its processor: that is its own. What is only read is there once.
    for pid in $(pgrep -x cloison-vmm); do
        awk -v pid="$pid" '/^[0-9a-f]+-/ { kernel = /vmlinux/ } kernel { kib[$1] += $2 } END { if (kib["Rss:"])
            print pid, kib["Rss:"], kib["Pss:"], kib["Shared_Clean:"] + kib["Shared_Dirty:"] }' "/proc/$pid/smaps"
    done >"$BATS_TEST_TMPDIR/figures"
    echo "process; resident, proportional and shared KiB of the kernel:"
    cat "$BATS_TEST_TMPDIR/figures"
    while read -r pid _; do
        kill -TERM "$(ps -o ppid= -p "$pid" | tr -d ' ')" # the one that waits for it
    done <"$BATS_TEST_TMPDIR/figures"
    wait
    [ "$(wc -l <"$BATS_TEST_TMPDIR/figures")" = 2 ]
    [ "$(awk '$4 >= 4096 && $3 <= $2 - $4 / 2 + 64' "$BATS_TEST_TMPDIR/figures" | wc -l)" = 2 ]
}
