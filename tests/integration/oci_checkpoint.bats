#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# checkpoint and restore: through CRIU where this kernel lets it work, a clear error where not.
load wall_helper
load oci_helper

setup_file() { oci_setup; }
teardown_file() { oci_teardown; }
setup() { cd "$WORK/bundle" && id=t-$BATS_TEST_NUMBER; }

@test "without CRIU's library: one line that says so, and the container runs on" {
    spec . sleep 100
    oci run -d "$id" </dev/null >/dev/null 2>&1 3>&-
    local library
    library=$(ldconfig -p | awk '/libcriu.so.2/ { print $NF }')
    if [ -n "$library" ]; then
        run unshare -m sh -c 'mount --bind /dev/null "$(realpath "$1")"; shift; exec "$@"' sh "$library" \
            "$OCI" --root "$OCI_ROOT" checkpoint --image-path "$WORK/images" "$id"
    else
        run oci checkpoint --image-path "$WORK/images" "$id"
    fi
    [ "$status" -eq 1 ]
    [[ $output == "cloison-oci: checkpoint and restore need CRIU, which is not installed"* ]]
    [ "$(status_of "$id")" = running ]
    oci delete -f "$id"
}

@test "a container that does not run is not saved; images that are none make no container" {
    spec . sleep 100
    oci create "$id" </dev/null >/dev/null 2>&1 3>&-
    run oci checkpoint --image-path "$WORK/images" "$id"
    [ "$status" -eq 1 ]
    [[ $output == *created* ]]
    oci delete -f "$id"
    mkdir -p "$WORK/none"
    run oci restore -d --image-path "$WORK/none" "$id"
    [ "$status" -eq 1 ]
    [ ! -e "$OCI_ROOT/$id" ]
    ! find /sys/fs/cgroup -type d -path "*cloison/$id" | grep .
    run oci restore -d --image-path "$WORK/images" --manage-cgroups-mode nonsense "$id"
    [ "$status" -eq 1 ]
}

@test "saved, ended, restored: it goes on where it was" {
    criu check >/dev/null 2>&1 || skip "CRIU does not work on this kernel, or is not installed"
    spec_sh 'del(.linux.namespaces[] | select(.type == "network"))' \
        'i=0; while true; do i=$((i + 1)); echo $i >/tmp/n; sleep 0.2; done'
    oci run -d "$id" </dev/null >/dev/null 2>&1 3>&-
    sleep 1
    oci checkpoint --image-path "$WORK/images" "$id"
    run oci state "$id"
    [ "$status" -eq 1 ]
    local before
    before=$(cat "$ROOT/tmp/n")
    sleep 0.5
    [ "$(cat "$ROOT/tmp/n")" = "$before" ]
    oci restore -d --image-path "$WORK/images" "$id" </dev/null >/dev/null 2>&1 3>&-
    [ "$(status_of "$id")" = running ]
    sleep 1
    [ "$(cat "$ROOT/tmp/n")" -gt "$before" ]
    run oci exec "$id" cat /proc/1/comm
    [ "$output" = sh ]
    oci delete -f "$id"
}
