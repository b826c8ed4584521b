#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison build`: what is remembered of a context's files and folders, and what is looked at again.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }
setup() { fresh_context; }

build() { cloison build --network none "$@"; }
in_image() { cloison run --rm --network none "$@"; }

# Long enough ago for their times to tell of each change.
settle() { sleep 0.05; }

@test "names that come, go and change in folders that were looked at before" {
    mkdir -p d/below
    touch d/1 d/2 d/below/3
    printf 'FROM busybox\nCOPY d /d\nRUN find /d | sort | tr "\\n" " " >/l\n' >Dockerfile
    settle
    build -q -t names . && build -q -t names .
    [ "$(in_image names cat /l)" = "/d /d/1 /d/2 /d/below /d/below/3 " ]
    touch d/below/4
    build -q -t names .
    [ "$(in_image names cat /l)" = "/d /d/1 /d/2 /d/below /d/below/3 /d/below/4 " ]
    settle
    build -q -t names .
    mv d/below/4 d/below/5
    rm d/1
    build -q -t names .
    [ "$(in_image names cat /l)" = "/d /d/2 /d/below /d/below/3 /d/below/5 " ]
    mv d/below e && mkdir d/below && mv e/5 d/below/4 # another folder of that name
    build -q -t names .
    [ "$(in_image names cat /l)" = "/d /d/2 /d/below /d/below/4 " ]
    echo 'd/below/*' >.dockerignore
    build -q -t names .
    [ "$(in_image names cat /l)" = "/d /d/2 /d/below " ]
    [ -n "$(ls "$CLOISON_DATA_ROOT/build/context")" ]
    cloison builder prune -a -f >/dev/null
    [ -z "$(ls "$CLOISON_DATA_ROOT/build/context")" ]
    build -q -t names .
    [ "$(in_image names cat /l)" = "/d /d/2 /d/below " ]
}

# A step that waits for the file `go`, when it is made for the first time, and reads `f`; in between `f` changes. Then
# all is as it was before: the step must be made again.
change_while_it_runs() {
    cat >Dockerfile <<END
FROM busybox
RUN --mount=type=bind,target=/c --mount=type=cache,id=$1,target=/ran echo it waits; until [ -e /c/go ] || [ -e /ran/1 ]; do sleep 0.1; done; touch /ran/1; cat /c/f >/f
END
    echo before >f
    rm -f go
    settle
    build -t "$1" . >"$BATS_TEST_TMPDIR/log" 2>&1 &
    local pid=$!
    wait_for 60 grep -q 'it waits' "$BATS_TEST_TMPDIR/log"
    echo after >f
    touch go
    wait "$pid"
    [ "$(in_image "$1" cat /f)" = after ]
    echo before >f
    rm go
    build -q -t "$1" .
    [ "$(in_image "$1" cat /f)" = before ]
}

@test "a step whose files changed while it ran is not found again by what they were" {
    change_while_it_runs small
    mkdir many
    (cd many && seq 20000 | xargs touch) # so many that the second look is beside what follows
    change_while_it_runs large
}
