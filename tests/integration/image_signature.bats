#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Signed images: what cosign writes (sha256-HEX.sig, simple signing), made here with openssl.
load helper

setup_file() {
    engine_setup busybox
    cd "$BATS_FILE_TMPDIR" || return 1
    bad_registry
    openssl ecparam -name prime256v1 -genkey -noout -out good.pem
    openssl genrsa -out rsa.pem 2048 2>/dev/null
    openssl genpkey -algorithm ed25519 -out ed.pem
    openssl ecparam -name prime256v1 -genkey -noout -out bad.pem
    for k in good rsa ed bad; do openssl pkey -in $k.pem -pubout -out $k.pub; done
}

teardown_file() {
    registries_stop
    engine_teardown
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return 1
    export CLOISON_DATA_ROOT=$BATS_TEST_TMPDIR/data
}

teardown() { rm -rf "$CLOISON_DATA_ROOT"; }

digest_of() { jq -r --arg n "x:$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $n).digest' layout/index.json; }

# sign KEY DIGEST [OF [REPOSITORY]]: puts a signature by KEY beside the image DIGEST; its payload may be OF
# another.
sign() {
    local of=${3:-$2} repository=${4:-$REGISTRY/plain/x}
    printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"%s"},"type":"cosign container image signature"},"optional":{"creator":"test"}}' \
        "$repository" "$of" >payload
    if [ "$1" = ed ]; then
        openssl pkeyutl -sign -rawin -inkey ed.pem -in payload -out raw
    else
        openssl dgst -sha256 -sign "$1.pem" -out raw payload
    fi
    python3 - "$2" <<'PY'
import base64, hashlib, json, sys
def blob(data):
    h = hashlib.sha256(data).hexdigest()
    open(f"layout/blobs/sha256/{h}", "wb").write(data)
    return {"digest": "sha256:" + h, "size": len(data)}
payload, raw = open("payload", "rb").read(), open("raw", "rb").read()
layer = blob(payload) | {"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
    "annotations": {"dev.cosignproject.cosign/signature": base64.b64encode(raw).decode()}}
m = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
     "config": blob(b"{}") | {"mediaType": "application/vnd.oci.image.config.v1+json"}, "layers": [layer]}
tag = "x:" + sys.argv[1].replace(":", "-") + ".sig"
index = json.load(open("layout/index.json"))
index["manifests"] = [e for e in index["manifests"] if e["annotations"]["org.opencontainers.image.ref.name"] != tag]
index["manifests"].append(blob(json.dumps(m).encode()) | {"mediaType": m["mediaType"],
    "annotations": {"org.opencontainers.image.ref.name": tag}})
json.dump(index, open("layout/index.json", "w"))
PY
}

refused() { # WORDS -- CMD…
    run --separate-stderr "${@:3}"
    echo "$stderr"
    [ "$status" -eq 1 ] || return 1
    [[ $stderr == cloison:*"$1"* ]] || return 1
    [ -z "$(find "$CLOISON_DATA_ROOT/images/"{layers,ids,names,blobs/sha256} -mindepth 1 2>/dev/null)" ]
}

@test "a good signature is taken, with each kind of key" {
    for k in good rsa ed; do
        sign $k "$(digest_of two)"
        cloison pull -q --verify --key $k.pub "$REGISTRY/plain/x:two"
        cloison rmi "$REGISTRY/plain/x:two"
    done
}

@test "what is not signed, or by another, or for another, is not unpacked" {
    refused "not signed" -- cloison pull -q --key good.pub "$REGISTRY/plain/x:raw"
    sign bad "$(digest_of raw)"
    refused "none of the keys" -- cloison pull -q --key good.pub --key rsa.pub "$REGISTRY/plain/x:raw"
    sign good "$(digest_of raw)" "$(digest_of two)"
    refused "the signature is of" -- cloison pull -q --key good.pub "$REGISTRY/plain/x:raw"
    sign good "$(digest_of raw)" "$(digest_of raw)" registry.example/other
    refused "for the repository 'registry.example/other'" -- cloison pull -q --key good.pub "$REGISTRY/plain/x:raw"
    sign good "$(digest_of raw)"
    refused "nonexistent" -- cloison pull -q --key nonexistent "$REGISTRY/plain/x:raw"
    refused "no public key" -- cloison pull -q --key good.pem "$REGISTRY/plain/x:raw"
    cloison pull -q --key bad.pub --key good.pub "$REGISTRY/plain/x:raw"
}

@test "of an index, either it or the platform's manifest is signed" {
    sign good "$(digest_of multi)"
    cloison pull -q --key good.pub "$REGISTRY/plain/x:multi"
    cloison rmi "$REGISTRY/plain/x:multi"
    sign bad "$(digest_of multi)"
    refused "none of the keys" -- cloison pull -q --key good.pub "$REGISTRY/plain/x:multi"
    own=$(jq -r '.manifests[0].digest' "layout/blobs/sha256/$(digest_of multi | cut -d: -f2)")
    sign good "$own"
    cloison pull -q --platform linux/amd64 --key good.pub "$REGISTRY/plain/x:multi"
}

@test "the policy asks for signatures by name, of run too" {
    sign good "$(digest_of two)"
    printf '{"signatures":{"require":[{"names":["%s/plain/*"],"keys":["%s/good.pub"]}]}}' "$REGISTRY" "$PWD" >c.json
    export CLOISON_CONFIG=$PWD/c.json
    cloison pull -q "$REGISTRY/plain/x:two"
    cloison rmi "$REGISTRY/plain/x:two"
    refused "not signed" -- cloison pull -q "$REGISTRY/plain/x:docker"
    run --separate-stderr cloison run --rm --network none "$REGISTRY/plain/x:latest" true
    [ "$status" -eq 125 ]
    [[ $stderr == *"not signed"* ]]
    cloison pull -q "$REGISTRY/token/x:docker" # another name
    run cloison pull --verify -q "$REGISTRY/token/x:docker"
    [ "$status" -eq 125 ]
    one_line
    [[ $output == *"no key"* ]]
}

@test "what is here under a policy is checked again, and by digest too" {
    sign good "$(digest_of two)"
    cloison pull -q --key good.pub "$REGISTRY/plain/x:two"
    sign bad "$(digest_of two)"
    run cloison pull -q --key good.pub "$REGISTRY/plain/x:two"
    [ "$status" -eq 1 ]
    run cloison pull -q --key good.pub "$REGISTRY/plain/x@$(digest_of two)"
    [ "$status" -eq 1 ]
}

@test "a policy that is wrong is refused by name" {
    for text in '{"signatures":{"requires":[]}}' '{"signatures":{"require":[{"names":["x"]}]}}' \
        '{"signatures":{"require":[{"names":["x"],"keys":["k"],"key":1}]}}' '{"signatures":{"require":[7]}}'; do
        printf '%s' "$text" >c.json
        CLOISON_CONFIG=$PWD/c.json refused "settings: signatures" -- cloison pull -q "$REGISTRY/plain/x:two"
    done
}
