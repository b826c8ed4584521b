#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The load balancer of `cloison compose`, and updates without loss.
load helper

setup_file() {
    engine_setup busybox
    command -v caddy >/dev/null || return 0
    export PROJECT=$BATS_FILE_TMPDIR/shop PORT=$((20000 + RANDOM % 9000))
    mkdir -p "$PROJECT"
    cd "$PROJECT" || return 1
    balancer_image
    project one
    cloison compose up -d
    wait_for 30 root_is_made
}
root_is_made() { cloison compose trust --print >root.pem; }
teardown_file() {
    cloison compose -p shop down -v -t 1 >/dev/null 2>&1 || true
    cloison compose -p fast down -v -t 1 >/dev/null 2>&1 || true
    engine_teardown
}
setup() {
    command -v caddy >/dev/null || skip "needs caddy"
    cd "$PROJECT" || return 1
}

project() { # what the pages say
    cat >compose.yaml <<EOF
name: shop
services:
  web:
    image: busybox
    command: ["sh", "-c", "mkdir /www; echo $1 >/www/index.html; exec httpd -f -p 80 -h /www"]
    stop_signal: SIGKILL
    restart: always
    deploy: {replicas: ${2:-2}}
    x-cloison: {publish: "https://localhost:$PORT"}
  api:
    image: busybox
    command: ["sh", "-c", "mkdir -p /www/api; echo api >/www/api/index.html; exec httpd -f -p 8080 -h /www"]
    stop_signal: SIGKILL
    x-cloison: {port: 8080}
    labels: {cloison.ingress: "https://localhost:$PORT/api,http://plain.localhost:$((PORT + 1))"}
EOF
}
page() { curl -sS --fail --cacert root.pem "https://localhost:$PORT${1:-/}"; }
says() { [ "$(page "${2:-/}")" = "$1" ]; }

