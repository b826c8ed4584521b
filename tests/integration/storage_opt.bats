#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --storage-opt size=: what a container may write is bounded, by a disk image and, where the file system has them (the
# test machine's /var/lib/cloison), by project quotas.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

loops() { grep -l "$CLOISON_DATA_ROOT" /sys/block/loop*/loop/backing_file 2>/dev/null; }
no_loops() { [ -z "$(loops)" ]; }

# Writes as much as there is room for: the megabytes that it could.
fill='dd if=/dev/zero of=/big bs=64k count=1600 2>/dev/null; echo $(($(stat -c %s /big) >> 20))'

@test "a size that is none, too small, another option: refused" {
    for bad in size=1m size= size=lots size=-1 ink=blue; do
        run cloison create --network none --storage-opt "$bad" busybox true
        echo "$output"
        [ "$status" -eq 125 ]
        [ "${#lines[@]}" -eq 1 ]
        [[ $output == *"--storage-opt '$bad'"* ]]
    done
    [ -z "$(cloison ps -aq)" ]
}

@test "a disk of that size: what is written is bounded, read, copied, committed, and goes" {
    [ -w /dev/loop-control ] || skip "there are no loop devices"
    c=$(cloison create --network none --storage-opt size=48m busybox sh -c "$fill; df -m / | tail -1")
    [ "$(cloison inspect --format '{{.HostConfig.StorageOpt.size}}' "$c")" = 48m ]
    run cloison start -a "$c"
    echo "$output"
    [ "${lines[0]}" -ge 25 ]
    [ "${lines[0]}" -lt 48 ]
    wait_for 20 no_loops
    # From outside, while it stands still.
    echo "from outside" >f && head -c 1000000 /dev/zero >large
    run cloison cp large "$c:/large"
    [[ $output == *"No space left"* ]]
    [ "$(cloison inspect -s --format '{{.SizeRw}}' "$c")" -gt $((24 << 20)) ]
    cloison diff "$c" | grep -qx 'A /big'
    cloison export "$c" | tar t | grep -qx big
    wait_for 20 no_loops
    cloison rm "$c"
    [ -z "$(find "$CLOISON_DATA_ROOT/containers" -mindepth 1)" ]
    # While it runs; several at once look at one file system.
    c=$(cloison run -d --network none --storage-opt size=48m busybox sh -c 'echo inside >/g; sleep 1000')
    wait_for 20 cloison exec "$c" test -s /g
    for i in 1 2 3 4; do cloison diff "$c" >"diff.$i" & pids+=($!); done
    for p in "${pids[@]}"; do wait "$p"; done
    [ "$(sort -u diff.*)" = "A /g" ]
    [ "$(loops | wc -l)" -eq 1 ]
    cloison cp f "$c:/f"
    id=$(cloison commit "$c") && cloison rm -f "$c"
    [ "$(cloison run --rm --network none --storage-opt size=16m "$id" cat /f /g)" = "from outside
inside" ]
    wait_for 20 no_loops
    cloison rmi "$id"
}

@test "a monitor that is killed leaves no loop device, and what was written" {
    [ -w /dev/loop-control ] || skip "there are no loop devices"
    c=$(cloison run -d --network none --storage-opt size=16m busybox sh -c 'echo kept >>/k; sync; sleep 1000')
    wait_for 20 cloison exec "$c" test -s /k
    kill -9 "$(jq .monitorPid "$CLOISON_RUN_ROOT/containers/$c/state.json")"
    has_ended() { cloison ps -a --format '{{.Status}}' | grep Exited; }
    wait_for 20 has_ended
    wait_for 20 no_loops
    cloison cp "$c:/k" k && [ "$(cat k)" = kept ]
    cloison start "$c" && wait_for 20 cloison exec "$c" sh -c '[ $(wc -l </k) = 2 ]'
    cloison rm -f "$c"
    wait_for 20 no_loops
}

@test "project quotas, where the file system has them" {
    findmnt -no OPTIONS /var/lib/cloison 2>/dev/null | grep -q prjquota || skip "no file system with project quotas"
    export CLOISON_DATA_ROOT=/var/lib/cloison/quota-$TAG
    c=$(cloison create --network none --storage-opt size=32m busybox sh -c "$fill; df -m / | tail -1")
    folder=$CLOISON_DATA_ROOT/containers/$c
    [ ! -e "$folder/disk.img" ]
    project=$(lsattr -pd "$folder/upper" | awk '{print $1}')
    [ "$project" -ge $((0x40000000)) ]
    [ "$(lsattr -pd "$folder/work" | awk '{print $1}')" = "$project" ]
    run cloison start -a "$c"
    echo "$output"
    [ "${lines[0]}" -ge 25 ]
    [ "${lines[0]}" -le 32 ]
    [[ ${lines[1]} == *" 32 "* ]]
    # Another container has room of its own.
    [ "$(cloison run --rm --network none --storage-opt size=64m busybox sh -c "$fill")" -gt 32 ]
    cloison commit "$c" >/dev/null && cloison rm "$c"
    rm -rf --one-file-system "$CLOISON_DATA_ROOT"
}
