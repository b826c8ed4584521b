#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `system check`: each kind of damage is found and told, what can be mended is mended, and what
# cannot stays as it was.
load helper

setup_file() {
    engine_setup busybox
    cd "$BATS_FILE_TMPDIR" || return 1
    export REGISTRY_PORT
    REGISTRY_PORT=$(free_port)
    mkdir registry
    cat >registry.yml <<YML
version: 0.1
storage: {filesystem: {rootdirectory: $PWD/registry}, delete: {enabled: true}}
http: {addr: 127.0.0.1:$REGISTRY_PORT}
YML
    docker-registry serve registry.yml >registry.log 2>&1 3>&- &
    echo $! >pid
    wait_for 10 curl -sf "http://127.0.0.1:$REGISTRY_PORT/v2/"
    export REMOTE=127.0.0.1:$REGISTRY_PORT/checked:1
    mkdir -p t/etc t/d && echo one >t/etc/one && ln -s one t/etc/link && head -c 200000 /dev/urandom >t/noise
    tar -C t -cf t.tar . && cloison import t.tar seed:1
    cloison save --format oci-archive -o seed.tar seed:1
    skopeo copy -q --dest-tls-verify=false oci-archive:seed.tar "docker://$REMOTE"
    cloison rmi seed:1
}
teardown_file() {
    [ ! -f "$BATS_FILE_TMPDIR/pid" ] || kill "$(cat "$BATS_FILE_TMPDIR/pid")"
    engine_teardown
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cloison pull -q "$REMOTE" >/dev/null
    store=$CLOISON_DATA_ROOT/images
}

# sound: the check finds nothing.
sound() {
    run cloison system check
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"no problem"* ]]
}

# found WORDS…: the check finds it and says so.
found() {
    run cloison system check
    echo "$output"
    [ "$status" -eq 1 ] || return 1
    local w
    for w in "$@"; do [[ $output == *"$w"* ]] || { echo "no '$w'"; return 1; }; done
}

mended() {
    run cloison system check --repair
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *mended* ]]
    sound
}

upper() { cloison inspect --format '{{.GraphDriver.Data.UpperDir}}' "$1"; }
blob_of() { jq -r .blob "$(dirname "$(upper "$1")")/layer.json" | cut -d: -f2; }

@test "a sound store has no problem" {
    sound
    [[ $output == *"Checked 2 images"* ]]
}

@test "a file of an unpacked layer that was altered is found and mended, without the registry" {
    d=$(upper "$REMOTE")
    echo two >"$d/etc/one"
    found layer etc/one "needed by $REMOTE"
    mended
    [ "$(cat "$(upper "$REMOTE")/etc/one")" = one ]
}

@test "modes, owners, times, links, missing and surplus files: all are seen" {
    for damage in 'chmod 600 etc/one' 'chown 5 etc/one' 'touch -h etc/link' 'ln -sfn two etc/link' 'rm noise' \
        'touch new' 'rmdir d' 'setfattr -n user.x -v y etc/one' 'truncate -s 10 noise' 'rm -r etc; touch etc'; do
        (cd "$(upper "$REMOTE")" && bash -c "$damage")
        found layer damaged || { echo "not found: $damage"; return 1; }
        mended || { echo "not mended: $damage"; return 1; }
    done
}

@test "a damaged and a missing blob come from the registry again" {
    b=$(blob_of "$REMOTE")
    printf x | dd of="$store/blobs/sha256/$b" conv=notrunc bs=1 seek=100 status=none
    found "blob 'sha256:$b'" damaged
    mended
    rm "$store/blobs/sha256/$b"
    found "blob 'sha256:$b'" missing
    mended
    id=$(cloison images -q --no-trunc "$REMOTE")
    rm "$store/blobs/sha256/${id:7}"
    found "blob '$id'" missing
    mended
    m=$(jq -r .manifest "$store/ids/${id:7}.json")
    echo x >>"$store/blobs/sha256/${m:7}"
    found "blob '$m'" damaged
    mended
}

