#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The configs of images, member by member, beside those that BuildKit (Debian's dockerd) makes of the same Dockerfiles,
# which are in build_buildkit.txt.
load helper

wanted() { [ -n "${TEST_FULL:-}" ] && [ -x /usr/bin/docker ] && command -v dockerd >/dev/null; }

setup_file() {
    wanted || return 0
    engine_setup busybox
    export WORK=$CLOISON_DATA_ROOT/docker DOCKER_HOST=unix:///run/clbk-$TAG/s DOCKER_BUILDKIT=1
    mkdir -p "$WORK" "/run/clbk-$TAG"
    # In namespaces of its own: its folder of plugins has a fixed place.
    unshare --net --mount sh -c 'ip link set lo up && mkdir -p /run/docker && mount -t tmpfs docker /run/docker &&
        exec dockerd -H "$DOCKER_HOST" --data-root "$WORK/data" --exec-root "/run/clbk-$TAG/e" --pidfile "$WORK/pid" --bridge=none \
        --iptables=false --ip6tables=false --ip-forward=false --log-level=error --storage-driver vfs' >"$WORK/log" 2>&1 3>&- &
    export DAEMON=$!
    wait_for 60 /usr/bin/docker version >/dev/null
    cloison save busybox | /usr/bin/docker load -q
}
teardown_file() {
    if [ -n "${DAEMON:-}" ]; then
        kill "$DAEMON"
        wait_for 30 sh -c "! kill -0 $DAEMON 2>/dev/null"
        rm -rf "/run/clbk-$TAG"
        rmdir /run/docker 2>/dev/null || true
    fi
    engine_teardown
}

setup() {
    wanted || skip "needs TEST_FULL=1 and docker.io"
    fresh_context
}

# config_of ARCHIVE: what is compared. Of the history BuildKit's mark, its comment and times are its own; this BuildKit is of
# 2020: since then, ARG tells an inherited value and HEALTHCHECK has a start interval.
config_of() {
    rm -rf o && mkdir o && tar xf - -C o
    jq -S '{author, architecture, os, variant,
        config: (.config | with_entries(select(.value != null and .value != "" and .value != {} and .value != [] and .key != "ArgsEscaped"))),
        history: [.history[] | del(.created, .comment) | .created_by |= ((. // "") | sub(" # buildkit$"; "")
            | sub("^ARG (?<n>G|(TARGET|BUILD)[A-Z]*)=.*$"; "ARG \(.n)"))], layers: (.rootfs.diff_ids | length)}' "o/$(jq -r '.[0].Config' o/manifest.json)"
}

@test "the configs of images are BuildKit's" {
    mkdir cases c && echo a >c/f
    awk '/^== / { name = "cases/" $2; next } name { print >name }' "$BATS_TEST_DIRNAME/build_buildkit.txt"
    local case failed=0 count=0
    for case in cases/*; do
        cp "$case" c/Dockerfile
        /usr/bin/docker build -q --no-cache --network none -t "cmp" c >/dev/null
        /usr/bin/docker save cmp | config_of >theirs
        cloison build -q --network none -t "cmp" c >/dev/null
        cloison save cmp | config_of | sed -E '/HEALTHCHECK/s/ \\"0s\\" (.[^ ]*\}",?)$/ \1/' >ours
        diff theirs ours || { echo "^ $case" && failed=1; }
        count=$((count + 1))
    done
    echo "# $count Dockerfiles compared" >&3
    [ $count -ge 25 ] && [ $failed = 0 ]
}
