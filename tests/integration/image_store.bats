#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The image store: names, the list, removal, what goes and what stays; killed at any system call.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    store=$CLOISON_DATA_ROOT/images
}

# small NAME CONTENT: an image of one file.
small() {
    mkdir -p "s-$2" && echo "$2" >"s-$2/file"
    tar --mtime=@1 --sort=name -C "s-$2" -cf "s-$2.tar" file
    cloison import "s-$2.tar" "$1"
}

objects() { find "$store"/{blobs/sha256,layers,ids,tmp} -mindepth 1 -maxdepth 1 | sort; }

@test "the embedded image is made in under a second, and is the same every time" {
    export CLOISON_DATA_ROOT=$BATS_TEST_TMPDIR/fresh
    { TIMEFORMAT='%U %S' && time cloison run --rm --network none busybox echo hi >out 2>err; } 2>took
    [ "$(cat out)" = hi ]
    echo "took $(cat took) of processor time" # which others' load does not prolong
    awk '{ exit !($1 + $2 < 1) }' took
    [ "$(cloison images -q --no-trunc)" = "$(CLOISON_DATA_ROOT=/var/tmp/cloison-test-$TAG cloison images -q --no-trunc busybox)" ]
    run cloison run --rm --network none busybox sh -c 'id -u; ls -ld /tmp; wc -l </etc/passwd; busybox | head -1'
    [ "${lines[0]}" = 0 ]
    [[ ${lines[1]} == drwxrwxrwt* ]]
    [ "${lines[2]}" -ge 3 ]
    rm -rf --one-file-system "$CLOISON_DATA_ROOT"
}

@test "tag and rmi: a name is taken away, the image with its last one" {
    before=$(objects)
    id=$(small one:1 first)
    cloison tag one:1 registry.example:5000/team/one
    cloison tag "${id:7:12}" two
    [ "$(cloison images -q one)" = "${id:7:12}" ]
    [ "$(cloison images --format '{{.Repository}}:{{.Tag}}' | grep -c 'one\|two')" = 3 ]
    run cloison rmi one:1
    [ "$output" = "Untagged: one:1" ]
    run cloison rmi "${id:7:12}"
    [ "$status" -eq 1 ]
    [[ $output == *"several repositories"* ]]
    cloison rmi two
    run cloison rmi registry.example:5000/team/one
    [ "${lines[1]}" = "Deleted: $id" ]
    [ "$(objects)" = "$before" ]
}

@test "while an image's manifest is missing no blob goes, and that is said" {
    broken=$(small broken:1 broken) && small gone:1 gone >/dev/null
    manifest=$(jq -r .manifest "$store/ids/${broken:7}.json") layers=$(ls "$store/layers" | wc -l)
    mv "$store/blobs/sha256/${manifest:7}" kept
    run --separate-stderr cloison rmi gone:1
    echo "$stderr"
    [ "$status" -eq 0 ]
    [[ $output == *"Deleted: "* ]]
    [ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ]
    [[ $stderr == "cloison: blobs that no image uses are kept: the manifest of image '${broken:7:12}'"*"--repair"* ]]
    # Its layer went: which layers an image has is known without its manifest.
    [ "$(ls "$store/layers" | wc -l)" -eq $((layers - 1)) ]
    blobs=$(ls "$store/blobs/sha256" | wc -l)
    mv kept "$store/blobs/sha256/${manifest:7}"
    run --separate-stderr cloison image prune -f
    [ -z "$stderr" ]
    [ "$(ls "$store/blobs/sha256" | wc -l)" -lt "$blobs" ]
    cloison system check
    cloison rmi broken:1
}

@test "a name goes over to another image; the old one stays without a name" {
    a=$(small moving a)
    b=$(small moving b)
    [ "$(cloison images -q --no-trunc moving)" = "$b" ]
    [ "$(cloison images -q --no-trunc --filter dangling=true)" = "$a" ]
    cloison images | grep -q '^<none> *<none> '"*${a:7:12}"
    cloison rmi "$a" moving
    [ -z "$(cloison images -q --filter dangling=true)" ]
}

@test "rmi: many at once, missing ones, --force" {
    small x:1 x1 && small x:2 x2
    run cloison rmi x:1 nosuch x:2
    [ "$status" -eq 1 ]
    [[ $output == *"Untagged: x:1"*"no such image: 'nosuch'"*"Untagged: x:2"* ]]
    run cloison rmi -f nosuch
    [ "$status" -eq 0 ]
    run cloison rmi nosuch
    [ "$status" -eq 1 ]
}

