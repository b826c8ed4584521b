#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The systemd cgroup driver, on a host whose first process is systemd and whose cgroups are v2:
#   tests/testbed/suite tests/machine/systemd.bats -- --init systemd
load ../integration/wall_helper
load ../integration/oci_helper
load ../integration/helper

setup_file() {
    if [ ! -d /run/systemd/system ] || [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ]; then
        skip "needs systemd and cgroup v2"
    fi
    oci_setup
    engine_setup busybox
    cp "$WALL_RUN" "${OCI%/*}/cloison-systemd" "$WORK/"
    WALL_RUN=$WORK/wall-run
    UNIT=cloisontest-${WORK##*-}
    export UNIT SLICE=cloisontest-${WORK##*-}.slice
}

teardown_file() {
    [ -n "${UNIT:-}" ] || return 0
    local left=0
    engine_teardown || left=1
    oci_teardown || left=1
    systemctl stop "cloisontest-*.slice" "cloisontest.slice"
    if systemctl list-units --all --plain --no-legend 'cloison*' | grep . ||
        find /sys/fs/cgroup -name 'cloison*' | grep .; then
        echo "left: these units or groups"
        left=1
    fi
    return $left
} >&2

setup() { [ -z "${WORK:-}" ] || cd "$WORK/bundle" && id=s-$BATS_TEST_NUMBER; }

oci() { "$OCI" --systemd-cgroup --root "$OCI_ROOT" "$@"; }
detached() { "$@" </dev/null >/dev/null 2>&1 3>&-; }
property() { systemctl show --value -p "$2" "$1"; }
group() { echo "/sys/fs/cgroup/cloisontest.slice/$SLICE/$1"; }

@test "a scope in a slice in a slice: the process right in it, and gone with the container" {
    spec ".linux.cgroupsPath = \"$SLICE:pre:$id\"" sleep 100
    detached oci create --pid-file "$WORK/pid" "$id"
    unit=pre-$id.scope
    [ "$(property "$unit" ActiveState)" = active ]
    [ "$(property "$unit" Slice)" = "$SLICE" ]
    [ "$(property "$unit" Delegate)" = yes ]
    [ "$(property "$unit" TasksMax)" = infinity ]
    [ "$(cat "/proc/$(cat "$WORK/pid")/cgroup")" = "0::/cloisontest.slice/$SLICE/$unit" ]
    [ "$(cat "$(group "$unit")/cgroup.procs")" = "$(cat "$WORK/pid")" ] # nobody else is left in it
    oci start "$id"
    run oci create "$id"
    [ "$status" -ne 0 ]
    oci delete --force "$id"
    [ "$(property "$unit" LoadState)" = not-found ]
    [ ! -e "$(group "$unit")" ]
}

@test "without cgroupsPath: system.slice, prefix cloison" {
    spec . sleep 100
    detached oci create "$id"
    [ "$(property "cloison-$id.scope" Slice)" = system.slice ]
    oci delete --force "$id"
    [ "$(property "cloison-$id.scope" LoadState)" = not-found ]
}

@test "limits stand in the files and in the unit, and a reload changes nothing" {
    spec ".linux.cgroupsPath = \"$SLICE:pre:$id\" | .linux.resources = {
        memory: {limit: 67108864, swap: 100663296, reservation: 33554432},
        cpu: {quota: 25000, period: 50000, shares: 512, cpus: \"0\"}, pids: {limit: 77},
        blockIO: {weight: 500}, unified: {\"memory.high\": \"60000000\"}}" sleep 100
    detached oci create "$id"
    unit=pre-$id.scope
    for round in 1 2; do
        cd "$(group "$unit")"
        [ "$(cat memory.max memory.swap.max memory.low memory.high pids.max | xargs)" = \
            "67108864 33554432 33554432 59998208 77" ]
        [ "$(cat cpu.max cpu.weight cpuset.cpus | xargs)" = "25000 50000 59 0" ]
        systemctl daemon-reload
    done
    [ "$(property "$unit" MemoryMax)" = 67108864 ]
    [ "$(property "$unit" MemorySwapMax)" = 33554432 ]
    [ "$(property "$unit" CPUQuotaPerSecUSec)" = 500ms ]
    [ "$(property "$unit" CPUQuotaPeriodUSec)" = 50ms ]
    [ "$(property "$unit" AllowedCPUs)" = 0 ]
    [ "$(property "$unit" TasksMax)" = 77 ]
    [ "$(property "$unit" IOWeight)" = 4950 ]
    oci delete --force "$id"
}

@test "device rules hold, also behind a reload" {
    spec ".linux.cgroupsPath = \"$SLICE:pre:$id\" | .linux.resources.devices = [
            {allow: false, access: \"rwm\"}, {allow: true, type: \"c\", major: 4, minor: 1, access: \"r\"}]
        | .linux.devices = [{path: \"/dev/one\", type: \"c\", major: 4, minor: 1},
                            {path: \"/dev/two\", type: \"c\", major: 4, minor: 2}]" \
        sh -c 'while :; do sleep 100; done'
    detached oci create "$id"
    oci start "$id"
    for round in 1 2; do
        oci exec "$id" sh -c 'echo >/dev/null; exec 3</dev/one'
        run oci exec "$id" sh -c 'exec 3</dev/two'
        [[ $output == *"Operation not permitted"* ]]
        run oci exec "$id" sh -c 'exec 3>/dev/one'
        [[ $output == *"Operation not permitted"* ]]
        systemctl daemon-reload
    done
    oci delete --force "$id"
}

@test "one process, as the limit says, though a helper was in the group" {
    spec ".linux.resources.pids.limit = 1 | .linux.cgroupsPath = \"$SLICE:pre:$id\"" \
        sh -c 'echo alone; (echo two); echo three'
    run oci run "$id"
    [[ $output == *alone*"can't fork"* ]]
}

@test "update: files and unit change, and a reload keeps it" {
    spec ".linux.cgroupsPath = \"$SLICE:pre:$id\" | .linux.resources.memory.limit = 67108864
        | .linux.namespaces |= map(select(.type != \"cgroup\"))" \
        sh -c 'until [ -e /tmp/go ]; do sleep 0.1; done'
    jq -n '{memory: {limit: 134217728, swap: 201326592}, pids: {limit: 55},
        cpu: {quota: 20000, period: 100000, cpus: "1", shares: 2048}}' >"$WORK/update"
    rm -f "$ROOT/tmp/go"
    wall --systemd-cgroup --update "$WORK/update" >"$WORK/out" 2>&1 3>&- &
    wait_for 20 grep -q 55 "$(group "pre-$id.scope")/pids.max"
    systemctl daemon-reload
    cd "$(group "pre-$id.scope")"
    run cat memory.max memory.swap.max pids.max cpu.max cpuset.cpus cpu.weight
    touch "$ROOT/tmp/go"
    [ "$(xargs <<<"$output")" = "134217728 67108864 55 20000 100000 1 174" ]
    wait $!
    [ ! -s "$WORK/out" ]
}

@test "annotations org.systemd.property.*: any type, seconds, and what is wrong is refused" {
    spec ".linux.cgroupsPath = \"$SLICE:pre:$id\" | .annotations = {
        \"org.systemd.property.TimeoutStopSec\": \"7\", \"org.systemd.property.MemoryLow\": \"uint64 1048576\",
        \"org.systemd.property.Documentation\": \"['man:x(1)']\", \"org.systemd.property.Description\": \"'my box'\"}" \
        sleep 100
    detached oci create "$id"
    unit=pre-$id.scope
    [ "$(property "$unit" TimeoutStopUSec)" = 7s ]
    [ "$(property "$unit" MemoryLow)" = 1048576 ]
    [ "$(property "$unit" Documentation)" = '"man:x(1)"' ]
    [ "$(property "$unit" Description)" = "my box" ]
    oci delete --force "$id"
    spec '.annotations = {"org.systemd.property.MemoryLow": "uint64 x"}' true
    run oci run "$id"
    [ "$status" -ne 0 ]
    [[ $output == *"annotation 'org.systemd.property.MemoryLow'"*"'uint64 x' is no value"* ]]
    spec '.annotations = {"org.systemd.property.NoSuchThing": "true"}' true
    run oci run "$id"
    [ "$status" -ne 0 ]
    [[ $output == *"NoSuchThing"* ]]
    [ "$(property "cloison-$id.scope" LoadState)" = not-found ]
}

@test "a cgroupsPath that is none of systemd's is refused" {
    for path in /a/b a:b a:b:c:d x.slice:a:b.slice a--b.slice:p:n ../x.slice:p:n "-.slice:p:a/b"; do
        spec ".linux.cgroupsPath = \"$path\"" true
        run oci run "$id"
        [ "$status" -ne 0 ]
        [[ $output == *"the cgroups path '$path'"* || $output == *"cgroupsPath"* ]]
    done
}

@test "a unit of the same name that is alive is not touched" {
    systemd-run -q --scope --slice "$SLICE" -u "pre-$id.scope" sleep 100 3>&- &
    wait_for 20 test -e "$(group "pre-$id.scope")/cgroup.procs"
    spec ".linux.cgroupsPath = \"$SLICE:pre:$id\"" true
    run oci run "$id"
    [ "$status" -ne 0 ]
    [[ $output == *"pre-$id.scope"*"systemd"* ]]
    [ "$(property "pre-$id.scope" ActiveState)" = active ]
    systemctl stop "pre-$id.scope"
}

@test "the creator killed: the scope goes with delete" {
    spec ".linux.cgroupsPath = \"$SLICE:pre:$id\"" sleep 100
    wall --systemd-cgroup >/dev/null 2>&1 3>&- &
    wait_for 20 test -e "$(group "pre-$id.scope")/cgroup.procs"
    sleep 1
    kill -9 $!
    wall --delete
    [ "$(property "pre-$id.scope" LoadState)" = not-found ]
}

@test "a hook that fails leaves no scope" {
    spec ".linux.cgroupsPath = \"$SLICE:pre:$id\" | .hooks.prestart = [{path: \"/bin/false\"}]" true
    run oci run "$id"
    [ "$status" -ne 0 ]
    [ "$(property "pre-$id.scope" LoadState)" = not-found ]
}

@test "the engine: its driver, a scope for each container, slices, again and again" {
    [ "$(cloison info --format '{{.CgroupDriver}}')" = systemd ]
    c=$(cloison run -d --network none -m 64m --cgroup-parent "$SLICE" busybox sleep 1000)
    [ "$(property "cloison-$c.scope" MemoryMax)" = 67108864 ]
    [ "$(property "cloison-$c.scope" Slice)" = "$SLICE" ]
    for round in 1 2 3; do
        cloison kill "$c"
        cloison wait "$c"
        cloison start "$c"
        [ "$(property "cloison-$c.scope" ActiveState)" = active ]
    done
    cloison rm -f "$c"
    [ "$(property "cloison-$c.scope" LoadState)" = not-found ]
    run cloison run --rm --cgroup-parent /x busybox true
    [ "$status" -eq 125 ]
    one_line
    [[ $output == *"'/x' is not the name of a slice"* ]]
}

@test "the engine: cgroup_driver in the settings" {
    jq '.cgroup_driver = "cgroupfs"' "$CLOISON_CONFIG" >"$BATS_TEST_TMPDIR/config"
    export CLOISON_CONFIG=$BATS_TEST_TMPDIR/config
    [ "$(cloison info --format '{{.CgroupDriver}}')" = cgroupfs ]
    run cloison run --rm --network none --cgroupns host busybox cat /proc/self/cgroup
    [[ $output == 0::/cloison/* ]]
    echo '{"cgroup_driver": "sytemd"}' >"$CLOISON_CONFIG"
    run cloison run --rm busybox true
    [ "$status" -eq 125 ]
    [[ $output == *"'cgroup_driver' is 'sytemd': neither 'systemd' nor 'cgroupfs'"* ]]
}
