#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Archives into images and back: what is kept, what is refused, and that a stranger's archive writes
# nowhere but in its own layer.
load helper

setup_file() { engine_setup busybox; }
teardown_file() {
    registries_stop
    engine_teardown
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    store=$CLOISON_DATA_ROOT/images
    before=$(store_state)
}

# Everything in the store, to see that nothing half made is left.
store_state() { (cd "$CLOISON_DATA_ROOT/images" && find . -path './layers/*/diff/*' -prune -o -print | sort); }

# tar FILE <<python: writes an archive; add(name, …) is at hand.
tar_of() {
    python3 - "$1" <(cat) <<'PY'
import io, sys, tarfile
out = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
def add(name, data=b"", type=tarfile.REGTYPE, **kw):
    t = tarfile.TarInfo(name)
    t.type, t.size, t.mtime = type, len(data) if type == tarfile.REGTYPE else 0, 1700000000
    for k, v in kw.items():
        setattr(t, k, v)
    out.addfile(t, io.BytesIO(data) if t.size else None)
def folder(name, **kw):
    add(name, type=tarfile.DIRTYPE, **({"mode": 0o755} | kw))
def symlink(name, target):
    add(name, type=tarfile.SYMTYPE, linkname=target)
def link(name, target):
    add(name, type=tarfile.LNKTYPE, linkname=target)
exec(open(sys.argv[2]).read())
out.close()
PY
}

# refused WORDS… -- CMD…: fails with one line that has the words, and the store is as before.
refused() {
    local words=() w
    while [ "$1" != -- ]; do words+=("$1"); shift; done
    shift
    run --separate-stderr "$@"
    echo "status $status, stderr: $stderr"
    [ "$status" -ne 0 ] && [ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ] && [[ $stderr == cloison:* ]] || return 1
    for w in "${words[@]}"; do [[ $stderr == *"$w"* ]] || { echo "no '$w'"; return 1; }; done
    diff <(printf '%s\n' "$before") <(store_state)
}

# layer NAME: the unpacked folder of an image of one layer.
layer() { cloison inspect --format '{{.GraphDriver.Data.UpperDir}}' "$1"; }

