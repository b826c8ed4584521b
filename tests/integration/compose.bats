#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison compose`: projects brought up, changed and taken down.
load helper

setup_file() {
    engine_setup busybox
    export PROJECT=$BATS_FILE_TMPDIR/shop
    mkdir -p "$PROJECT"
    # A service ends at once when told to.
    export LOOP="trap 'exit 0' TERM; while :; do sleep 1 & wait; done"
}
teardown_file() { engine_teardown; }
setup() {
    cd "$PROJECT" || return 1
    rm -f -- *.yaml
}
teardown() { cloison compose -p shop down -v -t 1 --remove-orphans >/dev/null 2>&1 || true; }

compose() { cloison compose "$@" 2>&1; }

two_services() {
    cat >compose.yaml <<EOF
name: shop
services:
  db:
    image: busybox
    command: ["sh", "-c", "$LOOP"]
    healthcheck: {test: [CMD, "true"], interval: 300ms}
    volumes: [data:/data]
  web:
    image: busybox
    command: ["sh", "-c", "echo ${1:-hello}; $LOOP"]
    depends_on: {db: {condition: service_healthy}}
    deploy: {replicas: 2}
volumes: {data: }
EOF
}

names() { cloison ps -a --format '{{.Names}}' | sort | tr '\n' ' '; }
id_of() { cloison inspect --format '{{.Id}}' "$1"; }

@test "up -d makes containers with Docker Compose's names and labels, what they need first" {
    two_services
    run compose up -d
    [ "$status" = 0 ]
    [[ $output == *"shop-db-1  Healthy"*"shop-web-1  Started"* ]]
    [ "$(names)" = 'shop-db-1 shop-web-1 shop-web-2 ' ]
    run cloison inspect --format '{{index .Config.Labels "com.docker.compose.project"}} {{index .Config.Labels "com.docker.compose.service"}} {{index .Config.Labels "com.docker.compose.container-number"}} {{index .Config.Labels "com.docker.compose.oneoff"}}' shop-web-2
    [ "$output" = 'shop web 2 False' ]
    [ "$(cloison volume ls -q)" = shop_data ]
}

@test "a second up changes nothing; a changed service is made anew, the others stay" {
    two_services
    compose up -d
    db=$(id_of shop-db-1) web=$(id_of shop-web-1)
    compose up -d
    [ "$(id_of shop-db-1)" = "$db" ]
    [ "$(id_of shop-web-1)" = "$web" ]
    two_services world
    run compose up -d
    [ "$status" = 0 ]
    [[ $output == *"shop-db-1  Running"* && $output == *"shop-web-1  Recreated"* ]]
    [ "$(id_of shop-db-1)" = "$db" ]
    [ "$(id_of shop-web-1)" != "$web" ]
    [ "$(names)" = 'shop-db-1 shop-web-1 shop-web-2 ' ]
    compose up -d --force-recreate db
    [ "$(id_of shop-db-1)" != "$db" ]
}

@test "scale, stop, start, restart, pause, kill, rm" {
    two_services
    compose up -d --scale web=1
    [ "$(names)" = 'shop-db-1 shop-web-1 ' ]
    compose scale web=3
    [ "$(names)" = 'shop-db-1 shop-web-1 shop-web-2 shop-web-3 ' ]
    compose up -d --scale web=1
    [ "$(names)" = 'shop-db-1 shop-web-1 ' ]
    run compose stop
    [[ $output == *"shop-web-1  Stopped"*"shop-db-1  Stopped"* ]] # reverse
    [ "$(compose ps -q)" = '' ]
    compose start
    [ "$(compose ps -q | wc -l)" = 2 ]
    compose restart db
    compose pause web
    [ "$(compose ps web --format '{{.State}}')" = paused ]
    compose unpause web
    compose kill web
    wait_for 10 cloison_is shop-web-1 exited
    compose rm -f web
    [ "$(names)" = 'shop-db-1 ' ]
}
cloison_is() { [ "$(cloison inspect --format '{{.State.Status}}' "$1")" = "$2" ]; }

