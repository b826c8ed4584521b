# SPDX-License-Identifier: Apache-2.0
# For the tests of the OCI command line: a bundle with busybox, a --root of the file's own.
#
#   load wall_helper; load oci_helper
#   setup_file()    { oci_setup; }
#   teardown_file() { oci_teardown; }
#   setup()         { oci_test; }
#   @test "…" { spec '.hostname = "x"' hostname; run oci run one; … }
# `spec` and `spec_sh` write $WORK/bundle/config.json; see wall_helper.bash.

oci() { "$OCI" --root "$OCI_ROOT" "$@"; }

oci_setup() {
    wall_setup
    export OCI=${WALL_RUN%/tests/*}/cloison-oci
    export OCI_ROOT=/run/cloison-oci-test-${WORK##*-}
    cd "$WORK/bundle" || return 1
}

# The test's container: its group carries its name, beside those of files that run at once.
oci_test() { cd "$WORK/bundle" && id=t-${WORK##*-}-$BATS_TEST_NUMBER; }

# Everything must be gone: what a test leaves fails the file.
oci_teardown() {
    [ -n "${OCI_ROOT:-}" ] || return 0
    local left=0 id
    for id in $(oci list -q); do
        echo "left: container $id"
        oci delete --force "$id"
        left=1
    done
    if [ -n "$(ls "$OCI_ROOT" 2>/dev/null)" ]; then
        echo "left: $(ls "$OCI_ROOT")"
        left=1
    fi
    if find /sys/fs/cgroup -type d -path "*cloison/t-${WORK##*-}-*" | grep .; then
        echo "left: these groups"
        left=1
    fi
    rm -rf --one-file-system "$OCI_ROOT"
    wall_teardown || left=1
    return $left
} >&2

# status_of ID: as `state` tells it.
status_of() { oci state "$1" | jq -r .status; }

# wait_status ID STATUS: for five seconds at most.
wait_status() {
    local i
    for i in $(seq 100); do
        [ "$(status_of "$1")" != "$2" ] || return 0
        sleep 0.05
    done
    echo "$1 is $(status_of "$1"), not $2" >&2
    return 1
}
