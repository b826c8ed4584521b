#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What users read: ps, inspect, top, info, version, templates, the service's verbs.

load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

setup() {
    NAME=c$BATS_TEST_NUMBER-$TAG
}

teardown() {
    local ids
    ids=$(cloison ps -aq --filter "name=$TAG")
    # shellcheck disable=SC2086 # a list of words
    [ -z "$ids" ] || cloison rm -f $ids >/dev/null
}

start() { # NAME [OPTION...]
    local name=$1
    shift
    cloison run -d --network none --name "$name" "$@" busybox sleep 1000 >/dev/null
}

@test "ps shows what runs, and with -a what has ended" {
    start "$NAME"
    run -3 cloison run --network none --name "$NAME-b" busybox sh -c 'exit 3'
    run -0 cloison ps --format '{{.Names}} {{.Status}}'
    [[ $output == *"$NAME Up "* ]]
    [[ $output != *"$NAME-b"* ]]
    run -0 cloison ps -a --format '{{.Names}} {{.Status}} {{.Command}}'
    [[ $output == *"$NAME-b Exited (3) "*' ago "sh -c exit 3"'* ]]
}

@test "ps is a table with Docker's columns" {
    start "$NAME"
    run -0 cloison ps --filter "name=^$NAME\$"
    [[ ${lines[0]} =~ ^"CONTAINER ID   IMAGE     COMMAND        CREATED"\ +STATUS\ +PORTS\ +NAMES$ ]]
    [[ ${lines[1]} =~ ^[0-9a-f]{12}\ +busybox\ +'"sleep 1000"'\ .*\ $NAME$ ]]
    [ "${#lines[@]}" = 2 ]
}

@test "ps -q, -l, -n and --no-trunc" {
    start "$NAME"
    start "$NAME-b"
    run -0 cloison ps -lq --no-trunc
    [ "$output" = "$(cloison inspect -f '{{.Id}}' "$NAME-b")" ]
    run -0 cloison ps -n 2 --format '{{.Names}}'
    [ "$output" = "$NAME-b"$'\n'"$NAME" ]
}

@test "ps filters by label, status and exit code" {
    start "$NAME" --label role=front
    start "$NAME-b" --label role=back
    run -7 cloison run --network none --name "$NAME-c" busybox sh -c 'exit 7'
    run -0 cloison ps --filter label=role=back --format '{{.Names}} {{.Label "role"}}'
    [ "$output" = "$NAME-b back" ]
    run -0 cloison ps --filter exited=7 --format '{{.Names}}'
    [ "$output" = "$NAME-c" ]
    cloison pause "$NAME"
    run -0 cloison ps --filter status=paused --format '{{.Names}} {{.Status}}'
    [[ $output =~ ^"$NAME Up ".*" (Paused)"$ ]]
}

@test "a memory limit that killed the workload is told by ps and inspect" {
    run cloison run --network none --name "$NAME" --memory 16m busybox \
        sh -c 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'
    [ "$status" = 137 ]
    run -0 cloison ps -a --filter "name=$NAME" --format '{{.Status}}'
    [[ $output == "Exited (137) "*" ago (memory limit)" ]]
    run -0 cloison inspect -f '{{.State.OOMKilled}}' "$NAME"
    [ "$output" = true ]
}

@test "a pids limit that refused a process is told by ps and inspect" {
    run cloison run --network none --name "$NAME" --pids-limit 4 busybox \
        sh -c 'for i in 1 2 3 4 5 6; do sleep 1 & done; wait'
    [ "$status" != 0 ]
    run -0 cloison ps -a --filter "name=$NAME" --format '{{.Status}}'
    [[ $output == *" (pids limit)" ]]
    run -0 cloison inspect -f '{{.State.PidsLimitHit}}' "$NAME"
    [ "$output" = true ]
}

@test "ps of a container whose monitor was killed" {
    start "$NAME"
    local pid
    pid=$(jq .monitorPid "$CLOISON_RUN_ROOT/containers/$(cloison inspect -f '{{.Id}}' "$NAME")/state.json")
    kill -9 "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
    run -0 cloison ps -a --filter "name=$NAME" --format '{{.State}}'
    [[ $output == dead || $output == exited ]]
}

