#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A container's rate, measured by iperf3: never above the setting, and (as far as a busy machine lets it)
# at it; how close is `make bench`'s to say. And that a thousand comings and goings leave nothing.
load helper

setup_file() {
    engine_setup busybox
    cloison network create wide >/dev/null
    cloison run -d --name slow --network wide --network-rate in=40mbit,out=16mbit busybox sleep 600 >/dev/null
    export GATEWAY PORT
    GATEWAY=$(cloison network inspect -f '{{(index .IPAM.Config 0).Gateway}}' wide)
    PORT=$(free_port)
    iperf3 -s -B "$GATEWAY" -p "$PORT" 3>&- >/dev/null 2>&1 &
    export SERVER=$!
}
teardown_file() {
    kill "$SERVER"
    engine_teardown
}

# measure [-R]: megabits a second that iperf3 got through; -R: into the container.
measure() {
    nsenter -t "$(cloison inspect -f '{{.State.Pid}}' slow)" -n \
        iperf3 -c "$GATEWAY" -p "$PORT" -t 2 -O 1 -J "$@" | jq '.end.sum_received.bits_per_second / 1e6'
}
# at SETTING [-R]: between 60 % and 105 % of it.
at() {
    local got setting=$1
    shift
    got=$(measure "$@")
    echo "$setting: $got"
    jq -en "$got > 0.6 * $setting and $got < 1.05 * $setting" >/dev/null
}

@test "one direction alone: its queue goes with the container" {
    local way id
    for way in in out; do
        id=$(cloison run -d --network-rate $way=9mbit busybox sleep 600)
        [ -e "/sys/class/net/if${way:0:1}${id:0:10}" ]
        cloison rm -f "$id" >/dev/null
        [ ! -e "/sys/class/net/if${way:0:1}${id:0:10}" ]
    done
}

@test "out and in, as set at the start" {
    wait_for 20 at 16
    wait_for 20 at 40 -R
}

@test "changed while it runs, one direction alone too; shown in inspect and stats; kept for the next start" {
    cloison update --network-rate out=32mbit slow >/dev/null
    [ "$(cloison inspect -f '{{.HostConfig.NetworkRate}}' slow)" = in=40mbit,out=32mbit ]
    [ "$(cloison stats --no-stream --format '{{.NetRate}}' slow)" = in=40mbit,out=32mbit ]
    wait_for 20 at 32
    cloison network create second >/dev/null
    cloison network connect second slow
    [ "$(tc filter show dev "$(cloison inspect -f '{{(index .NetworkSettings.Networks "second").HostInterface}}' slow)" ingress | grep -c 'Egress Redirect to device if[io]')" = 2 ]
    cloison network disconnect second slow
    cloison restart -t 0 slow >/dev/null
    [ "$(tc qdisc show | grep -c "dev if[io]$(cloison inspect -f '{{.Id}}' slow | cut -c-10) root")" = 2 ]
    cloison update --network-rate 0 slow >/dev/null
    [ -z "$(cloison inspect -f '{{.HostConfig.NetworkRate}}' slow)" ]
    run ! ip link show "ifi$(cloison inspect -f '{{.Id}}' slow | cut -c-10)"
    run -0 measure
    jq -en "$output > 60" >/dev/null
    run -1 cloison update --network-rate 5 slow
    one_line
    [[ $output == *"invalid rate '5'"* ]]
    run -125 cloison run --rm --network none --network-rate 5mbit busybox true
    one_line
}

left() {
    ip -o link | grep -cE "master (clt$TAG|$(cloison network inspect -f '{{.Device}}' wide))|: if[io]"
    ls "$CLOISON_RUN_ROOT/net/attachments" "$CLOISON_RUN_ROOT/net/ports" "$CLOISON_RUN_ROOT"/net/addresses/* | grep -v '^/\|^$'
    nft list table inet "cloison_test_$TAG" | grep -c ' : '
}
nothing_left() { [ "$(left)" = "$1" ]; }

# TEST_FULL=1: a thousand.
@test "containers with ports, names and a rate come and go: no link, rule, lease, process is left" {
    cloison rm -f slow >/dev/null
    cloison run --rm --network wide busybox true
    wait_for 10 sh -c "[ -z \"\$(ls $CLOISON_RUN_ROOT/net/attachments)\" ]"
    sleep 0.2
    local before i count=15
    before=$(left)
    [ "${TEST_FULL:-}" != 1 ] || count=1000
    for i in $(seq "$count"); do
        cloison run --rm --network wide --network bridge --network-rate 100mbit -p "0:$((i % 100 + 1))" busybox true
    done
    wait_for 20 nothing_left "$before"
    cloison network rm wide
    run ! ip link show type bridge dev "br-$TAG"
    server_gone() { [ -z "$(ps -eo stat=,args= | grep "cloison-names $CLOISON_RUN_ROOT\$" | grep -v '^Z\|grep')" ]; }
    wait_for 20 server_gone
}
