#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a build's user controls (context, Dockerfile, images) leads nowhere else; and a build that is
# ended at any moment leaves nothing.
load helper

setup_file() {
    engine_setup busybox
    echo outside-secret >"$BATS_FILE_TMPDIR/outside"
    mkdir "$BATS_FILE_TMPDIR/victim"
}
teardown_file() { engine_teardown; }

setup() {
    fresh_context
}

build() { cloison build "$@"; }
in_image() { cloison run --rm --network none "$@"; }
no_process() { ! pgrep -f "$1" >/dev/null; }
nothing_came_out() { [ -z "$(ls -A "$BATS_FILE_TMPDIR/victim")" ] && ! grep -rqa outside-secret "$CLOISON_DATA_ROOT"; }

@test "links in the context do not lead out of it" {
    ln -s "$BATS_FILE_TMPDIR/outside" abs
    ln -s ../outside rel
    ln -s "$BATS_FILE_TMPDIR" folder
    mkdir d && ln -s ../../outside d/deep
    for source in abs rel folder/outside ../outside /../outside d/../../outside; do
        printf 'FROM busybox\nCOPY %s /x\n' "$source" >Dockerfile
        run build .
        [ "$status" -eq 1 ]
        printf 'FROM busybox\nRUN --mount=type=bind,source=%s,target=/x cat /x\n' "$source" >Dockerfile
        run build .
        [ "$status" -eq 1 ]
    done
    printf 'FROM busybox\nCOPY d /d\n' >Dockerfile # below a folder a link is copied as a link
    build -q -t links .
    [ "$(in_image links readlink /d/deep)" = ../../outside ]
    ln -s "$BATS_FILE_TMPDIR/outside" .dockerignore
    rm Dockerfile && printf 'FROM busybox\n' >Dockerfile
    build -q .
    nothing_came_out
}

@test "links in an image do not lead a copy out of it" {
    printf 'FROM busybox\nRUN ln -s %s /out && ln -s ../../../../../../..%s /up && mkdir /d && ln -s %s/f /d/f\n' \
        "$BATS_FILE_TMPDIR/victim" "$BATS_FILE_TMPDIR/victim" "$BATS_FILE_TMPDIR/victim" >Dockerfile
    build -q -t evil .
    echo payload >f
    printf 'FROM evil\nCOPY f /out/a/\nCOPY f /up/b\nCOPY f /d/f\nCOPY f /d/\nWORKDIR /out/w\nRUN echo x >/out/w/y\n' >Dockerfile
    build -q -t evil2 .
    [ "$(in_image evil2 cat "$BATS_FILE_TMPDIR/victim/a/f")" = payload ]
    printf 'FROM evil AS e\nFROM busybox\nCOPY --from=e /out /x\n' >Dockerfile
    run build .
    [ "$status" -eq 1 ]
    printf 'FROM evil AS e\nFROM busybox\nRUN --mount=type=bind,from=e,source=/out,target=/x ls /x\n' >Dockerfile
    run build .
    [ "$status" -eq 1 ]
    nothing_came_out
}

@test "archives that ADD unpacks stay below their folder" {
    python3 - <<'END'
import io, tarfile
with tarfile.open('evil.tar', 'w') as t:
    def add(name, **more):
        i = tarfile.TarInfo(name)
        for k, v in more.items():
            setattr(i, k, v)
        i.size = 2 if i.isreg() else 0
        t.addfile(i, io.BytesIO(b'x\n') if i.isreg() else None)
    add('link', type=tarfile.SYMTYPE, linkname='/tmp')
    add('link/through', mode=0o644)
END
    printf 'FROM busybox\nADD evil.tar /a/\n' >Dockerfile
    run build -t archive .
    [ ! -e /tmp/through ]
    printf 'no archive' | gzip >plain.gz
    printf 'FROM busybox\nADD plain.gz /a/\n' >Dockerfile
    build -q -t plain .
    [ "$(in_image plain zcat /a/plain.gz)" = "no archive" ]
}

