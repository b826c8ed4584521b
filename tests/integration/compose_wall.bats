#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `x-cloison: {wall: vm}`: services behind both walls on one network. By emulation where KVM runs no kernel.
load helper

setup_file() {
    engine_setup busybox
    export PROJECT=$BATS_FILE_TMPDIR/shop
    mkdir -p "$PROJECT"
}
teardown_file() {
    cloison compose -p shop down -v -t 1 >/dev/null 2>&1 || true
    engine_teardown
}
setup() {
    ls /boot/vmlinuz-* >/dev/null 2>&1 || skip "no kernel under /boot"
    cd "$PROJECT" || return 1
}

@test "a database behind the container wall, untrusted code behind the VM wall, by their names on one network" {
    cat >compose.yaml <<'EOF'
name: shop
services:
  db:
    image: busybox
    command: [sh, -c, 'mkdir /www; echo rows >/www/index.html; exec httpd -f -p 80 -h /www']
    stop_signal: SIGKILL
    x-cloison: {network-rate: "in=500mbit,out=100mbit"}
  untrusted:
    image: busybox
    command:
      - sh
      - -c
      - uname -r >/out/kernel; mkdir /www; until wget -qO /www/index.html http://db/; do sleep 1; done; exec httpd -f -p 8080 -h /www
    volumes: [.:/out]
    stop_signal: SIGKILL
    healthcheck: {test: [CMD, wget, -qO, /dev/null, "http://127.0.0.1:8080/"], interval: 1s, timeout: 60s, retries: 120}
    mem_limit: 200m
    x-cloison: {wall: vm}
  asks:
    image: busybox
    command: [wget, -qO-, "http://untrusted:8080/"]
    depends_on: {untrusted: {condition: service_healthy}}
EOF
    cloison compose up -d
    [ "$(cloison wait shop-asks-1)" = 0 ]
    [ "$(cloison compose logs --no-log-prefix asks)" = rows ]
    [ "$(cloison compose exec -T db wget -qO- http://untrusted:8080/)" = rows ]
    [ -e "/boot/vmlinuz-$(cat kernel)" ] # its own, the newest here
    [ "$(cloison compose exec -T untrusted sh -c 'cat /proc/1/comm; echo $((6 * 7))' | tail -1)" = 42 ]
    [[ $(cloison inspect --format '{{json .HostConfig}}' shop-db-1) == *'"NetworkRate":"in=500mbit,out=100mbit"'* ]]
    cloison compose pause untrusted
    [ "$(cloison compose ps untrusted --format '{{.State}}')" = paused ]
    cloison compose unpause untrusted
    cloison compose stop -t 1 untrusted
    [ "$(cloison inspect --format '{{.State.Status}}' shop-untrusted-1)" = exited ]
}
