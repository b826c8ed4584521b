#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The same cases behind both walls (walls.list): what differs says why, and docs/walls.md has the table of it.

load ../integration/helper

setup_file() {
    ls /boot/vmlinuz-* >/dev/null || skip "no kernel under /boot"
    engine_setup busybox
    [ -n "${TESTBED-}" ] || export VMM=qemu
}
teardown_file() { engine_teardown; }

@test "what docs/walls.md says of both walls is so" {
    "$BATS_TEST_DIRNAME/walls" >"$BATS_TEST_TMPDIR/table"
    grep '^|' "$BATS_TEST_DIRNAME/../../docs/walls.md" | diff - "$BATS_TEST_TMPDIR/table"
    cloison volume rm walls
}