@test "import keeps modes, owners, times, links, devices, fifos, attributes, names and holes" {
    tar_of all.tar <<'PY'
folder("./", mode=0o750)
folder("/abs", mode=0o2775, uid=7, gid=8)
add("./abs/setuid", b"x", mode=0o4755, uid=1000, gid=1001)
add("plain", b"hello", mode=0o640)
link("abs/hard", "./plain")
link("hard2", "/plain")
symlink("sym", "abs/setuid")
symlink("absolute", "/etc/passwd")
symlink("abs/up", "../plain")
add("fifo", type=tarfile.FIFOTYPE, mode=0o600)
add("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666)
add("blk", type=tarfile.BLKTYPE, devmajor=7, devminor=200, mode=0o660)
add("caps", b"x", mode=0o755, pax_headers={"SCHILY.xattr.security.capability":
    bytes.fromhex("0100000200040000000000000000000000000000").decode("latin1")})
add("attr", b"x", pax_headers={"SCHILY.xattr.user.color": "blue",
                               "SCHILY.xattr.trusted.overlay.redirect": "/etc"})
add("n\u00e4me-\u65e5\u672c", b"utf8")
add("long/" + "d" * 120 + "/" + "f" * 200, b"long")
add("time", b"x", pax_headers={"mtime": "1700000000.123456789"})
PY
    run cloison import all.tar all:1
    [ "$status" -eq 0 ]
    [[ $output == sha256:* ]]
    d=$(layer all:1)
    cd "$d"
    [ "$(stat -c %a .)" = 750 ]
    [ "$(stat -c '%a %u %g' abs)" = "2775 7 8" ]
    [ "$(stat -c '%a %u %g' abs/setuid)" = "4755 1000 1001" ]
    [ "$(stat -c '%i' plain)" = "$(stat -c '%i' abs/hard)" ]
    [ "$(stat -c '%h %a' hard2)" = "3 640" ]
    [ "$(readlink sym)" = abs/setuid ]
    [ "$(readlink absolute)" = /etc/passwd ]
    [ -p fifo ]
    [ "$(stat -c '%F %t:%T %a' null)" = "character special file 1:3 666" ]
    [ "$(stat -c '%F %t:%T %a' blk)" = "block special file 7:c8 660" ]
    [[ $(getcap caps) == *cap_net_bind_service* ]]
    [ "$(getfattr -n user.color --only-values attr)" = blue ]
    ! getfattr -n trusted.overlay.redirect attr || false
    [ "$(cat näme-日本)" = utf8 ]
    [ "$(cat "long/$(printf 'd%.0s' {1..120})/$(printf 'f%.0s' {1..200})")" = long ]
    [ "$(stat -c %y time)" = "2023-11-14 22:13:20.123456789 +0000" ]
    [ "$(stat -c %Y abs)" = 1700000000 ]
    cloison rmi all:1
}

@test "import takes gzip, xz, bzip2, zstd and standard input; the same content is the same layer" {
    tar_of a.tar <<<'add("f", b"content")'
    cloison import a.tar plain >/dev/null
    want=$(cloison inspect --format '{{index .RootFS.Layers 0}}' plain)
    [ "$want" = "sha256:$(sha256sum a.tar | cut -d' ' -f1)" ]
    for z in gzip xz bzip2 zstd; do
        command -v $z >/dev/null || continue
        $z -c a.tar | cloison import - packed:$z >/dev/null
        [ "$(cloison inspect --format '{{index .RootFS.Layers 0}}' packed:$z)" = "$want" ]
    done
    cloison rmi plain packed:gzip packed:xz packed:bzip2
    cloison rmi packed:zstd || true
}

@test "a sparse file stays sparse" {
    truncate -s 64M hole
    printf end >>hole
    tar --sparse -cf s.tar hole
    cloison import s.tar sparse >/dev/null
    f=$(layer sparse)/hole
    [ "$(stat -c %s "$f")" = $((64 * 1024 * 1024 + 3)) ]
    [ "$(du -k "$f" | cut -f1)" -lt 1024 ]
    [ "$(tail -c 3 "$f")" = end ]
    cloison rmi sparse
}

@test "names that are no UTF-8 are kept as bytes" {
    mkdir t && touch "t/$(printf 'b\377d')"
    tar --format=gnu -C t -cf n.tar .
    cloison import n.tar bytes >/dev/null
    [ -e "$(layer bytes)/$(printf 'b\377d')" ]
    cloison rmi bytes
}

@test "import takes what a web server has, whole or not at all" {
    mkdir -p web && tar_of web/a.tar <<<'add("f", b"from afar")'
    head -c 700 web/a.tar >web/cut.tar
    cat >serve.py <<'PY'
import functools, http.server
h = functools.partial(http.server.SimpleHTTPRequestHandler, directory="web")
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), h)
print(s.server_address[1], flush=True)
s.serve_forever()
PY
    python3 serve.py >port 2>/dev/null 3>&- &
    echo $! >>"$BATS_FILE_TMPDIR/pids" # ended with the file
    wait_for 10 test -s port
    url=http://127.0.0.1:$(cat port)
    run cloison import "$url/a.tar" web:1
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(cat "$(layer web:1)/f")" = "from afar" ]
    [ "$(cloison inspect -f '{{.Comment}}' web:1)" = "Imported from $url/a.tar" ]
    cloison rmi web:1
    before=$(store_state)
    refused "$url/none.tar" "the server refuses" -- cloison import "$url/none.tar" web:2
    refused runcated -- cloison import "$url/cut.tar" web:2
    refused "onnect" -- cloison import "http://127.0.0.1:$(free_port)/a.tar" web:2
}

@test "import --change and -m are the image's config and history" {
    tar_of a.tar <<<'add("f", b"c")'
    cloison import -c 'CMD ["a","b"]' -c 'ENV X=1' -c 'EXPOSE 80' -c 'LABEL k=v' -c 'WORKDIR /w' -m words a.tar cfg >/dev/null
    [ "$(cloison inspect --format '{{json .Config.Cmd}} {{json .Config.Env}} {{json .Config.ExposedPorts}} {{.Config.Labels.k}} {{.Config.WorkingDir}} {{.Comment}}' cfg)" = '["a","b"] ["X=1"] {"80/tcp":{}} v /w words' ]
    [ "$(cloison images -q --filter label=k=v)" = "$(cloison images -q cfg)" ]
    [ -z "$(cloison images -q --filter label=k=w)" ]
    cloison rmi cfg
    before=$(store_state)
    refused CMD -- cloison import -c 'CMD' a.tar cfg
    refused RUN -- cloison import -c 'RUN true' a.tar cfg
}

