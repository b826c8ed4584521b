#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# dockerd with the systemd cgroup driver and cloison-oci as its default runtime, and Swarm's published ports:
#   tests/testbed/suite tests/machine/docker.bats -- --init systemd --with docker \
#       --append nohz=off --append highres=off
load ../integration/callers_helper

setup_file() {
    [ -d /run/systemd/system ] && [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || skip "needs systemd and cgroup v2"
    callers_setup dockerd containerd iptables docker
    export DOCKER_HOST=unix://$STATE/docker.sock HOME=$WORK
    jq -n --arg w "$WORK" --arg s "$STATE" --arg oci "$OCI" '{
        "data-root": "\($w)/docker", "exec-root": "\($s)/docker", pidfile: "\($s)/docker.pid",
        hosts: ["unix://\($s)/docker.sock"], bip: "10.63.8.1/24", "storage-driver": "vfs",
        "exec-opts": ["native.cgroupdriver=systemd"],
        "default-runtime": "cloison", runtimes: {cloison: {path: $oci}, "cloison-vm": {path: "\($w)/cloison-oci-vm"}}}' >"$WORK/daemon.json"
    ln -s "$OCI" "$WORK/cloison-oci-vm"
    systemd-run -q --unit "dockerd-$TAG" -p Delegate=yes dockerd --config-file "$WORK/daemon.json"
    wait_for 60 docker info >/dev/null || {
        journalctl -u "dockerd-$TAG" | tail -5 >&2
        return 1
    }
    docker import "$WORK/rootfs.tar" box:1 >/dev/null
}

teardown_file() {
    [ -n "${DOCKER_HOST:-}" ] || return 0
    docker swarm leave -f >/dev/null 2>&1 || true
    docker ps -aq | xargs -r docker rm -f >/dev/null
    systemctl stop "dockerd-$TAG"
    callers_teardown
}

property() { systemctl show --value -p "$2" "$1"; }
gone() { [ "$(property "$1" LoadState)" = not-found ]; }
running() { [ "$(docker service ps -f desired-state=running s --format '{{.CurrentState}}' | grep -c Running)" = "$1" ]; }

@test "a scope in system.slice with the limits; exec, update, pause, stats; gone with it" {
    [ "$(docker info -f '{{.CgroupDriver}} {{.CgroupVersion}} {{.DefaultRuntime}}')" = "systemd 2 cloison" ]
    id=$(docker run -d --network none -m 64m --pids-limit 50 box:1 sleep 1000)
    unit=docker-$id.scope
    [ "$(property "$unit" Slice) $(property "$unit" MemoryMax) $(property "$unit" TasksMax)" = "system.slice 67108864 50" ]
    [ "$(docker exec "$id" cat /proc/self/cgroup)" = 0::/ ]
    docker update -m 32m --memory-swap 32m "$id"
    [ "$(property "$unit" MemoryMax)" = 33554432 ]
    docker pause "$id"
    [ "$(docker inspect -f '{{.State.Status}}' "$id")" = paused ]
    docker unpause "$id"
    run docker stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' "$id"
    [[ $output == "1 "*"/ 32MiB" ]]
    docker rm -f "$id"
    wait_for 20 gone "$unit"
}

@test "the runtime cloison-oci-vm: a kernel of its own; a network's port, exec, logs, exit code, end" {
    [ "$(docker run --rm --runtime cloison-vm --network none box:1 sh -c 'grep -c pci=off /proc/cmdline')" = 1 ]
    id=$(docker run -d --runtime cloison-vm -p 127.0.0.1:8087:80 box:1 sh -c \
        'mkdir -p /www; echo page >/www/index.html; echo up; httpd -p 80 -h /www; trap "exit 6" TERM; while :; do sleep 1; done')
    wait_for 60 sh -c '[ "$(curl -s -m 5 http://127.0.0.1:8087/)" = page ]'
    ! pgrep -x httpd || false
    [ "$(docker exec "$id" sh -c 'grep -c pci=off /proc/cmdline')" = 1 ]
    [ "$(docker logs "$id")" = up ]
    docker stop -t 60 "$id"
    [ "$(docker inspect -f '{{.State.ExitCode}}' "$id")" = 6 ]
    docker rm "$id"
}

@test "Swarm: a port that the ingress network publishes answers from each replica" {
    docker swarm init --advertise-addr 127.0.0.1
    docker service create -q --detach --name s --replicas 2 -p 8088:80 --stop-grace-period 0s box:1 \
        sh -c 'mkdir -p /www; hostname >/www/index.html; exec httpd -f -p 80 -h /www'
    wait_for 180 running 2
    wait_for 120 sh -c '[ "$(for i in 1 2 3 4; do curl -s -m 5 http://127.0.0.1:8088/; done | sort -u | wc -l)" = 2 ]'
    docker service rm s
    wait_for 120 sh -c '[ -z "$(docker ps -q)" ]'
    docker swarm leave -f
}
