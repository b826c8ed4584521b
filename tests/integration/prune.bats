#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What is removed when room is wanted, and what stays: prune, df, volumes by hand.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    store=$CLOISON_DATA_ROOT/images
}

# small NAME CONTENT [CHANGE…]: an image of one file.
small() {
    local name=$1 content=$2
    shift 2
    mkdir -p "s-$content" && echo "$content" >"s-$content/file"
    tar --mtime=@1 --sort=name -C "s-$content" -cf "s-$content.tar" file
    cloison import "$@" "s-$content.tar" "$name"
}

@test "image prune: those without a tag go, others stay; -a takes all that no container uses" {
    a=$(small moving a) && b=$(small moving b) && small kept k >/dev/null
    run cloison image prune -f
    echo "$output"
    [[ $output == "Deleted Images:"*"deleted: $a"*"Total reclaimed space: "* ]]
    [[ $output != *"$b"* ]]
    c=$(cloison create --network none kept x)
    run cloison image prune -a -f
    echo "$output"
    [[ $output == *"untagged: moving:latest"*"deleted: $b"* ]]
    [ "$(cloison images --format '{{.Repository}}')" = kept ]
    cloison rm "$c"
    cloison image prune -a -f
    [ -z "$(cloison images -q)" ]
    [ -z "$(find "$store"/blobs/sha256 "$store"/layers "$store"/tmp -mindepth 1)" ]
    cloison run --rm --network none busybox true
}

@test "image prune asks, and filters by label and time" {
    small l:1 l1 -c 'LABEL keep=yes' >/dev/null && small l:2 l2 >/dev/null
    run cloison image prune -a <<<n
    [ "$status" -eq 1 ]
    [[ $output == *"Are you sure you want to continue? [y/N]"* ]]
    cloison images -q l:2 | grep -q .
    cloison image prune -a -f --filter label!=keep --filter until=1h
    cloison images -q l:2 | grep -q .
    cloison image prune -a --filter label!=keep --filter until=0s <<<y
    [ "$(cloison images --format '{{.Tag}}')" = 1 ]
    cloison image prune -a -f --filter label=keep=yes
    [ -z "$(cloison images -q)" ]
    run cloison image prune -f --filter colour=red
    [ "$status" -eq 125 ]
    [[ $output == *"invalid filter"* ]]
    cloison run --rm --network none busybox true
}

@test "container prune: what runs stays" {
    up=$(cloison run -d --network none busybox sleep 1000)
    cloison run --network none --name done --label x=1 busybox sh -c 'echo 12345 >/f'
    created=$(cloison create --network none busybox true)
    cloison container prune -f --filter label=x=2
    [ "$(cloison ps -aq | wc -l)" = 3 ]
    run cloison container prune -f
    echo "$output"
    [[ $output == "Deleted Containers:"*"$created"*"Total reclaimed space: "* ]]
    [ "$(cloison ps -aq --no-trunc)" = "$up" ]
    cloison rm -f "$up"
}

@test "volumes: create, ls, inspect, rm, and use by a container" {
    [ "$(cloison volume create --label team=web data)" = data ]
    cloison volume create data
    anonymous=$(cloison volume create)
    [ ${#anonymous} = 64 ]
    [ "$(cloison volume ls -q --filter label=team=web)" = data ]
    [ "$(cloison volume inspect -f '{{.Labels.team}} {{.Driver}}' data)" = "web local" ]
    [[ "$(cloison volume ls | head -1)" =~ ^DRIVER\ +VOLUME\ NAME$ ]]
    c=$(cloison run -d --network none -v data:/d busybox sh -c 'echo hi >/d/f; sleep 1000')
    run cloison volume rm data
    [ "$status" -eq 1 ]
    [[ $output == *"in use by $c"* ]]
    [ "$(cloison volume ls -q --filter dangling=true)" = "$anonymous" ]
    cloison rm -f "$c"
    [ "$(cat "$(cloison volume inspect -f '{{.Mountpoint}}' data)/f")" = hi ]
    run cloison volume prune -f
    [[ $output == "Deleted Volumes:"*"$anonymous"* ]]
    [[ $output != *data* ]]
    run cloison volume rm data nosuch
    [ "$status" -eq 1 ]
    [[ $output == *"no such volume: nosuch"* ]]
    [[ $output == *data* ]]
    [ -z "$(cloison volume ls -q)" ]
    [ -z "$(ls -A "$CLOISON_DATA_ROOT/volumes")" ]
    run cloison volume create 'a/b'
    [ "$status" -eq 125 ]
}

@test "what a killed 'volume rm' left goes with the next command on volumes" {
    leftovers() { find "$CLOISON_DATA_ROOT/volumes" -mindepth 1 -maxdepth 1 -name '.*'; }
    for next in "volume ls" "volume prune -f" "volume create other"; do
        cloison volume create half
        echo x >"$(cloison volume inspect --format '{{.Mountpoint}}' half)/f"
        run strace -f -qq -o /dev/null -e trace=unlinkat -e inject=unlinkat:signal=KILL:when=1 "$CLOISON" volume rm half
        [ "$status" -ne 0 ]
        [ -n "$(leftovers)" ]
        cloison $next
        [ -z "$(leftovers)" ]
    done
    cloison volume rm other
}

@test "system df counts, and system prune frees what it promises" {
    small df:1 one >/dev/null && small df:1 two >/dev/null
    cloison run --network none --name gone busybox sh -c 'head -c 100000 /dev/zero >/f'
    run cloison system df
    echo "$output"
    [[ ${lines[0]} =~ ^TYPE\ +TOTAL\ +ACTIVE\ +SIZE\ +RECLAIMABLE$ ]]
    [[ ${lines[1]} =~ ^Images\ +3\ +1\  ]]
    [[ ${lines[2]} =~ ^Containers\ +1\ +0\ +100kB\ +100kB\ \(100%\)$ ]]
    run cloison system df -v
    [[ $output == *"Images space usage:"*busybox*"Containers space usage:"*gone*"Local Volumes space usage:"* ]]
    run cloison system prune -f
    echo "$output"
    [[ $output == *"Deleted Containers:"*"Deleted Images:"*"Total reclaimed space: 10"*kB ]]
    [ "$(cloison images -q | wc -l)" = 2 ]
    [ -z "$(cloison ps -aq)" ]
    cloison rmi df:1
}