@test "import --platform is what the image says of itself" {
    tar_of p.tar <<<'add("etc/f", b"x")'
    id=$(cloison import --platform linux/arm/v7 p.tar)
    [ "$(cloison inspect --format '{{.Os}}/{{.Architecture}}/{{.Variant}}' "$id")" = linux/arm/v7 ]
    run cloison import --platform "linux/amd64/v1/x" p.tar
    [ "$status" -ne 0 ]
    [[ $output == *"linux/amd64/v1/x"* ]]
    cloison rmi --no-prune "$id"
}

@test "an entry with '..' is refused by name" {
    tar_of e.tar <<<'add("a/../../evil", b"x")'
    refused "a/../../evil" "'..'" -- cloison import e.tar evil
    [ ! -e "$CLOISON_DATA_ROOT/evil" ]
}

@test "a symlink that leads above the root ends at the root, as in a chroot" {
    tar_of s.tar <<PY
folder("outside")
symlink("d/door", "../../../../../../../../outside")
add("d/door/inside", b"x")
PY
    cloison import s.tar above >/dev/null
    [ "$(cat "$(layer above)/outside/inside")" = x ]
    [ ! -e /outside ]
    cloison save -o above.tar above
    cloison rmi above
    cloison load -i above.tar
    cloison system check
    cloison rmi above
}

@test "a hard link out of the layer, absolute or not, is refused by name" {
    echo secret >"$BATS_TEST_TMPDIR/victim"
    tar_of h.tar <<<"link('evil', '$BATS_TEST_TMPDIR/victim')"
    refused evil victim "not in the layer" -- cloison import h.tar evil
    tar_of h2.tar <<<'link("evil", "../../../../etc/passwd")'
    refused evil "outside the layer" -- cloison import h2.tar evil
    [ "$(stat -c %h "$BATS_TEST_TMPDIR/victim")" = 1 ]
}

@test "a hard link behind a symlink is refused by name" {
    tar_of h.tar <<PY
symlink("door", "$BATS_TEST_TMPDIR")
link("evil", "door/victim")
PY
    echo secret >victim
    refused evil symlink -- cloison import h.tar evil
}

@test "a file through a planted symlink never leaves the layer" {
    mkdir outside
    tar_of p.tar <<PY
symlink("door", "$PWD/outside")
add("door/pwned", b"x")
PY
    refused door/pwned "leads nowhere" -- cloison import p.tar evil
    [ -z "$(ls -A outside)" ]
    # With a folder of that path inside the layer, that is where it goes.
    tar_of q.tar <<PY
folder("$PWD/outside")
symlink("door", "$PWD/outside")
add("door/inside", b"x")
PY
    cloison import q.tar inside >/dev/null
    [ -z "$(ls -A outside)" ]
    [ -e "$(layer inside)$PWD/outside/inside" ]
    cloison rmi inside
}

@test "a file over a symlink replaces the link, not its target" {
    echo keep >target
    tar_of r.tar <<PY
symlink("f", "$PWD/target")
add("f", b"new")
symlink("g", "$PWD")
folder("g")
add("g/h", b"in")
PY
    cloison import r.tar over >/dev/null
    [ "$(cat target)" = keep ]
    [ ! -e h ]
    d=$(layer over)
    [ ! -L "$d/f" ]
    [ "$(cat "$d/f")" = new ]
    [ ! -L "$d/g" ]
    [ "$(cat "$d/g/h")" = in ]
    cloison rmi over
}

@test "a planted magic link is followed nowhere" {
    tar_of m.tar <<'PY'
symlink("m", "/proc/self/root")
add("m/pwned-by-a-layer", b"x")
PY
    refused m/pwned-by-a-layer -- cloison import m.tar evil
    [ ! -e /pwned-by-a-layer ]
}

@test "whiteouts become overlay's, and a whiteout of nothing is refused" {
    tar_of w.tar <<'PY'
folder("d")
add("d/.wh.gone")
add("d/stays", b"x")
add("d/.wh.stays")
folder("o")
add("o/.wh..wh..opq")
add("o/new", b"x")
add(".wh..wh.plnk/x", b"x")
PY
    cloison import w.tar wh >/dev/null
    d=$(layer wh)
    [ "$(stat -c '%F %t:%T' "$d/d/gone")" = "character special file 0:0" ]
    [ "$(cat "$d/d/stays")" = x ]
    [ "$(getfattr -n trusted.overlay.opaque --only-values "$d/o")" = y ]
    [ -f "$d/o/new" ]
    [ ! -e "$d/o/.wh..wh..opq" ]
    cloison rmi wh
    before=$(store_state)
    tar_of w2.tar <<<'add("d/.wh.", b"")'
    refused "d/.wh." -- cloison import w2.tar wh
    tar_of w3.tar <<<'add("d/.wh...", b"")'
    refused "d/.wh..." -- cloison import w3.tar wh
}

