#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The container wall alone: all eight namespaces, new and joined by path, and what belongs to them.
load wall_helper

setup_file() { wall_setup; }
teardown_file() { wall_teardown; }

# holder OPTION…: a process in namespaces of its own; its pid in $HOLDER.
holder() {
    unshare --propagation private "$@" sleep 60 3>&- &
    HOLDER=$!
    local i
    for i in $(seq 100); do
        [ "$(cat /proc/$HOLDER/comm)" = sleep ] && return 0
        sleep 0.02
    done
    return 1
}

@test "all eight are new when asked" {
    spec_sh "$USERNS | .linux.namespaces += [{type: \"time\"}]" \
        'for n in mnt pid net ipc uts cgroup user time; do readlink /proc/self/ns/$n; done'
    run wall --idmap; echo "$output"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" = 8 ]
    local n
    for n in mnt pid net ipc uts cgroup user time; do
        [[ $output != *"$(readlink /proc/self/ns/$n)"* ]]
    done
}

@test "what is not asked for is the host's" {
    spec_sh '.linux.namespaces = [{type: "mount"}] | del(.hostname)
        | .mounts = [{destination: "/proc", type: "proc", source: "proc"}]
        | .linux.maskedPaths = [] | .linux.readonlyPaths = []' \
        'for n in pid net ipc uts cgroup user time; do readlink /proc/self/ns/$n; done'
    run wall
    [ "$status" -eq 0 ]
    local n
    for n in pid net ipc uts cgroup user time; do
        [[ $output == *"$(readlink /proc/self/ns/$n)"* ]]
    done
}

@test "network, uts, ipc joined by path" {
    holder -n -u -i
    spec_sh "(.linux.namespaces[] | select(.type == \"network\")).path = \"/proc/$HOLDER/ns/net\"
        | (.linux.namespaces[] | select(.type == \"uts\" or .type == \"ipc\")) |= (.path = \"/proc/$HOLDER/ns/\" + .type)" \
        'for n in net ipc uts; do readlink /proc/self/ns/$n; done'
    local expected
    expected=$(readlink /proc/$HOLDER/ns/net /proc/$HOLDER/ns/ipc /proc/$HOLDER/ns/uts)
    run wall
    kill "$HOLDER"
    [ "$status" -eq 0 ]
    [ "$output" = "$expected" ]
}

@test "pid joined by path: the workload is a child there, not its init" {
    unshare -f -p sleep 60 3>&- &
    local outer=$! inner i
    for i in $(seq 100); do
        inner=$(cat /proc/$outer/task/$outer/children)
        [ -n "$inner" ] && break
        sleep 0.02
    done
    inner=${inner% }
    spec_sh "(.linux.namespaces[] | select(.type == \"pid\")).path = \"/proc/$inner/ns/pid\"" \
        'readlink /proc/self/ns/pid; [ $$ != 1 ] && cat /proc/1/comm'
    local expected
    expected=$(readlink "/proc/$inner/ns/pid")
    run wall
    kill -KILL "$inner" # the init of its namespace ignores others
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "$expected" ]
    [ "${lines[1]}" = sleep ]
}

@test "mount joined by path: the root is set up inside it, not on the host" {
    holder -m
    spec_sh "(.linux.namespaces[] | select(.type == \"mount\")).path = \"/proc/$HOLDER/ns/mnt\"" \
        'readlink /proc/self/ns/mnt; ls /root'
    local expected
    expected=$(readlink /proc/$HOLDER/ns/mnt)
    run wall
    kill "$HOLDER"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "$expected" ]
}

@test "the host's own mount namespace cannot be joined" {
    spec '(.linux.namespaces[] | select(.type == "mount")).path = "/proc/self/ns/mnt"' true
    run wall
    [ "$status" -eq 125 ]
    one_line
    [[ $output == *"the host's own"* ]]
}

@test "user joined by path, with namespaces new in it" {
    unshare -U sleep 60 3>&- &
    HOLDER=$!
    while [ "$(readlink /proc/$HOLDER/ns/user)" = "$(readlink /proc/self/ns/user)" ]; do sleep 0.02; done
    echo "0 200000 65536" >/proc/$HOLDER/uid_map
    echo "0 200000 65536" >/proc/$HOLDER/gid_map
    spec_sh ".linux.namespaces += [{type: \"user\", path: \"/proc/$HOLDER/ns/user\"}]" \
        'readlink /proc/self/ns/user; cat /proc/self/uid_map; echo $$; id -u'
    local expected
    expected=$(readlink /proc/$HOLDER/ns/user)
    run wall --idmap; echo "$output"
    kill "$HOLDER"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "$expected" ]
    [[ ${lines[1]} == *0*200000*65536* ]]
    [ "${lines[2]}" = 1 ]
    [ "${lines[3]}" = 0 ]
}

