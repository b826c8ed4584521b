# SPDX-License-Identifier: Apache-2.0
# For the tests of the container wall without the engine: a bundle with busybox, run by wall-run.
#
#   setup_file()    { wall_setup; }
#   teardown_file() { wall_teardown; }
#   @test "…" { spec '.hostname = "x"' hostname; run wall; … }

bats_require_minimum_version 1.5.0

wall_setup() {
    [ "$(id -u)" = 0 ] || skip "needs root"
    local build=${BUILD:-build} applet
    case $build in /*) ;; *) build=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/$build ;; esac
    export WALL_RUN=$build/tests/wall-run
    WORK=$(mktemp -d /var/tmp/cloison-wall-XXXXXX)
    export WORK
    chmod 755 "$WORK"
    export ROOT=$WORK/bundle/rootfs
    mkdir -p "$ROOT"/bin "$ROOT"/etc "$ROOT"/root "$ROOT"/tmp
    cp /usr/bin/busybox "$ROOT/bin/busybox"
    for applet in $(/usr/bin/busybox --list); do
        [ "$applet" = busybox ] || ln -s busybox "$ROOT/bin/$applet"
    done
    printf 'root:x:0:0:root:/root:/bin/sh\n' >"$ROOT/etc/passwd"
}

wall_teardown() {
    [ -n "${WORK:-}" ] || return 0
    local left=0
    if grep -F "$WORK" /proc/self/mountinfo; then
        echo "left: these mounts"
        left=1
    fi
    if find /sys/fs/cgroup -type d -name "wall-run-${WORK##*-}*" | grep .; then
        echo "left: these groups"
        left=1
    fi
    if ls -d /run/cloison-wall-run/"wall-run-${WORK##*-}"* 2>/dev/null; then
        echo "left: this state"
        left=1
    fi
    rm -rf --one-file-system "$WORK"
    return $left
} >&2

# spec FILTER ARG…: the bundle's config.json: an ordinary container's, changed by the jq filter, that
# runs ARG….
spec() {
    local filter=$1
    shift
    jq -n --args "$(cat "$BATS_TEST_DIRNAME/../integration/wall_spec.jq") | $filter" -- "$@" >"$WORK/bundle/config.json"
}

# A shell script as the workload.
spec_sh() { spec "$1" sh -c "$2"; }

wall() { "$WALL_RUN" --id "wall-run-${WORK##*-}-$BATS_TEST_NUMBER" "$@" "$WORK/bundle"; }

USERNS='.linux.namespaces += [{type: "user"}]
    | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
    | .linux.gidMappings = .linux.uidMappings'
export USERNS

# one_line: the last `run` wrote one line of error that begins with "cloison:".
one_line() { [ "${#lines[@]}" = 1 ] && [[ ${lines[0]} == cloison:* ]]; }
