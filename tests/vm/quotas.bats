#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The same quota behind both walls, each with the same words of `run`, the same measure and the same bound: in the
# control group of whatever the host has of it, and as the workload feels it. By KVM, in the test machine.

load ../integration/helper

setup_file() {
    [ -n "${TESTBED-}" ] || return 0
    modprobe loop # the container wall's disks
    engine_setup busybox
}
teardown_file() { engine_teardown; }
setup() {
    [ -n "${TESTBED-}" ] || skip "needs KVM that runs a kernel: tests/testbed/suite tests/vm/quotas.bats"
}
teardown() { cloison ps -aq | xargs -r "$CLOISON" rm -f >/dev/null; }

WALLS="container vm"
BUSY='while :; do :; done'
# held WALL OPTION…: a busy container "held-WALL".
held() { cloison run -d --wall "$1" --name "held-$1" --network none "${@:2}" busybox sh -c "$BUSY" >/dev/null; }
group() { # of everything that the host has of the container: its folder
    local id
    id=$(cloison inspect -f '{{.Id}}' "$1")
    find /sys/fs/cgroup -type d -name "$id" | head -n 1
}
in_group() { cat "$(group "$1")/$2"; }
used() { awk '/^usage_usec/ { print $2 }' "$(group "$1")/cpu.stat"; }
share() { # NAME: percent of a processor that its group gets
    local before start
    before=$(used "$1") start=${EPOCHREALTIME/./}
    sleep 3
    echo $((($(used "$1") - before) * 100 / (${EPOCHREALTIME/./} - start)))
}

@test "--cpus: half a processor, then a fifth" {
    for wall in $WALLS; do
        held "$wall" --cpus 0.5
        [ "$(in_group "held-$wall" cpu.max)" = "50000 100000" ]
        got=$(share "held-$wall")
        echo "$wall: $got %"
        [ "$got" -ge 10 ]
        [ "$got" -le 60 ]
        cloison update --cpus 0.2 "held-$wall"
        [ "$(cloison inspect -f '{{.HostConfig.NanoCpus}}' "held-$wall")" = 200000000 ]
        got=$(share "held-$wall")
        echo "$wall: $got %"
        [ "$got" -le 30 ]
        # A figure of `stats` is of its own interval.
        [ "$(cloison stats --no-stream --format '{{.CPUPerc}}' "held-$wall" | cut -d. -f1)" -le 35 ]
        cloison rm -f "held-$wall" >/dev/null
    done
}

@test "--cpu-shares: on one processor, by weight; --cpuset-cpus: on that processor" {
    for wall in $WALLS; do
        cloison run -d --wall "$wall" --name heavy --network none --cpuset-cpus 1 --cpu-shares 4096 busybox sh -c "$BUSY"
        cloison run -d --wall "$wall" --name light --network none --cpuset-cpus 1 --cpu-shares 256 busybox sh -c "$BUSY"
        [ "$(in_group heavy cpuset.cpus)" = 1 ]
        [ "$(in_group light cpuset.cpus.effective)" = 1 ]
        h=$(used heavy) l=$(used light)
        sleep 5
        h=$(($(used heavy) - h)) l=$(($(used light) - l))
        echo "$wall: $h, $l"
        [ "$h" -gt $((2 * l)) ]
        cloison update --cpuset-cpus 0 heavy
        [ "$(in_group heavy cpuset.cpus.effective)" = 0 ]
        cloison rm -f heavy light >/dev/null
    done
}

@test "--memory: what does not fit is killed, and the end says so; --memory-swap: the group's" {
    for wall in $WALLS; do
        cloison run -d --wall "$wall" --name "held-$wall" --network none --memory 128m --memory-swap 192m busybox sleep 1000
        [ "$(in_group "held-$wall" memory.swap.max)" = $((64 << 20)) ]
        cloison rm -f "held-$wall" >/dev/null
        run cloison run --wall "$wall" --name "held-$wall" --network none --memory 128m busybox \
            sh -c 'head -c 300m /dev/zero | tail >/dev/null; exit $?'
        [ "$status" = 137 ]
        [ "$(cloison inspect -f '{{.State.OOMKilled}}' "held-$wall")" = true ]
        cloison rm -f "held-$wall" >/dev/null
    done
}

@test "--pids-limit: a fork too many is refused" {
    for wall in $WALLS; do
        run cloison run --rm --wall "$wall" --network none --pids-limit 6 busybox \
            sh -c 'for i in 1 2 3 4 5 6 7 8 9; do sleep 2 & done'
        [[ $output == *"an't fork"* ]]
        cloison run -d --wall "$wall" --name "held-$wall" --network none --pids-limit 6 busybox sleep 1000
        cloison update --pids-limit 20 "held-$wall"
        cloison exec "held-$wall" sh -c 'for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait; echo all' | grep -x all
        cloison update --pids-limit 4 "held-$wall"
        run cloison exec "held-$wall" sh -c 'for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done'
        [[ $output == *"an't fork"* ]]
        cloison rm -f "held-$wall" >/dev/null
    done
}

@test "--ulimit: of files and of a file's size" {
    for wall in $WALLS; do
        run cloison run --rm --wall "$wall" --network none --ulimit nofile=123:456 --ulimit fsize=8192 busybox \
            sh -c 'ulimit -n; ulimit -Hn; head -c 20000 /dev/zero >/tmp/f; wc -c </tmp/f'
        echo "$output"
        [ "${lines[0]}" = 123 ]
        [ "${lines[1]}" = 456 ]
        [ "${lines[-1]}" = 8192 ]
    done
}

@test "--storage-opt size=: what does not fit on the disk is refused" {
    for wall in $WALLS; do
        run cloison run --rm --wall "$wall" --network none --storage-opt size=16m busybox \
            sh -c 'dd if=/dev/zero of=/f bs=1M count=40; [ "$(wc -c </f)" -lt 16777216 ] && echo bounded'
        echo "$output"
        [[ $output == *"No space left"* ]]
        [ "${lines[-1]}" = bounded ]
    done
}
