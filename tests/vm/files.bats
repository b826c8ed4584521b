#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The verbs that look into a machine: top, cp, diff, export, commit, exec -u; while it runs and when it does not.

load ../integration/helper

vm() { timeout --kill-after=5 100 "$CLOISON" run --wall vm "$@"; }

setup_file() {
    ls /boot/vmlinuz-* >/dev/null || skip "no kernel under /boot"
    engine_setup busybox
    vm -d --name box busybox sh -c 'mkdir /made; echo content >/made/file
        ln -s file /made/link; rm /etc/group; echo "me:x:77:88::/tmp:/bin/sh" >/etc/passwd; touch /made/ready
        trap "exit 0" TERM; while :; do sleep 1; done'
    wait_for 60 "$CLOISON" exec box test -e /made/ready
}
teardown_file() { engine_teardown; }

@test "top: the machine's own processes, by the host's ps and its options" {
    run cloison top box
    echo "$output"
    [ "$status" = 0 ]
    [[ ${lines[0]} == UID*PID*CMD ]]
    [[ $output == *'sh -c mkdir /made'* && $output != *cloison* ]]
    run cloison top box -o pid,comm
    [[ $output == *PID*COMMAND* && $output == *' sh'* ]]
}

@test "cp both ways, as a stream too; a link that leads out of the machine leads nowhere" {
    cloison cp -q box:/made "$BATS_TEST_TMPDIR/out"
    [ "$(cat "$BATS_TEST_TMPDIR/out/file")" = content ]
    [ "$(readlink "$BATS_TEST_TMPDIR/out/link")" = file ]
    head -c 3M /dev/urandom >"$BATS_TEST_TMPDIR/in"
    cloison cp -q "$BATS_TEST_TMPDIR/in" box:/made/in
    [ "$(cloison exec box md5sum /made/in)" = "$(md5sum <"$BATS_TEST_TMPDIR/in" | cut -d' ' -f1)  /made/in" ]
    [ "$(cloison cp box:/made/in - | tar -xO | md5sum)" = "$(md5sum <"$BATS_TEST_TMPDIR/in")" ]
    cloison exec box ln -s /etc/shadow /made/out
    run cloison cp -L box:/made/out "$BATS_TEST_TMPDIR/stolen"
    echo "$output"
    [ "$status" != 0 ]
    [ ! -e "$BATS_TEST_TMPDIR/stolen" ]
}

@test "diff, export, commit, exec -u: the machine's files, not the host's" {
    run cloison diff box
    echo "$output"
    [[ $output == *'D /etc/group'* && $output == *'C /etc/passwd'* && $output == *'A /made/file'* ]]
    cloison export box | tar -tf - >"$BATS_TEST_TMPDIR/list"
    grep -qx made/file "$BATS_TEST_TMPDIR/list"
    ! grep -q 'proc/[0-9]' "$BATS_TEST_TMPDIR/list" || false
    cloison commit box boxed
    [ "$(cloison run --rm --network none boxed cat /made/file)" = content ]
    run cloison run --rm --network none boxed ls /etc/group
    [ "$status" != 0 ]
    cloison rmi boxed
    [[ $(cloison exec -u me box id) == 'uid=77(me) gid=88'* ]]
}

@test "the same of a machine that does not run: it is started for the look alone" {
    cloison stop -t 20 box
    run cloison diff box
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *'D /etc/group'* && $output == *'A /made/file'* ]]
    echo later >"$BATS_TEST_TMPDIR/later"
    cloison cp -q "$BATS_TEST_TMPDIR/later" box:/made/later
    cloison start box
    [ "$(cloison exec box cat /made/later)" = later ]
    cloison rm -f box
    wait_for 20 sh -c '! pgrep -x cloison-files'
}

@test "what machines keep goes with its image and its kernel, and system df counts it" {
    vm --rm --network none busybox true </dev/null
    run cloison system df
    echo "$output"
    [[ $output == *'Machine Kernels'* ]]
    [ "$(find "$CLOISON_DATA_ROOT/images/layers" -name layer.erofs | wc -l)" = 1 ]
    : >"$CLOISON_DATA_ROOT/cache/vm/vmlinux-gone@1-2"
    cloison system prune -f
    [ ! -e "$CLOISON_DATA_ROOT/cache/vm/vmlinux-gone@1-2" ]
    [ "$(ls "$CLOISON_DATA_ROOT/cache/vm" | grep -c -e ^vmlinux- -e ^initramfs-)" = 2 ]
    cloison tag busybox other
    cloison rmi busybox
    [ "$(find "$CLOISON_DATA_ROOT/images/layers" -name layer.erofs | wc -l)" = 1 ]
    cloison rmi other
    [ "$(find "$CLOISON_DATA_ROOT/images/layers" -name layer.erofs | wc -l)" = 0 ]
}