@test "an image in use is not removed; by force, the container keeps its layers" {
    id=$(cloison images -q --no-trunc busybox)
    cloison save -o b.tar busybox
    c=$(cloison create --network none --name keeper busybox echo alive)
    run cloison rmi busybox
    [ "$status" -eq 1 ]
    [[ $output == *"in use by container 'keeper'"* ]]
    [ "$(cloison images -q --no-trunc busybox)" = "$id" ]
    cloison rmi -f busybox
    [ -z "$(cloison images -q busybox)" ]
    run cloison start -a keeper
    echo "$output"
    [ "$output" = alive ]
    cloison rm keeper
    small z z && cloison rmi z # a sweep: now the layers go
    [ -z "$(ls "$store/layers")" ]
    cloison load -i b.tar
}

@test "images: columns, filters, templates" {
    small f:1 f1 && small f:2 f2
    cloison tag f:1 g
    [ "$(cloison images --format '{{.Repository}}:{{.Tag}}' --filter 'reference=f:*' | sort | xargs)" = "f:1 f:2" ]
    [ "$(cloison images f --format '{{.Tag}}' | sort | xargs)" = "1 2" ]
    [ "$(cloison images --filter before=f:2 -q f | wc -l)" = 1 ]
    [ "$(cloison images --filter since=f:1 --format '{{.Tag}}' f)" = 2 ]
    [ "$(cloison images --format json f:1 | jq -r .Repository)" = f ]
    [[ "$(cloison images | head -1)" =~ ^REPOSITORY\ +TAG\ +IMAGE\ ID\ +CREATED\ +SIZE$ ]]
    run cloison images --filter colour=red
    [ "$status" -eq 125 ]
    [[ $output == *"invalid filter 'colour'"* ]]
    cloison rmi f:1 f:2 g
}

@test "images --tree: names, the platform, what it takes, whether it is used" {
    small t:1 tree >/dev/null && cloison tag t:1 t:2
    container=$(cloison create --network none t:2 /file)
    run cloison images --tree t
    echo "$output"
    cloison rm "$container"
    [[ ${lines[0]} =~ ^IMAGE\ +ID\ +DISK\ USAGE\ +CONTENT\ SIZE\ +EXTRA$ ]]
    [[ ${lines[1]} =~ ^t:1\ *$ ]]
    [[ ${lines[2]} =~ ^t:2\ +$(cloison images -q t:1)\ +[0-9.]+k?B\ +[0-9.]+k?B\ +U$ ]]
    manifest=$(jq -r .manifest "$store/ids/$(cloison images -q --no-trunc t:1 | cut -d: -f2).json")
    [[ ${lines[3]} =~ ^└─\ linux/$(cloison inspect -f '{{.Architecture}}' t:1)\ +${manifest:7:12}\  ]]
    [ "${#lines[@]}" -eq 4 ]
    run cloison images --tree t
    [[ ${lines[2]} != *U ]]
    run cloison images --tree -q
    [ "$status" -eq 125 ]
    one_line
    cloison rmi t:1 t:2
}

@test "--platform: history, inspect, save and rmi want the image to be for it" {
    small p:1 platform >/dev/null
    own=linux/$(cloison inspect -f '{{.Architecture}}' p:1) other=linux/s390x
    [ -n "$(cloison history --platform "$own" -q p:1)" ]
    [ "$(cloison image inspect --platform "$own" -f '{{.Os}}' p:1)" = linux ]
    cloison save --platform "$own" -o p.tar p:1
    for verb in history "image inspect" "save -o none.tar" "save --platform $own -o none.tar" rmi; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr cloison $verb --platform $other p:1
        echo "$verb: $stderr"
        [ "$status" -eq 1 ]
        [ "$stderr" = "cloison: image 'p:1' is here, but not for platform '$other'" ]
    done
    run cloison save --platform "$own,$other" -o none.tar p:1
    [ "$status" -eq 1 ]
    run -125 cloison history --platform a/b/c/d p:1
    [ ! -e none.tar ]
    [ "$(cloison rmi --platform "$own" p:1 | head -1)" = "Untagged: p:1" ]
}

@test "an ID's prefix names an image; one that fits two is refused" {
    id=$(cloison images -q --no-trunc busybox)
    [ "$(cloison inspect --format '{{.Id}}' "${id:7:8}")" = "$id" ]
    [ "$(cloison inspect --format '{{.Id}}' "$id")" = "$id" ]
    cp "$store/ids/${id:7}.json" "$store/ids/${id:7:60}0000.json"
    run cloison run --rm --network none "${id:7:12}" true
    rm "$store/ids/${id:7:60}0000.json"
    [ "$status" -eq 125 ]
    [[ $output == *ambiguous* ]]
}

