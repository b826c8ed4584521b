#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Hooks of all six kinds: when and where they run, what they are told, what their failure means.
load wall_helper
load oci_helper

setup_file() { oci_setup; }
teardown_file() { oci_teardown; }
setup() { oci_test && : >"$WORK/trace"; }

# hook NAME SCRIPT [EXTRA]: a jq filter that adds it; the state is its standard input.
hook() {
    jq -nc --arg k "$1" --arg s "$2" --argjson x "${3:-{\}}" \
        '{path: "/bin/sh", args: ["sh", "-c", $s], env: ["PATH=/bin:/usr/bin", "NAME=" + $k]} + $x' |
        sed "s/^/ | .hooks.$1 += [/; s/\$/]/"
}

# trace NAME: a line with the name and what the state says.
trace() { hook "$1" "echo $1 \$(tr -d ' \\n' | sed 's/.*\"status\":\"\\([a-z]*\\)\".*\"pid\":\\([0-9]*\\).*/\\1 \\2/') >>$WORK/trace"; }

@test "order and states, in the runtime's namespaces" {
    spec ".$(trace prestart)$(trace createRuntime)$(trace poststart)$(trace poststop)" true
    oci create --pid-file "$WORK/pid" "$id" </dev/null >/dev/null 2>&1 3>&-
    local pid
    pid=$(cat "$WORK/pid")
    [ "$(cat "$WORK/trace")" = "prestart creating $pid"$'\n'"createRuntime creating $pid" ]
    oci start "$id"
    [ "$(tail -1 "$WORK/trace")" = "poststart running $pid" ]
    wait_status "$id" stopped
    oci delete "$id"
    [[ $(tail -1 "$WORK/trace") == "poststop stopped"* ]]
}

@test "createContainer and startContainer run inside" {
    mkdir -p "$ROOT/hooks"
    printf '#!/bin/sh\nhostname >/hooks/said\ncat >/hooks/state\n' >"$ROOT/hooks/start"
    chmod 755 "$ROOT/hooks/start"
    spec ".$(hook createContainer "readlink /proc/self/ns/mnt >>$WORK/trace; cat >$WORK/state")
        | .hooks.startContainer = [{path: \"/hooks/start\", env: [\"PATH=/bin\"]}]" sleep 100
    oci create "$id" </dev/null >/dev/null 2>&1 3>&-
    local pid
    pid=$(oci state "$id" | jq .pid)
    [ "$(cat "$WORK/trace")" = "$(readlink "/proc/$pid/ns/mnt")" ]
    jq -e '.pid == 1 and .status == "creating"' "$WORK/state" # as seen from inside
    [ ! -e "$ROOT/hooks/said" ]
    oci start "$id"
    [ "$(cat "$ROOT/hooks/said")" = box ]
    jq -e '.pid == 1 and .status == "created"' "$ROOT/hooks/state"
    oci delete -f "$id"
}

@test "the environment is the hook's own, the state has bundle and annotations" {
    spec ".annotations = {a: \"b\"}$(hook createRuntime "env >$WORK/env; cat >$WORK/state" '{"env": ["ONLY=this", "PATH=/usr/bin"]}')" true
    oci run "$id"
    grep -q ONLY=this "$WORK/env"
    run grep -c = "$WORK/env"
    [ "$output" -le 4 ] # and what sh adds
    jq -e --arg b "$WORK/bundle" --arg id "$id" '.bundle == $b and .id == $id and .annotations.a == "b" and .ociVersion == "1.2.0"' "$WORK/state"
}

@test "a failing prestart, createRuntime or createContainer: no container, poststop runs" {
    local kind
    for kind in prestart createRuntime createContainer; do
        : >"$WORK/trace"
        spec ".$(hook "$kind" 'exit 3')$(hook poststop "echo poststop >>$WORK/trace")" true
        run oci run "$id"
        [ "$status" -eq 1 ]
        [[ $output == *"$kind hook"*"status 3"* ]]
        [ "$(cat "$WORK/trace")" = poststop ]
        [ -z "$(oci list -q)" ]
    done
}

@test "a failing startContainer stops the container" {
    printf '#!/bin/sh\nexit 4\n' >"$ROOT/fail"
    chmod 755 "$ROOT/fail"
    spec '.hooks.startContainer = [{path: "/fail"}]' sleep 100
    oci create "$id" </dev/null >/dev/null 2>&1 3>&-
    run oci start "$id"
    [ "$status" -eq 1 ]
    [[ $output == *"startContainer hook"* ]]
    wait_status "$id" stopped
    oci delete "$id"
}

@test "a failing poststart or poststop is a warning, the others run" {
    spec ".$(hook poststart 'exit 5')$(hook poststart "echo second >>$WORK/trace")$(hook poststop 'exit 6')$(hook poststop "echo last >>$WORK/trace")" true
    oci create "$id" </dev/null >/dev/null 2>&1 3>&-
    oci --log "$WORK/log" --log-format json start "$id"
    wait_status "$id" stopped
    oci --log "$WORK/log" --log-format json delete "$id"
    [ "$(cat "$WORK/trace")" = $'second\nlast' ]
    jq -se 'map(select(.level == "warning")) | length == 2 and (.[0].msg | test("poststart.*5")) and (.[1].msg | test("poststop.*6"))' "$WORK/log"
}

@test "a hook that outlives its timeout is killed" {
    spec ".$(hook createRuntime 'sleep 60' '{"timeout": 1}')" true
    local begun=$SECONDS
    run oci run "$id"
    [ "$status" -eq 1 ]
    [[ $output == *"timeout"* ]]
    [ $((SECONDS - begun)) -lt 20 ]
}

@test "a hook that does not exist, a relative path, a timeout of 0" {
    spec '.hooks.createRuntime = [{path: "/no/such/hook"}]' true
    run oci run "$id"
    [ "$status" -eq 1 ]
    spec '.hooks.createRuntime = [{path: "relative"}]' true
    run oci run "$id"
    [[ $output == *"not absolute"* ]]
    spec '.hooks.createRuntime = [{path: "/bin/true", timeout: 0}]' true
    run oci run "$id"
    [[ $output == *timeout* ]]
}

@test "a createRuntime hook may ask for the state: creating" {
    spec ".$(hook createRuntime "$OCI --root $OCI_ROOT state $id >$WORK/state")" true
    oci run "$id"
    jq -e '.status == "creating" and .pid > 0' "$WORK/state"
}