@test "down removes containers; -v the volumes; orphans stay until --remove-orphans" {
    two_services
    compose up -d
    sed -i '/^  web:/,/replicas/d' compose.yaml
    run compose down
    [ "$status" = 0 ]
    [[ $output == *"shop-web-1"*"--remove-orphans"* ]]
    [ "$(names)" = 'shop-web-1 shop-web-2 ' ]
    run compose up -d
    [[ $output == *"shop-web-1"* ]]
    compose up -d --remove-orphans
    [ "$(names)" = 'shop-db-1 ' ]
    compose down
    [ "$(cloison volume ls -q)" = shop_data ]
    compose down -v
    [ "$(cloison volume ls -q)" = '' ]
}

@test "networks are the project's: made with it, labelled, gone with it" {
    cat >compose.yaml <<EOF
name: shop
services:
  a: {image: busybox, command: ["sh", "-c", "$LOOP"], networks: {front: {aliases: [alpha]}, back: }}
  b: {image: busybox, command: ["sh", "-c", "$LOOP"], networks: [back]}
  c: {image: busybox, command: ["sh", "-c", "$LOOP"], network_mode: "service:a"}
networks: {front: , back: {internal: true, labels: {x: y}}}
EOF
    compose up -d
    run cloison network inspect --format '{{.Internal}} {{index .Labels "com.docker.compose.network"}} {{.Labels.x}}' shop_back
    [ "$output" = 'true back y' ]
    [ "$(compose exec -T a ip -o -4 addr show scope global | wc -l)" = 2 ]
    [ "$(compose exec -T b ip -o -4 addr show scope global | wc -l)" = 1 ]
    [ "$(compose exec -T c ip -o -4 addr show scope global | wc -l)" = 2 ]
    compose up -d --force-recreate a # c shares its network: it goes along
    [ "$(compose exec -T c ip -o -4 addr show scope global | wc -l)" = 2 ]
    compose down
    [ "$(cloison network ls -q --filter label=com.docker.compose.project=shop)" = '' ]
}

@test "-p alone is enough where there is no file" {
    two_services
    compose up -d
    rm compose.yaml
    [ "$(compose -p shop ps -q | wc -l)" = 3 ]
    compose -p shop down
    [ "$(names)" = '' ]
}

@test "secrets are files, and in no environment, label or record" {
    cat >compose.yaml <<EOF
name: shop
services:
  a:
    image: busybox
    command: ["sh", "-c", "$LOOP"]
    secrets: [pw, {source: file, target: other, mode: "0400", uid: "7"}]
    configs: [{source: conf, target: /etc/conf}]
secrets: {pw: {environment: PW}, file: {file: ./secret.txt}}
configs: {conf: {content: "a=\${A}"}}
EOF
    echo from-file >secret.txt
    export A=1 PW=hush-hush
    compose up -d
    [ "$(compose exec -T a cat /run/secrets/pw)" = hush-hush ]
    [ "$(compose exec -T a cat /run/secrets/other)" = from-file ]
    [ "$(compose exec -T a stat -c '%u %a' /run/secrets/other)" = '7 400' ]
    [ "$(compose exec -T a cat /etc/conf)" = a=1 ]
    run compose exec -T a sh -c 'echo x >/run/secrets/pw'
    [ "$status" != 0 ]
    run cloison inspect shop-a-1
    [[ $output != *hush-hush* ]]
    ! grep -r hush-hush "$CLOISON_DATA_ROOT/containers" || false
    compose down
    [ ! -e "$CLOISON_RUN_ROOT/compose/shop" ]
}

@test "an image that does not exist changes nothing" {
    two_services
    compose up -d
    db=$(id_of shop-db-1)
    two_services world
    sed -i 's/^volumes:/  bad: {image: "127.0.0.1:1\/none:1"}\nvolumes:/' compose.yaml
    run compose up -d
    [ "$status" = 1 ]
    [[ $output == *"127.0.0.1:1/none:1"* ]]
    [ "$(id_of shop-db-1)" = "$db" ]
    [ "$(names)" = 'shop-db-1 shop-web-1 shop-web-2 ' ]
}

@test "what depends on a failure is left out, the rest goes on" {
    cat >compose.yaml <<EOF
name: shop
services:
  job: {image: busybox, command: ["false"]}
  after: {image: busybox, depends_on: {job: {condition: service_completed_successfully}}}
  alone: {image: busybox, command: ["sh", "-c", "$LOOP"]}
EOF
    run compose up -d
    [ "$status" = 1 ]
    [[ $output == *"'shop-job-1' did not complete: exit code 1"* ]]
    [ "$(names)" = 'shop-alone-1 shop-job-1 ' ]
}