@test "a whiteout device smuggled in as a device is refused" {
    tar_of w.tar <<<'add("x", type=tarfile.CHRTYPE, devmajor=0, devminor=0)'
    refused "'x'" 0/0 -- cloison import w.tar wh
}

@test "truncated archives are refused, at every cut, compressed or not" {
    tar_of t.tar <<'PY'
for i in range(5):
    add("f%d" % i, b"x" * 3000)
PY
    size=$(stat -c %s t.tar)
    for cut in 0 1 511 512 1000 2048 3584 5000 8192 $((size - 9000)); do
        head -c "$cut" t.tar >cut.tar
        refused cut.tar -- cloison import cut.tar cut
    done
    gzip -k t.tar
    head -c $(($(stat -c %s t.tar.gz) - 10)) t.tar.gz >cut.gz
    refused cut.gz truncated -- cloison import cut.gz cut
    head -c 5000 /dev/urandom >noise
    refused noise -- cloison import noise cut
}

@test "an archive that unpacks to more than the bound is refused" {
    printf '{"images":{"maxLayerBytes":"1m","maxLayerEntries":10}}\n' >c.json
    head -c 2000000 /dev/zero >big
    tar -czf bomb.tar.gz big
    CLOISON_CONFIG=$PWD/c.json refused big "more than 1048576 bytes" -- cloison import bomb.tar.gz bomb
    mkdir many && touch many/{1..20}
    tar -cf many.tar many
    CLOISON_CONFIG=$PWD/c.json refused "10 that a layer may have" -- cloison import many.tar bomb
}

@test "save and load give the same image; shared layers stand once" {
    id=$(cloison images -q --no-trunc busybox)
    cloison tag busybox other:tag
    cloison save -o all.tar busybox other:tag
    [ "$(tar tf all.tar | sort | uniq -d)" = "" ]
    cloison save --format oci-archive -o oci.tar other:tag
    export CLOISON_DATA_ROOT=$BATS_TEST_TMPDIR/second
    run cloison load -i all.tar
    [[ $output == *"Loaded image: busybox:latest"*"Loaded image: other:tag"* ]]
    [ "$(cloison images -q --no-trunc busybox)" = "$id" ]
    CLOISON_DATA_ROOT=$BATS_TEST_TMPDIR/third
    gzip -c oci.tar | cloison load
    [ "$(cloison images -q --no-trunc other:tag)" = "$id" ]
    cloison save other:tag | cmp - <(CLOISON_DATA_ROOT=$BATS_TEST_TMPDIR/second cloison save other:tag)
}

@test "skopeo reads what save writes" {
    cloison save -o d.tar busybox
    cloison save --format oci-archive -o o.tar busybox
    id=$(cloison images -q --no-trunc busybox)
    [ "$(skopeo inspect --raw docker-archive:d.tar | jq -r .config.digest)" = "$id" ]
    [ "$(skopeo inspect --raw oci-archive:o.tar | jq -r .config.digest)" = "$id" ]
    skopeo inspect --raw "oci:$store:docker.io/library/busybox:latest" | jq -r .config.digest | grep -qx "$id"
}

