# SPDX-License-Identifier: Apache-2.0
# What every integration test file loads: `load helper`.
#
# Each file gets an engine of its own (data root, run root, config with its own bridge, subnet and
# table), so that files run side by side and the host's own engine, if any, is left alone. At the end
# every container is removed and what must not be left behind is looked for: a leak fails the file.
#
#   setup_file()    { engine_setup; }          # plus busybox: engine_setup busybox
#   teardown_file() { engine_teardown; }
#   @test "…" { run cloison run --rm busybox echo hi; … }

bats_require_minimum_version 1.5.0

cloison() { "$CLOISON" "$@"; }

engine_setup() {
    if [ "$(id -u)" != 0 ]; then
        skip "needs root"
    fi
    local build=${BUILD:-build}
    case $build in /*) ;; *) build=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/$build ;; esac
    export CLOISON=$build/cloison
    [ -x "$CLOISON" ] || { echo "no program $CLOISON: make first" >&2; return 1; }
    local tag
    tag=$(od -An -N3 -tx1 /dev/urandom | tr -d ' ')
    export TAG=$tag
    export CLOISON_DATA_ROOT=/var/tmp/cloison-test-$tag CLOISON_RUN_ROOT=/run/cloison-test-$tag
    export CLOISON_CONFIG=$BATS_FILE_TMPDIR/config.json
    # A subnet of its own out of 10.64.0.0/10's far end, from the tag.
    local n=$((16#${tag:0:4}))
    export SUBNET_PREFIX=10.$((64 + n / 256 % 60)).$((n % 256))
    # Networks that it makes are of sixteen /24 in 10.192.0.0/10, and of a /48.
    export POOL=10.$((192 + n / 256 % 60)).$((n % 256 / 16 * 16)).0/20 POOL6=fd7f:${tag:0:4}:${tag:4:2}00::/48
    printf '{"network":{"bridge":"clt%s","subnet":"%s.0/24","table":"cloison_test_%s","pool":"%s","pool6":"%s"}}\n' \
        "$tag" "$SUBNET_PREFIX" "$tag" "$POOL" "$POOL6" >"$CLOISON_CONFIG"
    mkdir -p "$CLOISON_DATA_ROOT" "$CLOISON_RUN_ROOT"
    if [ "${1:-}" = busybox ]; then
        cloison run --rm --network none busybox true
    fi
}

engine_teardown() {
    [ -n "${CLOISON_DATA_ROOT:-}" ] || return 0
    local ids failed=0
    ids=$(cloison ps -aq 2>/dev/null) || true
    if [ -n "$ids" ]; then
        # shellcheck disable=SC2086 # a list of words
        cloison rm -f -v $ids >/dev/null || failed=1
    fi
    leftovers >&2 || failed=1
    network_gone >&2 || failed=1
    rm -rf --one-file-system "$CLOISON_DATA_ROOT" "$CLOISON_RUN_ROOT"
    return $failed
}

# Removes this file's networks, bridge and table, which stay as Docker's do; a container that is still attached
# is a leak.
network_gone() {
    local net=${CLOISON%/*}/cloison-net
    [ ! -d "$CLOISON_DATA_ROOT/networks" ] || cloison network prune -f >/dev/null || return 1
    [ ! -d "$CLOISON_RUN_ROOT/net" ] || "$net" purge "$CLOISON_RUN_ROOT" "$CLOISON_CONFIG"
}

# Prints what is left of this file's engine outside its folders, and fails when there is anything.
leftovers() {
    local left=0
    if grep -F "$CLOISON_DATA_ROOT" /proc/self/mountinfo; then
        echo "left: these mounts"
        left=1
    fi
    if [ -n "$(ls -A "$CLOISON_RUN_ROOT/containers" 2>/dev/null)" ]; then
        echo "left: run folders: $(ls "$CLOISON_RUN_ROOT/containers")"
        left=1
    fi
    # The engine's own processes name the run folder in their environment.
    local pid
    for pid in $(grep -lazF "CLOISON_RUN_ROOT=$CLOISON_RUN_ROOT" /proc/[0-9]*/environ 2>/dev/null |
        cut -d/ -f3); do
        if grep -qa '^[^ ]*cloison-' "/proc/$pid/cmdline" 2>/dev/null; then
            echo "left: process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
            left=1
        fi
    done
    return $left
}

