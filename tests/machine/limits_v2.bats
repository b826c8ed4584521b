#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each controller of cgroup v2 seen to bite, by what the workload can no longer do or the kernel counted: where v2
# has the controllers, as in the test machine. What needs the whole host (swap, huge pages, a disk's scheduler) is
# set up in the test machine alone, whose state nobody shares.
load ../integration/wall_helper

setup_file() {
    [ -f /sys/fs/cgroup/cgroup.controllers ] || skip "this host's controllers are not on cgroup v2"
    wall_setup
    DISK=$(stat -c %Hd:%Ld "$WORK")
    export DISK
}
teardown_file() { wall_teardown; }

own_machine() { [ -n "${TESTBED:-}" ] || skip "changes the whole host: $1"; }
resources() { echo ".linux.resources += $1"; }
milliseconds() { # of COMMAND…, whose output goes
    local from=${EPOCHREALTIME/./}
    "$@" >/dev/null
    echo $(((${EPOCHREALTIME/./} - from) / 1000))
}

@test "memory.max: what does not fit is killed, and counted" {
    spec_sh "$(resources '{memory: {limit: 33554432, swap: 33554432}}')" \
        'cat /sys/fs/cgroup/memory.max; dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null; grep oom_kill /sys/fs/cgroup/memory.events'
    run wall
    [ "${lines[0]}" = 33554432 ]
    [[ $output == *"oom_kill 1"* ]]
}

@test "memory.high: what is above is taken back, not killed" {
    spec_sh "$(resources '{unified: {"memory.high": "8388608"}}')" \
        'dd if=/dev/zero of=/tmp/f bs=1M count=32 2>/dev/null; sync; cat /tmp/f >/dev/null
         cat /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory.current; rm /tmp/f'
    run wall
    [ "$status" -eq 0 ]
    [[ $output =~ high\ [1-9] ]]
    [[ $output == *"oom_kill 0"* ]]
    [ "${lines[-1]}" -lt 20000000 ]
}

@test "memory.low: what is reserved is written" {
    spec_sh "$(resources '{memory: {limit: 67108864, reservation: 16777216}}')" 'cat /sys/fs/cgroup/memory.low'
    run wall
    [ "$output" = 16777216 ]
}

@test "memory.swap.max: the limit and swap give room together, and no more" {
    own_machine "swap"
    dd if=/dev/zero of=/var/tmp/swap bs=1M count=192 status=none
    chmod 600 /var/tmp/swap
    mkswap /var/tmp/swap
    swapon /var/tmp/swap
    spec_sh "$(resources '{memory: {limit: 16777216, swap: 100663296}}')" 'dd if=/dev/zero of=/dev/null bs=40M count=1'
    run wall
    local fits=$status
    spec_sh "$(resources '{memory: {limit: 16777216, swap: 25165824}}')" 'dd if=/dev/zero of=/dev/null bs=40M count=1'
    run wall
    swapoff /var/tmp/swap
    rm /var/tmp/swap
    [ "$fits" -eq 0 ]
    [ "$status" -ne 0 ]
}

@test "pids.max: a fork too many is refused, and counted" {
    spec_sh "$(resources '{pids: {limit: 4}}')" \
        '(for i in 1 2 3 4 5 6; do sleep 1 & done; wait) 2>&1; cat /sys/fs/cgroup/pids.events'
    run wall
    [[ $output == *"an't fork"* ]]
    [[ $output =~ max\ [1-9] ]]
}

@test "cpu.max: a fifth of a processor is a fifth, and the rest was waited for" {
    spec_sh "$(resources '{cpu: {quota: 20000, period: 100000}}')" \
        'cat /sys/fs/cgroup/cpu.max; timeout 3 sh -c "while :; do :; done"; cat /sys/fs/cgroup/cpu.stat'
    run wall
    [ "${lines[0]}" = "20000 100000" ]
    [[ $output =~ nr_throttled\ ([0-9]+) ]]
    [ "${BASH_REMATCH[1]}" -ge 10 ]
    [[ $output =~ usage_usec\ ([0-9]+) ]]
    [ "${BASH_REMATCH[1]}" -lt 1200000 ]
}

@test "cpu.weight: shares become a weight" {
    spec_sh "$(resources '{cpu: {shares: 1024}}')" 'cat /sys/fs/cgroup/cpu.weight'
    run wall
    [ "$output" = 100 ]
}

@test "cpuset: processors and memory nodes are those asked for" {
    [ "$(nproc)" -gt 1 ] || skip "one processor"
    spec_sh "$(resources '{cpu: {cpus: "1", mems: "0"}}')" \
        'grep -E "^(Cpus|Mems)_allowed_list" /proc/self/status | cut -f2; nproc; taskset -p 1 $$ 2>&1'
    run wall
    [ "${lines[0]} ${lines[1]} ${lines[2]}" = "1 0 1" ]
    [[ $output == *"nvalid argument"* ]]
}

