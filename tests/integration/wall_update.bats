#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Limits of a running workload changed, read back from the kernel, and seen to bite. On cgroup v1 and v2.
load wall_helper

setup_file() {
    wall_setup
    V2=
    [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ] || V2=1
    export V2
}
teardown_file() { wall_teardown; }

# updated FILTER RESOURCES COMMAND: COMMAND's output, run in a container made by FILTER whose limits were changed
# to RESOURCES while it ran.
updated() {
    spec "$1" sh -c 'while :; do sleep 100; done'
    jq -n "$2" >"$WORK/update"
    jq -n --arg c "$3" '{args: ["sh", "-c", $c], cwd: "/", env: ["PATH=/bin"], user: {uid: 0, gid: 0}}' \
        >"$WORK/process"
    wall --update "$WORK/update" --exec "$WORK/process"
}

# file V1 V2: what the group's file holds, as the container sees it.
file() { [ -n "$V2" ] && echo "cat /sys/fs/cgroup/$2;" || echo "cat /sys/fs/cgroup/$1;"; }

has() { # has CONTROLLER: on whichever version
    grep -qw "$1" /sys/fs/cgroup/cgroup.controllers /sys/fs/cgroup/unified/cgroup.controllers 2>/dev/null ||
        [ -d "/sys/fs/cgroup/$1" ] || skip "no $1 controller"
}

@test "memory and swap: raised from below, lowered from above" {
    local read
    read="$(file memory/memory.limit_in_bytes memory.max)$(file memory/memory.memsw.limit_in_bytes memory.swap.max)"
    read+=$(file memory/memory.soft_limit_in_bytes memory.low)
    for limits in "33554432 67108864" "268435456 536870912" "134217728 134217728"; do
        set -- $limits
        run updated '.linux.resources.memory = {limit: 100663296, swap: 167772160}' \
            "{memory: {limit: $1, swap: $2, reservation: 16777216}}" "$read"
        [ "$status" -eq 0 ]
        swap=$2
        [ -z "$V2" ] || swap=$(($2 - $1))
        [ "$(xargs <<<"$output")" = "$1 $swap 16777216" ]
    done
}

@test "memory: a new limit kills who goes beyond it" {
    run updated . '{memory: {limit: 20971520, swap: 20971520}}' \
        'head -c 60000000 /dev/zero | tail -c 50000000 >/dev/null; echo "ended $?"'
    [[ $output == *"ended 137"* || $status -eq 137 ]]
}

@test "memory: a limit below what is used is refused when it is to be checked" {
    run updated . '{memory: {limit: 4096, checkBeforeUpdate: true}}' true
    [ "$status" -ne 0 ]
    one_line
    [[ $output == *"the new memory limit 4096 is below the "*" bytes in use"* ]]
}

@test "swap without a word on memory, on v2, and the other way round" {
    [ -n "$V2" ] || skip "v1 counts both together"
    run updated '.linux.resources.memory = {limit: 67108864}' '{memory: {swap: 100663296}}' \
        'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory.swap.max'
    [ "$(xargs <<<"$output")" = "67108864 33554432" ]
    run updated '.linux.resources.memory = {limit: 67108864, swap: 100663296}' '{memory: {limit: 33554432}}' \
        'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory.swap.max'
    [ "$(xargs <<<"$output")" = "33554432 33554432" ]
}

@test "cpu: quota and period in either direction, shares" {
    local read
    read=$(file cpu/cpu.shares cpu.weight)
    if [ -n "$V2" ]; then read+='cat /sys/fs/cgroup/cpu.max'; else
        read+='cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us'
    fi
    for limits in "10000 50000" "400000 1000000" "-1 100000"; do
        set -- $limits
        run updated '.linux.resources.cpu = {quota: 60000, period: 100000}' \
            "{cpu: {quota: $1, period: $2, shares: 512}}" "$read"
        [ "$status" -eq 0 ]
        quota=$1 shares=512
        [ -z "$V2" ] || { quota=${1/-1/max}; shares=59; }
        [ "$(xargs <<<"$output")" = "$shares $quota $2" ]
    done
}

@test "cpuset: of a container that had none; whoever runs is moved" {
    has cpuset
    run updated . '{cpu: {cpus: "0", mems: "0"}}' \
        'grep Cpus_allowed_list /proc/1/status; grep Cpus_allowed_list /proc/self/status; nproc'
    [ "$status" -eq 0 ]
    [ "$(xargs <<<"$output")" = "Cpus_allowed_list: 0 Cpus_allowed_list: 0 1" ]
}

