#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison compose watch` and `up --watch`: what `develop.watch` says when files change.
load helper

setup_file() {
    engine_setup busybox
    export PROJECT=$BATS_FILE_TMPDIR/shop
    mkdir -p "$PROJECT"
}
teardown_file() { engine_teardown; }
setup() {
    cd "$PROJECT" || return 1
    rm -rf -- *
    mkdir app
}
teardown() {
    [ ! -s pid ] || stop_watching
    cloison compose -p shop down -v -t 1 >/dev/null 2>&1 || true
}

watch() { # watch VERB [OPTION…]: in the background, until stop_watching
    "$CLOISON" compose "$@" >out 2>err 3>&- &
    echo $! >pid
    wait_for 60 grep -q 'watching for changes' err
}
stop_watching() {
    kill -TERM "$(cat pid)" 2>/dev/null || true
    wait "$(cat pid)" || true
    rm pid
}
inside() { cloison compose exec -T web "$@"; }
holds() { [ "$(inside cat "$1")" = "$2" ]; }
absent() { inside test ! -e "$1"; }
container() { cloison inspect --format '{{.Id}}' shop-web-1; }
started() { cloison inspect --format '{{.State.StartedAt}}' shop-web-1; }
is_new() { [ "$(container)" != "$1" ] && [ "$(cloison inspect --format '{{.State.Status}}' shop-web-1)" = running ]; }

project() { # lines of the service
    cat >compose.yaml <<EOF
name: shop
services:
  web:
    stop_signal: SIGKILL
$(cat)
EOF
}

@test "sync: what is written, renamed, made in new folders and removed arrives; what is ignored does not" {
    echo one >app/first
    project <<'EOF'
    image: busybox
    command: [sleep, "600"]
    develop: {watch: [{action: sync, path: ./app, target: /src, ignore: ["*.log", cache/], initial_sync: true}]}
EOF
    watch watch
    wait_for 30 holds /src/first one
    echo two >app/first
    wait_for 30 holds /src/first two
    mkdir -p app/deep/er
    echo deep >app/deep/er/file
    wait_for 30 holds /src/deep/er/file deep
    echo ignored >app/x.log
    mkdir app/cache && echo ignored >app/cache/file
    echo temporary >app/first.new && mv app/first.new app/renamed
    wait_for 30 holds /src/renamed temporary
    absent /src/x.log
    absent /src/cache
    rm -r app/deep app/first
    wait_for 30 absent /src/deep
    wait_for 30 absent /src/first
    kill -0 "$(cat pid)" # it goes on
}

@test "sync+restart, sync+exec, restart, include" {
    project <<'EOF'
    image: busybox
    command: [sh, -c, "cat /conf/a 2>/dev/null; exec sleep 600"]
    develop:
      watch:
        - {action: sync+restart, path: ./app, target: /conf, include: [a]}
        - {action: sync+exec, path: ./app, target: /conf, include: [b], exec: {command: [sh, -c, "cp /conf/b /seen; echo $$X >>/seen"], environment: [X=env]}}
        - {action: restart, path: ./app/c}
EOF
    echo 0 >app/c
    watch watch
    before=$(started)
    later() { [ "$(started)" != "$before" ] && [ "$(cloison inspect --format '{{.State.Status}}' shop-web-1)" = running ]; }
    echo conf >app/a
    wait_for 30 holds /conf/a conf
    wait_for 30 later
    [[ $(cloison compose logs --no-log-prefix web) == *conf* ]]
    echo ran >app/b
    wait_for 30 holds /seen $'ran\nenv'
    before=$(started)
    echo 1 >app/c
    wait_for 30 later
    absent /conf/c
}

@test "up --watch: rebuild makes the container anew, and its log goes on" {
    printf 'FROM busybox\nCOPY page /page\nCMD ["sh", "-c", "cat /page; exec sleep 600"]\n' >app/Dockerfile
    echo page-one >app/page
    echo '*.md' >app/.dockerignore
    project <<'EOF'
    build: app
    develop: {watch: [{action: rebuild, path: ./app}]}
EOF
    watch up --watch
    wait_for 60 grep -q 'web-1 | page-one' out
    before=$(container)
    echo text >app/README.md
    echo page-two >app/page
    wait_for 60 is_new "$before"
    wait_for 60 grep -q 'web-1 | page-two' out
    echo 'RUN false' >>app/Dockerfile # a failure is told, the old one stays
    wait_for 60 grep -q "building service 'web' failed" err
    before=$(container)
    [ "$(cloison inspect --format '{{.State.Status}}' shop-web-1)" = running ]
    stop_watching
    [ "$(cloison inspect --format '{{.State.Status}}' shop-web-1)" = exited ] # as `up` ends
}

@test "rules that cannot be followed are refused with their place" {
    project <<'EOF'
    image: busybox
    develop: {watch: [{action: sync, path: ./app}]}
EOF
    run cloison compose watch
    [ "$status" = 1 ]
    [[ $output == *"compose.yaml:6:"*"action 'sync' needs a 'target'"* ]]
    sed -i 's/action: sync/action: rebuild/' compose.yaml
    run cloison compose up --watch
    [ "$status" = 1 ]
    [[ $output == *"action 'rebuild' needs a service with a 'build'"* ]]
    sed -i '/develop/d' compose.yaml
    run cloison compose watch
    [ "$status" != 0 ]
    [[ $output == *"no service has 'develop.watch'"* ]]
    run cloison compose up -d --watch
    [[ $output == *"--detach and --watch exclude each other"* ]]
    [ "$(cloison ps -aq)" = '' ]
}
