#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# dockerd with cloison-oci as its default runtime: containers, a build, Compose, a Swarm of one node. The daemon
# has network and mount namespaces of its own, so that its bridges, rules, ports and mounts are nobody else's.
load callers_helper

setup_file() {
    callers_setup dockerd containerd iptables unshare
    DOCKER=/usr/bin/docker
    [ -x "$DOCKER" ] || DOCKER=$(command -v docker)
    export DOCKER DOCKER_HOST=unix://$STATE/docker.sock COMPOSE_INTERACTIVE_NO_CLI=1 HOME=$WORK
    # The limit is the container's own: root may not give a million files everywhere.
    jq -n --arg w "$WORK" --arg s "$STATE" --arg oci "$OCI" --arg tag "$TAG" '{
        "data-root": "\($w)/docker", "exec-root": "\($s)/docker", pidfile: "\($s)/docker.pid",
        hosts: ["unix://\($s)/docker.sock"], bip: "10.63.7.1/24", "storage-driver": "vfs",
        "cgroup-parent": "/cloison-callers-\($tag)", "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "default-runtime": "cloison", runtimes: {cloison: {path: $oci}},
        "default-ulimits": {nofile: {Name: "nofile", Hard: 1024, Soft: 1024}}}' >"$WORK/daemon.json"
    mkdir -p "$STATE/plugins"
    # Its folder of plugins has a fixed place.
    unshare --net --mount sh -c 'ip link set lo up && mkdir -p /run/docker && mount -t tmpfs docker /run/docker &&
        exec dockerd --config-file "$0"' "$WORK/daemon.json" >"$WORK/dockerd.log" 2>&1 3>&- &
    DAEMON=$!
    export DAEMON
    wait_for 20 "$DOCKER" info >/dev/null || {
        tail -5 "$WORK/dockerd.log" >&2
        return 1
    }
    "$DOCKER" import "$WORK/rootfs.tar" box:1 >/dev/null
}

teardown_file() {
    [ -n "${DAEMON:-}" ] || return 0
    "$DOCKER" swarm leave -f >/dev/null 2>&1 || true
    "$DOCKER" ps -aq | xargs -r "$DOCKER" rm -f >/dev/null
    kill "$DAEMON"
    wait_for 20 sh -c "! kill -0 $DAEMON 2>/dev/null"
    rmdir "/run/docker" 2>/dev/null || true
    find /sys/fs/cgroup -depth -type d -path "*/cloison-callers-$TAG*" -exec rmdir {} + || true
    callers_teardown
}

docker() { "$DOCKER" "$@"; }
# inside COMMAND…: in the daemon's network.
inside() { nsenter -t "$DAEMON" -n "$@"; }
running() { docker service ps -f desired-state=running "$1" --format '{{.Name}} {{.Image}} {{.CurrentState}}' | grep " $2 Running"; }
replicas() { [ "$(running "$1" "$2" | wc -l)" = "$3" ]; } # replicas SERVICE IMAGE COUNT

@test "run: output, statuses, limits; our runtime, in its parent group" {
    run docker run --name one --network none -m 64m --pids-limit 50 box:1 sh -c 'echo hi; exit 7'
    [ "$status" -eq 7 ]
    [ "$output" = hi ]
    [ "$(docker inspect -f '{{.HostConfig.Runtime}}' one)" = cloison ]
    docker rm one
    run -127 docker run --rm --network none box:1 /no/such
    docker rm -f one >/dev/null 2>&1 || true
    run -126 docker run --rm --network none box:1 /etc
    run docker run --rm --network none -m 16m --memory-swap 16m --name eater box:1 \
        sh -c 'head -c 60000000 /dev/zero | tail -c 50000000 >/dev/null; exit $?'
    [ "$status" -eq 137 ]
}

@test "run -d, logs, exec, exec -it, top, stats, pause, stop" {
    docker run -d --name two --network none box:1 sh -c 'echo out; sleep 1000'
    wait_for 10 sh -c '"$DOCKER" logs two | grep -q out'
    [ "$(docker exec two hostname)" = "$(docker inspect -f '{{slice .ID 0 12}}' two)" ]
    run docker exec two sh -c 'exit 3'
    [ "$status" -eq 3 ]
    run script -qec "$DOCKER exec -it two sh -c 'tty && echo \$TERM'" /dev/null
    [[ $output == */dev/pts/0*xterm* ]]
    [[ $(docker top two) == *"sleep 1000"* ]]
    docker pause two
    [ "$(docker inspect -f '{{.State.Status}}' two)" = paused ]
    docker unpause two
    # A sleeping container's processor time is its own, not the host's.
    run docker stats --no-stream --format '{{.PIDs}} {{.CPUPerc}}' two
    echo "$output"
    [[ $output =~ ^1\ [0-9]\.[0-9]+%$ ]]
    docker stop -t 0 two
    docker rm two
}

