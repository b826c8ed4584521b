#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison stats` and `cloison port`: what is said is what the kernel counts.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

# field NAME FIELD: one field of one look.
field() { cloison stats --no-stream --format "{{.$2}}" "$1"; }

@test "a busy loop uses a processor, a sleeper none" {
    cloison run -d --name busy --network none busybox sh -c 'while :; do :; done'
    cloison run -d --name lazy --network none busybox sleep 100
    run cloison stats --no-stream --format '{{.Name}} {{.CPUPerc}}'
    [[ $output =~ busy\ ([0-9]+)\. ]]
    [ "${BASH_REMATCH[1]}" -ge 15 ] # even when other tests keep the host busy
    [[ $output =~ lazy\ ([0-9]+)\. ]]
    [ "${BASH_REMATCH[1]}" -lt 5 ]
    cloison rm -f busy lazy
}

@test "memory: what was taken, of its limit or of the host's" {
    cloison run -d --name full --network none --memory 64m --tmpfs /t busybox \
        sh -c 'dd if=/dev/zero of=/t/x bs=1M count=32 2>/dev/null; exec sleep 100'
    wait_for 10 sh -c "'$CLOISON' stats --no-stream --format '{{.MemUsage}}' full | grep -Eq '^3[2-9](\.[0-9]+)?MiB / 64MiB'"
    [[ $(field full MemPerc) =~ ^5[0-9]\. ]]
    cloison rm -f full
}

@test "network: the bytes that were received, none of its own without a network" {
    cloison run -d --name net busybox sleep 100
    cloison exec net ping -q -c 2 -s 60000 "$SUBNET_PREFIX.1"
    [[ $(field net NetIO) =~ ^1[2-4][0-9](\.[0-9]+)?kB\ /\ 1[2-4][0-9](\.[0-9]+)?kB$ ]]
    cloison run -d --name alone --network none busybox sleep 100
    [ "$(field alone NetIO)" = "-- / --" ]
    cloison rm -f net alone
}

@test "processes are counted" {
    cloison run -d --name three --network none busybox sh -c 'sleep 100 & sleep 100 & wait'
    wait_for 5 sh -c "[ \"\$('$CLOISON' stats --no-stream --format '{{.PIDs}}' three)\" = 3 ]"
    cloison rm -f three
}

@test "one that does not run has no figures; --all shows it; an unknown one is an error" {
    cloison create --name idle --network none busybox true
    run cloison stats --no-stream --format '{{.Name}}'
    [[ $output != *idle* ]]
    run cloison stats --no-stream --all --format '{{.Name}} {{.CPUPerc}} {{.PIDs}}'
    [[ $output == *"idle -- --"* ]]
    run cloison stats --no-stream nobody
    [ "$status" = 1 ]
    one_line
    cloison rm idle
}

@test "port: all, one, one that is not published" {
    local tcp udp
    tcp=$(free_port)
    udp=$(free_port)
    cloison run -d --name ports -p "$tcp:80" -p "127.0.0.1:$udp:53/udp" busybox sleep 100
    run cloison port ports
    [ "$output" = "80/tcp -> 0.0.0.0:$tcp"$'\n'"53/udp -> 127.0.0.1:$udp" ]
    run cloison port ports 80
    [ "$output" = "0.0.0.0:$tcp" ]
    run cloison port ports 53/udp
    [ "$output" = "127.0.0.1:$udp" ]
    run cloison port ports 53
    [ "$status" = 1 ]
    one_line
    cloison rm -f ports
}
