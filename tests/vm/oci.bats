#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cloison-oci-vm: bundles in machines, by itself and called by Podman.

bats_require_minimum_version 1.5.0

setup_file() {
    ls /boot/vmlinuz-* >/dev/null || skip "no kernel under /boot"
    export BUILD=${BUILD:-build}
    BUILD=$(cd "$BUILD" && pwd -P)
    export RUNTIME=$BATS_FILE_TMPDIR/cloison-oci-vm STATE=$BATS_FILE_TMPDIR/state ROOTFS=$BATS_FILE_TMPDIR/bundle/rootfs
    # The runtime looks for the other programs beside itself: a link into the build is enough.
    ln -s "$BUILD/cloison-oci" "$RUNTIME"
    mkdir -p "$ROOTFS"/{bin,proc,dev,sys,tmp,etc,root}
    cp /bin/busybox "$ROOTFS/bin/busybox"
    for applet in $(/bin/busybox --list); do
        [ "$applet" = busybox ] || ln -s busybox "$ROOTFS/bin/$applet"
    done
}

oci() { timeout --kill-after=5 100 "$RUNTIME" --root "$STATE" "$@"; }
status() { oci state "$1" | jq -r .status; }

spec() { # spec JQ-FILTER SCRIPT
    (cd "$ROOTFS/.." && rm -f config.json && "$BUILD/cloison-oci" spec)
    jq --arg script "$2" ".process.terminal = false | .root.readonly = false | .process.args = [\"sh\", \"-c\", \$script] |
        $1" "$ROOTFS/../config.json" >"$BATS_TEST_TMPDIR/config.json"
    cp "$BATS_TEST_TMPDIR/config.json" "$ROOTFS/../config.json"
}

@test "a bundle's life: created, running, exec, paused, killed, deleted; its root is the folder; hooks are told" {
    hook() { echo "[{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"cat >$BATS_TEST_TMPDIR/$1\"]}]"; }
    spec ".hooks = {createRuntime: $(hook told), poststart: $(hook started), poststop: $(hook stopped)}" \
        'uname -r; grep -c pci=off /proc/cmdline; touch /tmp/here; sleep 1000'
    (cd "$ROOTFS/.." && oci create --bundle . box </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1)
    [ "$(status box)" = created ]
    [ "$(jq -r '.id + " " + .status' "$BATS_TEST_TMPDIR/told")" = 'box creating' ]
    [ "$(jq .pid "$BATS_TEST_TMPDIR/told")" = "$(oci state box | jq .pid)" ]
    [ ! -e "$ROOTFS/tmp/here" ]
    [ ! -e "$BATS_TEST_TMPDIR/started" ]
    oci start box
    [ "$(status box)" = running ]
    [ "$(jq -r '.id + " " + .status' "$BATS_TEST_TMPDIR/started")" = 'box running' ]
    for _ in $(seq 100); do
        [ ! -e "$ROOTFS/tmp/here" ] || break
        sleep 0.2
    done
    [ -e "$ROOTFS/tmp/here" ]
    run oci exec box sh -c 'echo inside; exit 4'
    [ "$status" = 4 ]
    [[ $output == *inside ]]
    [ "$(tail -n 1 "$BATS_TEST_TMPDIR/out")" = 1 ]
    [ "$(oci ps -f json box)" = "[$(oci state box | jq .pid)]" ]
    [ "$(oci ps box | wc -l)" = 2 ]
    oci pause box
    [ "$(status box)" = paused ]
    oci resume box
    oci kill box KILL
    [ ! -e "$BATS_TEST_TMPDIR/stopped" ]
    oci delete -f box
    [ "$(jq -r '.id + " " + .status' "$BATS_TEST_TMPDIR/stopped")" = 'box stopped' ]
    run oci state box
    [ "$status" != 0 ]
}

@test "a hook of the creation that fails: no container, and the poststop hooks run, once; createContainer's is refused" {
    spec '.hooks = {prestart: [{path: "/bin/false"}], poststop: [{path: "/bin/sh",
        args: ["sh", "-c", "echo >>'"$BATS_TEST_TMPDIR"'/stopped"]}]}' true
    run oci run --bundle "$ROOTFS/.." box </dev/null
    echo "$output"
    [ "$status" != 0 ]
    [ "$(wc -l <"$BATS_TEST_TMPDIR/stopped")" = 1 ]
    run oci state box
    [ "$status" != 0 ]
    spec '.hooks.createContainer = [{path: "/bin/true"}]' true
    run oci run --bundle "$ROOTFS/.." box </dev/null
    echo "$output"
    [ "$status" != 0 ]
    [[ $output == *'the vm wall cannot run createContainer hooks: their programs are the host'* ]]
}

@test "startContainer hooks run in the machine, in the workload's namespaces; one that fails stops it" {
    echo beside >"$ROOTFS/../beside"
    spec '.annotations = {who: "us"} | .mounts += [{destination: "/mnt", type: "bind", source: "beside", options: ["bind"]}] |
        .hooks.startContainer = [{path: "/bin/sh", env: ["HOW=told"], timeout: 60, args: ["sh",
        "-c", "{ cat; echo; echo $HOW; hostname; grep -c pci=off /proc/cmdline; cat /proc/1/comm; } >/tmp/told"]}]' \
        'cat /tmp/told /mnt; rm /tmp/told; echo changed >/mnt'
    run oci run --bundle "$ROOTFS/.." box </dev/null
    echo "$output"
    [ "$status" = 0 ]
    told=$(grep '^{' <<<"$output")
    [ "$(jq -r '"\(.id) \(.status) \(.pid) \(.annotations.who)"' <<<"$told")" = 'box created 1 us' ]
    [ "$(jq -r .bundle <<<"$told")" = "$(realpath "$ROOTFS/..")" ]
    [[ $output == *$'\nbeside' ]] # a relative source is the bundle's
    [ "$(cat "$ROOTFS/../beside")" = changed ]
    [[ $output == *$'\ntold\n'"$(jq -r .hostname "$ROOTFS/../config.json")"$'\n1\n'* ]]
    spec '.hooks.startContainer = [{path: "/bin/false"}]' 'touch /tmp/ran'
    run oci run --bundle "$ROOTFS/.." box </dev/null
    echo "$output"
    [ "$status" != 0 ]
    [[ $output == *"startContainer hook '/bin/false' ended with status 1"* ]]
    [ ! -e "$ROOTFS/tmp/ran" ]
    run oci state box
    [ "$status" != 0 ]
}

@test "Podman runs containers with it: output, exit code, exec, end" {
    command -v podman >/dev/null || skip "podman is missing"
    podman_vm() {
        timeout --kill-after=5 100 podman --root "$BATS_FILE_TMPDIR/storage" --runroot "$BATS_FILE_TMPDIR/run" \
            --cgroup-manager cgroupfs --runtime "$RUNTIME" "$@"
    }
    run podman_vm run --rm --network none --rootfs "$ROOTFS" sh -c 'grep -c pci=off /proc/cmdline; exit 5' </dev/null
    echo "$output"
    [ "$status" = 5 ]
    [ "${lines[-1]}" = 1 ]
    podman_vm run -d --name box --network none --rootfs "$ROOTFS" sleep 1000 </dev/null
    run podman_vm exec box grep -c pci=off /proc/cmdline
    echo "$output"
    [ "${lines[-1]}" = 1 ]
    podman_vm rm -f -t 0 box
}