@test "a context that changes under the build's hands never shows what is outside" {
    mkdir a b && echo inside >a/f && ln -s "$BATS_FILE_TMPDIR" b/x
    ln -s "$BATS_FILE_TMPDIR/outside" b/f
    (while :; do mv a t && mv b a && mv t b; done 2>/dev/null) &
    local racer=$!
    printf 'FROM busybox\nCOPY a/f /f\nCOPY a /d\n' >Dockerfile
    local built=0
    for i in 1 2 3 4 5 6 7 8; do
        # What a build copied is of the context; one that found a name gone says so in a line.
        if build --no-cache -q -t race . >out 2>&1; then
            built=$((built + 1))
            run in_image race sh -c 'cat /f; [ ! -h /f ] && ls /d'
            echo "$output"
            [[ $output == inside$'\n'* ]]
            [[ $output != *victim* ]]
        else
            echo "build $i: $(cat out)"
            tail -n 1 out | grep -q '^cloison: Dockerfile:[23]: '
        fi
    done
    kill $racer
    wait $racer 2>/dev/null || true
    nothing_came_out
    # Left alone, it is built.
    rm -rf a b t && mkdir a && echo inside >a/f
    build -q -t race .
    [ "$(in_image race cat /f /d/f)" = "$(printf 'inside\ninside')" ]
}

@test "a cache mount holds what a step wrote, and its links lead nowhere" {
    printf 'FROM busybox\nRUN --mount=type=cache,target=/c ln -sf %s /c/out; rm -rf /c/sub; ln -s / /c/sub\n' \
        "$BATS_FILE_TMPDIR/victim" >Dockerfile
    build -q .
    printf 'FROM busybox\nRUN --mount=type=cache,target=/c ! touch /c/out/x; touch /c/sub/victim-test\n' >Dockerfile
    build -q .
    [ ! -e /victim-test ]
    nothing_came_out
}

@test "a build that is killed leaves no mount, no process, no group; the cache is whole" {
    printf 'FROM busybox\nRUN echo kept >/kept\nRUN --mount=type=cache,target=/c echo up >/c/flag; exec sleep 1234567\n' >Dockerfile
    "$CLOISON" build -t killed . >/dev/null 2>&1 3>&- &
    local pid=$!
    wait_for 20 pgrep -f 'sleep 1234567'
    local group # others build, too
    group=$(grep -o -m 1 'build-[^/]*' "/proc/$(pgrep -o -f 'sleep 1234567')/cgroup")
    [ -n "$(find /sys/fs/cgroup -type d -name "$group")" ]
    kill -9 $pid
    wait $pid || true
    wait_for 20 no_process 'sleep 123456[7]'
    wait_for 20 flock -n "$CLOISON_RUN_ROOT"/build/*/lock true # what cleans up behind it has ended
    ! grep -F "$CLOISON_DATA_ROOT" /proc/self/mountinfo || false
    printf 'FROM busybox\nRUN echo kept >/kept\n' >Dockerfile
    build -q -t after .
    [ "$(in_image after cat /kept)" = kept ]
    [ -z "$(ls -A "$CLOISON_RUN_ROOT/build")" ]
    [ -z "$(find /sys/fs/cgroup -type d -name "$group" 2>/dev/null)" ]
    [ -z "$(ls -A "$CLOISON_DATA_ROOT/images/tmp")" ]
    run cloison system check
    [ "$status" -eq 0 ]
    run ! grep damaged <<<"$output"
}

@test "a build that is interrupted keeps the steps that were done" {
    printf 'FROM busybox\nRUN echo %s >/k\nRUN exec sleep 1234568\n' "$RANDOM" >Dockerfile
    "$CLOISON" build . >/dev/null 2>&1 3>&- &
    local pid=$! ended=0
    wait_for 20 pgrep -f 'sleep 1234568'
    kill -TERM $pid
    wait $pid || ended=$? # `run` would wait in a shell whose child it is not
    [ $ended -ne 0 ]
    [ $ended -ne 127 ]
    wait_for 20 no_process 'sleep 123456[8]'
    sed -i '$d' Dockerfile
    run build .
    [ "$(grep -c CACHED <<<"$output")" = 1 ]
}

@test "on a full disk a build fails with one line of why, and leaves a whole store" {
    local root=$BATS_FILE_TMPDIR/small
    mkdir "$root" && mount -t tmpfs -o size=12m none "$root"
    printf 'FROM busybox\nRUN head -c 40000000 /dev/zero >/big || true; sync; echo >/x\n' >Dockerfile
    CLOISON_DATA_ROOT=$root run build -t full .
    local failed=$status
    CLOISON_DATA_ROOT=$root run cloison system check
    local check=$status out=$output mounts
    mounts=$(grep -c "$root" /proc/self/mountinfo)
    umount "$root"
    echo "$out"
    [ "$failed" -ne 0 ]
    [ "$check" -eq 0 ]
    [ "$mounts" = 1 ]
}
