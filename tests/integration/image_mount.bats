#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --mount type=image: an image's files in a container of another, read-only, one copy for all.
load helper

setup_file() {
    engine_setup busybox
    local d=$BATS_FILE_TMPDIR/data
    mkdir -p "$d/sub/deep" && echo one >"$d/file" && echo below >"$d/sub/deep/f"
    ln -s sub/deep "$d/link"
    ln -s /sub "$d/absolute"
    tar -C "$d" -cf "$d.tar" . && cloison import "$d.tar" data:1 >/dev/null
}
teardown_file() { engine_teardown; }
setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

# mounted FIELDS COMMAND…: runs it with the image of the fields on /m.
mounted() {
    local fields=$1
    shift
    run cloison run --rm --network none --mount "type=image,dst=/m,$fields" busybox "$@"
}

# layered NAME SCRIPT…: an image of busybox and a layer more for each script.
layered() {
    local name=$1 from=busybox script
    shift
    for script in "$@"; do
        cloison run --name layered --network none "$from" sh -ec "$script"
        cloison commit layered "$name" >/dev/null
        cloison rm layered >/dev/null
        from=$name
    done
}

@test "an image of one layer is there, and read-only" {
    mounted src=data:1 sh -c 'exec 2>&1; cat /m/file; cat /m/link/f; echo x >/m/new || echo no; mount -o remount,rw /m || echo no'
    [ "${lines[0]}" = one ]
    [ "${lines[1]}" = below ]
    [[ ${lines[2]} == *"Read-only file system"* ]]
    [ "${lines[3]}" = no ]
    [ "${lines[-1]}" = no ]
    mounted source=data:1,readonly cat /m/file
    [ "$output" = one ]
    mounted "src=$(cloison images -q data),ro=true" cat /m/file
    [ "$output" = one ]
}

@test "layers are one tree: what a layer removed is not there" {
    layered stack 'mkdir /d /gone; echo 1 >/d/a; echo 1 >/d/b; echo 1 >/gone/x' 'rm -r /d/a /gone; echo 2 >/d/c' \
        'rm -r /d; mkdir /d; echo 3 >/d/only'
    mounted src=stack sh -c 'exec 2>&1; ls /m/d; ls -d /m/gone /m/bin; echo x >/m/d/only || echo no'
    [ "${lines[0]}" = only ]
    [[ $output == *"/m/gone: No such file"* && $output == *"/m/bin"* ]]
    [ "${lines[-1]}" = no ]
    mounted src=stack,image-subpath=d ls /m
    [ "$output" = only ]
    mounted src=stack,image-subpath=gone true
    [ "$status" -eq 125 ]
    one_line
    [[ $output == *"no 'gone'"* ]]
    layered two 'mkdir /d; echo 1 >/d/a; echo 1 >/d/b' 'rm /d/a; echo 2 >/d/c'
    mounted src=two,image-subpath=/d/ sh -c 'cd /m && echo * && cat b c'
    [ "$output" = $'b c\n1\n2' ]
    cloison rmi stack two
}

@test "a subfolder, by links inside the image; one file" {
    mounted src=data:1,image-subpath=sub/deep ls /m
    [ "$output" = f ]
    mounted src=data:1,image-subpath=link ls /m
    [ "$output" = f ]
    mounted src=data:1,image-subpath=absolute ls /m
    [ "$output" = deep ]
    mounted src=data:1,image-subpath=../../sub ls /m
    [ "$output" = deep ]
    mounted src=data:1,image-subpath=file cat /m
    [ "$output" = one ]
}

@test "127 layers, several images, the container's own image" {
    mkdir layout && cloison save --format oci-archive data:1 | tar -C layout -xf -
    python3 - layout <<'PY'
import gzip, hashlib, io, json, os, sys, tarfile
root = sys.argv[1]
blob = lambda d: os.path.join(root, "blobs", "sha256", d.split(":")[1])
def put(data):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    open(blob(digest), "wb").write(data)
    return digest
index = json.load(open(os.path.join(root, "index.json")))
manifest = json.load(open(blob(index["manifests"][0]["digest"])))
config = json.load(open(blob(manifest["config"]["digest"])))
config.pop("history", None)
for i in range(len(manifest["layers"]), 127):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("n/%d" % i)
        info.size = 3
        tar.addfile(info, io.BytesIO(b"%03d" % i))
    raw = out.getvalue()
    data = gzip.compress(raw, mtime=0)
    config["rootfs"]["diff_ids"].append("sha256:" + hashlib.sha256(raw).hexdigest())
    manifest["layers"].append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                               "digest": put(data), "size": len(data)})
data = json.dumps(config).encode()
manifest["config"].update(digest=put(data), size=len(data))
data = json.dumps(manifest).encode()
index["manifests"] = [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": put(data),
                       "size": len(data), "annotations": {"org.opencontainers.image.ref.name": "many:1"}}]
