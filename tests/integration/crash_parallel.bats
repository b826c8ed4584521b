#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Many commands at once on the same and on different names (crash_parallel.py): 10 seconds, with
# TEST_FULL=1 a minute.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

@test "parallel run, create, start, stop, restart, kill, rm, rename, exec, pause, ps" {
    run python3 "$BATS_TEST_DIRNAME/crash_parallel.py" "$([ -n "${TEST_FULL:-}" ] && echo 60 || echo 10)"
    echo "$output"
    echo "# ${lines[-1]}" >&3
    [ "$status" -eq 0 ]
}
