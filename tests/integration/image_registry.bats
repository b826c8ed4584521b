#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Pulling: from Debian's docker-registry, and from one that misbehaves (registry.py).
load helper

setup_file() {
    engine_setup busybox
    cd "$BATS_FILE_TMPDIR" || return 1
    # What is served: one layer, two layers, an index of two platforms, an artefact, Docker's types.
    mkdir layout && cloison save --format oci-archive busybox | tar -C layout -xf -
    build_layout
    python3 "$BATS_TEST_DIRNAME/registry.py" layout >port 2>registry.log 3>&- &
    echo $! >pid
    wait_for 5 test -s port
    export REGISTRY=127.0.0.1:$(cat port)
    unset DOCKER_CONFIG
    export HOME=$BATS_FILE_TMPDIR # nobody's credentials
}

teardown_file() {
    [ ! -f "$BATS_FILE_TMPDIR/pid" ] || kill "$(cat "$BATS_FILE_TMPDIR/pid")"
    engine_teardown
}

build_layout() {
    python3 - layout <<'PY'
import gzip, hashlib, io, json, os, sys, tarfile
root = sys.argv[1]
def blob(data):
    h = hashlib.sha256(data).hexdigest()
    open(f"{root}/blobs/sha256/{h}", "wb").write(data)
    return {"digest": "sha256:" + h, "size": len(data)}
def tar(**files):
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w") as t:
        for name, data in files.items():
            i = tarfile.TarInfo(name.replace("__", "/"))
            i.size = len(data)
            t.addfile(i, io.BytesIO(data))
    return b.getvalue()
OCI, DOCKER = "application/vnd.oci.image.", "application/vnd.docker."
def image(arch, tars, docker=False, pack=gzip.compress, suffix=None, **more):
    layers = []
    for t in tars:
        z = pack(t)
        suffix = suffix if suffix is not None else ("+gzip" if not docker else ".gzip")
        layers.append(blob(z) | {"mediaType": (DOCKER + "image.rootfs.diff.tar" if docker else OCI + "layer.v1.tar") + suffix})
    config = blob(json.dumps({"architecture": arch, "os": "linux", "config": {"Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(t).hexdigest() for t in tars]}}).encode())
    m = {"schemaVersion": 2, "mediaType": DOCKER + "distribution.manifest.v2+json" if docker else OCI + "manifest.v1+json",
         "config": config | {"mediaType": DOCKER + "container.image.v1+json" if docker else OCI + "config.v1+json"}, "layers": layers} | more
    return blob(json.dumps(m).encode()) | {"mediaType": m["mediaType"]}
index = json.load(open(f"{root}/index.json"))
def name(d, tag):
    index["manifests"].append(d | {"annotations": {"org.opencontainers.image.ref.name": "x:" + tag}})
noise = os.urandom(300000)
base, top = tar(etc__base=b"base", noise=noise), tar(etc__top=b"top", more=os.urandom(200000))
name(image("amd64", [base, top]), "two")
name(image("amd64", [base, top], docker=True), "docker")
name(image("amd64", [base], pack=lambda t: t, suffix=""), "raw")
name(image("amd64", [tar(f=os.urandom(3000)) for _ in range(12)]), "many")
a, b = image("amd64", [tar(arch=b"amd64")]), image("arm64", [tar(arch=b"arm64")])
lst = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [
    a | {"platform": {"os": "linux", "architecture": "amd64"}},
    b | {"platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}}]}
name(blob(json.dumps(lst).encode()) | {"mediaType": lst["mediaType"]}, "multi")
name(blob(json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
    "config": blob(b"{}") | {"mediaType": "application/vnd.cncf.helm.config.v1+json"}, "layers": []}).encode())
    | {"mediaType": OCI + "manifest.v1+json"}, "chart")
name(blob(json.dumps({"schemaVersion": 1, "name": "old", "fsLayers": []}).encode()) | {"mediaType": DOCKER + "distribution.manifest.v1+json"}, "old")
name(blob(b"not json") | {"mediaType": OCI + "manifest.v1+json"}, "noise")
wrong = image("amd64", [base])
m = json.load(open(f"{root}/blobs/sha256/{wrong['digest'][7:]}"))
c = json.load(open(f"{root}/blobs/sha256/{m['config']['digest'][7:]}"))
c["rootfs"]["diff_ids"] = ["sha256:" + "0" * 64]
m["config"] |= blob(json.dumps(c).encode())
name(blob(json.dumps(m).encode()) | {"mediaType": m["mediaType"]}, "wrongdiff")
json.dump(index, open(f"{root}/index.json", "w"))
PY
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
    # The second pull fetches the manifest and the config alone.
    : >layout/log
    run cloison pull "$REGISTRY/plain/x:two"
    [[ $output == *"Already exists"*"up to date"* ]]
    [ "$(grep -c blobs layout/log)" -eq 1 ]
}

@test "--quiet prints the name alone, --all-tags needs none" {
    run --separate-stderr cloison pull -q "$REGISTRY/plain/x:two"
    [ "$output" = "$REGISTRY/plain/x:two" ] && [ -z "$stderr" ]
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
}

@test "by digest" {
    d=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"]=="x:two").digest' layout/index.json)
    cloison pull -q "$REGISTRY/plain/x@$d"
    cloison inspect --format '{{.RepoTags}} {{.RepoDigests}}' "$REGISTRY/plain/x@$d" | grep -F "[] [$REGISTRY/plain/x@$d]"
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
    ! grep '/store/' layout/log | grep -v 'auth= '
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
    [ "$status" -eq 125 ] && [[ $stderr == *"no such image"* ]]
    run --separate-stderr cloison run --rm --network none "$REGISTRY/plain/x:latest" echo from-registry
    echo "$output / $stderr"
    [ "$status" -eq 0 ] && [ "$output" = from-registry ] && [[ $stderr == *"Pull complete"* ]]
    : >layout/log
    cloison run --rm --network none "$REGISTRY/plain/x:latest" true
    [ ! -s layout/log ]
    run --separate-stderr cloison run -q --rm --network none --pull always "$REGISTRY/plain/x:latest" echo again
    [ "$output" = again ] && [ -z "$stderr" ] && [ -s layout/log ]
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