@test "inspect has Docker's shape" {
    start "$NAME" --memory 64m --cpus 1.5 -e GREETING=hello -v /tmp:/inside:ro --cap-drop NET_RAW \
        --restart on-failure:3
    cloison inspect "$NAME" >"$BATS_TEST_TMPDIR/json"
    run -0 jq -r '.[0] | [.Name, .Path, .Args[0], .State.Status, .State.Running,
        .HostConfig.Memory, .HostConfig.NanoCpus, .HostConfig.CapDrop[0],
        .HostConfig.RestartPolicy.Name, .HostConfig.RestartPolicy.MaximumRetryCount,
        .HostConfig.NetworkMode, .Config.Image, .Config.Tty, .Mounts[0].Destination,
        .Mounts[0].RW, .Driver] | map(tostring) | join(" ")' "$BATS_TEST_TMPDIR/json"
    [ "$output" = "/$NAME sleep 1000 running true 67108864 1500000000 NET_RAW on-failure 3 none busybox false /inside false overlay2" ]
    run -0 jq -r '.[0].Config.Env[]' "$BATS_TEST_TMPDIR/json"
    [[ $output == *GREETING=hello* ]]
    run -0 jq -r '.[0].State.Pid' "$BATS_TEST_TMPDIR/json"
    [ "$(tr '\0' ' ' <"/proc/$output/cmdline")" = "sleep 1000 " ]
    run -0 jq -e '.[0].Created | test("^20[0-9][0-9]-.*Z$")' "$BATS_TEST_TMPDIR/json"
}

@test "inspect says what is missing, and shows the rest" {
    start "$NAME"
    run -1 --separate-stderr cloison inspect nobody "$NAME" -f '{{.Name}}'
    [ "$output" = "/$NAME" ]
    [ "$stderr" = "cloison: no such object: nobody" ]
    run -1 --separate-stderr cloison inspect nobody
    [ "$output" = '[]' ]
    run -1 --separate-stderr cloison inspect --type image "$NAME"
    [ "$stderr" = "cloison: no such image: $NAME" ]
}

@test "inspect finds images and volumes" {
    run -0 cloison inspect --type image -f '{{.Architecture}} {{index .RepoTags 0}}' busybox
    [[ $output == *" busybox:latest" ]]
    start "$NAME" -v "vol-$TAG:/data"
    run -0 cloison inspect -f '{{.Mountpoint}}' "vol-$TAG"
    [ "$output" = "$CLOISON_DATA_ROOT/volumes/vol-$TAG/_data" ]
    run -0 cloison inspect -f '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}}{{end}}' "$NAME"
    [ "$output" = "volume vol-$TAG /data" ]
}

@test "inspect shows published ports as the program that fetches them needs them" {
    cloison run -d --name "$NAME" -p 127.0.0.1::80 busybox sleep 1000
    run -0 cloison inspect -f '{{with index .NetworkSettings.Ports "80/tcp" 0}}{{.HostIp}} {{.HostPort}}{{end}}' "$NAME"
    [[ $output =~ ^127\.0\.0\.1\ [0-9]+$ ]]
    run -0 cloison ps --filter "name=$NAME" --format '{{.Ports}}'
    [[ $output =~ ^127\.0\.0\.1:[0-9]+-\>80/tcp$ ]]
}

@test "top shows the container's processes, by the host's numbers" {
    start "$NAME"
    cloison exec -d "$NAME" sleep 2000
    run -0 cloison top "$NAME"
    [ "${#lines[@]}" = 3 ]
    [[ ${lines[0]} == *PID*CMD* ]]
    [[ $output == *"sleep 1000"* && $output == *"sleep 2000"* ]]
    run -0 cloison top "$NAME" -o pid,args
    [[ ${lines[1]} =~ ^\ *[0-9]+\ sleep\ [12]000$ ]]
    run -125 cloison top "$NAME" -o args
    cloison stop -t 0 "$NAME" >/dev/null
    run -1 cloison top "$NAME"
    [[ $output == *"is not running"* ]]
}

@test "info counts, and names each kernel feature" {
    start "$NAME"
    run -0 cloison info --format '{{.Containers}} {{.ContainersRunning}} {{.Images}} {{.Driver}}'
    [[ $output =~ ^[1-9][0-9]*\ [1-9][0-9]*\ 1\ overlay2$ ]]
    run -0 cloison info --format '{{range .Features}}{{.Group}}/{{.Name}} {{end}}'
    for feature in Namespaces/time 'Control groups/memory' 'File systems and mounts/overlay' \
        'File systems and mounts/id-mapped mounts' Security/seccomp Network/nf_tables \
        'Virtual machines/KVM'; do
        [[ $output == *"$feature "* ]]
    done
    run -0 cloison info
    [[ $output == *"Running: "* && $output == *"id-mapped mounts"* ]]
}

@test "the service's verbs stop and start what the policies say" {
    start "$NAME-always" --restart always --stop-timeout 0
    start "$NAME-unless" --restart unless-stopped --stop-timeout 0
    start "$NAME-stopped" --restart unless-stopped
    start "$NAME-no"
    cloison kill "$NAME-no" "$NAME-stopped" >/dev/null
    cloison stop -t 0 "$NAME-stopped" >/dev/null
    run -0 cloison system shutdown
    [[ $output == *"$NAME-always"* && $output == *"$NAME-unless"* ]]
    run -0 cloison ps -q --filter "name=$TAG"
    [ -z "$output" ]
    run -0 cloison system boot
    [ "$(sort <<<"$output")" = "$NAME-always"$'\n'"$NAME-unless" ]
    run -0 cloison ps -q --filter "name=$TAG"
    [ "${#lines[@]}" = 2 ]
}
