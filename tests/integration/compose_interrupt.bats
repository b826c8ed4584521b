#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Ctrl-C in each phase of `cloison compose up`: nothing of the phase is left, and the next `up` goes on.
load helper

setup_file() {
    engine_setup busybox
    export PROJECT=$BATS_FILE_TMPDIR/interrupted
    mkdir -p "$PROJECT/build"
    export LOOP="trap 'exit 0' TERM; while :; do sleep 1 & wait; done"
}
teardown_file() { engine_teardown; }
setup() { cd "$PROJECT" || return 1; }
teardown() {
    [ -z "${server-}" ] || kill "$server" 2>/dev/null || true
    cloison compose -p interrupted down -v -t 1 --remove-orphans >/dev/null 2>&1 || true
}

# As in a terminal's foreground: a process group of its own, which Ctrl-C reaches whole.
up() {
    python3 -c 'import os, signal, sys; os.setsid(); signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])' \
        "$CLOISON" compose up -d "$@" >log 2>&1 3>&- &
    up=$!
}
ctrl_c() {
    kill -INT -- "-$up" || true
    status=0
    wait "$up" || status=$?
    cat log
}
group_is_gone() { ! kill -0 -- "-$up" 2>/dev/null; }
containers() { cloison ps -a --format '{{.Names}} {{.State}}' | sort | tr '\n' ' '; }

@test "while an image is fetched: nothing is made" {
    python3 -c '
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
open("port", "w").write(str(s.getsockname()[1]))
kept = [s.accept()]
open("asked", "w").close()
while True:
    kept.append(s.accept())' 3>&- &
    server=$!
    wait_for 30 test -s port
    cat >compose.yaml <<EOF
name: interrupted
services:
  here: {image: busybox, command: ["sh", "-c", "$LOOP"]}
  far: {image: "127.0.0.1:$(cat port)/app:1", command: ["sh", "-c", "$LOOP"]}
EOF
    up
    wait_for 60 test -e asked
    ctrl_c
    [ "$status" = 130 ]
    wait_for 30 group_is_gone
    [ -z "$(containers)" ]
    [ "$(cloison network ls -q --filter name=interrupted_default)" = '' ]
    cloison tag busybox "127.0.0.1:$(cat port)/app:1"
    cloison compose up -d
    [ "$(containers)" = 'interrupted-far-1 running interrupted-here-1 running ' ]
    cloison rmi -f "127.0.0.1:$(cat port)/app:1" >/dev/null || true
}

@test "while an image is built: the step ends, nothing is made" {
    cat >compose.yaml <<EOF
name: interrupted
services:
  app: {build: build, command: ["sh", "-c", "$LOOP"], stop_signal: SIGKILL}
EOF
    local seconds=$((100000 + 16#${TAG:0:4})) # what no other test's process is called
    printf 'FROM busybox\nRUN echo begun && sleep %s\n' $seconds >build/Dockerfile
    up
    wait_for 60 grep -q '^.*begun$' log
    wait_for 60 pgrep -f "^sleep $seconds\$"
    ctrl_c
    [ "$status" = 130 ]
    wait_for 30 group_is_gone
    step_is_gone() { ! pgrep -f "^sleep $seconds\$"; }
    wait_for 30 step_is_gone
    [ -z "$(containers)" ]
    printf 'FROM busybox\nRUN echo begun\n' >build/Dockerfile
    cloison compose up -d
    [ "$(containers)" = 'interrupted-app-1 running ' ]
    cloison compose down -t 1 --rmi local
}

# The moments are the program's own: each line of the log is a task that has ended, and one that is not begun follows.
@test "while containers are made and started: those that run stay, the next up makes the others" {
    {
        printf 'name: interrupted\nservices:\n'
        for i in 1 2 3 4 5 6; do
            printf '  s%s: {image: busybox, command: ["sh", "-c", "%s"]' $i "$LOOP"
            [ $i = 1 ] || printf ', depends_on: [s%s]' $((i - 1))
            printf '}\n'
        done
    } >compose.yaml
    all='interrupted-s1-1 running interrupted-s2-1 running interrupted-s3-1 running interrupted-s4-1 running interrupted-s5-1 running interrupted-s6-1 running '
    for lines in 1 2 3 4 5; do
        up
        reached() { [ "$(wc -l <log)" -ge $lines ] || group_is_gone; }
        wait_for 60 reached
        ctrl_c
        echo "after $lines lines: $status, $(containers)"
        [ "$status" = 130 ] || [ "$status" = 0 ]
        started=$(grep -c 'Started$' log || true)
        [ "$(cloison ps -q | wc -l)" -ge "$started" ] # what it said is so
        run cloison compose up -d
        echo "$output"
        [ "$status" = 0 ]
        [ "$(containers)" = "$all" ]
        cloison compose down -t 1
    done
}

@test "while containers are stopped: down again takes the rest" {
    cat >compose.yaml <<EOF
name: interrupted
services:
  quick: {image: busybox, command: ["sh", "-c", "$LOOP"], depends_on: [stubborn]}
  stubborn: {image: busybox, command: ["sh", "-c", "trap '' TERM; while :; do sleep 1 & wait; done"], stop_grace_period: 10m}
EOF
    cloison compose up -d
    python3 -c 'import os, signal, sys; os.setsid(); signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])' \
        "$CLOISON" compose down >log 2>&1 3>&- &
    up=$!
    wait_for 60 grep -q 'quick-1  Removed' log
    ctrl_c
    [ "$status" = 130 ]
    [ "$(containers)" = 'interrupted-stubborn-1 running ' ]
    cloison compose down -t 1
    [ -z "$(containers)" ]
}