# An empty folder to build in.
fresh_context() {
    rm -rf "$BATS_FILE_TMPDIR/ctx" && mkdir "$BATS_FILE_TMPDIR/ctx" && cd "$BATS_FILE_TMPDIR/ctx"
}

# wait_for SECONDS CMD…: until CMD succeeds; fails after the time with CMD's last output.
wait_for() {
    local end=$((SECONDS + $1)) out
    shift
    while ! out=$("$@" 2>&1); do
        if [ $SECONDS -ge $end ]; then
            echo "gave up waiting for: $*: $out" >&2
            return 1
        fi
        sleep 0.05
    done
}

# sweep_calls PROGRAM SCENARIO SAMPLES: a command killed at any of its calls, by PROGRAM beside the test; with
# TEST_FULL=1 at each of them.
sweep_calls() {
    local samples=${SAMPLES:-$3}
    [ -z "${TEST_FULL:-}" ] || samples=0
    run python3 "$BATS_TEST_DIRNAME/$1" "$2" "$samples"
    echo "$output"
    echo "# ${lines[-1]}" >&3
    [ "$status" -eq 0 ]
}

# free_port: a TCP port that nobody listens on now.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'
}

# one_line: the last `run` wrote one line of error that begins with "cloison:".
one_line() {
    [ "$(printf '%s\n' "$output" | wc -l)" = 1 ] && [[ $output == cloison:* ]]
}

# bad_registry [identity]: registry.py, serving busybox and what registry_layout.py makes, from the
# folder `layout` of the current one. Exports REGISTRY, and a HOME with nobody's credentials.
bad_registry() {
    mkdir layout home && cloison save --format oci-archive busybox | tar -C layout -xf -
    python3 "$BATS_TEST_DIRNAME/../integration/registry_layout.py" layout
    python3 "$BATS_TEST_DIRNAME/../integration/registry.py" layout "$@" >port 2>registry.log 3>&- &
    echo $! >>pids
    wait_for 5 test -s port
    REGISTRY=127.0.0.1:$(cat port)
    export REGISTRY HOME=$PWD/home
    unset DOCKER_CONFIG REGISTRY_AUTH_FILE XDG_RUNTIME_DIR XDG_CONFIG_HOME
}

# start_registry NAME [MORE]: a docker-registry on the loopback, its folder in the current one; prints its address.
start_registry() {
    local addr
    addr=127.0.0.1:$(free_port)
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\nlog: {level: error}\nhttp:\n  addr: "%s"\n%s\n' \
        "$PWD/$1-store" "$addr" "${2:-}" >"$1.yml"
    docker-registry serve "$1.yml" >"$1.log" 2>&1 3>&- &
    echo $! >>pids
    wait_for 10 bash -c "exec 9<>/dev/tcp/${addr/://}" >&2 || return 1
    echo "$addr"
}

# registries_stop: those whose process IDs are in the file's `pids`.
registries_stop() {
    local pid
    [ ! -f "$BATS_FILE_TMPDIR/pids" ] || while read -r pid; do kill "$pid"; done <"$BATS_FILE_TMPDIR/pids"
}

# balancer_image: Debian's caddy and the libraries it names, as the image that `compose up` would make by mmdebstrap.
balancer_image() {
    local root=$BATS_FILE_TMPDIR/root file
    for file in /usr/bin/caddy $(ldd /usr/bin/caddy | grep -o '/[^ ]*'); do
        mkdir -p "$root/$(dirname "$file")"
        cp -L "$file" "$root/$file"
    done
    mkdir -p "$root/etc" "$root/tmp"
    tar -C "$root" -c . | cloison import -c 'ENV PATH=/usr/bin' - cloison/balancer:latest
    rm -r "$root"
}
