#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison kernel`: the kernels of machines. Building one takes minutes: TEST_FULL=1.

load helper

setup_file() {
    image=$(ls /boot/vmlinuz-* 2>/dev/null | tail -n 1)
    export IMAGE=$image RELEASE=${image#/boot/vmlinuz-}
    engine_setup
}
teardown_file() { engine_teardown; }
setup() {
    [ -n "$IMAGE" ] || skip "no kernel under /boot"
    [ -e "/lib/modules/$RELEASE" ] || skip "the kernel under /boot has no modules"
}

@test "add, ls, inspect, rm: kept unpacked, under a name of its own; those installed are listed too" {
    [ "$(cloison kernel add --name mine "$IMAGE")" = mine ]
    run cloison kernel ls
    echo "$output"
    [[ ${lines[0]} == 'NAME '*'RELEASE '*'MODULES '* ]]
    [[ ${lines[1]} == "mine "*"$RELEASE "*"/lib/modules/$RELEASE "* ]]
    [[ $output == *$'\n'"$RELEASE "*' installed'* ]]
    [ "$(cloison kernel ls -q | head -n 1)" = mine ]
    [ "$(cloison complete kernel | head -n 1)" = mine ]
    kept=$(cloison kernel inspect --format '{{.Image}}' mine)
    [ "$(head -c 4 "$kept")" = $'\x7fELF' ]
    [ "$(cloison kernel inspect mine "$RELEASE" | jq -r 'map(.Release) | join(" ")')" = "$RELEASE $RELEASE" ]
    # What is ELF already tells its release, too.
    cloison kernel add --name again "$kept"
    [ "$(cloison kernel inspect --format '{{.Release}}' again)" = "$RELEASE" ]
    [ "$(cloison kernel add --name whole --built-in "$kept")" = whole ]
    [ "$(cloison kernel inspect whole | jq '.[0].Modules')" = null ]
    [ "$(cloison kernel rm again whole mine)" = $'again\nwhole\nmine' ]
    [ -z "$(ls -A "$CLOISON_DATA_ROOT/kernels")" ]
}

@test "what is no kernel, has no modules, is there already or is not there: one line each, nothing kept" {
    fails() { # fails WORDS ARGUMENT…
        run cloison kernel "${@:2}"
        echo "$output"
        [ "$status" != 0 ]
        [ "${#lines[@]}" = 1 ]
        [[ $output == *"$1"* ]]
        [ "$(ls -A "$CLOISON_DATA_ROOT/kernels" | grep -c -v '^mine$')" = 0 ]
    }
    cloison kernel add --name mine "$IMAGE"
    fails 'this is no Linux kernel image' add /etc/hostname
    fails "the kernel '/nothing': No such file" add /nothing
    head -c 100000 "$IMAGE" >"$BATS_TEST_TMPDIR/short"
    fails 'truncated' add "$BATS_TEST_TMPDIR/short"
    fails "its modules are not in '/etc' (--modules FOLDER names them" add --name b --modules /etc "$IMAGE"
    fails "there is a kernel 'mine' already" add --name mine "$IMAGE"
    fails "a kernel's name is letters" add --name ../x "$IMAGE"
    fails 'do not go together' add --name b --built-in --modules /lib "$IMAGE"
    fails "there is no kept kernel 'none'" rm none
    fails "apt removes it" rm "$RELEASE"
    run cloison kernel inspect none
    [ "$status" = 1 ]
    [[ $output == *"there is no kernel 'none'"* ]]
    fails "'/etc' is no kernel's source" build --source /etc
    fails "the source '/nothing'" build --source /nothing
    fails "must be from 1 to 1024" build --jobs 0
    mkdir "$CLOISON_DATA_ROOT/kernels/.new-killed" # of a command that was killed: the next one removes it
    fails "there is a kernel 'mine' already" build --name mine
    cloison kernel rm mine
}

@test "full: a small kernel is built, and boots a container" {
    [ -n "${TEST_FULL-}" ] || skip "takes minutes: TEST_FULL=1"
    ls /usr/src/linux-source-*.tar.* >/dev/null 2>&1 || skip "the package linux-source is missing"
    cloison kernel build --name small
    [ "$(cloison kernel inspect small | jq '.[0].Modules')" = null ]
    release=$(cloison kernel inspect --format '{{.Release}}' small)
    [[ $release == *-cloison ]]
    run timeout --kill-after=5 100 "$CLOISON" run --rm --wall vm --vmm qemu --kernel small --network none busybox \
        sh -c 'uname -r; ls /proc/modules; exit 3' </dev/null
    echo "$output"
    [ "$status" = 3 ]
    [ "${lines[0]}" = "$release" ]
    [[ ${lines[1]} == *'No such file'* ]]
    cloison kernel rm small
}
