#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison build` and a registry (Debian's docker-registry): what is pushed, caches that it keeps.
load helper

setup_file() {
    engine_setup busybox
    cd "$BATS_FILE_TMPDIR" || return 1
    command -v docker-registry >/dev/null || return 0
    PLAIN=$(start_registry plain)
    export PLAIN
}
teardown_file() {
    registries_stop
    engine_teardown
}

setup() {
    command -v skopeo >/dev/null && command -v docker-registry >/dev/null || skip "needs skopeo and docker-registry"
    fresh_context
}

# elsewhere CMD…: by an engine with a data root of its own, which has nothing but busybox.
elsewhere() { CLOISON_DATA_ROOT=$CLOISON_DATA_ROOT/other cloison "$@"; }
elsewhere_anew() { rm -rf "$CLOISON_DATA_ROOT/other"; }
digest_there() { skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$1"; }

@test "--push, type=registry and type=image,push=true: the registry has the image, under each name" {
    printf 'FROM busybox\nRUN echo pushed >/f\n' >Dockerfile
    cloison build --push -t "$PLAIN/push/a:1" -t "$PLAIN/push/b:2" --metadata-file meta.json .
    local want
    want=$(jq -r '."containerimage.digest"' meta.json)
    [ "$(digest_there "$PLAIN/push/a:1")" = "$want" ]
    [ "$(digest_there "$PLAIN/push/b:2")" = "$want" ]
    cloison build -q --output "type=registry,name=$PLAIN/push/c:3" .
    cloison build -q --output "type=image,\"name=$PLAIN/push/d:1,$PLAIN/push/d:2\",push=true" .
    for name in c:3 d:1 d:2; do
        [ "$(digest_there "$PLAIN/push/$name")" = "$want" ]
    done
    elsewhere run --rm --network none "$PLAIN/push/a:1" cat /f >out
    [ "$(cat out)" = pushed ]
    elsewhere_anew
    run -125 cloison build --push .
    one_line
    run -1 cloison build -q --push -t 127.0.0.1:1/none/x .
    one_line
    [[ $output == *"pushing '127.0.0.1:1/none/x"* ]]
}

@test "a cache in a registry: another engine takes all steps of mode=max, the image's of mode=min" {
    echo x >f
    printf 'FROM busybox AS one\nRUN date +%%N >/random && echo here >/here\nFROM busybox\nWORKDIR /w\nCOPY --from=one /random /\nCOPY f .\nRUN date +%%N >other\nRUN true\n' >Dockerfile
    cloison build -q --cache-to "type=registry,ref=$PLAIN/cache/x:max,mode=max" \
        --cache-to "type=registry,ref=$PLAIN/cache/x:min" . >one
    # What is kept is a manifest of the OCI kind, and its layers are there.
    skopeo inspect --raw --tls-verify=false "docker://$PLAIN/cache/x:max" >max
    skopeo inspect --raw --tls-verify=false "docker://$PLAIN/cache/x:min" >min
    jq -e '.mediaType == "application/vnd.oci.image.manifest.v1+json" and .config.mediaType == "application/vnd.cloison.buildcache.v1+json"
        and ([.layers[].mediaType] | unique) == ["application/vnd.oci.image.layer.v1.tar+gzip"]' max
    [ "$(jq '.layers | length' max)" = 6 ]
    [ "$(jq '.layers | length' min)" = 5 ]
    elsewhere build --cache-from "type=registry,ref=$PLAIN/cache/x:max" --iidfile id . 2>out
    cat out
    [ "$(grep -c CACHED out)" = 6 ]
    [ "$(cat id)" = "$(cat one)" ]
    elsewhere system check
    elsewhere_anew
    # A name alone is a registry's, too. What mode=min left out is made again, and is another.
    elsewhere build --cache-from "$PLAIN/cache/x:min" --iidfile id . 2>out
    [ "$(grep -c CACHED out)" = 1 ]
    elsewhere_anew
}

@test "an inline cache: the image itself is the cache, pushed or as one of a list" {
    echo y >f
    printf 'FROM busybox\nCOPY f /\nRUN date +%%N >/random\nENV A=1\nRUN true\n' >Dockerfile
    cloison build -q --cache-to type=inline --push -t "$PLAIN/inline/x:1" . >one
    elsewhere build --cache-from "type=registry,ref=$PLAIN/inline/x:1" --cache-to type=inline --iidfile id . 2>out
    cat out
    [ "$(grep -c CACHED out)" = 3 ]
    [ "$(cat id)" = "$(cat one)" ]
    elsewhere_anew
    cloison manifest create "$PLAIN/inline/list:1" "$PLAIN/inline/x:1"
    cloison manifest push --purge "$PLAIN/inline/list:1"
    elsewhere build --cache-from "$PLAIN/inline/list:1" . 2>out
    [ "$(grep -c CACHED out)" = 3 ]
    elsewhere_anew
    # Who builds on it does not inherit it, and without the option there is none.
    printf 'FROM %s\n' "$PLAIN/inline/x:1" >Dockerfile
    cloison build -q -t "inline$TAG" .
    cloison save --format oci-archive "inline$TAG" | tar xf - --one-top-level=layout
    ! grep -rlE 'cloison.buildcache' layout/blobs || false
}

@test "a cache that is not there is a warning; one that cannot be written is an error, or is not" {
    printf 'FROM busybox\nRUN echo warn >/f\n' >Dockerfile
    run --separate-stderr cloison build -q --cache-from "type=registry,ref=$PLAIN/cache/none:1" .
    [ "$status" -eq 0 ]
    [[ $stderr == "cloison: warning: --cache-from: the build cache '$PLAIN/cache/none:1'"* ]]
    [ "${#stderr_lines[@]}" = 1 ]
    # An image without one.
    cloison tag busybox "$PLAIN/cache/image:1" && cloison push -q "$PLAIN/cache/image:1"
    run --separate-stderr cloison build -q --cache-from "$PLAIN/cache/image:1" .
    [ "$status" -eq 0 ]
    [[ $stderr == *"has none in it"* ]]
    run -1 cloison build -q --cache-to type=registry,ref=127.0.0.1:1/none/x .
    one_line
    [[ $output == *"--cache-to: the build cache '127.0.0.1:1/none/x"* ]]
    run -0 cloison build -q --cache-to type=registry,ref=127.0.0.1:1/none/x,ignore-error=true .
    [[ $output == *"warning: --cache-to: "* ]]
    for bad in "to type=registry" "to type=s3,bucket=x" "to type=local,dest=x,mode=mid" "from type=inline" "to ref=x" \
        "to x@sha256:$(printf '0%.0s' {1..64})"; do
        run cloison build -q --cache-$bad .
        one_line
    done
}

@test "a layer of a registry's cache that is another than it says is refused" {
    printf 'FROM busybox\nRUN date +%%N >/random\n' >Dockerfile
    cloison build -q --cache-to "type=registry,ref=$PLAIN/cache/bad:1" .
    local hex
    hex=$(skopeo inspect --raw --tls-verify=false "docker://$PLAIN/cache/bad:1" | jq -r '.layers[0].digest' | cut -d: -f2)
    local data=../plain-store/docker/registry/v2/blobs/sha256/${hex:0:2}/$hex/data
    head -c "$(stat -c %s "$data")" /dev/zero >"$data"
    run elsewhere build -q --cache-from "$PLAIN/cache/bad:1" .
    echo "$output"
    [ "$status" -eq 1 ]
    one_line
    [ -z "$(ls -A "$CLOISON_DATA_ROOT/other/images/layers" | grep -v . )" ]
    elsewhere system check
    elsewhere_anew
}
