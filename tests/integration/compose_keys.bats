#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each key of a service in a file of its own: that it does on a running container what it says.
load helper

setup_file() {
    engine_setup busybox
    export PROJECT=$BATS_FILE_TMPDIR/keys
    mkdir -p "$PROJECT/folder"
    echo kept >"$PROJECT/folder/file"
    echo 'FROM_FILE=one' >"$PROJECT/variables"
    echo 'from.file=two' >"$PROJECT/labels"
    echo held >"$PROJECT/content"
}
teardown_file() { engine_teardown; }
setup() { cd "$PROJECT" || return 1; }
teardown() { cloison compose -p keys down -v -t 1 --remove-orphans >/dev/null 2>&1 || true; }

# service LINE…: a service "one" with these keys, brought up.
service() {
    printf 'name: keys\nservices:\n  one:\n    image: busybox\n    stop_signal: SIGKILL\n' >compose.yaml
    printf '%s\n' "$@" | grep -q '^command:' || echo '    command: [sleep, "1000"]' >>compose.yaml
    printf '    %s\n' "$@" >>compose.yaml
    [ -z "${rest-}" ] || printf '%s\n' "$rest" >>compose.yaml
    cloison compose up -d >up.log 2>&1 || { cat compose.yaml up.log; return 1; }
}
inside() { cloison exec keys-one-1 sh -c "$1"; }
inspect() { cloison inspect --format "$1" keys-one-1; }
# is ACTUAL EXPECTED
is() { [ "$1" = "$2" ] || { cat compose.yaml; echo "it is '$1', not '$2'"; return 1; }; }

@test "the process: command, entrypoint, user, working_dir, environment, init, tty, hostname, groups" {
    service 'entrypoint: [sh, -c]' 'command: ["echo $$0 $$1 >/said; sleep 1000", a, b]'
    wait_for 60 inside 'test -s /said'
    is "$(inside 'cat /said')" 'a b'
    service 'user: "7:8"' 'group_add: ["9"]' 'working_dir: /tmp'
    is "$(inside 'id -u; id -g; id -G; pwd' | tr '\n' ' ')" '7 8 8 9 /tmp '
    service 'environment: {A: b c, EMPTY: ""}' 'env_file: variables'
    is "$(inside 'echo "$A,$EMPTY,$FROM_FILE"')" 'b c,,one'
    service 'init: true' 'tty: true' 'stdin_open: true'
    is "$(inside 'grep -c sleep /proc/1/comm; test -t 0 </proc/1/fd/0 && echo terminal' | tr '\n' ' ')" '0 terminal '
    is "$(inspect '{{.Config.Tty}} {{.Config.OpenStdin}}')" 'true true'
    service 'hostname: box' 'domainname: example.test'
    is "$(inside 'hostname; cat /proc/sys/kernel/domainname' | tr '\n' ' ')" 'box example.test '
    service 'container_name: named' && [ "$(cloison exec named echo up)" = up ]
}

@test "rights: cap_add, cap_drop, security_opt, privileged, read_only, userns_mode, sysctls" {
    service 'cap_drop: [ALL]' 'cap_add: [CHOWN]'
    is "$(inside 'grep CapEff /proc/self/status | tr -d "\t "')" 'CapEff:0000000000000001'
    service 'security_opt: ["no-new-privileges:true", "seccomp:unconfined"]'
    is "$(inside 'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status | tr -d "\t " | tr "\n" " "')" 'NoNewPrivs:1 Seccomp:0 '
    service 'privileged: true'
    inside 'mkdir /m && mount -t tmpfs x /m'
    service 'read_only: true' 'tmpfs: ["/t:size=1m"]'
    run ! inside 'touch /x'
    inside 'touch /t/x'
    is "$(inside 'df -k /t | awk "END { print \$2 }"')" 1024
    service 'sysctls: {net.ipv4.ip_forward: 1}'
    is "$(inside 'cat /proc/sys/net/ipv4/ip_forward')" 1
    service 'pid: host'
    [ "$(inside 'ls -d /proc/[0-9]* | wc -l')" -gt 5 ]
}

