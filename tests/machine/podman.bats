#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Podman as it comes, with the systemd cgroup driver, and cloison-oci as its runtime:
#   tests/testbed/suite tests/machine/podman.bats -- --init systemd
load ../integration/callers_helper

setup_file() {
    [ -d /run/systemd/system ] && [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || skip "needs systemd and cgroup v2"
    callers_setup podman conmon criu
    callers_podman '' ''
}

teardown_file() { callers_podman_teardown; }

podman_run() { podman run -d --network none "$@"; }
property() { systemctl show --value -p "$2" "$1"; }
gone() { [ "$(property "$1" LoadState)" = not-found ]; }

@test "a scope in machine.slice with the limits; exec, update, pause, stats; gone with it" {
    [ "$(podman info --format '{{.Host.CgroupManager}} {{.Host.CgroupsVersion}}')" = "systemd v2" ]
    id=$(podman_run --name one -m 64m --pids-limit 50 localhost/box:1 sleep 1000)
    unit=libpod-$id.scope
    [ "$(property "$unit" Slice) $(property "$unit" MemoryMax) $(property "$unit" TasksMax)" = "machine.slice 67108864 50" ]
    [ "$(podman exec one cat /proc/self/cgroup)" = 0::/ ]
    podman update --memory 32m one
    [ "$(property "$unit" MemoryMax)" = 33554432 ]
    podman pause one
    [ "$(podman inspect -f '{{.State.Status}}' one)" = paused ]
    podman unpause one
    run podman stats --no-stream --format '{{.PIDs}} {{.MemUsageBytes}}' one
    [ "${output%% *}" = 1 ]
    podman rm -f -t 0 one
    wait_for 60 gone "$unit"
}

@test "a pod: its slice holds both scopes" {
    podman pod create --name pod --network none
    podman_run --pod pod --name p1 localhost/box:1 sleep 1000
    group=$(podman inspect -f '{{.State.CgroupPath}}' p1)
    [[ $group == /machine.slice/machine-libpod_pod_*.slice/libpod-*.scope ]]
    [ "$(property "${group##*/}" ActiveState)" = active ]
    podman pod rm -f -t 0 pod
    wait_for 60 gone "${group##*/}"
}

@test "container checkpoint, restore: it goes on; exported, under another name" {
    podman_run --name counts localhost/box:1 sh -c 'i=0; while true; do i=$((i + 1)); echo $i >/n; sleep 0.1; done'
    wait_for 60 podman exec counts test -s /n
    unit=libpod-$(podman inspect -f '{{.Id}}' counts).scope
    podman container checkpoint counts
    wait_for 60 gone "$unit"
    [ "$(podman inspect -f '{{.State.Status}} {{.State.Checkpointed}}' counts)" = "exited true" ]
    podman container restore counts
    [ "$(property "$unit" ActiveState)" = active ]
    [ "$(podman inspect -f '{{.State.Status}}' counts)" = running ]
    [ "$(podman exec counts cat /proc/1/comm)" = sh ]
    podman container checkpoint --export "$WORK/saved.tar" --compress none counts
    podman rm counts
    podman container restore --import "$WORK/saved.tar" --name other
    before=$(podman exec other cat /n)
    wait_for 60 sh -c '[ "$(podman exec other cat /n)" -gt '"$before"' ]'
    podman rm -f -t 0 other
}