@test "hosts and paths lead to their services, over TLS with the project's authority, and plainly" {
    wait_for 60 says one
    wait_for 60 says api /api/
    [ "$(curl -sS --fail --resolve "plain.localhost:$((PORT + 1)):127.0.0.1" "http://plain.localhost:$((PORT + 1))/api/")" = api ]
    [ "$(curl -sS --cacert root.pem --http2 -o out -w '%{http_version}' "https://localhost:$PORT/")" = 2 ]
    run curl -sS "https://localhost:$PORT/"
    [ "$status" != 0 ] # nobody knows the authority
    [ "$(cloison compose ps --services | sort | tr '\n' ' ')" = 'api balancer web ' ]
}

# A project whose replicas answer as fast as they can; $3: more lines of the file.
fast() { # fast WHAT-THEY-SAY REPLICAS [MORE]
    cat >fast.yaml <<EOF
name: fast
services:
  web:
    image: cloison/balancer
    command: [caddy, respond, --listen, ":80", "$1"]
    restart: always
    deploy: {replicas: $2, update_config: {parallelism: 2}}
    x-cloison: {publish: "https://localhost:$((PORT + 2))"}
${3:-}
EOF
}
fast_says() { [ "$(curl -sS --fail -k "https://localhost:$((PORT + 2))/")" = "$1" ]; }
# What wrk counts as failed, in the file of its output; without its closing lines it has not ended well.
failures() {
    grep -q 'requests in' "$1" || return 1
    awk '/Socket errors/ { n += $4 + $6 + $8 + $10 } /Non-2xx/ { n += $NF } END { print n + 0 }' FS='[ ,:]+' "$1"
}
load_begins() {
    wrk -t 2 -c 16 -d 900 --timeout 120 "https://localhost:$((PORT + 2))/" >load 2>&1 3>&- &
    load=$!
}
load_ends() {
    kill -INT "$load"
    wait "$load"
    cat load
}
kill_replica() { kill -9 "$(cloison inspect --format '{{.State.Pid}}' "$1")"; }

@test "wrk at full load: no request fails while replicas are replaced, added, removed, and one is killed" {
    command -v wrk >/dev/null || skip "needs wrk"
    fast one 2
    cloison compose -f fast.yaml up -d
    wait_for 60 fast_says one
    load_begins
    fast two 2
    cloison compose -f fast.yaml up -d
    cloison compose -f fast.yaml scale web=4
    kill_replica fast-web-3
    cloison compose -f fast.yaml up -d --scale web=1
    fast_says two
    load_ends
    cloison compose -f fast.yaml down -v -t 1
    [ "$(failures load)" -le 16 ] # those under way to the one that was killed: one a connection at most
    [ "$(awk '/requests in/ { print $1 }' load)" -gt 1000 ]
}

@test "a minute of it, with two updates, 2, 6 and 1 replicas, and one behind the VM wall that freezes" {
    [ -n "${TEST_FULL-}" ] || skip "takes two minutes: TEST_FULL=1"
    guest="  guest:
    image: cloison/balancer
    command: [caddy, respond, --listen, ':80', guest]
    mem_limit: 300m
    x-cloison: {publish: 'https://localhost:$((PORT + 2))', wall: vm}"
    fast one 2 "$guest"
    cloison compose -f fast.yaml up -d
    wait_for 60 fast_says one
    wait_for 120 fast_says guest
    load_begins
    begin=$SECONDS
    fast two 2 "$guest"
    cloison compose -f fast.yaml up -d
    cloison compose -f fast.yaml up -d --scale web=6
    kill_replica fast-web-2
    vm=$(cloison inspect --format '{{.State.Pid}}' fast-guest-1)
    machine=$(pgrep -P "$vm")
    kill -STOP $machine
    fast three 6 "$guest"
    cloison compose -f fast.yaml up -d
    cloison compose -f fast.yaml up -d --scale web=1
    while [ $((SECONDS - begin)) -lt 60 ]; do
        fast_says three
        sleep 1
    done
    kill -CONT $machine
    load_ends
    cloison compose -f fast.yaml down -v -t 1
    [ "$(failures load)" -le 32 ] # those under way to the two
}

@test "a replica that no longer answers gets no requests, until it does: the active check" {
    fast one 2 ""
    sed -i 's|publish: |health: /up, publish: |' fast.yaml
    cloison compose -f fast.yaml up -d
    wait_for 60 fast_says one
    hosts=$CLOISON_DATA_ROOT/compose/fast/balancer/hosts
    known() { [ "$(grep -c web.balanced "$hosts")" = "$1" ]; }
    wait_for 60 known 2
    kill -STOP "$(cloison inspect --format '{{.State.Pid}}' fast-web-1)" # its kernel still takes connections
    wait_for 60 known 1
    kill -CONT "$(cloison inspect --format '{{.State.Pid}}' fast-web-1)"
    wait_for 60 known 2
    cloison compose -f fast.yaml down -v -t 1
    sed -i 's|health: /up|health: up|' fast.yaml
    run cloison compose -f fast.yaml up -d
    [ "$status" = 1 ]
    [[ $output == *"fast.yaml:"*"health: 'up' is not a path: it begins with '/'"* ]]
}

@test "a replica that does not come up is rolled back, and the old one serves on" {
    id=$(cloison inspect --format '{{.Id}}' shop-web-1)
    project three 3
    sed -i 's/exec httpd/exit 5; exec httpd/; s/restart: always/restart: "no"/' compose.yaml
    run cloison compose up -d
    [ "$status" = 1 ]
    [[ $output == *"'shop-web-1' is rolled back, the old one serves on"*"exit code 5"* ]]
    [ "$(cloison inspect --format '{{.Id}}' shop-web-1)" = "$id" ]
    wait_for 60 says one
    [ "$(cloison ps -a --format '{{.Names}}' | grep -c next)" = 0 ]
}

@test "a wrong address is refused with its place" {
    printf 'services: {a: {image: busybox, x-cloison: {publish: "shop.localhost"}}}\n' >bad.yaml
    run cloison compose -f bad.yaml up -d
    [ "$status" = 1 ]
    [[ $output == *"bad.yaml:1:"*"publish: 'shop.localhost' is not http://HOST"* ]]
}