@test "limits: mem_limit, pids_limit, cpus, ulimits, shm_size, oom_score_adj, deploy.resources" {
    service 'mem_limit: 64m' 'memswap_limit: 64m' 'mem_reservation: 32m' 'pids_limit: 30' 'cpus: 0.5' 'cpu_shares: 512' \
        'ulimits: {nofile: {soft: 100, hard: 200}, nproc: 300}' 'shm_size: 1m' 'oom_score_adj: 300'
    is "$(inspect '{{.HostConfig.Memory}} {{.HostConfig.MemoryReservation}} {{.HostConfig.PidsLimit}} {{.HostConfig.NanoCpus}} {{.HostConfig.CpuShares}}')" \
        '67108864 33554432 30 500000000 512'
    is "$(inside 'ulimit -n; ulimit -Hn; df -k /dev/shm | awk "END { print \$2 }"; cat /proc/1/oom_score_adj' | tr '\n' ' ')" '100 200 1024 300 '
    [[ $(inside 'for i in $(seq 40); do sleep 100 >/dev/null 2>&1 & done 2>&1') == *"an't fork"* ]]
    service 'deploy: {resources: {limits: {cpus: "0.25", memory: 48m, pids: 20}, reservations: {memory: 16m}}, restart_policy: {condition: on-failure, max_attempts: 4}}'
    is "$(inspect '{{.HostConfig.Memory}} {{.HostConfig.MemoryReservation}} {{.HostConfig.PidsLimit}} {{.HostConfig.NanoCpus}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}')" \
        '50331648 16777216 20 250000000 on-failure 4'
}

@test "devices, device_cgroup_rules" {
    service 'devices: ["/dev/null:/dev/mine:rw"]' 'device_cgroup_rules: ["c 1:5 r"]'
    is "$(inside 'stat -c %t:%T /dev/mine; echo x >/dev/mine && echo written' | tr '\n' ' ')" '1:3 written '
}

@test "names: dns, dns_search, dns_opt, extra_hosts, aliases, addresses, mac_address, network_mode, expose" {
    rest=$(printf 'networks:\n  default: {ipam: {config: [{subnet: "%s"}]}}' "${POOL%.*}.128/25")
    service 'dns: [192.0.2.1]' 'dns_search: [example.test]' 'dns_opt: ["timeout:3"]' 'network_mode: bridge'
    is "$(inside 'cat /etc/resolv.conf' | grep -E '^(nameserver|search|options)' | tr '\n' ' ')" 'nameserver 192.0.2.1 search example.test options timeout:3 '
    cloison compose down -t 1
    service 'extra_hosts: ["far.test:192.0.2.7", "near=host-gateway"]' 'mac_address: "02:00:00:00:12:34"' 'expose: ["81"]' \
        "networks: {default: {aliases: [other], ipv4_address: ${POOL%.*}.200}}"
    [[ $(inside 'cat /etc/hosts') == *'192.0.2.7'*'far.test'* ]]
    inside 'grep -q near /etc/hosts'
    is "$(inside 'cat /sys/class/net/eth0/address; ip -4 -o addr show eth0 | grep -o "inet [0-9.]*"' | tr '\n' ' ')" "02:00:00:00:12:34 inet ${POOL%.*}.200 "
    inside 'ping -c 1 -W 5 other >/dev/null && ping -c 1 -W 5 one >/dev/null'
    [[ $(inspect '{{json .Config.ExposedPorts}}') == *81/tcp* ]]
    cloison compose down -t 1
    rest='' service 'network_mode: none'
    is "$(inside 'ls /sys/class/net' | tr '\n' ' ')" 'lo '
}

