#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Where something runs out: one clear line, the right exit status, nothing left (crash_limits.py).
load helper

setup_file() {
    engine_setup busybox
    cd "$BATS_FILE_TMPDIR" || return 1
    bad_registry
}

teardown_file() {
    registries_stop
    engine_teardown
}

# scarce KIND STEP: every STEP-th amount; each with TEST_FULL=1.
scarce() {
    local step=$2
    [ -z "${TEST_FULL:-}" ] || step=1
    run python3 "$BATS_TEST_DIRNAME/crash_limits.py" "$1" "$step"
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "file descriptors run out" { scarce descriptors 7; }
@test "processes run out" { scarce processes 2; }
@test "the disk of the store is full" { scarce disk 7; }
@test "the run folder's is full" { scarce volatile 5; }
@test "the store is read-only" { scarce readonly 1; }

@test "a container that filled the disk shows how it ended" {
    local small=$BATS_TEST_TMPDIR/small
    mkdir "$small"
    mount -t tmpfs -o size=6m small "$small"
    export CLOISON_DATA_ROOT=$small
    run -3 cloison run --name filler --network none busybox sh -c 'dd if=/dev/zero of=/x bs=64k 2>/dev/null; exit 3'
    run cloison ps -a --format '{{.Status}}'
    echo "$output"
    cloison rm filler
    umount "$small"
    [[ $output == "Exited (3)"* ]]
    [ -z "$(ls "$CLOISON_RUN_ROOT/containers")" ]
}

@test "rm -f and stop of a container that is just ending" {
    local i
    for i in $(seq 25); do
        cloison run -d --name ending --network none busybox true
        cloison rm -f ending
        cloison run -d --name ending --network none busybox true
        cloison stop ending
        cloison rm ending
    done
}
