#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Pulling: from Debian's docker-registry, and from one that misbehaves (registry.py).
load helper

setup_file() {
    engine_setup busybox
    cd "$BATS_FILE_TMPDIR" || return 1
    bad_registry
}

teardown_file() {
    registries_stop
    engine_teardown
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return 1
    export CLOISON_DATA_ROOT=$BATS_TEST_TMPDIR/data
    : >layout/log
}

teardown() { rm -rf "$BATS_TEST_TMPDIR/data"; }

# refused WORDS… -- CMD…: fails with one line with the words, leaving an empty store.
refused() {
    local words=() w
    while [ "$1" != -- ]; do words+=("$1"); shift; done
    shift
    run --separate-stderr "$@"
    echo "status $status, stderr: $stderr"
    [ "$status" -ne 0 ] && [ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ] && [[ $stderr == cloison:* ]] || return 1
    for w in "${words[@]}"; do [[ $stderr == *"$w"* ]] || { echo "no '$w'"; return 1; }; done
    [ -z "$(find "$CLOISON_DATA_ROOT/images/"{layers,ids,names,tmp,blobs/sha256} -mindepth 1 2>/dev/null)" ]
}

file_of() { cat "$(cloison inspect --format '{{.GraphDriver.Data.UpperDir}}' "$1")/$2"; }

@test "docker-registry: what save wrote and skopeo pushed comes back as the same image" {
    mkdir reg && printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s"}\nlog: {level: error}\n' \
        "$PWD/reg" "$(free_port)" >reg.yml
    addr=$(grep -o '127[0-9.:]*' reg.yml)
    docker-registry serve reg.yml >reg.log 2>&1 3>&- &
    reg=$!
    wait_for 10 curl -sf "http://$addr/v2/"
    data=$CLOISON_DATA_ROOT
    CLOISON_DATA_ROOT=/var/tmp/cloison-test-$TAG
    cloison save --format oci-archive -o o.tar busybox
    want=$(cloison images -q --no-trunc busybox)
    CLOISON_DATA_ROOT=$data
    skopeo copy -q --dest-tls-verify=false oci-archive:o.tar "docker://$addr/team/bb:1"
    run cloison pull "$addr/team/bb:1"
    kill $reg
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"Pulling from team/bb"*"Pull complete"*"Digest: sha256:"*"Downloaded newer image"* ]]
    [ "$(cloison images -q --no-trunc)" = "$want" ]
    [ "$(cloison images --digests --format '{{.Digest}}')" = "$(skopeo inspect --raw oci-archive:o.tar | sha256sum | sed 's/ .*//;s/^/sha256:/')" ]
    run cloison run --rm --network none --pull never "$addr/team/bb:1" echo ran
    [ "$output" = ran ]
}

@test "two layers, Docker's types and OCI's, packed or not" {
    for tag in two docker raw many; do
        run cloison pull "$REGISTRY/plain/x:$tag"
        echo "$output"
        [ "$status" -eq 0 ]
    done
    [ "$(file_of "$REGISTRY/plain/x:two" etc/top)" = top ]
    [ "$(cloison images -q | sort -u | wc -l)" -ge 3 ]
    # The second pull asks for the manifest's digest alone.
    : >layout/log
    run strace -f -qq -e trace=openat,execve -o trace "$CLOISON" pull "$REGISTRY/plain/x:two"
    [[ $output == *"Already exists"*"up to date"* ]]
    cat layout/log
    [ "$(wc -l <layout/log)" -eq 1 ]
    grep -q '^HEAD .*manifests/two ' layout/log
    # No library is loaded for that.
    run grep -E '\.so|cloison-image' trace
    [ -z "$output" ]
}