@test "pids: a new limit refuses the next process, unlimited lets it" {
    run updated '.linux.resources.pids.limit = 100' '{pids: {limit: 4}}' \
        'for i in 1 2 3 4 5 6; do sleep 1 & done; wait'
    [[ $output == *"can't fork"* ]]
    run updated '.linux.resources.pids.limit = 4' '{pids: {limit: -1}}' \
        'for i in 1 2 3 4 5 6; do sleep 0.1 & done; wait; echo fine'
    [[ $output == *fine* ]]
}

@test "block I/O: rates of a device, set and taken away" {
    local device
    device=$(lsblk -dnro MAJ:MIN,TYPE 2>/dev/null | awk '$2 == "disk" {print $1; exit}')
    [ -n "$device" ] || device=$(cat /sys/block/*/dev 2>/dev/null | head -1)
    [ -n "$device" ] || skip "no block device"
    local read at="major: ${device%:*}, minor: ${device#*:}"
    if [ -n "$V2" ]; then read='cat /sys/fs/cgroup/io.max'; else
        read='cd /sys/fs/cgroup/blkio; cat blkio.throttle.read_bps_device blkio.throttle.write_iops_device'
    fi
    run updated . "{blockIO: {throttleReadBpsDevice: [{$at, rate: 1048576}], throttleWriteIOPSDevice: [{$at, rate: 50}]}}" \
        "$read"
    [ "$status" -eq 0 ]
    if [ -n "$V2" ]; then
        [ "$output" = "$device rbps=1048576 wbps=max riops=max wiops=50" ]
    else
        [ "$(xargs <<<"$output")" = "$device 1048576 $device 50" ]
    fi
    run updated ".linux.resources.blockIO.throttleReadBpsDevice = [{$at, rate: 4096}]" \
        "{blockIO: {throttleReadBpsDevice: [{$at, rate: 0}]}}" "$read"
    [ -z "$output" ]
}

@test "huge pages: of a container that had no limit" {
    local size
    size=$(find /sys/kernel/mm/hugepages -name 'hugepages-2048kB' 2>/dev/null)
    [ -n "$size" ] || skip "no huge pages of 2 MB"
    has hugetlb
    run updated 'del(.linux.namespaces[] | select(.type == "cgroup"))' \
        '{hugepageLimits: [{pageSize: "2MB", limit: 4194304}]}' \
        'find /sys/fs/cgroup -name "hugetlb.2MB.max" -o -name "hugetlb.2MB.limit_in_bytes" | xargs cat'
    [ "$status" -eq 0 ]
    [ "$output" = 4194304 ]
}

@test "unified: v2's own files" {
    [ -n "$V2" ] || skip "needs cgroup v2"
    run updated . '{unified: {"memory.high": "33554432", "pids.max": "9"}}' \
        'cat /sys/fs/cgroup/memory.high /sys/fs/cgroup/pids.max'
    [ "$(xargs <<<"$output")" = "33554432 9" ]
}

@test "device rules: allowed, then denied, and the other way round" {
    local node='.linux.devices = [{path: "/dev/one", type: "c", major: 4, minor: 1}]'
    local closed='[{allow: false, access: "rwm"}]'
    local open='[{allow: false, access: "rwm"}, {allow: true, type: "c", major: 4, minor: 1, access: "rw"}]'
    run updated "$node | .linux.resources.devices = $open" "{devices: $closed}" 'exec 3</dev/one'
    [[ $output == *"Operation not permitted"* ]]
    run updated "$node | .linux.resources.devices = $closed" "{devices: $open}" \
        '(exec 3</dev/one) 2>&1; echo x >/dev/null && echo fine'
    [[ $output != *"Operation not permitted"* ]]
    [[ $output == *fine* ]]
    run updated "$node" "{devices: $closed}" 'exec 3</dev/one'
    [[ $output == *"Operation not permitted"* ]]
}

@test "what no kernel takes is one line that names the limit" {
    run updated . '{cpu: {cpus: "99999"}}' true
    [ "$status" -ne 0 ]
    one_line
    [[ $output == *"list of CPUs"* ]]
}