@test "up in the foreground prints the logs; --abort-on-container-exit ends with the code" {
    cat >compose.yaml <<EOF
name: shop
services:
  a: {image: busybox, command: ["sh", "-c", "echo one; exit 3"]}
  b: {image: busybox, command: ["sh", "-c", "$LOOP"]}
EOF
    run compose up --abort-on-container-exit
    [ "$status" = 3 ]
    [[ $output == *"a-1 | one"*"shop-b-1  Stopped"* ]]
    run compose logs --no-log-prefix a
    [ "$output" = one ]
}

@test "run is a container of its own; exec, top, images, port, ls" {
    two_services
    compose up -d
    run compose run --rm -T web echo once
    [[ $output == *once ]]
    [ "$(names)" = 'shop-db-1 shop-web-1 shop-web-2 ' ]
    [ "$(compose exec -T --index 2 web hostname)" = "$(id_of shop-web-2 | cut -c1-12)" ]
    run compose exec -T web sh -c 'exit 4'
    [ "$status" = 4 ]
    compose images | grep -q 'shop-db-1 *busybox'
    compose top db | grep -q sleep
    [ "$(compose ls -q)" = shop ]
    run compose exec -T wbe true
    [[ $output == *"no service 'wbe' (there are: db, web)"* ]]
}

@test "hooks: post_start after the start, pre_stop before the end" {
    cat >compose.yaml <<EOF
name: shop
services:
  a:
    image: busybox
    command: ["sh", "-c", "$LOOP"]
    volumes: ["$PROJECT:/out"]
    post_start: [{command: ["sh", "-c", "echo \$\$X >/out/hooks"], environment: [X=started]}]
    pre_stop: [{command: ["sh", "-c", "echo stopping >>/out/hooks"]}]
EOF
    compose up -d
    compose down
    [ "$(tr '\n' ' ' <hooks)" = 'started stopping ' ]
}

@test "a second up waits for the first" {
    two_services
    compose up -d &
    compose up -d
    wait
    [ "$(names)" = 'shop-db-1 shop-web-1 shop-web-2 ' ]
}

@test "killed at any moment, the next up finishes what was begun" {
    two_services
    for after in 0.01 0.03 0.06 0.1 0.2; do
        timeout -s KILL "$after" "$CLOISON" compose up -d >/dev/null 2>&1 || true
        run compose up -d
        echo "after $after: $output"
        [ "$status" = 0 ]
        [ "$(names)" = 'shop-db-1 shop-web-1 shop-web-2 ' ]
        compose down -t 1
    done
}

@test "the machine comes up: in the order of depends_on, with the secrets' files" {
    cat >compose.yaml <<EOF
name: shop
services:
  a: {image: busybox, restart: always, command: ["sh", "-c", "$LOOP"], depends_on: [z]}
  z: {image: busybox, restart: always, command: ["sh", "-c", "$LOOP"], secrets: [pw]}
  once: {image: busybox, command: ["sh", "-c", "$LOOP"]}
secrets: {pw: {file: ./secret.txt}}
EOF
    echo kept >secret.txt
    compose up -d
    cloison system shutdown
    rm -r "$CLOISON_RUN_ROOT/compose" # what was on tmpfs is gone
    cd / # the service has no folder of its own
    run cloison system boot
    [ "$status" = 0 ]
    [[ $output == *"shop-z-1  Started"*"shop-a-1  Started"* ]]
    [ "$(cloison exec shop-z-1 cat /run/secrets/pw)" = kept ]
    [ "$(cloison ps -q | wc -l)" = 2 ]
}

@test "services find each other by name, replicas and aliases too" {
    cat >compose.yaml <<EOF
name: shop
services:
  a: {image: busybox, command: ["sh", "-c", "$LOOP"], scale: 2, networks: {default: {aliases: [alpha]}}}
  b: {image: busybox, command: ["sh", "-c", "$LOOP"]}
EOF
    compose up -d
    for name in a alpha shop-a-2; do
        compose exec -T b ping -c 1 -W 5 "$name" >/dev/null
    done
}