@test "update: memory, processors, processes of a running container" {
    docker run -d --name three --network none box:1 sleep 1000
    docker update -m 64m --memory-swap 64m --cpuset-cpus 0 --pids-limit 9 three
    if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then files='memory.max pids.max'; else
        files='memory/memory.limit_in_bytes pids/pids.max'
    fi
    run docker exec three sh -c "cd /sys/fs/cgroup; cat $files; grep Cpus_allowed_list /proc/self/status"
    [ "$(xargs <<<"$output")" = "67108864 9 Cpus_allowed_list: 0" ]
    docker rm -f three
}

@test "a published port, a health check, a restart policy" {
    docker run -d --name four -p 8080:80 --restart always --health-cmd 'test -e /www/index.html' \
        --health-interval 1s box:1 sh -c 'mkdir -p /www; echo yes >/www/index.html; exec httpd -f -p 80 -h /www'
    wait_for 10 sh -c '[ "$("$DOCKER" inspect -f "{{.State.Health.Status}}" four)" = healthy ]'
    [ "$(inside curl -s -m 5 http://10.63.7.1:8080/)" = yes ]
    pid=$(docker inspect -f '{{.State.Pid}}' four)
    kill -9 "$pid"
    wait_for 10 sh -c '[ "$("$DOCKER" inspect -f "{{.RestartCount}} {{.State.Running}}" four)" = "1 true" ]'
    docker rm -f four
}

@test "build: each step in a container of ours" {
    mkdir "$WORK/context"
    printf 'FROM box:1\nRUN echo built >/f && test "$(cat /proc/1/comm)" = sh\nUSER 7\nCMD cat /f; id -u\n' \
        >"$WORK/context/Dockerfile"
    DOCKER_BUILDKIT=0 docker build -q --network none -t box:built "$WORK/context"
    run docker run --rm --network none box:built
    [ "$(xargs <<<"$output")" = "built 7" ]
}

@test "compose up: two services find each other by name" {
    command -v docker-compose >/dev/null || skip "needs docker-compose"
    cat >"$WORK/compose.yml" <<'END'
version: "2.4"
services:
  web:
    image: box:1
    command: sh -c 'mkdir -p /www; echo hello >/www/index.html; exec httpd -f -p 80 -h /www'
  client:
    image: box:1
    command: sh -c 'until wget -q -O - http://web/; do sleep 0.2; done'
    depends_on: [web]
END
    docker-compose -p t -f "$WORK/compose.yml" up -d
    wait_for 15 sh -c 'docker-compose -p t -f "$WORK/compose.yml" logs --no-color client | grep hello'
    docker-compose -p t -f "$WORK/compose.yml" down -t 0
    [ -z "$(docker ps -aq)" ]
}

@test "a Swarm of one node: three replicas, scaled, rolled to another image, a killed task replaced" {
    printf 'FROM box:1\nRUN echo new >/f\n' >"$WORK/context/Dockerfile"
    DOCKER_BUILDKIT=0 docker build -q --network none -t box:new "$WORK/context"
    docker swarm init --advertise-addr 10.63.7.1
    docker service create -q --detach --name s --network host --replicas 3 --stop-grace-period 0s \
        --restart-delay 100ms --update-parallelism 0 --update-monitor 100ms box:1 sleep 1000
    wait_for 20 replicas s box:1 3
    docker service scale -d s=5
    wait_for 20 replicas s box:1 5
    docker service update -q --detach --image box:new s
    wait_for 30 replicas s box:new 5
    docker kill "$(docker ps -q | head -1)"
    wait_for 20 sh -c '"$DOCKER" service ps s | grep -q "non-zero exit (137)"'
    wait_for 20 replicas s box:new 5
    docker service rm s
    wait_for 20 sh -c '[ -z "$("$DOCKER" ps -q)" ]'
    docker swarm leave -f
}