@test "files: volumes short and long, tmpfs, volumes_from, configs and secrets with owner and mode" {
    rest=$(printf 'volumes: {named: }\nconfigs: {c: {content: "port=${PORT:-80}"}}\nsecrets: {s: {file: ./content}, e: {environment: GIVEN}}')
    export GIVEN=given
    service 'volumes: ["./folder:/short:ro", "named:/named", {type: bind, source: ./folder, target: /long, read_only: true}, {type: tmpfs, target: /t, tmpfs: {size: 2m, mode: 0o711}}]' \
        'configs: [{source: c, target: /etc/c.conf, mode: 0440}]' 'secrets: [{source: s, uid: "5", gid: "6", mode: 0400}, e]'
    is "$(inside 'cat /short/file /long/file; touch /named/x && echo made; touch /short/x 2>/dev/null || touch /long/x 2>/dev/null || echo refused' | tr '\n' ' ')" \
        'kept kept made refused '
    is "$(inside 'df -k /t | awk "END { print \$2 }"; stat -c %a /t; cat /etc/c.conf; echo; stat -c %a /etc/c.conf; stat -c "%u:%g %a" /run/secrets/s; cat /run/secrets/s /run/secrets/e' | tr '\n' ' ')" \
        '2048 711 port=80 440 5:6 400 held given'
    cloison inspect keys-one-1 | grep -q -e '"held' -e '=given' && return 1
    cloison compose down -v -t 1
    rest=$(printf '  two: {image: busybox, command: [sleep, "1000"], stop_signal: SIGKILL, volumes_from: [one]}\nvolumes: {named: }')
    service 'volumes: ["named:/named"]'
    inside 'echo here >/named/x'
    is "$(cloison exec keys-two-1 cat /named/x)" here
}

@test "the end: stop_signal, stop_grace_period, restart, healthcheck" {
    service 'command: ["sh", "-c", "trap \"exit 9\" USR1; while :; do sleep 1 & wait; done"]'
    sed -i 's/SIGKILL/SIGUSR1/' compose.yaml
    cloison compose up -d
    cloison compose stop
    is "$(inspect '{{.State.ExitCode}}')" 9
    # The signal is not heard: the end comes after the time of grace.
    service 'command: ["sh", "-c", "trap \"\" TERM; while :; do sleep 1 & wait; done"]' 'stop_grace_period: 1s500ms'
    sed -i 's/SIGKILL/SIGTERM/' compose.yaml
    cloison compose up -d
    is "$(inspect '{{.Config.StopTimeout}}')" 2
    cloison compose stop
    is "$(inspect '{{.State.ExitCode}}')" 137
    service 'restart: on-failure:2' 'command: ["sh", "-c", "exit 4"]'
    given_up() { [ "$(inspect '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}')" = '2 exited 4' ]; }
    wait_for 60 given_up
    service 'healthcheck: {test: "test -e /well", interval: 200ms, timeout: 20s, retries: 1000, start_period: 1s}'
    inside 'touch /well'
    healthy() { [ "$(inspect '{{.State.Health.Status}}')" = healthy ]; }
    wait_for 60 healthy
}

@test "what describes: labels, label_file, annotations, logging, platform, scale, pull_policy, runtime data" {
    service 'labels: {a.b: c}' 'label_file: labels' 'annotations: {x: y}' 'logging: {driver: json-file, options: {max-size: 1m, max-file: "2"}}' \
        'scale: 2' 'pull_policy: never'
    is "$(inspect '{{index .Config.Labels "a.b"}} {{index .Config.Labels "from.file"}} {{.HostConfig.LogConfig.Type}} {{index .HostConfig.LogConfig.Config "max-size"}}')" 'c two json-file 1m'
    is "$(inspect '{{.HostConfig.Annotations.x}}')" y
    is "$(cloison compose ps -q | wc -l)" 2
    service 'logging: {driver: none}' 'command: ["sh", "-c", "echo said; sleep 1000"]'
    run cloison logs keys-one-1
    [ "$status" != 0 ]
    service "platform: linux/$(dpkg --print-architecture)"
    inside true
    printf 'name: keys\nservices:\n  one: {image: busybox, platform: linux/s390x, pull_policy: never}\n' >compose.yaml
    run cloison compose up -d
    [ "$status" = 1 ]
    [[ $output == *s390x* ]]
}

@test "post_start and pre_stop: their user, folder, environment" {
    service 'post_start: [{command: "sh -c \"id -u >>/tmp/hooks; pwd >>/tmp/hooks; echo $$X >>/tmp/hooks\"", user: "7", working_dir: /tmp, environment: [X=y]}]' \
        'volumes: ["./folder:/out"]' 'pre_stop: [{command: [sh, -c, "cat /tmp/hooks >/out/hooks; id -u >>/out/hooks"], user: root}]'
    cloison compose stop
    is "$(tr '\n' ' ' <folder/hooks)" '7 /tmp y 0 '
}
