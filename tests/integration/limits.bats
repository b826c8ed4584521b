#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each limit is seen to bite: not the file that was written, but what the workload can no longer do.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

@test "memory: a workload past --memory is killed, and says so" {
    run cloison run --name oom --network none --memory 32m busybox \
        sh -c 'dd if=/dev/zero of=/dev/null bs=100M count=1'
    [ "$status" -eq 137 ] || [ "$status" -eq 1 ]
    run cloison inspect --format '{{.State.OOMKilled}}' oom
    [ "$output" = true ]
    run cloison ps -a --filter name=oom
    [[ $output == *memory* ]]
}

@test "memory: what fits below the limit runs" {
    cloison run --rm --network none --memory 64m busybox sh -c 'dd if=/dev/zero of=/dev/null bs=16M count=4'
    run cloison run --name fits --network none --memory 64m busybox true
    [ "$status" -eq 0 ]
    run cloison inspect --format '{{.State.OOMKilled}}' fits
    [ "$output" = false ]
}

@test "pids: a fork past --pids-limit is refused, and inspect says so" {
    run cloison run --name pids --network none --pids-limit 6 busybox \
        sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 2 & done; wait'
    [[ $output == *"an't fork"* ]]
    run cloison ps -a --filter name=pids
    [[ $output == *pids* ]]
}

@test "cpus: half a processor gives half the processor time" {
    run cloison run --name half --network none --cpus 0.5 -d busybox sh -c 'while :; do :; done'
    [ "$status" -eq 0 ]
    local pid from a b time
    pid=$(cloison inspect --format '{{.State.Pid}}' half)
    from=${EPOCHREALTIME/./}
    a=$(awk '{print $14 + $15}' "/proc/$pid/stat")
    sleep 4
    b=$(awk '{print $14 + $15}' "/proc/$pid/stat")
    time=$(((${EPOCHREALTIME/./} - from) / 10000))
    cloison rm -f half
    echo "$((b - a)) ticks of $time"
    # Half of the ticks of 10 ms, fewer where the host is busy; a period of the limit may be begun.
    [ $((b - a)) -ge 10 ]
    [ $((b - a)) -le $((time / 2 + 30)) ]
}

@test "cpu-shares: two workloads on one processor share it by weight" {
    cloison run -d --name heavy --network none --cpuset-cpus 0 --cpu-shares 2048 busybox sh -c 'while :; do :; done'
    cloison run -d --name light --network none --cpuset-cpus 0 --cpu-shares 256 busybox sh -c 'while :; do :; done'
    local h l a b c d
    h=$(cloison inspect --format '{{.State.Pid}}' heavy)
    l=$(cloison inspect --format '{{.State.Pid}}' light)
    a=$(awk '{print $14 + $15}' "/proc/$h/stat"); b=$(awk '{print $14 + $15}' "/proc/$l/stat")
    sleep 4
    c=$(awk '{print $14 + $15}' "/proc/$h/stat"); d=$(awk '{print $14 + $15}' "/proc/$l/stat")
    cloison rm -f heavy light
    echo "heavy $((c - a)) light $((d - b))"
    [ $((c - a)) -gt $(((d - b) * 3)) ]
}

@test "cpuset: the workload sees and uses the processors it was given" {
    run cloison run --rm --network none --cpuset-cpus 1 busybox grep Cpus_allowed_list /proc/self/status
    [[ $output == *$'\t1' ]]
}

# device_of FOLDER: the whole disk under a folder, or nothing.
device_of() {
    local part disk
    part=$(findmnt -no SOURCE -T "$1")
    [ -b "$part" ] || return 0
    disk=/dev/$(lsblk -no PKNAME "$part" 2>/dev/null | head -1)
    [ -b "$disk" ] && echo "$disk" || echo "$part"
}

@test "device-write-bps: a write is as slow as it was told" {
    local device
    device=$(device_of "$CLOISON_DATA_ROOT")
    [ -n "$device" ] || skip "the data folder is not on a block device"
    mkdir -p "$CLOISON_DATA_ROOT/scratch"
    local start end
    start=$(date +%s%N)
    cloison run --rm --network none --device-write-bps "$device:4mb" -v "$CLOISON_DATA_ROOT/scratch:/s" \
        busybox dd if=/dev/zero of=/s/f bs=1M count=12 oflag=direct
    end=$(date +%s%N)
    echo "$(((end - start) / 1000000)) ms"
    # 12 MiB at 4 MiB/s: about 3 s; without the limit far below one.
    [ $((end - start)) -gt 2000000000 ]
    [ $((end - start)) -lt 8000000000 ]
}

