#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --userns remap and the setting "userns_remap": root inside is an ordinary user outside, files are
# mapped and never chowned.
load helper

setup_file() {
    engine_setup busybox
    echo "cloison:100000:65536" >"$BATS_FILE_TMPDIR/range"
    echo "other:300000:65536" >"$BATS_FILE_TMPDIR/other"
}
teardown_file() { engine_teardown; }

# with RANGES COMMAND…: where /etc/subuid and /etc/subgid are that file.
with() {
    local ranges=$BATS_FILE_TMPDIR/$1
    shift
    # shellcheck disable=SC2016 # expanded inside
    unshare --mount sh -c 'for f in uid gid; do mount --bind "$0" /etc/sub$f || exit; done; exec "$@"' "$ranges" "$@"
}

@test "root inside is uid 100000 outside; the root file system, volumes and folders are its own" {
    folder=$CLOISON_DATA_ROOT/folder # not on a tmpfs, which kernels before 6.3 cannot map
    mkdir "$folder"
    with range "$CLOISON" run -d --name mapped --userns remap -v data:/data -v "$folder:/folder" busybox \
        sh -c 'touch /x /data/x /folder/x && exec sleep 1000'
    pid=$(cloison inspect -f '{{.State.Pid}}' mapped)
    wait_for 10 test -e "$folder/x"
    [ "$(stat -c %u "/proc/$pid")" = 100000 ]
    [ "$(cloison exec mapped stat -c %u%g /x /data/x /folder/x /etc/hosts | sort -u)" = 00 ]
    [ "$(stat -c %u%g "$folder/x" "$CLOISON_DATA_ROOT/volumes/data/_data/x" | sort -u)" = 00 ]
    run cloison top mapped --host
    [[ ${lines[1]} =~ ^1\ +$pid\ +0\ +100000\ +sleep\ 1000$ ]]
    [ "$(cloison inspect --isolation --format json mapped |
        jq -r '.Isolation[] | select(.name == "user map").value')" = "uids 0-65535 are 100000-165535 of the host" ]
    cloison rm -f mapped
    [ "$(cloison run --rm --network none -v data:/data busybox stat -c %u /data/x)" = 0 ]
    cloison volume rm data
}

@test "what the host keeps from others it keeps from root inside" {
    echo secret >"$BATS_TEST_TMPDIR/secret"
    chmod 600 "$BATS_TEST_TMPDIR/secret"
    run with range "$CLOISON" run --rm --userns remap --network none busybox sh -c \
        'mount -t tmpfs none /mnt || echo no mount; mknod /x b 254 0 && cat /x >/dev/null || echo no device'
    [[ $output == *"no mount"*"no device"* ]]
}

@test "the setting gives every container one; --userns host and --privileged" {
    jq '. + {userns_remap: "other"}' "$CLOISON_CONFIG" >"$BATS_TEST_TMPDIR/config.json"
    remapped=$(with other env CLOISON_CONFIG="$BATS_TEST_TMPDIR/config.json" "$CLOISON" run --rm busybox cat /proc/self/uid_map)
    [[ $remapped =~ 0\ +300000\ +65536 ]]
    [[ $(CLOISON_CONFIG=$BATS_TEST_TMPDIR/config.json cloison run --rm --network none --userns host busybox cat /proc/self/uid_map) =~ 0\ +0\ +4294967295 ]]
    run with other env CLOISON_CONFIG="$BATS_TEST_TMPDIR/config.json" "$CLOISON" run --rm --privileged busybox true
    [ "$status" = 125 ]
    [[ $output == *"--privileged and a user namespace"*"--userns host"* ]]
}

@test "no range, ranges that differ: an error that says what to do, nothing made" {
    run with other "$CLOISON" run --name none --userns remap busybox true
    [ "$status" = 125 ]
    [[ $output == *"'/etc/subuid' has no range for the user 'cloison' (add the line cloison:100000:65536"* ]]
    [ -z "$(cloison ps -aq)" ]
}
