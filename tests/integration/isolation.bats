#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `inspect --isolation` and `top --host`: what they say is what the kernel says.
load helper

setup_file() {
    engine_setup busybox
    cloison run -d --name plain --network none -m 64m --cpus 0.5 --pids-limit 50 -v "$BATS_FILE_TMPDIR:/in:ro" \
        busybox sh -c 'sleep 1000 & exec sleep 1001'
    cloison run -d --name open --privileged --network host --pid host busybox sleep 1000
}
teardown_file() { engine_teardown; }

# fact CONTAINER NAME: "kind value".
fact() {
    cloison inspect --isolation --format json "$1" |
        jq -r --arg name "$2" '.Isolation[] | select(.name == $name) | "\(.kind) \(.value)"'
}
pid_of() { cloison inspect -f '{{.State.Pid}}' "$1"; }
inode() { stat -L -c %i "/proc/$1/ns/$2"; }

@test "namespaces: the inodes are the kernel's, what is shared is said so" {
    pid=$(pid_of plain)
    for pair in mount:mnt pid:pid network:net ipc:ipc uts:uts; do
        [ "$(fact plain "${pair%:*} namespace")" = \
            "separate $(inode "$pid" "${pair#*:}"), the host's $(inode self "${pair#*:}")" ]
    done
    [ "$(fact plain 'user namespace')" = "shared $(inode self user)" ]
    [ "$(fact open 'pid namespace')" = "shared $(inode self pid)" ]
    [ "$(fact open 'network namespace')" = "shared $(inode self net)" ]
}

@test "privileges: capabilities and the filter as /proc has them" {
    status=/proc/$(pid_of plain)/status
    count=$(fact plain capabilities | sed 's/.*: //' | tr ',' '\n' | wc -l)
    [ "$count" = "$(awk '/^CapBnd/ { print $2 }' "$status" | python3 -c 'print(bin(int(input(), 16)).count("1"))')" ]
    [[ $(fact plain 'system calls') =~ ^limited\ mode\ 2,\ filters\ 1:\ ([0-9]+)\ of\ ([0-9]+)\ calls ]]
    [ "${BASH_REMATCH[1]}" -gt 250 ]
    [ "${BASH_REMATCH[1]}" -lt "${BASH_REMATCH[2]}" ]
    [ "$(fact open 'system calls')" = "shared mode 0" ]
}

@test "a call that the profile refuses is one less" {
    cat >"$BATS_TEST_TMPDIR/profile.json" <<'JSON'
{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}
JSON
    cloison run -d --name nodirs --network none --security-opt "seccomp=$BATS_TEST_TMPDIR/profile.json" busybox sleep 1000
    [[ $(fact nodirs 'system calls') =~ :\ ([0-9]+)\ of\ ([0-9]+)\ calls ]]
    [ $((BASH_REMATCH[2] - BASH_REMATCH[1])) = 2 ]
    run cloison exec nodirs mkdir /x
    [ "$status" = 1 ]
    cloison rm -f nodirs
}

@test "limits, mounts, devices" {
    [ "$(fact plain memory)" = "limited 64MiB" ]
    [ "$(fact plain 'processor time')" = "limited 0.50 processors" ]
    [ "$(fact plain processes)" = "limited 50" ]
    [ "$(fact open memory)" = "shared no limit" ]
    [[ $(fact plain 'mount /in') == "limited "*"${BATS_FILE_TMPDIR#/tmp} of "*read-only ]]
    [[ $(fact plain 'masked paths') == *"/proc/kcore"* || $(fact plain 'masked paths') == *"/proc/keys"* ]]
    [[ $(fact plain 'writable mounts') != *"/in,"* ]]
    [ "$(fact plain 'device nodes')" = "shared full, null, random, tty, urandom, zero" ]
}

@test "in words: three lists; one that does not run has no wall" {
    run cloison inspect --isolation plain
    [ "$status" = 0 ]
    [[ ${lines[0]} == "plain: behind the container wall; on the host its first process is $(pid_of plain)" ]]
    [ "$(grep -c -E '^(Its own|Limited|Shared with the host):$' <<<"$output")" = 3 ]
    cloison create --name idle --network none busybox true
    run --separate-stderr cloison inspect --isolation idle
    [ "$status" = 1 ]
    [[ $stderr == *"idle"*"is not running"* ]]
    run cloison inspect --isolation nobody
    [ "$status" = 1 ]
    cloison rm idle
}

@test "top --host: both numbers of each process, and what lies between" {
    pid=$(pid_of plain)
    run cloison top plain --host
    [ "$status" = 0 ]
    [[ ${lines[0]} == "PID INSIDE"*"PID ON HOST"*"COMMAND" ]]
    [[ ${lines[1]} =~ ^1\ +$pid\ +0\ +0\ +sleep\ 1001$ ]]
    [[ ${lines[2]} =~ ^2\ +[0-9]+\ +0\ +0\ +sleep\ 1000$ ]]
    [[ $output == *$'\npid '*"$(inode "$pid" pid)"*"$(inode self pid)"*"its own"* ]]
    [[ $output == *$'\ntime '*shared* ]]
    [ "$(cloison top --host plain)" = "$output" ]
}

# told OPTION…: what `explain` says of a run, its capabilities and limits as `inspect --isolation` words them.
told() { cloison explain run --name told "$@" >told; }
value() { jq -r --arg name "$1" '.Isolation[] | select(.name == $name).value' read; }
kind() { jq -r --arg name "$1" '.Isolation[] | select(.name == $name).kind' read; }

@test "what explain told before the run is what inspect --isolation reads back" {
    cd "$BATS_TEST_TMPDIR"
    mkdir shared
    options=(--network none --cap-drop NET_RAW --cap-drop MKNOD --memory 64m --pids-limit 50 --cpus 0.5 --read-only
        --security-opt no-new-privileges --uts host -v "$PWD/shared:/t:ro")
    told "${options[@]}" busybox sleep 1000
    cloison run -d --name told "${options[@]}" busybox sleep 1000
    cloison inspect --isolation --format json told >read
    cat told
    for name in mount pid network ipc uts user cgroup; do
        grep -q "^namespace  *new $name namespace" told && expected=separate || expected=shared
        echo "$name: told $expected, read $(kind "$name namespace")"
        [ "$(kind "$name namespace")" = "$expected" ]
    done
    [ "$(sed -n 's/^drop  *every capability but //p' told | tr ' ' '\n' | sort)" = "$(value capabilities | sed 's/^.*: //; s/, /\n/g' | sort)" ]
    [ "$(sed -n 's/^limit  *memory.\(max\|limit_in_bytes\) = //p' told)" = $((64 << 20)) ]
    [ "$(value memory)" = 64MiB ]
    [ "$(sed -n 's/^limit  *pids.max = //p' told)" = "$(value processes)" ]
    grep -q '^no new privileges' told
    [ "$(value no_new_privs)" = 1 ]
    grep -q "^mount .*'$PWD/shared' on '/t' .*rro" told
    [[ $(value 'mount /t') == *read-only ]]
    from=$(value 'mount /t') from=${from%% of *} # within its file system, which may be a part of the host's tree
    [[ $PWD/shared == *"$from" && $from == */shared ]]
    # What is told of paths is read of those that this kernel has.
    for path in $(value 'masked paths' | tr -d ,); do
        grep -Eq "^(mask|mount)  .*'$path'" told
    done
    grep -q '^read-only  *the root file system' told
    run cloison exec told touch /x
    [ "$status" != 0 ]
    [[ $(value 'system calls') == 'mode 2, filters '* ]]
    grep -q '^seccomp' told
    cloison rm -f told
}