@test "altered, cut and foreign archives are refused whole" {
    cloison save --format oci-archive -o oci.tar busybox
    mkdir x && tar -C x -xf oci.tar
    layer=$(jq -r '.layers[0].digest' x/blobs/sha256/"$(jq -r '.manifests[0].digest' x/index.json | cut -d: -f2)" | cut -d: -f2)
    CLOISON_DATA_ROOT=$BATS_TEST_TMPDIR/second
    mkdir -p second/images
    before=
    printf x >>x/blobs/sha256/"$layer"
    tar -C x -cf bad.tar .
    run --separate-stderr cloison load -i bad.tar
    [ "$status" -ne 0 ]
    [[ $stderr == *"digest mismatch"*"$layer"* ]]
    rm x/blobs/sha256/"$layer"
    tar -C x -cf bad.tar .
    run --separate-stderr cloison load -i bad.tar
    [ "$status" -ne 0 ]
    [[ $stderr == *"$layer"*missing* ]]
    head -c 100000 oci.tar >cut.tar
    run --separate-stderr cloison load -i cut.tar
    [ "$status" -ne 0 ]
    [[ $stderr == *cut.tar*runcated* ]]
    tar_of root.tar <<<'add("etc/passwd", b"x")'
    run --separate-stderr cloison load -i root.tar
    [ "$status" -ne 0 ]
    [[ $stderr == *"cloison import"* ]]
    [ -z "$(cloison images -q)" ]
    [ -z "$(find second/images/layers second/images/blobs second/images/tmp -mindepth 1 ! -name sha256)" ]
}

@test "an index that leads to itself, or to a chain of them, is refused" {
    cloison save --format oci-archive -o oci.tar busybox
    mkdir -p x && tar -C x -xf oci.tar
    type=application/vnd.oci.image.index.v1+json
    index() { printf '{"schemaVersion":2,"mediaType":"%s","manifests":[{"mediaType":"%s","digest":"sha256:%s","size":%s,"platform":{"os":"linux","architecture":"%s"}}]}' "$type" "$type" "$1" "$2" "$arch"; }
    arch=$(cloison inspect -f '{{.Architecture}}' busybox)
    # Its digest is a lie: no file can hold its own.
    lie=$(printf 'e%.0s' {1..64}) && size=$(index "$lie" 100 | wc -c)
    index "$lie" "$size" >"x/blobs/sha256/$lie"
    index "$lie" "$size" >x/index.json
    tar -C x -cf circle.tar .
    refused "digest mismatch" -- cloison load -i circle.tar
    # And a chain that is none.
    inner=$(jq -r '.manifests[0].digest' <(tar -xOf oci.tar index.json)) && inner=${inner#sha256:}
    size=$(wc -c <"x/blobs/sha256/$inner")
    for _ in 1 2 3 4 5 6; do
        index "$inner" "$size" >next && size=$(wc -c <next) && inner=$(sha256sum next | cut -d' ' -f1)
        mv next "x/blobs/sha256/$inner"
    done
    index "$inner" "$size" >x/index.json
    tar -C x -cf chain.tar .
    refused "indexes within indexes" -- cloison load -i chain.tar
}

@test "GNU's and POSIX's long names, long links and sparse files" {
    name=$(printf 'n%.0s' {1..180}) && mkdir -p "t/$name"
    echo deep >"t/$name/$name" && ln -s "$name/$name" t/l && ln "t/$name/$name" t/h
    truncate -s 32M t/hole && printf end >>t/hole
    for format in gnu posix; do
        tar --format=$format --sparse -C t -cf $format.tar .
        cloison import $format.tar long:$format >/dev/null
        d=$(layer long:$format)
        [ "$(cat "$d/l")" = deep ]
        [ "$(stat -c %i "$d/h")" = "$(stat -c %i "$d/$name/$name")" ]
        [ "$(tail -c 3 "$d/hole")" = end ]
        [ "$(du -k "$d/hole" | cut -f1)" -lt 1024 ]
        cloison rmi long:$format
    done
}

@test "load unpacks a layer as it comes, before it is known whose it is; the same layer twice" {
    mkdir -p src && echo once >src/unpacked-early && tar -C src -cf one.tar . && gzip -n one.tar
    diff=sha256:$(gunzip -c one.tar.gz | sha256sum | cut -d' ' -f1)
    printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["%s","%s"]}}' "$diff" "$diff" >c.json
    printf '[{"Config":"c.json","RepoTags":["twice:1"],"Layers":["one.tar.gz","one.tar.gz"]}]' >manifest.json
    tar -b 1 -cf a.tar one.tar.gz c.json manifest.json
    size=$(stat -c %s a.tar) behind=3000 # in the middle of what follows the layer
    export CLOISON_DATA_ROOT=$BATS_TEST_TMPDIR/second
    is_unpacked() { [ -n "$(find second/images/tmp -name unpacked-early)" ]; }
    { head -c $((size - behind)) a.tar; wait_for 20 is_unpacked && tail -c $behind a.tar; } | cloison load
    cloison system check
    [ "$(cat "$(layer twice:1)/unpacked-early")" = once ]
    # What the store has is not unpacked again, whichever way the archive names it.
    for format in docker-archive oci-archive; do
        cloison save --format $format -o again.tar twice:1
        strace -f -qq -e trace=mkdirat -o calls "$CLOISON" load -i again.tar
        cat calls
        ! grep -q '/diff"' calls || false
    done
    # What is wrong with a layer that no image needs is nobody's harm; with another it is told.
    head -c 100 one.tar.gz >bad.tar.gz
    tar -cf b.tar one.tar.gz bad.tar.gz c.json manifest.json
    cloison load -i b.tar
    sed -i 's/"one.tar.gz"]/"bad.tar.gz"]/' manifest.json
    tar -cf b.tar one.tar.gz bad.tar.gz c.json manifest.json
    cloison rmi twice:1
    before=$(store_state)
    refused "bad.tar.gz" truncated -- cloison load -i b.tar
}

