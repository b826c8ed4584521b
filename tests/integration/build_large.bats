#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Large layers that do not become smaller: their files are in the store once, their blob is made when it is asked for.
load helper

setup_file() {
    engine_setup busybox
    cd "$BATS_FILE_TMPDIR" || return 1
    head -c 40M /dev/urandom >random
    ! command -v docker-registry >/dev/null || PLAIN=$(start_registry plain)
    export PLAIN IMAGES="$CLOISON_DATA_ROOT/images"
}
teardown_file() {
    registries_stop
    engine_teardown
}

setup() {
    fresh_context
    cp "$BATS_FILE_TMPDIR/random" f
    printf 'FROM busybox\nCOPY f /f\n' >Dockerfile
}

# elsewhere CMD…: by an engine with a data root of its own, which has nothing but busybox.
elsewhere() { CLOISON_DATA_ROOT=$CLOISON_DATA_ROOT/other cloison "$@"; }
elsewhere_anew() { rm -rf "$CLOISON_DATA_ROOT/other"; }
# What the manifest of an image says of its last layer, and the path of its blob.
layer() { jq -r ".layers[-1].$2" "$IMAGES/blobs/$(jq -r .manifest "$IMAGES/ids/${1#sha256:}.json" | tr : /)"; }
blob() { layer "$1" digest | sed "s|^sha256:|$IMAGES/blobs/sha256/|"; }
files_of() { sha256sum f | cut -d ' ' -f 1; }
# forget ID: the image and all that was cached.
forget() { cloison rmi -f "$1" >/dev/null && cloison builder prune -af >/dev/null; }

@test "a large layer of random bytes is a plain archive whose blob is not written; a compressible one is gzip" {
    local id diff
    id=$(cloison build -q -t large .)
    [ "$(layer "$id" mediaType)" = application/vnd.oci.image.layer.v1.tar ]
    diff=$(cloison inspect -f '{{index .RootFS.Layers 1}}' large)
    [ "$(layer "$id" digest)" = "$diff" ]
    [ ! -e "$(blob "$id")" ]
    [ "$(cloison system df --format '{{.Type}} {{.Size}}' | grep Images | cut -d ' ' -f 2 | cut -d . -f 1)" -lt 60 ]
    [ "$(cloison run --rm --network none large sha256sum /f)" = "$(files_of)  /f" ]
    # It is found again, it is whole, and it depends on what is in it alone.
    [ "$(cloison build -q .)" = "$id" ]
    cloison system check
    forget "$id"
    [ "$(find "$IMAGES/deferred" -type l | wc -l)" = 0 ]
    cloison build -q . >again
    [ "$(cloison inspect -f '{{index .RootFS.Layers 1}}' "$(cat again)")" = "$diff" ]
    forget "$(cat again)"
    yes 'this becomes much smaller' | head -c 40M >f
    id=$(cloison build -q .)
    [ "$(layer "$id" mediaType)" = application/vnd.oci.image.layer.v1.tar+gzip ]
    [ -s "$(blob "$id")" ]
    forget "$id"
}

@test "a byte that changes anywhere in a large file is seen; the same content is found again" {
    local id other at
    id=$(cloison build -q .)
    for at in 0 5000000 41943039; do
        dd if=f of=byte bs=1 skip=$at count=1 status=none
        tr '\000-\377' '\001-\377\000' <byte | dd of=f bs=1 seek=$at conv=notrunc status=none
        other=$(cloison build -q .)
        [ "$other" != "$id" ]
        dd if=byte of=f bs=1 seek=$at conv=notrunc status=none
        [ "$(cloison build -q .)" = "$id" ]
    done
    cp f g && truncate -s -1 g && mv g f
    [ "$(cloison build -q .)" != "$id" ]
}

@test "save, in each format, makes the blob; what is loaded elsewhere is the same image" {
    local id
    id=$(cloison build -q -t large .)
    for format in docker-archive oci-archive; do
        cloison save --format $format -o $format.tar large
        elsewhere load -q -i $format.tar
        [ "$(elsewhere run --rm --network none large sha256sum /f)" = "$(files_of)  /f" ]
        [ "$(elsewhere inspect -f '{{.Id}}' large)" = "$id" ]
        elsewhere_anew
    done
    [ "sha256:$(sha256sum "$(blob "$id")" | cut -d ' ' -f 1)" = "$(layer "$id" digest)" ]
    # A blob that was lost is made again.
    rm "$(blob "$id")"
    cloison save --format oci-archive -o again.tar large
    cmp oci-archive.tar again.tar
    cloison system check
    forget "$id"
}

@test "push makes the blob; what is pulled elsewhere has the digest that was pushed" {
    [ -n "$PLAIN" ] || skip "needs docker-registry"
    local id digest
    id=$(cloison build -q --push -t "$PLAIN/large:1" .)
    digest=$(cloison inspect -f '{{index .RepoDigests 0}}' "$id")
    elsewhere pull -q "$digest"
    [ "$(elsewhere run --rm --network none "$digest" sha256sum /f)" = "$(files_of)  /f" ]
    elsewhere_anew
    # A pull of what is here as files alone fetches nothing.
    rm "$(blob "$id")"
    cloison pull -q "$PLAIN/large:1"
    [ ! -e "$(blob "$id")" ]
    forget "$id"
}

@test "a cache in a folder gets the blob too" {
    local id
    id=$(cloison build -q --cache-to type=local,dest=cache .)
    elsewhere build --progress plain --cache-from type=local,src=cache . >log 2>&1
    grep CACHED log
    elsewhere_anew
    forget "$id"
}

@test "files that are no longer what they were: told by check, and no blob is made of them" {
    local id chain
    id=$(cloison build -q -t large .)
    chain=$(readlink "$IMAGES/deferred/$(layer "$id" digest | cut -d : -f 2)")
    printf x | dd of="$IMAGES/layers/${chain##*/}/diff/f" bs=1 conv=notrunc status=none
    run -1 cloison system check
    [[ $output == *"damaged"* ]]
    run -1 cloison save -o saved.tar large
    one_line
    [[ $output == *"have changed since it was built"* ]]
    [ ! -e saved.tar ]
    [ ! -e "$(blob "$id")" ]
    forget "$id"
}
