#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cloison-guest in a machine on a stock kernel: the container wall's spec applied inside, its streams, exec,
# signals and ends over the guest protocol. Elsewhere than in the test machine, by emulation:
#     VM_OPTIONS=--qemu KERNEL=…/vmlinuz-X MODULES=…/lib/modules/X bats tests/vm/guest.bats

bats_require_minimum_version 1.5.0

setup_file() {
    export BUILD=${BUILD:-build}
    BUILD=$(cd "$BUILD" && pwd -P)
    export WORK=$BATS_FILE_TMPDIR
    export KERNEL=${KERNEL:-$(ls /boot/vmlinuz-* | tail -n 1)}
    "$BUILD/cloison-kernel" extract "$KERNEL" "$WORK/vmlinux"
    "$BUILD/cloison-kernel" initramfs "${MODULES:-/lib/modules/$(uname -r)}" "$BUILD/cloison-guest" "$WORK/initramfs"
    mkdir -p "$WORK/base/bin" "$WORK/base/etc" "$WORK/base/root" "$WORK/base/tmp" "$WORK/top/etc"
    cp /usr/bin/busybox "$WORK/base/bin/busybox"
    for applet in $(/usr/bin/busybox --list); do
        [ "$applet" = busybox ] || ln -s busybox "$WORK/base/bin/$applet"
    done
    echo below >"$WORK/base/etc/below"
    echo below >"$WORK/base/etc/both"
    echo gone >"$WORK/base/etc/gone"
    echo above >"$WORK/top/etc/both"
    mknod "$WORK/top/etc/gone" c 0 0 # overlayfs: a whiteout
    mkfs.erofs --quiet "$WORK/base.erofs" "$WORK/base" >/dev/null
    mkfs.erofs --quiet "$WORK/top.erofs" "$WORK/top" >/dev/null
}

# vm FILTER SCRIPT [OPTION…]: a container's spec, changed by the jq filter, that runs the script, in a machine.
vm() {
    local filter=$1 script=$2
    shift 2
    jq -n --args "$(cat "$BATS_TEST_DIRNAME/../integration/wall_spec.jq") | $filter" -- sh -c "$script" \
        >"$BATS_TEST_TMPDIR/config.json"
    timeout --kill-after=5 80 "$BUILD/vm-run" --kernel "$WORK/vmlinux" --initramfs "$WORK/initramfs" \
        --layer "$WORK/top.erofs" --layer "$WORK/base.erofs" --console "$BATS_TEST_TMPDIR/kernel" \
        --report "$BATS_TEST_TMPDIR/report" ${VM_OPTIONS:-} "$@" "$BATS_TEST_TMPDIR/config.json"
}

show() {
    echo "status $status: $output"
    tail -n 5 "$BATS_TEST_TMPDIR/kernel"
}

# exec_file ARG…: a process.json that runs it.
exec_file() {
    jq -n --args '{args: $ARGS.positional, cwd: "/", env: ["PATH=/bin"], user: {uid: 0, gid: 0}}' -- "$@" \
        >"$BATS_TEST_TMPDIR/process$1.json"
}

@test "the spec means the same inside: root, hostname, ids, capabilities, layers, exit code" {
    run --separate-stderr vm '.process.user = {uid: 7, gid: 8}' 'hostname; id; grep CapEff /proc/self/status; echo $$
        cat /etc/both /etc/below; ls /etc/gone; echo written >/tmp/x && cat /tmp/x; touch /etc/x; uname -r; exit 7' \
        </dev/null
    show
    echo "$stderr"
    [ "$status" = 7 ]
    [ "${lines[0]}" = box ]
    [[ ${lines[1]} == 'uid=7 gid=8'* ]]
    [ "${lines[2]}" = $'CapEff:\t0000000000000000' ]
    [ "${lines[3]}" = 1 ]
    [ "${lines[4]} ${lines[5]}" = 'above below' ]
    [ "${lines[6]}" = "$("$BUILD/cloison-kernel" release "$KERNEL")" ]
    [[ $stderr == *"/etc/gone: No such file"* && $stderr == *"/tmp/x: Permission denied"* ]]
}

@test "a writable disk keeps what is written; another machine finds it" {
    truncate -s 64M "$BATS_TEST_TMPDIR/disk"
    mke2fs -q -t ext4 "$BATS_TEST_TMPDIR/disk"
    run vm . 'echo kept >/root/file; rm /etc/below; sync' --disk "$BATS_TEST_TMPDIR/disk" </dev/null
    show
    [ "$status" = 0 ]
    run vm . 'cat /root/file; ls /etc/below; df -m / | tail -n 1' --disk "$BATS_TEST_TMPDIR/disk" </dev/null
    show
    [ "${lines[0]}" = kept ]
    [[ ${lines[1]} == *'/etc/below: No such file'* ]]
    [[ ${lines[2]} =~ overlay\ +5[0-9]\  ]]
}

@test "input, and a flood of output that loses nothing while an exec answers beside it" {
    exec_file sh -c 'echo beside >&2; exit 3'
    run --separate-stderr vm . 'read x; echo "got $x"; seq 1 200000; cat | wc -c' \
        --exec "$BATS_TEST_TMPDIR/processsh.json" < <(echo hello; head -c 1M /dev/zero)
    echo "$stderr"
    tail -n 2 <<<"$output"
    [ "$status" = 3 ] # the exec's
    [ "$stderr" = beside ]
    [ "${lines[0]}" = 'got hello' ]
    [ "$(sed -n '2,200001p' <<<"$output" | md5sum)" = "$(seq 1 200000 | md5sum)" ]
    [ "${lines[200001]}" = 1048576 ]
}

@test "signals, a terminal, limits and stats" {
    run vm . 'trap "echo caught; exit 5" TERM; echo ready; while :; do sleep 1; done' --signal 15 </dev/null
    show
    [ "$status" = 5 ]
    run vm '.process.terminal = true' 'tty; stty size; exit 9' --request '{"request":"resize","rows":33,"columns":99}' \
        </dev/null
    show
    [ "$status" = 9 ]
    [[ $output == *'/dev/pts/0'* ]]
    run vm '.linux.resources.memory.limit = 50331648' 'echo $$; while :; do sleep 1; done' \
        --request '{"request":"stats"}' --signal 9 </dev/null
    show
    [ "$status" = 137 ]
    [ "$(grep cpuNs <<<"$output" | jq .memoryLimitBytes)" = 50331648 ]
    [ "$(grep cpuNs <<<"$output" | jq '.cpuNs > 0 and .pids >= 1')" = true ]
}

@test "what cannot be is the guest's error in one line" {
    run -127 vm '.process.args = ["/bin/nothing"]' '' </dev/null
    show
    [ "$status" = 127 ]
    [[ $output == *"/bin/nothing"* ]]
    run vm . true --request '{"request":"dance"}' </dev/null
    show
    [[ $output == *"unknown request 'dance'"* ]]
    run vm '.mounts += [{destination: "/x", type: "nofs", source: "x"}]' true </dev/null
    show
    [ "$status" != 0 ]
    [[ $output == *nofs* ]]
}
