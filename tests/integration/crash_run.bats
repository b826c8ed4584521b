#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A command killed at any of its system calls leaves a store that the next one understands, and
# nothing else. TEST_FULL=1: at each of them; else at a sample (crash_sweep.py prints its seed).
load helper

setup_file() { engine_setup busybox; }
teardown_file() {
    engine_teardown
    local folder
    for folder in /sys/fs/cgroup/*/"cloison-crash-$TAG" "/sys/fs/cgroup/cloison-crash-$TAG"; do
        [ ! -d "$folder" ] || rmdir "$folder"
    done
}

# sweep SCENARIO SAMPLES
sweep() {
    local samples=$2
    [ -z "${TEST_FULL:-}" ] || samples=0
    run python3 "$BATS_TEST_DIRNAME/crash_sweep.py" "$1" "$samples"
    echo "$output"
    echo "# ${lines[-1]}" >&3
    [ "$status" -eq 0 ]
}

@test "run, killed at any call" { sweep run 40; }
@test "run --rm in the bridge network, killed at any call" { sweep run_rm 40; }
