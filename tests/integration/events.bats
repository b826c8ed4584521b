#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison events`: what happens to containers can be read afterwards and as it happens.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

# actions NAME: the actions of one container so far, on one line.
actions() {
    cloison events --since 1h --until 0s --filter "container=$1" --format '{{.Action}}' | tr '\n' ' '
}

@test "a whole life is told in order" {
    cloison run -d --name life --network none --label colour=blue busybox sleep 100
    cloison pause life
    cloison unpause life
    cloison stop -t 0 life
    cloison rm life
    run actions life
    [ "$output" = "create start pause unpause kill kill die stop destroy " ]
}

@test "a limit that killed is an event: oom" {
    run cloison run --rm --name memory --network none --memory 16m busybox tail /dev/zero
    [ "$status" = 137 ]
    [[ $(actions memory) == *"oom die "* ]]
}

@test "a limit that refused is an event: pids-limit" {
    run cloison run --rm --name forks --network none --pids-limit 3 busybox \
        sh -c 'sleep 1 & sleep 1 & sleep 1 & wait'
    [[ $(actions forks) == *"pids-limit die "* ]]
}

@test "attributes: labels, exit code, signal, the old name; also after the monitor forgot them" {
    cloison run -d --name first --network none --label colour=blue busybox sleep 100
    cloison rename first second
    cloison kill -s KILL second
    cloison wait second >/dev/null
    run cloison events --since 1h --until 0s -f container=second
    [[ $output == *" container rename "*"(colour=blue, image=busybox, name=second, oldName=first)"* ]]
    [[ $output == *" container kill "*"signal=9"* ]]
    [[ $output == *" container die "*"(colour=blue, exitCode=137, image=busybox, name=second)"* ]]
    cloison rm second
}

@test "it waits for what comes, up to --until" {
    cloison events --until "$(($(date +%s) + 6))" -f container=live >"$BATS_TEST_TMPDIR/out" &
    sleep 0.5
    run cloison run --rm --name live --network none busybox sh -c 'exit 3'
    [ "$status" = 3 ]
    wait $!
    run cat "$BATS_TEST_TMPDIR/out"
    [[ $output == *" container create "* && $output == *" container destroy "* ]]
    [[ $output == *"exitCode=3"* ]]
}

@test "a change of health is an event" {
    cloison run -d --name sick --network none --health-cmd false --health-interval 100ms \
        --health-retries 1 busybox sleep 100
    wait_for 10 sh -c "'$CLOISON' events --since 1h --until 0s -f event=health_status |
        grep -q 'health_status: unhealthy'"
    cloison rm -f sick
}

@test "inspect has the log of the health checks: their output, code and times" {
    cloison run -d --name checked --network none --health-cmd 'echo looking; test -e /tmp/ok' --health-interval 100ms \
        --health-retries 2 busybox sleep 100
    health() { cloison inspect --format "{{$1}}" checked; }
    is() { [ "$(health .State.Health.Status)" = "$1" ]; }
    wait_for 20 is unhealthy
    [ "$(health .State.Health.FailingStreak)" -ge 2 ]
    [ "$(health '(index .State.Health.Log 0).ExitCode'), $(health '(index .State.Health.Log 0).Output')" = "1, looking" ]
    cloison exec checked touch /tmp/ok
    wait_for 20 is healthy
    [ "$(health .State.Health.FailingStreak)" = 0 ]
    full() { [ "$(health 'len .State.Health.Log')" = 5 ]; }
    wait_for 20 full
    cloison rm -f checked
    # One that takes too long, and one that cannot be executed.
    cloison run -d --name late --network none --health-cmd 'sleep 100' --health-interval 100ms --health-timeout 100ms \
        --health-retries 1 --health-start-period 1ms --health-start-interval 50ms busybox sleep 100
    wait_for 20 sh -c "'$CLOISON' inspect --format '{{json .State.Health.Log}}' late | grep -q 'exceeded timeout (0.1s)'"
    cloison rm -f late
}

@test "filters: several of one key are alternatives, of several keys must all hold" {
    run cloison run --rm --name one --network none --label a=1 busybox true
    run cloison run --rm --name two --network none --label a=2 busybox true
    run cloison events --since 1h --until 0s -f container=one -f container=two -f event=die \
        --format '{{.Actor.Attributes.name}}'
    [ "$output" = $'one\ntwo' ]
    run cloison events --since 1h --until 0s -f label=a=2 -f event=start -f image=busybox:latest \
        --format '{{.Actor.Attributes.name}}'
    [ "$output" = "" ]
    run cloison events --since 1h --until 0s -f label=a=2 -f event=start -f image=busybox \
        --format '{{.Actor.Attributes.name}}'
    [ "$output" = two ]
}

@test "json has Docker's fields" {
    run cloison run --rm --name shaped --network none busybox true
    run --separate-stderr cloison events --since 1h --until 0s -f container=shaped -f event=die --format json
    [ "$(jq -r '[.Type, .Action, .status, .from, .scope, .Actor.Attributes.exitCode] | join(" ")' \
        <<<"$output")" = "container die die busybox local 0" ]
    [ "$(jq '.timeNano / 1000000000 | floor' <<<"$output")" = "$(jq .time <<<"$output")" ]
}

@test "a wrong filter or time is one line and 125" {
    run cloison events --filter colour=blue
    [ "$status" = 125 ]
    one_line
    run cloison events --since yesterday
    [ "$status" = 125 ]
    one_line
}