@test "an altered layer in a docker-archive does not fit the config's diffID" {
    cloison save -o d.tar busybox
    mkdir x && tar -C x -xf d.tar
    l=$(jq -r '.[0].Layers[0]' x/manifest.json)
    mkdir y && echo other >y/f && tar -C y -cf "x/$l" .
    tar -C x -cf bad.tar .
    CLOISON_DATA_ROOT=$BATS_TEST_TMPDIR/second
    run --separate-stderr cloison load -i bad.tar
    [ "$status" -ne 0 ]
    [[ $stderr == *"digest mismatch"*diffID* ]]
}

@test "a full disk is an error, and leaves room" {
    mkdir small && mount -t tmpfs -o size=3m tmpfs small
    export CLOISON_DATA_ROOT=$PWD/small
    head -c 8000000 /dev/urandom >big
    tar -cf big.tar big
    run --separate-stderr cloison import big.tar big
    used=$(du -sk small | cut -f1)
    umount small
    echo "$stderr"
    [ "$status" -ne 0 ]
    [[ $stderr == *"No space left on device"* ]]
    [ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ]
    [ "$used" -lt 200 ]
}

@test "a terminal is neither read nor written" {
    run script -qec "$CLOISON save busybox" /dev/null
    [[ $output == *"refusing to write an archive to a terminal"* ]]
    run script -qec "$CLOISON load" /dev/null
    [[ $output == *"refusing to read an archive from a terminal"* ]]
}

@test "save -o appears whole or not at all" {
    refused nosuch -- cloison save -o out.tar busybox nosuch
    [ -z "$(ls -A | grep out)" ]
}

@test "what unpacks is confined: no network, no mount but its folder, six capabilities, seccomp" {
    mkfifo pipe && mkdir t && head -c 100000 /dev/urandom >t/f && tar -C t -cf t.tar .
    "$CLOISON" import - held <pipe 3>&- &
    import=$!
    exec 7>pipe
    head -c 50000 t.tar >&7
    inner() { # the process that has the half-written file open
        local p
        for p in $(pgrep -P "$(pgrep -P $import)"); do [ -d "/proc/$p" ] && echo "$p" && return; done
        return 1
    }
    wait_for 5 inner
    p=$(inner)
    wait_for 5 grep -q '^Seccomp:.*2' "/proc/$p/status"
    grep -E '^(CapEff|NoNewPrivs|Seccomp):' "/proc/$p/status"
    grep -q '^NoNewPrivs:.*1' "/proc/$p/status"
    # CHOWN, DAC_OVERRIDE, FOWNER, FSETID, MKNOD, SETFCAP
    [ "$((16#$(awk '/^CapEff/ { print $2 }' "/proc/$p/status")))" = $((1 | 2 | 8 | 16 | 1 << 27 | 1 << 31)) ]
    [ "$(wc -l <"/proc/$p/mountinfo")" -le 1 ]
    [ "$(grep -c : "/proc/$p/net/dev")" = 1 ] # lo alone, and down
    [ "$(readlink "/proc/$p/ns/net")" != "$(readlink /proc/self/ns/net)" ]
    ls "/proc/$p/root" >root
    grep -qx f root
    ! ls -l "/proc/$p/fd" | grep -E 'lock|names|images$' || false
    tail -c +50001 t.tar >&7
    exec 7>&-
    wait $import
    [ "$(stat -c %s "$(layer held)/f")" = 100000 ]
    cloison rmi held
    ! pgrep -P $import || false
}