@test "a lost layer and a lost layer.json are unpacked again" {
    d=$(dirname "$(upper "$REMOTE")")
    rm "$d/layer.json"
    found layer layer.json
    mended
    rm -r "$d"
    found layer missing
    mended
    cloison save "$REMOTE" >/dev/null
}

@test "an unreadable image file is made again" {
    id=$(cloison images -q --no-trunc "$REMOTE")
    echo '{' >"$store/ids/${id:7}.json"
    found "image '${id:7}'"
    mended
    [ "$(cloison images -q --no-trunc "$REMOTE")" = "$id" ]
}

@test "a name that leads nowhere is taken away" {
    mkdir -p "$store/names/docker.io/library/ghost"
    ln -s "../../../../ids/$(printf '0%.0s' {1..64}).json" "$store/names/docker.io/library/ghost/:latest"
    found "name 'docker.io/library/ghost:latest'"
    mended
    [ ! -e "$store/names/docker.io/library/ghost" ]
}

@test "a damaged blob that nothing needs is removed; a sound one is no problem" {
    echo x >"$store/blobs/sha256/$(printf 'a%.0s' {1..64})"
    found damaged
    mended
    echo y >y && h=$(sha256sum y | cut -d' ' -f1) && cp y "$store/blobs/sha256/$h"
    sound
    [[ $output == *unused* ]]
}

@test "what cannot be mended stays as it was, and the other things are mended" {
    mkdir t && echo local >t/f && tar -C t -cf t.tar . && cloison import t.tar local:1 >/dev/null
    b=$(blob_of local:1)
    printf x | dd of="$store/blobs/sha256/$b" conv=notrunc bs=1 seek=20 status=none
    sum=$(sha256sum <"$store/blobs/sha256/$b")
    rm "$(upper "$REMOTE")/noise"
    run cloison system check --repair
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"local:1): not mended:"* ]]
    [[ $output == *"noise"*": mended"* ]]
    [ "$(sha256sum <"$store/blobs/sha256/$b")" = "$sum" ]
    [ "$(cloison run --rm --network none --entrypoint '' local:1 2>&1 | wc -l)" -ge 1 ]
    cloison rmi local:1
    sound
}

@test "a layer that a running container uses is left alone until it has stopped" {
    mkdir -p t && tar -C t -cf t.tar . && cloison import t.tar plain >/dev/null
    c=$(cloison run -d --network none busybox sleep 1000)
    f=$(upper busybox)/etc/passwd
    echo "x" >>"$f"
    run cloison system check --repair
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"stop it first"* ]]
    cloison rm -f "$c"
    mended
    cloison rmi plain
}

@test "--quick sees what is missing, not what is altered; a read-only store can be checked" {
    d=$(upper "$REMOTE")
    echo two >"$d/etc/one"
    run cloison system check --quick
    [ "$status" -eq 0 ]
    mended
    b=$(blob_of "$REMOTE")
    mv "$store/blobs/sha256/$b" saved
    run cloison system check --quick
    [ "$status" -eq 1 ]
    mv saved "$store/blobs/sha256/$b"
    unshare -m sh -c "mount --bind $CLOISON_DATA_ROOT $CLOISON_DATA_ROOT && mount -o remount,ro,bind $CLOISON_DATA_ROOT && $CLOISON system check" >out
    cat out
    grep -q "no problem" out && grep -q "could not be compared" out
}

@test "a container whose layer is gone is told" {
    c=$(cloison create --network none "$REMOTE" /x)
    mv "$(dirname "$(upper "$REMOTE")")" saved-layer
    found "container '$c'" "is missing"
    mended
    cloison rm "$c"
}

@test "what cannot be mended can be removed by force" {
    mkdir t && echo lost >t/f && tar -C t -cf t.tar . && id=$(cloison import t.tar lost:1)
    rm "$store/blobs/sha256/${id:7}"
    run cloison system check --repair
    [ "$status" -eq 1 ]
    [[ $output == *"not mended"* ]]
    run cloison rmi lost:1
    [ "$status" -eq 1 ]
    cloison rmi -f lost:1
    cloison rmi -f nosuch
    sound
    id=$(cloison import t.tar lost:2) && echo x >"$store/ids/${id:7}.json"
    cloison rmi -f "${id:7:12}"
    sound
}