json.dump(index, open(os.path.join(root, "index.json"), "w"))
PY
    tar -C layout -cf many.tar . && cloison load -i many.tar
    run cloison run --rm --network none --mount type=image,src=many:1,dst=/m --mount type=image,src=busybox,dst=/b \
        --mount type=image,src=many:1,dst=/n,image-subpath=n busybox \
        sh -c 'ls /m/n | wc -l; cat /n/1 /n/126; echo; cat /m/file; ls /b/bin/sh'
    [ "$output" = $'126\n001126\none\n/b/bin/sh' ]
    cloison rmi many:1
}

@test "the image stays as long as a container mounts it" {
    id=$(cloison images -q --no-trunc data)
    cloison create --name user --network none --mount type=image,src=data:1,dst=/m busybox cat /m/file
    run cloison rmi data:1
    [ "$status" -eq 1 ]
    [[ $output == *"user"* ]]
    cloison image prune -af
    [ "$(cloison images -q --no-trunc data)" = "$id" ]
    cloison rmi -f data:1
    cloison image prune -af
    [ -z "$(cloison images -q data)" ]
    [ "$(cloison start -a user)" = one ]
    cloison system check
    cloison rm user
    cloison image prune -af
    run cloison system check
    [ "$status" -eq 0 ]
    cloison import "$BATS_FILE_TMPDIR/data.tar" data:1
}

@test "inspect and explain tell of it; explain fetches nothing" {
    cloison create --name seen --network none --mount type=image,src=data:1,dst=/m busybox true
    run cloison inspect --format '{{json .Mounts}}' seen
    [ "$(jq -c '.[] | [.Type, .Source, .Destination, .RW]' <<<"$output")" = '["image","data:1","/m",false]' ]
    [ "$(cloison system df --format '{{.Type}} {{.Active}}' | grep Images)" = "Images 2" ]
    cloison rm seen
    run cloison explain run --mount type=image,src=two.example/absent,dst=/m busybox true
    [ "$status" -eq 125 ]
    one_line
    [[ $output == *"nothing is fetched here"* ]]
    run cloison explain run --mount type=image,src=data:1,dst=/m busybox true
    [ "$status" -eq 0 ]
    [[ $output == *"on '/m'"* ]]
}

@test "what cannot be is one line" {
    local fields
    for fields in src=data:1,readonly=false dst=/x src=data:1,image-subpath=absent src=data:1,bind-propagation=shared \
        src=data:1,image-subpath= src=Bad:Name src=sha256:0123456789; do
        mounted "$fields" true
        [ "$status" -eq 125 ] && one_line || { echo "$fields: $output"; return 1; }
    done
    run cloison run --rm --pull never --mount type=image,src=absent:1,dst=/m busybox true
    [ "$status" -eq 125 ]
    one_line
    [[ $output == *"absent:1"*"--pull never"* ]]
    [ -z "$(cloison ps -aq)" ]
}

# memory_of CONTAINER: the bytes that its control group has, with the page cache.
memory_of() {
    local pid path
    pid=$(cloison inspect --format '{{.State.Pid}}' "$1")
    path=$(sed -n 's/^[0-9]*:memory://p; t; s/^0:://p' "/proc/$pid/cgroup" | head -1)
    cat /sys/fs/cgroup/memory"$path"/memory.usage_in_bytes 2>/dev/null || cat /sys/fs/cgroup"$path"/memory.current
}

@test "containers of one image share its pages in memory" {
    mkdir big && head -c 64M /dev/urandom >big/data && tar -C big -cf big.tar data
    cloison import big.tar big:1
    layered bigger 'true >/more'
    for name in first second; do
        cloison run -d --name $name --network none --mount type=image,src=big:1,dst=/m busybox sleep 1000
    done
    file=$(find "$CLOISON_DATA_ROOT/images/layers" -name data -size +60M)
    sync -f "$file"
    dd if="$file" iflag=nocache count=0 status=none # the pages of unpacking go
    before=$(memory_of second)
    cloison exec first sh -c 'cat /m/data >/dev/null'
    first=$(memory_of first)
    cloison exec second sh -c 'cat /m/data >/dev/null'
    second=$(memory_of second)
    echo "first $first, second $before then $second"
    [ "$first" -gt $((60 << 20)) ]
    [ $((second - before)) -lt $((8 << 20)) ]
    # the file's pages, seen from outside, are one file's: all of it, once
    [ "$(fincore -bno RES "$file")" = $((64 << 20)) ]
    for name in first second; do
        [ "$(nsenter -t "$(cloison inspect --format '{{.State.Pid}}' $name)" -m -- /bin/busybox stat -c %i /m/data)" = "$(stat -c %i "$file")" ]
    done
    cloison rm -f first second
    cloison rmi bigger big:1
}