@test "io.max: reads and writes by bytes and by number take the time they must" {
    local rate time free
    dd if=/dev/zero of="$ROOT/data" bs=1M count=4 status=none
    sync "$ROOT/data"
    # 4 MiB in blocks of 64 KiB: two seconds at 2 MiB/s, and at 32 a second.
    read_data='dd if=/data of=/dev/null bs=64k count=64 iflag=direct'
    write_data='dd if=/dev/zero of=/data bs=64k count=64 oflag=direct conv=notrunc'
    spec_sh . "$read_data && $write_data"
    free=$(milliseconds wall)
    for rate in ReadBps:2097152 WriteBps:2097152 ReadIOPS:32 WriteIOPS:32; do
        [[ $rate == Read* ]] && spec_sh . "$read_data" || spec_sh . "$write_data"
        jq --arg key "throttle${rate%:*}Device" --argjson rate "${rate#*:}" --argjson disk "[${DISK/:/,}]" \
            '.linux.resources.blockIO[$key] = [{major: $disk[0], minor: $disk[1], rate: $rate}]' \
            "$WORK/bundle/config.json" >"$WORK/limited.json"
        mv "$WORK/limited.json" "$WORK/bundle/config.json"
        time=$(milliseconds wall)
        echo "$rate: $time ms, both without a limit $free ms"
        [ "$time" -gt 1500 ]
        [ "$time" -lt 9000 ]
        [ "$time" -gt "$free" ]
    done
    rm "$ROOT/data"
}

@test "io.weight: a weight is written where the disk's scheduler or cost model has one" {
    own_machine "a disk's scheduler"
    modprobe bfq || skip "this kernel has no bfq"
    local name
    name=$(basename "$(readlink -f "/sys/dev/block/$DISK")")
    echo bfq >"/sys/block/$name/queue/scheduler"
    spec_sh "$(resources '{blockIO: {weight: 300}}')" 'cat /sys/fs/cgroup/io.bfq.weight'
    run wall
    echo none >"/sys/block/$name/queue/scheduler"
    [ "$output" = "default 300" ]
}

@test "hugetlb: a page too many is refused" {
    own_machine "huge pages"
    echo 8 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
    spec_sh "$(resources '{hugepageLimits: [{pageSize: "2MB", limit: 4194304}]}')
        | .mounts += [{destination: \"/huge\", type: \"hugetlbfs\", source: \"huge\", options: [\"pagesize=2M\"]}]" \
        'fallocate -l 4M /huge/fits && echo fits; fallocate -l 2M /huge/second && echo "too much"; cat /sys/fs/cgroup/hugetlb.2MB.events'
    run wall
    echo 0 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
    [ "${lines[0]}" = fits ]
    [[ $output != *"too much"* ]]
    [[ $output =~ max\ [1-9] ]]
}

@test "devices: a program grants each access apart, to exec and to made nodes too" {
    # Its open asks for nothing else, so that a refusal is the program's.
    [ "$(stat -c %Hr:%Lr /dev/net/tun)" = 10:200 ] || skip "no /dev/net/tun"
    local node='mknod /tmp/tun c 10 200; '
    local try='(: </tmp/tun) 2>/dev/null && echo read; (: >>/tmp/tun) 2>/dev/null && echo wrote; rm /tmp/tun'
    local deny='{allow: false, access: "rwm"}'
    spec_sh "$(resources "{devices: [$deny, {allow: true, type: \"c\", major: 10, minor: 200, access: \"r\"}]}")" "$node$try"
    run wall
    [ "$output" = read ]
    spec_sh "$(resources "{devices: [$deny, {allow: true, type: \"c\", major: 10, minor: 200, access: \"w\"}]}")" "$node$try"
    run wall
    [ "$output" = wrote ]
    spec_sh "$(resources "{devices: [$deny]}")" "$node$try"
    run wall
    [ -z "$output" ]
    # The last rule that fits wins.
    spec_sh "$(resources "{devices: [{allow: true, access: \"rwm\"}, {allow: false, type: \"c\", major: 10, minor: 200, access: \"w\"}]}")" \
        "$node$try"
    run wall
    [ "$output" = read ]
    # A process that comes later is in the same group, and a disk is no exception.
    spec "$(resources "{devices: [$deny]}")" sleep 20
    jq -n '{args: ["sh", "-c", $script], cwd: "/", env: ["PATH=/bin"], user: {uid: 0, gid: 0},
            capabilities: {bounding: ["CAP_MKNOD"], effective: ["CAP_MKNOD"], permitted: ["CAP_MKNOD"]}}' \
        --arg script "mknod /tmp/disk b ${DISK/:/ }; dd if=/tmp/disk of=/dev/null count=1 2>&1; rm /tmp/disk" >"$WORK/exec.json"
    run wall --exec "$WORK/exec.json"
    [[ $output == *"peration not permitted"* ]]
}

@test "unified: files as they are, an unknown one is named" {
    spec_sh "$(resources '{unified: {"pids.max": "77", "cpu.weight": "55"}}')" \
        'cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.weight'
    run wall
    [ "$output" = $'77\n55' ]
    spec "$(resources '{unified: {"memory.nothing": "1"}}')" true
    run wall
    [ "$status" -ne 0 ]
    one_line
    [[ $output == *memory.nothing* ]]
}

@test "the groups themselves: made, entered, frozen, counted, killed, removed" {
    run "${WALL_RUN%/tests/*}/wall_container_cgroup_live_test"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"ok 1 "* && $output != *"not ok"* ]]
}
