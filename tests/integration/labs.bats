#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The labs of docs/labs: each command is executed, what it prints is compared; both languages have the same.
load helper

setup_file() {
    engine_setup busybox
    export PATH=${CLOISON%/*}:$PATH LABS=$BATS_TEST_DIRNAME/../../docs/labs
}
teardown_file() { engine_teardown; }

lab() { python3 "$BATS_TEST_DIRNAME/labs.py" run "$LABS/en/$1"; }

@test "both languages have the same labs, commands and outputs" {
    [ "$(ls "$LABS/en" | wc -l)" = 7 ]
    [ "$(ls "$LABS/en")" = "$(ls "$LABS/fr")" ]
    for file in "$LABS"/en/*.md; do
        python3 "$BATS_TEST_DIRNAME/labs.py" same "$file" "$LABS/fr/${file##*/}"
    done
}

@test "a lab that says what is not so fails" {
    printf '```sh\necho one\n```\n```text\ntwo\n```\n' >"$BATS_TEST_TMPDIR/lab.md"
    run python3 "$BATS_TEST_DIRNAME/labs.py" run "$BATS_TEST_TMPDIR/lab.md"
    [ "$status" = 1 ]
    printf '```sh\nfalse\n```\n' >"$BATS_TEST_TMPDIR/lab.md"
    run python3 "$BATS_TEST_DIRNAME/labs.py" run "$BATS_TEST_TMPDIR/lab.md"
    [ "$status" = 1 ]
}

@test "1: who sees what" { lab 1-who-sees-what.md; }
@test "2: chroot and pivot_root" { lab 2-root.md; }
@test "3: namespaces" { lab 3-namespaces.md; }
@test "4: control groups" { lab 4-cgroups.md; }
@test "5: capabilities and system calls" { lab 5-capabilities.md; }
@test "6: images" { lab 6-images.md; }
@test "7: KVM" { lab 7-kvm.md; }