@test "device-read-bps: a read is as slow as it was told" {
    local device
    device=$(device_of "$CLOISON_DATA_ROOT")
    [ -n "$device" ] || skip "the data folder is not on a block device"
    mkdir -p "$CLOISON_DATA_ROOT/scratch"
    dd if=/dev/urandom of="$CLOISON_DATA_ROOT/scratch/r" bs=1M count=12 status=none
    sync "$CLOISON_DATA_ROOT/scratch/r"
    local start end
    start=$(date +%s%N)
    cloison run --rm --network none --device-read-bps "$device:4mb" -v "$CLOISON_DATA_ROOT/scratch:/s" \
        busybox dd if=/s/r of=/dev/null bs=1M iflag=direct
    end=$(date +%s%N)
    [ $((end - start)) -gt 2000000000 ]
    [ $((end - start)) -lt 8000000000 ]
}

@test "device-write-iops and -read-iops: as many operations a second as told" {
    local device start middle end
    device=$(device_of "$CLOISON_DATA_ROOT")
    [ -n "$device" ] || skip "the data folder is not on a block device"
    mkdir -p "$CLOISON_DATA_ROOT/scratch"
    # Written before, so that the file system's own operations are not counted with the workload's.
    dd if=/dev/urandom of="$CLOISON_DATA_ROOT/scratch/o" bs=4k count=60 conv=fsync status=none
    start=$(date +%s%N)
    cloison run --rm --network none --device-write-iops "$device:20" -v "$CLOISON_DATA_ROOT/scratch:/s" \
        busybox dd if=/dev/zero of=/s/o bs=4k count=60 conv=notrunc oflag=direct
    middle=$(date +%s%N)
    cloison run --rm --network none --device-read-iops "$device:20" -v "$CLOISON_DATA_ROOT/scratch:/s" \
        busybox dd if=/s/o of=/dev/null bs=4k iflag=direct
    end=$(date +%s%N)
    echo "$(((middle - start) / 1000000)) ms, $(((end - middle) / 1000000)) ms"
    # 60 at 20 a second: about 3 s each; without the limit far below one.
    [ $((middle - start)) -gt 2000000000 ]
    [ $((middle - start)) -lt 20000000000 ]
    [ $((end - middle)) -gt 2000000000 ]
    [ $((end - middle)) -lt 20000000000 ]
}

# group_file NAME V1CONTROLLER V1FILE V2FILE: what the container's group has in that file.
group_file() {
    local pid path
    pid=$(cloison inspect --format '{{.State.Pid}}' "$1")
    path=$(awk -F: -v c="$2" '{ n = split($2, a, ","); for (i = 1; i <= n; i++) if (a[i] == c) print $3 }' "/proc/$pid/cgroup")
    if [ -n "$path" ]; then
        cat "/sys/fs/cgroup/$2$path/$3"
    else
        path=$(awk -F: '$1 == 0 { print $3 }' "/proc/$pid/cgroup")
        cat "/sys/fs/cgroup$path/$4"
    fi
}

@test "the limits of memory and processors stand in their groups" {
    cloison run -d --name limits --network none --memory 64m --memory-swap 96m --memory-reservation 32m \
        --cpu-period 50000 --cpu-quota 25000 --cpuset-mems 0 busybox sleep 100
    run group_file limits memory memory.limit_in_bytes memory.max
    [ "$output" = 67108864 ]
    # v1 counts memory and swap together, v2 swap alone.
    run group_file limits memory memory.memsw.limit_in_bytes memory.swap.max
    [ "$output" = 100663296 ] || [ "$output" = 33554432 ]
    run group_file limits memory memory.soft_limit_in_bytes memory.low
    [ "$output" = 33554432 ]
    run group_file limits cpu cpu.cfs_quota_us cpu.max
    [ "$output" = 25000 ] || [ "$output" = "25000 50000" ]
    run group_file limits cpuset cpuset.mems cpuset.mems
    [ "$output" = 0 ]
    cloison rm -f limits
}

