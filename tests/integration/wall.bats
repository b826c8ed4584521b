#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the wall is, read back from inside: each namespace, id maps, capability sets, mounts, identity.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

ns() { readlink "/proc/self/ns/$1"; }

@test "namespaces: six are new by default, user and time are the host's" {
    local n
    run cloison run --rm --network none busybox sh -c 'for n in mnt pid net ipc uts cgroup user time; do readlink /proc/self/ns/$n; done'
    [ "$status" -eq 0 ]
    for n in mnt pid net ipc uts; do [[ $output != *"$(ns $n)"* ]]; done
    for n in user time; do [[ $output == *"$(ns $n)"* ]]; done
}

@test "namespaces: host modes share, container: modes join" {
    local n
    run cloison run --rm --network host --pid host --ipc host --uts host --cgroupns host busybox \
        sh -c 'for n in pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done'
    for n in pid net ipc uts cgroup; do [[ $output == *"$(ns $n)"* ]]; done
    cloison run -d --name base --network none --ipc shareable busybox sleep 60
    run cloison run --rm --network container:base --pid container:base --ipc container:base busybox \
        sh -c 'for n in pid net ipc; do readlink /proc/self/ns/$n; done; ps'
    [ "$status" -eq 0 ]
    local pid
    pid=$(cloison inspect --format '{{.State.Pid}}' base)
    for n in pid net ipc; do [[ $output == *"$(readlink /proc/"$pid"/ns/$n)"* ]]; done
    [[ $output == *sleep* ]]
    cloison rm -f base
}

@test "pid: the workload is process 1 and sees only its own" {
    run cloison run --rm --network none busybox sh -c 'echo $$; ls -d /proc/[0-9]* | wc -l'
    [ "${lines[0]}" = 1 ]
    [ "${lines[1]}" -le 3 ]
}

@test "--init: process 1 reaps, the workload is its child" {
    run cloison run --rm --init --network none busybox sh -c 'echo $$; cat /proc/1/comm'
    [ "$status" -eq 0 ]
    [ "${lines[0]}" != 1 ]
}

@test "time: the offset moves the boot clock inside, not outside" {
    run cloison run --rm --network none --time-offset boottime=86400 busybox cat /proc/uptime
    [ "$status" -eq 0 ]
    local inside outside
    inside=${output%%.*}
    outside=$(cut -d. -f1 /proc/uptime)
    [ $((inside - outside)) -ge 86395 ]
    [ $((inside - outside)) -le 86410 ]
}

@test "uts: hostname and domain name" {
    run cloison run --rm --network none -h box --domainname example.org busybox sh -c 'hostname; cat /proc/sys/kernel/domainname'
    [ "$output" = $'box\nexample.org' ]
    run cloison run --rm --network none busybox hostname
    [[ $output =~ ^[0-9a-f]{12}$ ]]
}

@test "user: a name, a number, a group, extra groups" {
    run cloison run --rm --network none -u 1234:567 --group-add 42 busybox id
    [[ $output == *uid=1234*gid=567*42* ]]
    run cloison run --rm --network none -u nobody busybox id -u
    [ "$output" = 65534 ]
}

@test "rlimits, working folder, environment" {
    run cloison run --rm --network none -w /not/there/yet -e A=1 -e B= busybox sh -c 'pwd; echo "$A-$B-$PATH"'
    [ "${lines[0]}" = /not/there/yet ]
    [ "${lines[1]}" = "1--/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" ]
}

@test "mounts: bind, read-only bind, tmpfs, volume, read-only root" {
    mkdir -p "$BATS_TEST_TMPDIR/d"
    echo content >"$BATS_TEST_TMPDIR/d/f"
    run cloison run --rm --network none -v "$BATS_TEST_TMPDIR/d:/d:ro" busybox sh -c 'cat /d/f; echo x >/d/g'
    [[ $output == content*"ead-only file system"* ]]
    cloison run --rm --network none -v "$BATS_TEST_TMPDIR/d:/d" busybox sh -c 'echo made >/d/made'
    [ "$(cat "$BATS_TEST_TMPDIR/d/made")" = made ]
    run cloison run --rm --network none --tmpfs /t:size=64k,mode=1777 busybox sh -c 'df -k /t | tail -1; stat -c %a /t'
    [[ $output == *" 64 "*1777 ]]
    run cloison run --rm --network none --read-only busybox touch /x
    [ "$status" -ne 0 ]
    cloison run --rm --network none -v vol:/v busybox sh -c 'echo kept >/v/f'
    run cloison run --rm --network none -v vol:/v busybox cat /v/f
    [ "$output" = kept ]
}

@test "mounts: propagation rslave follows the host, private does not" {
    local d=$BATS_TEST_TMPDIR/shared
    mkdir -p "$d/sub"
    mount -t tmpfs top "$d"
    mount --make-shared "$d"
    mkdir "$d/sub"
    cloison run -d --name slave --network none -v "$d:/s:rslave" busybox sleep 60
    cloison run -d --name private --network none -v "$d:/s:rprivate" busybox sleep 60
    mount -t tmpfs later "$d/sub"
    touch "$d/sub/seen"
    run cloison exec slave ls /s/sub
    local slave=$output
    run cloison exec private ls /s/sub
    local private=$output
    cloison rm -f slave private
    umount "$d/sub" "$d"
    [ "$slave" = seen ]
    [ -z "$private" ]
}

@test "exec is behind the same wall" {
    cloison run -d --name same --network none --memory 64m -u 1000 busybox sleep 60
    run cloison exec same sh -c 'for n in mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done; grep -E "^(Cap|Seccomp:|NoNewPrivs)" /proc/self/status; id -u'
    local inside=$output pid n
    pid=$(cloison inspect --format '{{.State.Pid}}' same)
    for n in mnt pid net ipc uts cgroup; do [[ $inside == *"$(readlink /proc/"$pid"/ns/$n)"* ]]; done
    local host
    host=$(grep -E '^(Cap|Seccomp:|NoNewPrivs)' "/proc/$pid/status")
    [[ $inside == *"$host"* ]]
    [[ $inside == *1000 ]]
    cloison rm -f same
}

@test "privileged: all that the host's root has" {
    run cloison run --rm --network none --privileged busybox grep CapEff /proc/self/status
    [ "${output##*$'\t'}" = "$(awk '/CapEff/ {print $2}' /proc/self/status)" ]
    cloison run --rm --network none --privileged busybox mount -t tmpfs t /tmp
}

@test "explain prints and changes nothing" {
    local before
    before=$(find "$CLOISON_DATA_ROOT" "$CLOISON_RUN_ROOT" | sort)
    run cloison explain run --memory 64m --cap-drop NET_RAW busybox true
    [ "$status" -eq 0 ]
    local what # in which order depends on the host's cgroups
    for what in "new pid namespace" "mount  " "memory"; do [[ $output == *"$what"* ]]; done
    run cloison explain run --format json busybox true
    [ "$status" -eq 0 ]
    jq -e 'length > 10' <<<"$output"
    local stage
    for stage in request spec plan; do
        run cloison explain run --stage $stage --format json --memory 64m busybox true
        [ "$status" -eq 0 ]
        jq -e . <<<"$output" >/dev/null
    done
    [ "$before" = "$(find "$CLOISON_DATA_ROOT" "$CLOISON_RUN_ROOT" | sort)" ]
}

@test "a host that lacks a capability: nothing the workload is not given is needed" {
    run cloison run --rm --network none --cap-drop ALL busybox true
    [ "$status" -eq 0 ]
}