@test "--quiet prints the ID alone, --all-tags needs no tag" {
    run --separate-stderr cloison pull -q "$REGISTRY/plain/x:two"
    [[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
    [ -z "$stderr" ]
    [ "$output" = "$(cloison images -q --no-trunc "$REGISTRY/plain/x:two")" ]
    refused_words=$(cloison pull -a "$REGISTRY/plain/x:two" 2>&1 || true)
    [[ $refused_words == *all-tags* ]]
}

@test "an index: this machine's platform, another, one that is not there" {
    cloison pull -q "$REGISTRY/plain/x:multi"
    [ "$(file_of "$REGISTRY/plain/x:multi" arch)" = "$(dpkg --print-architecture)" ]
    cloison pull -q --platform linux/arm64/v8 "$REGISTRY/plain/x:multi"
    [ "$(file_of "$REGISTRY/plain/x:multi" arch)" = arm64 ]
    [ "$(cloison images -q --filter dangling=true | wc -l)" -eq 1 ]
    run --separate-stderr cloison pull --platform linux/s390x "$REGISTRY/plain/x:multi"
    [[ $stderr == *"no image for platform 'linux/s390x'"*"linux/amd64, linux/arm64/v8"* ]]
    # One that stands alone is for what it is for.
    host=$(jq -rn --arg a "$(dpkg --print-architecture)" '"linux/" + $a')
    run --separate-stderr cloison pull --platform linux/s390x "$REGISTRY/plain/x:two"
    [ "$status" -eq 1 ]
    [[ $stderr == *"it is for platform '$host' alone, not for 'linux/s390x'"* ]]
    cloison pull -q --platform "$host" "$REGISTRY/plain/x:two"
    run --separate-stderr cloison pull --platform linux/s390x "$REGISTRY/plain/x:two"
    [ "$status" -eq 1 ]
}

@test "by digest" {
    d=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"]=="x:two").digest' layout/index.json)
    cloison pull -q "$REGISTRY/plain/x@$d"
    cloison inspect --format '{{.RepoTags}} {{.RepoDigests}}' "$REGISTRY/plain/x@$d" | grep -F "[] [$REGISTRY/plain/x@$d]"
    # Nobody is asked for what is here; a part that is missing is fetched.
    : >layout/log
    cloison pull "$REGISTRY/plain/x@$d" | grep 'up to date'
    [ ! -s layout/log ]
    rm "$CLOISON_DATA_ROOT"/images/layers/*/layer.json
    run cloison pull "$REGISTRY/plain/x@$d"
    [ "$status" -eq 0 ]
    [[ $output != *"Already exists"* ]]
    cloison system check
    cloison rmi "$REGISTRY/plain/x@$d"
    [ -z "$(cloison images -q)" ]
}

@test "a token service is asked once, as nobody or with a login" {
    cloison pull -q "$REGISTRY/token/x:two"
    grep -q '/token?service=test&scope=repository%3Atoken%2Fx%3Apull auth= ' layout/log
    [ "$(grep -c '/token?' layout/log)" -eq 1 ]
    : >layout/log
    printf '{"auths":{"%s":{"auth":"%s"}}}' "$REGISTRY" "$(printf user:secret | base64)" >auth.json
    rm -rf "$CLOISON_DATA_ROOT"
    REGISTRY_AUTH_FILE=$PWD/auth.json cloison pull -q "$REGISTRY/token/x:two"
    grep -q "/token?.*auth=Basic $(printf user:secret | base64)" layout/log
    rm -rf "$CLOISON_DATA_ROOT"
    printf '{"auths":{"%s":{"auth":"%s"}}}' "$REGISTRY" "$(printf user:wrong | base64)" >auth.json
    REGISTRY_AUTH_FILE=$PWD/auth.json refused "token service" 401 -- cloison pull -q "$REGISTRY/token/x:two"
}

@test "a login with a password" {
    refused login -- cloison pull -q "$REGISTRY/basic/x:two"
    printf '{"auths":{"%s":{"auth":"%s"}}}' "$REGISTRY" "$(printf user:secret | base64)" >auth.json
    REGISTRY_AUTH_FILE=$PWD/auth.json cloison pull -q "$REGISTRY/basic/x:two"
}

@test "a redirect gets no credentials" {
    printf '{"auths":{"%s":{"auth":"%s"}}}' "$REGISTRY" "$(printf user:secret | base64)" >auth.json
    REGISTRY_AUTH_FILE=$PWD/auth.json cloison pull -q "$REGISTRY/moved/x:two"
    grep -q '/store/' layout/log
    ! grep '/store/' layout/log | grep -v 'auth= ' || false
}

@test "a broken connection is taken up where it broke, or from the start" {
    cloison pull -q "$REGISTRY/cut/x:two"
    grep -q 'range=bytes=[1-9]' layout/log
    cloison rmi "$REGISTRY/cut/x:two"
    cloison pull -q "$REGISTRY/deaf/x:two"
    [ "$(file_of "$REGISTRY/deaf/x:two" etc/top)" = top ]
}

@test "a busy registry is asked again" {
    cloison pull -q "$REGISTRY/busy/x:two"
    grep -c manifests/two layout/log | grep -qx 3
}

@test "what fails for ever fails in one line and leaves nothing" {
    refused answers 500 -- cloison pull -q "$REGISTRY/down/x:two"
    refused layer remaining -- cloison pull -q "$REGISTRY/short/x:two"
    refused "digest mismatch" layer -- cloison pull -q "$REGISTRY/lies/x:two"
    refused "more bytes" -- cloison pull -q "$REGISTRY/big/x:raw"
    refused "not found" -- cloison pull -q "$REGISTRY/plain/x:nosuch"
    refused "not of an image" helm -- cloison pull -q "$REGISTRY/plain/x:chart"
    refused "schema 1" -- cloison pull -q "$REGISTRY/plain/x:old"
    refused "not valid JSON" -- cloison pull -q "$REGISTRY/plain/x:noise"
    refused "digest mismatch" diffID -- cloison pull -q "$REGISTRY/plain/x:wrongdiff"
    refused "127.0.0.1:1" -- cloison pull -q 127.0.0.1:1/x
    refused "no-such-host.invalid" -- cloison pull -q no-such-host.invalid/x
}

@test "what lies about digests and sizes is refused, and leaves nothing" {
    refused "digest mismatch" -- cloison pull -q "$REGISTRY/twin/x:two"
    refused "size mismatch" -- cloison pull -q "$REGISTRY/plain/x:wrongsize"
    refused "size mismatch" config -- cloison pull -q "$REGISTRY/plain/x:longconfig"
    refused layer "ends early" -- cloison pull -q "$REGISTRY/plain/x:longlayer"
    refused layer "more bytes" -- cloison pull -q "$REGISTRY/plain/x:shortlayer"
    refused "another index" -- cloison pull -q "$REGISTRY/plain/x:nested"
}

@test "a later layer's names behind an earlier one's links stay in the image" {
    cloison pull -q "$REGISTRY/plain/x:doors"
    [ ! -e /var/tmp/cloison-through-a-link ]
    top=$(cloison inspect --format '{{.GraphDriver.Data.UpperDir}}' "$REGISTRY/plain/x:doors")
    for d in door door2; do
        [ ! -L "$top/$d" ]
        [ "$(cat "$top/$d/cloison-through-a-link")" = x ]
    done
    [ "$(cat "$top/file")" = x ]
    # As one tree: the later layer's folders stand where the links stood.
    cloison create --network none --name doors "$REGISTRY/plain/x:doors" >/dev/null
    cloison cp -q doors:/door2/cloison-through-a-link got
    cloison rm doors
    [ "$(cat got)" = x ]
    cloison system check
}

@test "of two manifests for one platform the first is taken" {
    cloison pull -q "$REGISTRY/plain/x:twice"
    [ "$(file_of "$REGISTRY/plain/x:twice" arch)" = amd64 ]
}

@test "a manifest without an end is given up, in little memory" {
    run /usr/bin/env bash -c 'ulimit -v 600000; "$0" "$@"' "$CLOISON" pull -q "$REGISTRY/huge/x:two"
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"larger than it may be"* ]]
}

@test "a layer that unpacks to too much is given up, and the disk is kept" {
    printf '{"images":{"maxLayerBytes":"10m"}}' >c.json
    CLOISON_CONFIG=$PWD/c.json refused layer 10 -- cloison pull -q "$REGISTRY/plain/x:bomb"
    cloison pull -q "$REGISTRY/plain/x:bomb"
}

@test "Retry-After is kept to; one that is too long is told" {
    start=$SECONDS
    refused "too many requests" "3600 s" -- cloison pull -q "$REGISTRY/later/x:two"
    [ $((SECONDS - start)) -lt 600 ]
    start=$SECONDS
    cloison pull -q "$REGISTRY/wait/x:two"
    [ $((SECONDS - start)) -ge 1 ]
}

@test "a token that expires is renewed" {
    cloison pull -q "$REGISTRY/expire/x:many"
    [ "$(grep -c '/token?' layout/log)" -ge 3 ]
}

@test "a connection that hangs counts as broken after the time set" {
    printf '{"registries":{"%s":{"timeout":1}}}' "$REGISTRY" >c.json
    start=$SECONDS
    CLOISON_CONFIG=$PWD/c.json refused layer -- cloison pull -q "$REGISTRY/hang/x:raw"
    [ $((SECONDS - start)) -le 60 ]
}

@test "Ctrl-C ends a hanging pull within a second and keeps what was finished" {
    env --default-signal=INT "$CLOISON" pull "$REGISTRY/hang/x:mixed" >out 2>err 3>&- &
    pid=$!
    wait_for 5 grep -q "Pull complete" out
    before=$(date +%s%N)
    kill -INT $pid
    status=0
    wait $pid || status=$?
    ms=$((($(date +%s%N) - before) / 1000000))
    echo "status $status, $ms ms, $(cat err)"
    [ $status -eq 130 ]
    [ $ms -lt 10000 ] # a tenth of a second, where the machine has the time; the connection's own end is a minute
    [ -z "$(cloison images -q)" ]
    run cloison pull "$REGISTRY/plain/x:mixed"
    echo "$output"
    [[ $output == *"Already exists"*"Pull complete"* ]]
    [ "$(file_of "$REGISTRY/plain/x:mixed" etc/base)" = base ]
}

@test "tags, page by page" {
    run cloison tags "$REGISTRY/pages/x"
    [ "$status" -eq 0 ]
    [ "$(grep -c 'tags/list' layout/log)" -ge 5 ]
    [ "$output" = "$(cloison tags "$REGISTRY/plain/x")" ]
    [[ $output == *$'\n'two$'\n'* ]]
    run cloison tags "$REGISTRY/plain/x:two"
    [ "$status" -eq 125 ]
    one_line
}

@test "through a proxy, but never to the loopback" {
    printf '{"registries":{"registry.example":{"insecure":true}}}' >c.json
    CLOISON_CONFIG=$PWD/c.json HTTP_PROXY=http://$REGISTRY HTTPS_PROXY=http://$REGISTRY \
        cloison pull -q registry.example/plain/x:two
    grep -q "registry.example /v2/plain/x/manifests/two" layout/log
    HTTP_PROXY=http://127.0.0.1:1 HTTPS_PROXY=http://127.0.0.1:1 cloison pull -q "$REGISTRY/plain/x:raw"
    CLOISON_CONFIG=$PWD/c.json HTTP_PROXY=http://$REGISTRY HTTPS_PROXY=http://$REGISTRY NO_PROXY=registry.example \
        run cloison pull -q registry.example/plain/x:raw
    [ "$status" -eq 1 ]
}

@test "on a terminal: a bar for each layer and one for all" {
    run script -qec "stty cols 90 rows 30; '$CLOISON' pull $REGISTRY/plain/x:two" /dev/null
    echo "$output"
    [[ $output == *"Pull complete"*"Total: 2 of 2 layers ["*"====>]"* || $output == *"Total: 2 of 2 layers ["*"="*"MB"* ]]
    run script -qec "stty cols 90 rows 6; '$CLOISON' pull $REGISTRY/plain/x:many" /dev/null
    echo "$output"
    [[ $output == *"Total: 12 of 12 layers"* ]]
}

@test "a mirror is asked first, the registry when it does not have it" {
    printf '{"registries":{"docker.io":{"mirrors":["http://%s"]}}}' "$REGISTRY" >c.json
    CLOISON_CONFIG=$PWD/c.json cloison pull -q plain/x:two
    [ "$(cloison images --format '{{.Repository}}:{{.Tag}}')" = plain/x:two ]
    printf '{"registries":{"%s":{"mirrors":["http://127.0.0.1:1","http://%s"]}}}' "$REGISTRY" "$REGISTRY" >c.json
    CLOISON_CONFIG=$PWD/c.json cloison pull -q "$REGISTRY/plain/x:two"
}

@test "settings that are wrong are refused by name" {
    printf '{"registries":{"docker.io":{"mirors":[]}}}' >c.json
    CLOISON_CONFIG=$PWD/c.json refused mirors "did you mean 'mirrors'" -- cloison pull -q x
    printf '{"registries":{"docker.io":{"mirrors":["ftp://x"]}}}' >c.json
    CLOISON_CONFIG=$PWD/c.json refused ftp://x -- cloison pull -q x
}

@test "run pulls what is missing; --pull always asks again; --pull never does not" {
    run --separate-stderr cloison run --rm --network none --pull never "$REGISTRY/plain/x:latest" echo a
    [ "$status" -eq 125 ]
    [[ $stderr == *"no such image"* ]]
    run --separate-stderr cloison run --rm --network none "$REGISTRY/plain/x:latest" echo from-registry
    echo "$output / $stderr"
    [ "$status" -eq 0 ]
    [ "$output" = from-registry ]
    [[ $stderr == *"Pull complete"* ]]
    : >layout/log
    cloison run --rm --network none "$REGISTRY/plain/x:latest" true
    [ ! -s layout/log ]
    run --separate-stderr cloison run -q --rm --network none --pull always "$REGISTRY/plain/x:latest" echo again
    [ "$output" = again ]
    [ -z "$stderr" ]
    [ -s layout/log ]
}

@test "a signal ends a pull, and nothing is left" {
    "$CLOISON" pull -q "$REGISTRY/short/x:two" 2>err 3>&- &
    pid=$!
    sleep 0.3
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    [ $status -eq 143 ]
    [ -z "$(find "$CLOISON_DATA_ROOT/images/"{layers,ids,names,tmp,blobs/sha256} -mindepth 1)" ]
}

@test "a killed pull leaves rubbish that the next command removes" {
    "$CLOISON" pull -q "$REGISTRY/short/x:two" 2>/dev/null 3>&- &
    pid=$!
    sleep 0.3
    kill -KILL $pid
    wait $pid || true
    cloison pull -q "$REGISTRY/plain/x:two"
    [ -z "$(ls "$CLOISON_DATA_ROOT/images/tmp")" ]
}
