#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison build --wall vm`: RUN in a machine. Runs by KVM in the test machine, and on any host that has a kernel
# under /boot by emulation.

load ../integration/helper

setup_file() {
    ls /boot/vmlinuz-* >/dev/null 2>&1 || return 0
    engine_setup busybox
}
teardown_file() { engine_teardown; }

setup() {
    ls /boot/vmlinuz-* >/dev/null 2>&1 || skip "no kernel under /boot"
    fresh_context
}
build() { timeout --kill-after=5 200 "$CLOISON" build --wall vm --network none "$@" </dev/null; }
in_image() { cloison run --rm --network none "$@"; }

@test "a step in a machine makes the layer that it would make in a container" {
    echo fine >context && echo hushed >../secret
    cat >Dockerfile <<'END'
FROM busybox
COPY --chown=7:8 context /old/sub/f
RUN uname -r >/kernel; mkdir -p /d/e && echo h >/d/f && ln /d/f /d/g && chown 5:6 /d/f && chmod 4751 /d/f && \
    rm /bin/vi && rm -r /old/sub && mkdir /old/sub && ln -s x /l && touch -d @1000 /d/e
RUN --mount=type=bind,target=/c --mount=type=secret,id=s --mount=type=cache,target=/cache \
    cat /c/context /run/secrets/s >/read && echo kept >>/cache/x && ls /old/sub /bin/vi 2>&1 | grep -c . >/seen
END
    build --secret id=s,src=../secret -t "inmachine$TAG" .
    [ -e "/boot/vmlinuz-$(in_image "inmachine$TAG" cat /kernel)" ]
    run in_image "inmachine$TAG" sh -c 'stat -c "%a %u %g %h %n" /d/f /d/g; stat -c "%Y" /d/e; readlink /l; ls /old/sub; ls /c /cache /run/secrets 2>/dev/null; cat /read /seen'
    echo "$output"
    [ "$output" = $'4751 5 6 2 /d/f\n4751 5 6 2 /d/g\n1000\nx\nfine\nhushed\n2' ]
    run in_image "inmachine$TAG" ls /bin/vi
    [ "$status" -ne 0 ]
    # Its steps are in the cache as any.
    run build --secret id=s,src=../secret .
    [ "$(grep -c CACHED <<<"$output")" = 3 ]
    cloison system check
}

@test "a step that fails in a machine: its output, its code; one that wants the network is told" {
    printf 'FROM busybox\nRUN echo about to fail; exit 7\n' >Dockerfile
    run build .
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"about to fail"*"ended with 7"* ]]
    [ -z "$(ls -A "$CLOISON_RUN_ROOT/build")" ]
    [ -z "$(ls -A "$CLOISON_DATA_ROOT/images/tmp")" ]
    run timeout 100 "$CLOISON" build -q --wall vm . </dev/null
    [ "$status" -eq 1 ]
    [[ ${lines[-1]} == "cloison: "*"no part in the build's network"* ]]
}