@test "a network joined by path under a new user namespace" {
    holder -n
    spec_sh "$USERNS | (.linux.namespaces[] | select(.type == \"network\")).path = \"/proc/$HOLDER/ns/net\"
        | .mounts |= map(select(.type != \"sysfs\" and .type != \"cgroup\")) | .linux.maskedPaths = []" \
        'readlink /proc/self/ns/net'
    local expected
    expected=$(readlink /proc/$HOLDER/ns/net)
    run wall --idmap; echo "$output"
    kill "$HOLDER"
    [ "$status" -eq 0 ]
    [ "$output" = "$expected" ]
}

@test "a path of another kind of namespace is named" {
    spec '(.linux.namespaces[] | select(.type == "network")).path = "/proc/self/ns/uts"' true
    run wall
    [ "$status" -ne 0 ]
    one_line
    [[ $output == *"is no network namespace"* ]]
}

@test "time offsets: inside alone, and the workload is process 1" {
    spec_sh '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: 86400}, monotonic: {secs: 7, nanosecs: 5}}' \
        'cut -d. -f1 /proc/uptime; cat /proc/self/timens_offsets; echo $$'
    local before
    before=$(cut -d. -f1 /proc/uptime)
    run wall
    [ "$status" -eq 0 ]
    [ $((lines[0] - before)) -ge 86400 ]
    [ $((lines[0] - before)) -le 86410 ]
    [[ ${lines[1]} == monotonic*7*5 ]]
    [ "${lines[3]}" = 1 ]
    [ "$(cut -d. -f1 /proc/uptime)" -lt $((before + 60)) ]
}

@test "time offsets in a user namespace: owned by it" {
    spec_sh "$USERNS | .linux.namespaces += [{type: \"time\"}] | .linux.timeOffsets = {boottime: {secs: 86400}}" \
        'cut -d. -f1 /proc/uptime; echo $$'
    run wall --idmap; echo "$output"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" -ge 86400 ]
    [ "${lines[1]}" = 1 ]
}

@test "the cgroup namespace's root is the container's group" {
    spec . cat /proc/self/cgroup
    run wall
    [ "$status" -eq 0 ]
    [[ $output != *wall-run* ]]
    spec '.linux.namespaces |= map(select(.type != "cgroup"))' cat /proc/self/cgroup
    run wall
    [ "$status" -eq 0 ]
    [[ $output == *wall-run* ]]
}

@test "cgroup mounts show the container's groups, with and without a namespace" {
    local filter
    for filter in '.' '.linux.namespaces |= map(select(.type != "cgroup"))'; do
        spec_sh "$filter" 'for d in /sys/fs/cgroup /sys/fs/cgroup/*; do [ -f $d/cgroup.procs ] && grep -qx 1 $d/cgroup.procs && echo $d; done; echo end'
        run wall
        [ "$status" -eq 0 ]
        [ "${#lines[@]}" -ge 2 ]
    done
}

@test "host name, domain name, sysctls of the container alone" {
    spec_sh '.hostname = "inner" | .domainname = "example.org" | .linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "4097", "net/ipv4/conf/lo/forwarding": "1"}' \
        'hostname; cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax'
    local before
    before=$(cat /proc/sys/kernel/msgmax)
    run wall
    [ "$status" -eq 0 ]
    [ "$output" = $'inner\nexample.org\n1\n4097' ]
    [ "$(cat /proc/sys/kernel/msgmax)" = "$before" ]
    [ "$(hostname)" != inner ]
}

@test "an interface of the host moves in under a new name" {
    ip link add "cwt${BASHPID: -5}" type dummy 2>/dev/null || skip "no dummy interfaces here"
    spec ".linux.netDevices = {\"cwt${BASHPID: -5}\": {name: \"inner0\"}}" ip link show inner0
    run wall
    ip link del "cwt${BASHPID: -5}" 2>/dev/null || true
    [ "$status" -eq 0 ]
    [[ $output == *inner0* ]]
}
