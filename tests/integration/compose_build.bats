#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison compose build`, and `up` with services that are built.
load helper

setup_file() {
    engine_setup busybox
    export PROJECT=$BATS_FILE_TMPDIR/shop
    mkdir -p "$PROJECT/app"
}
teardown_file() {
    cloison compose -p shop down -t 1 >/dev/null 2>&1 || true
    engine_teardown
}
setup() { cd "$PROJECT" || return 1; }

project() { # what the page says
    printf 'FROM busybox\nARG SAYS=nothing\nENV SAYS=$SAYS\nCOPY page /page\nCMD ["cat", "/page"]\n' >app/Dockerfile
    echo "$1" >app/page
    cat >compose.yaml <<EOF
name: shop
services:
  app: {build: {context: app, args: {SAYS: something}}}
  inline:
    image: inline:1
    build: {context: app, dockerfile_inline: "FROM busybox\\nCMD [\\"echo\\", \\"from the file\\"]\\n"}
EOF
}

said() { [ "$(cloison compose logs --no-log-prefix --tail 1 "$1")" = "$2" ]; }

@test "up builds what is missing; --build builds anew and replaces; --no-build refuses" {
    project one
    run cloison compose up -d --no-build
    [ "$status" = 1 ]
    [[ $output == *"compose.yaml:3:"*"the image 'shop-app' is not built"* ]]
    cloison compose up -d
    wait_for 10 said app one
    wait_for 10 said inline 'from the file'
    cloison inspect --format '{{.Config.Env}}' shop-app-1 | grep -q SAYS=something
    project two
    cloison compose up -d # what is here is taken
    wait_for 10 said app one
    cloison compose up -d --build
    wait_for 10 said app two
}

@test "build alone; down --rmi local takes what has no name of the file's" {
    project three
    cloison compose build -q app
    [ "$(cloison run --rm shop-app)" = three ]
    run cloison compose down --rmi local
    [ "$status" = 0 ]
    run cloison compose config --images
    [ "$output" = $'shop-app\ninline:1' ]
    [ "$(cloison images -q shop-app)" = '' ]
    [ -n "$(cloison images -q inline:1)" ]
}