@test "a folder that no archive spoke of has the mode it has below" {
    mkdir -p l/secret && chmod 700 l/secret && echo a >l/secret/a
    tar -C l -cf base.tar .
    mkdir u && mkdir -p u/secret && echo b >u/secret/b
    tar -C u -cf top.tar secret/b
    python3 - <<'PY'
import hashlib, io, json, tarfile
out = tarfile.open("two.tar", "w")
def add(name, data):
    i = tarfile.TarInfo(name); i.size = len(data); out.addfile(i, io.BytesIO(data))
tars = [open(f, "rb").read() for f in ("base.tar", "top.tar")]
config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers",
    "diff_ids": ["sha256:" + hashlib.sha256(t).hexdigest() for t in tars]}}).encode()
for n, t in enumerate(tars):
    add("%d/layer.tar" % n, t)
add("c.json", config)
add("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": ["implied:1"], "Layers": ["0/layer.tar", "1/layer.tar"]}]).encode())
out.close()
PY
    cloison load -i two.tar
    [ "$(stat -c %a "$(cloison inspect --format '{{.GraphDriver.Data.UpperDir}}' implied:1)/secret")" = 700 ]
    cloison rmi implied:1
}

# consistent: nothing is referred to that is not there, and what is there is whole.
consistent() {
    cloison images -q --no-trunc >ids.txt || return 1
    local id
    while read -r id; do
        cloison save "$id" >/dev/null || return 1
    done <ids.txt
    local l
    for l in "$store"/layers/*/; do
        [ ! -e "$l" ] || [ -f "$l/layer.json" ] || { echo "half a layer: $l"; return 1; }
    done
}

# killed_everywhere REQUEST PREPARE…: ends cloison-image at its system calls that change something,
# each kind at several of its occurrences (CRASH_POINTS: at how many).
killed_everywhere() {
    local helper request=$1 call count n step points=${CRASH_POINTS:-4}
    helper=$(dirname "$CLOISON")/cloison-image
    shift
    command -v strace >/dev/null || skip "needs strace"
    "$@" >/dev/null
    strace -f -qq -o trace "$helper" "$request" >/dev/null
    for call in openat mkdirat renameat renameat2 symlinkat unlinkat write pwrite64 syncfs flock fchmod utimensat; do
        count=$(grep -cE "^[0-9]+ +$call\(" trace || true)
        [ "$count" -gt 0 ] || continue
        step=$(((count + points - 1) / points))
        for ((n = 1; n <= count; n += step)); do
            "$@" >/dev/null
            strace -f -qq -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$n \
                "$helper" "$request" >/dev/null 2>&1 || true
            consistent || { echo "killed at $call number $n"; return 1; }
        done
    done
}

@test "killed at any system call, import leaves a consistent store" {
    mkdir t && head -c 100000 /dev/urandom >t/f && tar -C t -cf t.tar f
    killed_everywhere "{\"verb\":\"import\",\"dataDir\":\"$CLOISON_DATA_ROOT\",\"source\":\"$PWD/t.tar\",\"reference\":\"killed\"}" \
        cloison rmi -f killed
    cloison import t.tar killed
    cloison rmi killed
    [ -z "$(ls "$store/tmp")" ]
}

@test "killed at any system call, rmi leaves a consistent store" {
    killed_everywhere "{\"verb\":\"rmi\",\"dataDir\":\"$CLOISON_DATA_ROOT\",\"images\":[\"gone\"],\"force\":true}" \
        small gone gone
    small gone gone && cloison rmi gone
    [ -z "$(ls "$store/tmp")" ]
}

@test "many at once: imports, tags, removals and runs do not disturb each other" {
    for i in 1 2 3 4; do
        (
            for j in 1 2 3; do
                small "par$i:$j" "p$i$j" >/dev/null || exit 1
                cloison tag "par$i:$j" "shared:$i" || exit 1
                cloison rmi "par$i:$j" >/dev/null || exit 1
            done
            cloison rmi -f "shared:$i" >/dev/null
        ) 3>&- &
        pids+=($!)
    done
    for i in 1 2 3 4 5; do
        cloison run --rm --network none busybox true
    done
    for p in "${pids[@]}"; do wait "$p"; done
    consistent
    cloison rmi $(cloison images -q --filter dangling=true)
}
