#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The load balancer of `cloison compose`, and updates without loss.
load helper

setup_file() {
    engine_setup busybox
    command -v caddy >/dev/null || skip "needs caddy"
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
    engine_teardown
}
setup() { cd "$PROJECT" || return 1; }

# Debian's program and the libraries it names, as an image: `up` would make one with mmdebstrap.
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

@test "no request fails while replicas are replaced, added, removed, and one is killed" {
    wait_for 60 says one
    rm -f stop
    python3 "$BATS_TEST_DIRNAME/compose_load.py" "$PORT" root.pem stop >counts 2>bad &
    load=$!
    kill -9 "$(cloison inspect --format '{{.State.Pid}}' shop-web-2)"
    project two 1
    cloison compose up -d
    wait_for 60 says two
    cloison compose scale web=3
    touch stop
    wait "$load"
    cat bad
    read -r good failed <counts
    [ "$good" -gt 100 ]
    [ "$failed" -le 8 ] # those under way to the one that was killed: one a client at most
}

@test "a replica that does not come up is rolled back, and the old one serves on" {
    id=$(cloison inspect --format '{{.Id}}' shop-web-1)
    project three 3
    sed -i 's/exec httpd/exit 5; exec httpd/; s/restart: always/restart: "no"/' compose.yaml
    run cloison compose up -d
    [ "$status" = 1 ]
    [[ $output == *"'shop-web-1' is rolled back, the old one serves on"*"exit code 5"* ]]
    [ "$(cloison inspect --format '{{.Id}}' shop-web-1)" = "$id" ]
    says two
    [ "$(cloison ps -a --format '{{.Names}}' | grep -c next)" = 0 ]
}

@test "a wrong address is refused with its place" {
    printf 'services: {a: {image: busybox, x-cloison: {publish: "shop.localhost"}}}\n' >bad.yaml
    run cloison compose -f bad.yaml up -d
    [ "$status" = 1 ]
    [[ $output == *"bad.yaml:1:"*"publish: 'shop.localhost' is not http://HOST"* ]]
}
