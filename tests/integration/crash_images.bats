#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A command that changes the image store, killed at any of its system calls, leaves a consistent one
# (crash_images.py). TEST_FULL=1: at each of them; else at a sample, whose seed is printed (SAMPLES=N: of so many).
load helper

setup_file() {
    engine_setup busybox
    cd "$BATS_FILE_TMPDIR" || return 1
    REGISTRY=127.0.0.1:$(free_port)
    export REGISTRY
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\nlog: {level: error}\n' \
        "$PWD/registry" "$REGISTRY" >registry.yml
    docker-registry serve registry.yml >registry.log 2>&1 3>&- &
    echo $! >pid
    wait_for 10 curl -sf "http://$REGISTRY/v2/"
    # What is pulled: busybox's layer, which is there already, and another one.
    cloison run --name made --network none busybox sh -c 'mkdir /a; head -c 300000 /dev/urandom >/a/noise; ln -s noise /a/link'
    cloison commit made made:1 && cloison rm made
    cloison tag made:1 "$REGISTRY/crash:1" # pushed by cloison: the first layer is the very one that is there
    cloison push -q "$REGISTRY/crash:1"
    cloison rmi made:1 "$REGISTRY/crash:1"
}

teardown_file() {
    [ ! -f "$BATS_FILE_TMPDIR/pid" ] || kill "$(cat "$BATS_FILE_TMPDIR/pid")"
    engine_teardown
}

# sweep SCENARIO SAMPLES
sweep() { sweep_calls crash_images.py "$@"; }

@test "import, killed at any call" { sweep import_ 8; }
@test "load, killed at any call" { sweep load 10; }
@test "pull, killed at any call" { sweep pull 10; }
@test "pull, asked to end at any call" { sweep signal_pull 6; }
@test "tag, killed at any call" { sweep tag 5; }
@test "tag of a name that there is, killed at any call" { sweep retag 5; }
@test "rmi, killed at any call" { sweep rmi 8; }
@test "image prune, killed at any call" { sweep prune 6; }
@test "commit, killed at any call" { sweep commit 6; }
@test "build, killed at any call" { sweep build_ 8; }
@test "the embedded image's making, killed at any call" { sweep embed 6; }
