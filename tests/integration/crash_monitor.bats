#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A monitor killed while its container runs: the next command, whichever it is, tells the truth and
# clears up.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }
teardown() { cloison rm -f -v web >/dev/null 2>&1 || true; }

# begin [OPTION…]: runs web, and kills its monitor. Sets pid, the workload's.
begin() {
    cloison run -d --name web "$@" busybox sleep 600 >"$BATS_TEST_TMPDIR/id"
    pid=$(cloison inspect --format '{{.State.Pid}}' web)
    local monitor
    monitor=$(awk '/^PPid:/ {print $2}' "/proc/$pid/status")
    [ "$(cat "/proc/$monitor/comm")" = cloison-monitor ]
    kill -9 "$monitor"
    wait_for 5 is_gone "$monitor"
}

is_gone() { ! grep -qs '^State:.[^ZX]' "/proc/$1/status"; }

cleared() {
    is_gone "$pid"
    [ -z "$(ls "$CLOISON_RUN_ROOT/containers" "$CLOISON_RUN_ROOT/net/attachments" 2>/dev/null | grep -v '^/\|^$')" ]
    [ -z "$(find /sys/fs/cgroup -name "$(cat "$BATS_TEST_TMPDIR/id")" 2>/dev/null)" ]
}

@test "ps shows its end, and the container starts again" {
    begin --network none
    run cloison ps -a --format '{{.Names}} {{.Status}}'
    echo "$output"
    [[ $output == "web Exited (137)"* ]]
    cleared
    [ "$(cloison inspect --format '{{.State.Error}}' web)" = "its monitor was killed" ]
    cloison start web
    [ "$(cloison inspect --format '{{.State.Status}}' web)" = running ]
}

@test "with --rm it is gone, its anonymous volume too" {
    begin --rm -v /bin
    run cloison ps -aq
    [ -z "$output" ]
    cleared
    [ -z "$(ls -A "$CLOISON_DATA_ROOT/volumes")" ]
}

@test "with --restart always" {
    begin --restart always
    run cloison ps -a --format '{{.Names}} {{.Status}}'
    [[ $output == "web Exited (137)"* ]]
    cleared
    cloison start web
    cloison stop -t 0 web
}

@test "its port is free for the next one, and its address" {
    local port
    port=$(free_port)
    begin -p "127.0.0.1:$port:80" --ip "$SUBNET_PREFIX.77"
    cloison run -d --name next -p "127.0.0.1:$port:80" --ip "$SUBNET_PREFIX.77" busybox sleep 600
    is_gone "$pid"
    cloison rm -f next web
    wait_for 5 cleared
}

@test "start, stop, rm, rm -f, exec, kill, wait, restart as the first command" {
    begin --network none
    cloison start web
    cloison rm -f web
    begin --network none
    cloison stop web
    cleared
    cloison rm web
    begin --network none
    cloison rm web
    cleared
    begin --network none
    cloison rm -f web
    cleared
    begin --network none
    run cloison exec web true
    echo "$output"
    [ "$status" -ne 0 ]
    one_line
    cleared
    cloison rm web
    begin --network none
    run cloison kill web
    one_line
    cleared
    [ "$(cloison wait web)" = 137 ]
    cloison restart -t 0 web
    cloison rm -f web
}

@test "paused" {
    begin --network none
    cloison start web
    cloison pause web
    pid=$(cloison inspect --format '{{.State.Pid}}' web)
    kill -9 "$(awk '/^PPid:/ {print $2}' "/proc/$pid/status")"
    wait_for 5 bash -c '[ "$("$CLOISON" inspect --format "{{.State.Status}}" web)" = exited ]'
    cleared
}

@test "whoever is attached is told in a line" {
    "$CLOISON" run --name web --network none busybox sleep 600 >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    local client=$! ended=0
    wait_for 5 bash -c '[ "$("$CLOISON" inspect --format "{{.State.Status}}" web)" = running ]'
    pid=$(cloison inspect --format '{{.State.Pid}}' web)
    kill -9 "$(awk '/^PPid:/ {print $2}' "/proc/$pid/status")"
    wait "$client" || ended=$?
    run cat "$BATS_TEST_TMPDIR/out"
    echo "$ended: $output"
    [ "$ended" = 125 ]
    one_line
    [[ $output == *"monitor"*"killed"* ]]
}