@test "update: a disk's rate changes, another limit of it stays, 0 lifts it; the next start has it" {
    local device
    device=$(device_of "$CLOISON_DATA_ROOT")
    [ -n "$device" ] || skip "the data folder is not on a block device"
    cloison run -d --name rates --network none --device-read-bps "$device:4mb" --device-write-iops "$device:50" busybox sleep 100
    cloison update --device-read-bps "$device:8mb" rates
    run group_file rates blkio blkio.throttle.read_bps_device io.max
    [[ $output == *8388608* ]]
    cloison update --device-read-bps "$device:0" rates
    run group_file rates blkio blkio.throttle.read_bps_device io.max
    [[ $output != *8388608* ]]
    run group_file rates blkio blkio.throttle.write_iops_device io.max
    [[ $output == *50* ]]
    cloison restart -t 0 rates
    run group_file rates blkio blkio.throttle.read_bps_device io.max
    [[ $output != *8388608* ]]
    run group_file rates blkio blkio.throttle.write_iops_device io.max
    [[ $output == *50* ]]
    run cloison update --device-read-bps "$device:-1" rates
    [ "$status" -ne 0 ]
    cloison rm -f rates
}

@test "blkio-weight stands in its group, or is refused by name" {
    run --separate-stderr cloison run -d --name weight --network none --blkio-weight 300 busybox sleep 100
    if [ "$status" -eq 0 ]; then
        run group_file weight blkio blkio.bfq.weight io.bfq.weight
        [[ $output == *300* ]] || run group_file weight blkio blkio.weight io.weight # of 10000: 2930
        cloison rm -f weight
        [[ $output == *300* || $output == *2930* ]]
    else
        [ "$status" -eq 125 ]
        [[ $stderr == cloison:*blkio* || $stderr == cloison:*"io.weight"* || $stderr == cloison:*weight* ]]
    fi
}

@test "ulimit: the workload has the limit it was given" {
    run cloison run --rm --network none --ulimit nofile=123:456 busybox sh -c 'ulimit -Sn; ulimit -Hn'
    [ "$output" = $'123\n456' ]
}

@test "ulimit: a file past fsize is refused" {
    run cloison run --rm --network none --ulimit fsize=4096 busybox sh -c 'dd if=/dev/zero of=/f bs=64k count=1'
    [ "$status" -ne 0 ]
}

@test "shm-size: /dev/shm is full when it is full" {
    run cloison run --rm --network none --shm-size 1m busybox dd if=/dev/zero of=/dev/shm/f bs=64k count=32
    [ "$status" -ne 0 ]
    [[ $output == *"No space left"* ]]
}

@test "oom-score-adj is what was asked" {
    run cloison run --rm --network none --oom-score-adj 500 busybox cat /proc/self/oom_score_adj
    [ "$output" = 500 ]
}

@test "pause freezes, unpause goes on" {
    cloison run -d --name frozen --network none busybox sh -c 'while :; do :; done'
    local pid a b
    pid=$(cloison inspect --format '{{.State.Pid}}' frozen)
    cloison pause frozen
    a=$(awk '{print $14 + $15}' "/proc/$pid/stat"); sleep 0.5
    b=$(awk '{print $14 + $15}' "/proc/$pid/stat")
    [ "$a" = "$b" ]
    [ "$(cloison inspect --format '{{.State.Status}}' frozen)" = paused ]
    cloison unpause frozen
    goes_on() { [ "$(awk '{print $14 + $15}' "/proc/$pid/stat")" -gt "$a" ]; }
    wait_for 20 goes_on
    cloison rm -f frozen
}

@test "a limit this host cannot apply is an error that names the controller" {
    # An hugetlb size that no kernel has cannot be applied anywhere.
    run --separate-stderr cloison run --rm --network none --cpu-rt-runtime 1000 busybox true
    if [ "$status" -eq 0 ]; then
        skip "this kernel has real-time group scheduling"
    fi
    [ "$status" -eq 125 ]
    [[ ${stderr,,} == cloison:*cpu* ]]
}
