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

# What is slow is what a quota bites in: so many hundredths of a second, by the workload's own clock.
TOOK='now() { awk "{ print int(\$1 * 100) }" /proc/uptime; }
took() { before=$(now); "$@" >/dev/null 2>&1; echo $(($(now) - before)); }'
inside() { cloison exec "held-$wall" sh -c "$TOOK
$1"; }

@test "--device-write-bps, --device-read-iops: each bites, and is lifted while it runs" {
    device=$(findmnt -n -o SOURCE -T "$CLOISON_DATA_ROOT" | sed 's/\[.*//')
    for wall in $WALLS; do
        cloison run -d --wall "$wall" --name "held-$wall" --network none --memory 192m --device-write-bps "$device:1mb" \
            --device-read-iops "$device:20" busybox sleep 1000
        # A bucket may hold a second's worth.
        wrote=$(inside 'took dd if=/dev/zero of=/f bs=256k count=16 conv=fsync')
        read=$(inside 'took dd if=/f of=/dev/null bs=4k count=80 iflag=direct')
        echo "$wall: 4 MiB at 1 MiB/s $wrote, 80 reads at 20/s $read"
        [ "$wrote" -ge 270 ]
        [ "$read" -ge 270 ]
        cloison update --device-write-bps "$device:0" --device-read-iops "$device:0" "held-$wall"
        wrote_free=$(inside 'took dd if=/dev/zero of=/f bs=256k count=16 conv=fsync')
        read_free=$(inside 'took dd if=/f of=/dev/null bs=4k count=80 iflag=direct')
        echo "$wall: lifted $wrote_free, $read_free"
        [ "$wrote_free" -lt "$wrote" ]
        [ "$read_free" -lt "$read" ]
        cloison rm -f "held-$wall" >/dev/null
    done
}

@test "--network-rate: out and in, and lifted while it runs" {
    head -c 2M /dev/zero >"$BATS_FILE_TMPDIR/two"
    for wall in $WALLS; do
        cloison run -d --wall "$wall" --name "held-$wall" --memory 192m --network-rate in=4mbit,out=4mbit busybox sh -c \
            'while :; do nc -l -p 7010 -e sh -c "wc -c >/got"; done & while :; do nc -l -p 7011 -e cat /two; done'
        cloison cp "$BATS_FILE_TMPDIR/two" "held-$wall:/two"
        address=$(cloison inspect -f '{{.NetworkSettings.IPAddress}}' "held-$wall")
        fetch() { # seconds of 2 MiB from it, in hundredths; the listener may be about to come back
            local start=${EPOCHREALTIME/./}
            for _ in 1 2 3 4 5 6 7 8 9 10; do
                [ "$(nc "$address" 7011 </dev/null | wc -c)" != 2097152 ] || break
                sleep 0.5
                start=${EPOCHREALTIME/./}
            done
            echo $(((${EPOCHREALTIME/./} - start) / 10000))
        }
        out=$(fetch)
        echo "$wall: 2 MiB out at 4 Mbit/s $out"
        [ "$out" -ge 300 ]
        cloison update --network-rate 0 "held-$wall"
        free=$(fetch)
        echo "$wall: lifted $free"
        [ "$free" -lt "$out" ]
        cloison rm -f "held-$wall" >/dev/null
    done
}

@test "what explain told of the machine is what inspect --isolation reads back" {
    cd "$BATS_TEST_TMPDIR"
    options=(--network none --memory 200m --cpus 1 --pids-limit 50)
    cloison explain run --wall vm "${options[@]}" busybox sleep 1000 >told
    cloison run -d --wall vm --name "held-told" "${options[@]}" busybox sleep 1000
    cloison inspect --isolation --format json held-told >read
    value() { jq -r --arg name "$1" '.Isolation[] | select(.name == $name).value' read; }
    cat told
    jq -r '.Isolation[] | "\(.name): \(.value)"' read
    [ "$(sed -n 's/^machine  *\([0-9]*\) processors.*/\1/p' told)" = "$(value processors)" ]
    # Its kernel keeps a part of it to itself.
    total=$(cloison exec held-told awk '/^MemTotal/ { print $2 }' /proc/meminfo)
    [ "$total" -lt $((200 * 1024)) ]
    [ "$total" -gt $((140 * 1024)) ]
    [ "$(sed -n 's/^limit  *memory.max = //p' told)" = "$(in_group held-told memory.max)" ]
    [ "$(value memory)" = "$(($(in_group held-told memory.max) >> 20))MiB" ]
    [ "$(sed -n 's/^limit  *cpu.max = //p' told)" = "$(in_group held-told cpu.max)" ]
    [ "$(value 'processor time')" = '1.00 processors' ]
    for name in mount pid network ipc uts user cgroup; do
        grep -q "^monitor .*$name" told
        [ "$(jq -r --arg name "monitor's $name namespace" '.Isolation[] | select(.name == $name).kind' read)" = separate ]
    done
    [ "$(value "monitor's capabilities")" = '0 of 41' ]
    [[ $(value "monitor's system calls") == 'mode 2, filters '* ]]
    [[ $(value "monitor's user map") == none:* ]]
    [ "$(value kernel)" = "Linux $(cloison exec held-told uname -r)" ]
}
