#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Pushing and logging in: to Debian's docker-registry (with and without TLS, a password and client
# certificates), and to one that misbehaves (registry.py).
load helper

setup_file() {
    engine_setup busybox
    cd "$BATS_FILE_TMPDIR" || return 1
    bad_registry identity
    make_certificates
    export PLAIN SAFE UNKNOWN
    PLAIN=$(start_registry plain "") && UNKNOWN=$(start_registry unknown \
        "  tls: {certificate: $PWD/server.crt, key: $PWD/server.key}") && SAFE=$(start_registry safe \
        "  tls: {certificate: $PWD/server.crt, key: $PWD/server.key, clientcas: [$PWD/ca.crt]}
auth: {htpasswd: {realm: test, path: $PWD/htpasswd}}")
}

teardown_file() {
    registries_stop
    engine_teardown
}

# An authority, a server's certificate by it, and one of ours; a password for user "me".
make_certificates() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-ca \
        -keyout ca.key -out ca.crt 2>/dev/null
    for who in server client; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$who -keyout $who.key -out $who.csr 2>/dev/null
        openssl x509 -req -in $who.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
            -extfile <(echo "subjectAltName=IP:127.0.0.1") -out $who.crt 2>/dev/null
    done
    perl -e 'print "me:", crypt("secret", "\$2y\$05\$abcdefghijklmnopqrstuu"), "\n"' >htpasswd # bcrypt
    mkdir certs && cp ca.crt certs/ca.crt && cp client.crt certs/client.cert && cp client.key certs/client.key
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return 1
    rm -rf home/.docker home/.config
    : >layout/log
}

digest_of() { cloison images --digests --format '{{.Repository}} {{.Digest}}' | awk -v r="$1" '$1 == r && $2 != "<none>" { print $2; exit }'; }

@test "what is pushed has the digest that skopeo sees, and comes back the same" {
    cloison tag busybox "$PLAIN/team/bb:1"
    run cloison push "$PLAIN/team/bb:1"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"refers to repository [$PLAIN/team/bb]"*": Pushed"*"1: digest: sha256:"*" size: "* ]]
    [ "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$PLAIN/team/bb:1")" = "$(digest_of "$PLAIN/team/bb")" ]
    CLOISON_DATA_ROOT=$BATS_TEST_TMPDIR/data cloison pull -q "$PLAIN/team/bb:1" >id
    rm -rf "$BATS_TEST_TMPDIR/data"
    [ "$(cat id)" = "$(cloison images -q --no-trunc busybox | head -1)" ]
}

@test "what was pulled keeps its digest, whoever made it" {
    for tag in two docker raw multi; do
        cloison pull -q "$REGISTRY/plain/x:$tag"
        want=$(cloison images --digests --format '{{.Tag}} {{.ID}}' "$REGISTRY/plain/x" | awk -v t=$tag '$1 == t { print $2 }')
        cloison tag "$REGISTRY/plain/x:$tag" "$PLAIN/kept/$tag:1"
        cloison push -q "$PLAIN/kept/$tag:1"
        skopeo inspect --raw --tls-verify=false "docker://$PLAIN/kept/$tag:1" >raw
        in_layout=layout/blobs/sha256/$(sha256sum raw | cut -d' ' -f1)
        cmp raw "$in_layout"
    done
}

@test "skopeo's copy comes in and goes out" {
    cloison tag busybox "$PLAIN/team/there:1"
    cloison push -q "$PLAIN/team/there:1"
    skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$PLAIN/team/there:1" "docker://$PLAIN/copied/bb:2"
    [ "$(cloison pull -q "$PLAIN/copied/bb:2")" = "$(cloison images -q --no-trunc busybox | head -1)" ]
    skopeo copy -q --src-tls-verify=false "docker://$PLAIN/team/there:1" "oci:$BATS_TEST_TMPDIR/oci:x"
    run cloison push -q "$PLAIN/copied/bb:2"
    [ "$output" = "$PLAIN/copied/bb:2" ]
}

@test "what is there is not sent; what is there under another name is mounted" {
    cloison tag busybox "$REGISTRY/plain/one:1"
    cloison push -q "$REGISTRY/plain/one:1"
    : >layout/log
    run cloison push "$REGISTRY/plain/one:1"
    [[ $output == *"already exists"* ]]
    ! grep -E '^(POST|PUT|PATCH)' layout/log || false
    cloison tag busybox "$REGISTRY/plain/one:2"
    : >layout/log
    cloison push -q "$REGISTRY/plain/one:2"
    [ "$(grep -cE '^(POST|PUT|PATCH)' layout/log)" -eq 1 ] # the manifest
    cloison tag busybox "$REGISTRY/plain/other:1"
    : >layout/log
    run cloison push "$REGISTRY/plain/other:1"
    [[ $output == *"Mounted"* ]]
    grep -q 'POST .*mount=sha256:.*&from=plain/one' layout/log
    # The layer went by its name; the config, which nobody keeps count of, was sent.
    [ "$(grep -c '^PUT .*blobs/uploads' layout/log)" -eq 1 ]
}

@test "a mount that is denied is no failure" {
    cloison tag busybox "$REGISTRY/plain/source:1"
    cloison push -q "$REGISTRY/plain/source:1"
    cloison tag busybox "$REGISTRY/nomount/x:1"
    run cloison push "$REGISTRY/nomount/x:1"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *Pushed* ]]
}

@test "a broken upload goes on where it broke" {
    cloison tag busybox "$REGISTRY/upcut/bb:1"
    cloison push -q "$REGISTRY/upcut/bb:1"
    grep -q 'PUT .*content-range=[1-9]' layout/log
}

@test "a registry that takes no large requests gets pieces" {
    cloison tag busybox "$REGISTRY/upsmall/bb:1"
    cloison push -q "$REGISTRY/upsmall/bb:1"
    [ "$(grep -c '^PATCH .*content-range=' layout/log)" -ge 3 ]
}

@test "a token that expires is renewed while pushing" {
    cloison tag busybox "$REGISTRY/expire/bb:1"
    cloison push -q "$REGISTRY/expire/bb:1"
    [ "$(grep -c '/token?' layout/log)" -ge 2 ]
    grep -q 'scope=repository%3Aexpire%2Fbb%3Apull' layout/log
}

@test "all tags of a repository" {
    cloison tag busybox "$PLAIN/all/bb:1"
    cloison tag busybox "$PLAIN/all/bb:2"
    run cloison push -a -q "$PLAIN/all/bb"
    [ "$(sort <<<"$output")" = "$PLAIN/all/bb:1"$'\n'"$PLAIN/all/bb:2" ]
    [ "$(cloison tags "$PLAIN/all/bb" | sort)" = $'1\n2' ]
}

@test "what cannot be pushed is refused in one line" {
    run cloison push "$PLAIN/no/such:1"
    one_line
    [[ $output == *"no such image"* ]]
    run cloison push "busybox@sha256:$(printf '0%.0s' {1..64})"
    one_line
    [ "$status" -eq 125 ]
    run cloison push -a "$PLAIN/no/such"
    one_line
    [[ $output == *"no tag of"* ]]
}

@test "TLS: an unknown authority is refused, certs.d's is taken, and our certificate is shown" {
    cloison tag busybox "$SAFE/team/bb:1"
    printf '{"registries":{"%s":{"insecure":false}}}' "$SAFE" >c.json
    run env CLOISON_CONFIG="$PWD/c.json" "$CLOISON" push "$SAFE/team/bb:1"
    echo "$output"
    [ "$status" -eq 1 ]
    one_line
    [[ $output == *certificate* ]]
    printf '{"registries":{"%s":{"certs":"%s"}}}' "$SAFE" "$PWD/certs" >c.json
    printf 'secret' | CLOISON_CONFIG=$PWD/c.json cloison login -u me --password-stdin "$SAFE"
    CLOISON_CONFIG=$PWD/c.json cloison push -q "$SAFE/team/bb:1"
    mkdir -p nokey && cp certs/client.cert certs/ca.crt nokey/
    printf '{"registries":{"%s":{"certs":"%s"}}}' "$SAFE" "$PWD/nokey" >c.json
    run env CLOISON_CONFIG="$PWD/c.json" "$CLOISON" pull "$SAFE/team/bb:1"
    one_line
    [[ $output == *client.key* ]]
}

@test "TLS: of an image that is here one question is asked, of whom its certificate proves" {
    known() { printf '{"registries":{"%s":{"certs":"%s"}}}' "$1" "$2" >c.json; }
    export CLOISON_CONFIG=$PWD/c.json
    mkdir -p authority other && cp ca.crt authority/
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other -keyout other.key -out other/ca.crt 2>/dev/null
    known "$UNKNOWN" "$PWD/authority"
    cloison tag busybox "$UNKNOWN/one/a:1"
    cloison push -q "$UNKNOWN/one/a:1"
    cloison pull -q "$UNKNOWN/one/a:1"
    run strace -f -qq -e trace=execve,openat -o trace "$CLOISON" pull "$UNKNOWN/one/a:1"
    [[ $output == *"up to date"* ]]
    run grep -E '\.so|cloison-image' trace
    [ -z "$output" ]
    # An authority that did not sign it, and a host that it is not for.
    known "$UNKNOWN" "$PWD/other"
    run -1 cloison pull "$UNKNOWN/one/a:1"
    one_line
    [[ $output == *certificate* ]]
    cloison tag busybox "localhost:${UNKNOWN#*:}/one/a:1"
    known "localhost:${UNKNOWN#*:}" "$PWD/authority"
    run -1 cloison pull "localhost:${UNKNOWN#*:}/one/a:1"
    one_line
    cloison rmi "$UNKNOWN/one/a:1" "localhost:${UNKNOWN#*:}/one/a:1"
}

@test "certs.d is found where Docker's, Podman's and our own is" {
    printf '{"registries":{"%s":{"insecure":false}}}' "$SAFE" >c.json
    for place in cloison containers docker; do
        cat >in-$place.sh <<EOF
mount -t tmpfs etc "$PWD/nokey" && mkdir "$PWD/nokey/up" "$PWD/nokey/work"
mount -t overlay -o "lowerdir=/etc,upperdir=$PWD/nokey/up,workdir=$PWD/nokey/work" etc /etc
rm -rf /etc/{cloison,containers,docker}/certs.d && mkdir -p "/etc/$place/certs.d/$SAFE"
cp certs/* "/etc/$place/certs.d/$SAFE"
printf secret | "$CLOISON" login -u me --password-stdin "$SAFE"
EOF
        mkdir -p nokey
        CLOISON_CONFIG=$PWD/c.json unshare -m bash -e in-$place.sh
        run env CLOISON_CONFIG="$PWD/c.json" bash -c "printf secret | '$CLOISON' login -u me --password-stdin $SAFE"
        [ "$status" -eq 1 ]
        [[ $output == *certificate* ]]
    done
}

@test "zstd layers come in, and go out as they came" {
    skopeo copy -q --dest-tls-verify=false --dest-compress-format zstd --src-tls-verify=false \
        "docker://$REGISTRY/plain/x:raw" "docker://$PLAIN/zstd/a:1"
    skopeo inspect --raw --tls-verify=false "docker://$PLAIN/zstd/a:1" | jq -e '.layers[0].mediaType | endswith("+zstd")'
    cloison pull -q "$PLAIN/zstd/a:1"
    cloison tag "$PLAIN/zstd/a:1" "$PLAIN/zstd/b:1"
    cloison push -q "$PLAIN/zstd/b:1"
    [ "$(digest_of "$PLAIN/zstd/b")" = "$(digest_of "$PLAIN/zstd/a")" ]
    [ "$(cloison manifest inspect "$PLAIN/zstd/b:1")" = "$(cloison manifest inspect "$PLAIN/zstd/a:1")" ]
    cloison rmi "$PLAIN/zstd/a:1" "$PLAIN/zstd/b:1"
}

@test "HTTP/2: all layers of an image come over one connection" {
    printf '{"registries":{"%s":{"certs":"%s"}}}' "$SAFE" "$PWD/certs" >c.json
    export CLOISON_CONFIG=$PWD/c.json
    printf secret | cloison login -u me --password-stdin "$SAFE"
    cloison pull -q "$REGISTRY/plain/x:many"
    cloison tag "$REGISTRY/plain/x:many" "$SAFE/team/many:1"
    cloison push -q "$SAFE/team/many:1"
    export CLOISON_DATA_ROOT=$BATS_TEST_TMPDIR/data
    strace -f -e trace=connect -o connects "$CLOISON" pull -q "$SAFE/team/many:1"
    rm -rf "$CLOISON_DATA_ROOT"
    cat connects
    [ "$(grep -c "htons(${SAFE#*:})" connects)" -eq 1 ]
}

@test "login and logout, as Docker and skopeo see them" {
    printf '{"registries":{"%s":{"certs":"%s"}}}' "$SAFE" "$PWD/certs" >c.json
    export CLOISON_CONFIG=$PWD/c.json
    run bash -c "printf wrong | '$CLOISON' login -u me --password-stdin $SAFE"
    one_line
    [[ $output == *denied* ]]
    [ ! -e home/.docker/config.json ]
    run bash -c "printf 'secret\n' | '$CLOISON' login -u me --password-stdin $SAFE"
    echo "$output"
    [[ $output == *"Login Succeeded"* ]]
    [ "$(stat -c %a home/.docker/config.json)" = 600 ]
    [ "$(jq -r ".auths[\"$SAFE\"].auth" home/.docker/config.json | base64 -d)" = me:secret ]
    skopeo inspect --cert-dir certs "docker://$SAFE/team/bb:1" >/dev/null
    cloison pull -q "$SAFE/team/bb:1"
    [ "$(cloison logout "$SAFE")" = "Removing login credentials for $SAFE" ]
    [ "$(jq -c .auths home/.docker/config.json)" = '{}' ]
    [ "$(cloison logout "$SAFE")" = "Not logged in to $SAFE" ]
    run cloison pull -q "$SAFE/team/bb:1"
    one_line
    [[ $output == *login* ]]
    # What skopeo wrote for itself is found and forgotten.
    mkdir -p home/.config/containers
    printf secret | skopeo login -u me --password-stdin --cert-dir certs --authfile home/.config/containers/auth.json "$SAFE"
    cloison pull -q "$SAFE/team/bb:1"
    cloison logout "$SAFE"
    ! grep -q "$SAFE" home/.config/containers/auth.json || false
}

@test "a password on the command line never reaches another's" {
    strace -f -s 10000 -e trace=execve -o calls "$CLOISON" login -u user -p secret "$REGISTRY"
    [ "$(grep -c execve calls)" -ge 2 ]
    [ "$(grep execve calls | grep -c secret)" -eq 1 ] # the one that was typed
}

@test "a login that gives an identity token keeps that, and it is changed for tokens" {
    printf secret | cloison login -u user --password-stdin "$REGISTRY"
    jq . home/.docker/config.json
    [ "$(jq -r ".auths[\"$REGISTRY\"].identitytoken" home/.docker/config.json)" = 1dentity ]
    [ "$(jq -r ".auths[\"$REGISTRY\"].auth" home/.docker/config.json | base64 -d)" = user: ]
    cloison pull -q "$REGISTRY/identity/x:two"
    grep -q 'FORM .*grant_type=refresh_token&refresh_token=1dentity&scope=repository%3Aidentity%2Fx%3Apull' layout/log
}

@test "a credential helper keeps the secret, for one registry or for all" {
    mkdir -p bin home/.docker
    cat >bin/docker-credential-test <<'SH'
#!/bin/sh
echo "$1" >>"$HOME/helper.log"
case $1 in
store) cat >"$HOME/helper.secret" ;;
get) read -r url; [ -f "$HOME/helper.secret" ] && grep -q "\"$url\"" "$HOME/helper.secret" && cat "$HOME/helper.secret" && exit
    echo 'credentials not found in native keychain'; exit 1 ;;
erase) rm -f "$HOME/helper.secret" ;;
esac
SH
    chmod +x bin/docker-credential-test
    for how in '{"credsStore":"test"}' "{\"credHelpers\":{\"$REGISTRY\":\"test\"},\"other\":1}"; do
        echo "$how" >home/.docker/config.json
        printf secret | PATH=$PWD/bin:$PATH cloison login -u user --password-stdin "$REGISTRY"
        ! grep -q 1dentity home/.docker/config.json || false
        grep -q 1dentity home/helper.secret
        PATH=$PWD/bin:$PATH cloison pull -q "$REGISTRY/identity/x:two"
        PATH=$PWD/bin:$PATH cloison logout "$REGISTRY"
        [ ! -e home/helper.secret ]
    done
    [ "$(jq .other home/.docker/config.json)" = 1 ]
    run cloison pull -q "$REGISTRY/identity/x:two"
    one_line
    [[ $output == *docker-credential-test* ]]
}

@test "login asks on a terminal, without echo" {
    run bash -c "{ sleep 0.5; echo user; sleep 0.5; echo secret; sleep 0.5; } | script -qec \"'$CLOISON' login $REGISTRY\" /dev/null"
    echo "$output"
    [[ $output == *"Username: "*"Password: "*"Login Succeeded"* ]]
    ! grep -q secret <<<"${output#*Password}" || false
    run cloison login "$REGISTRY" </dev/null
    [ "$status" -eq 125 ]
    one_line
}

@test "an image for several platforms is put together, annotated, pushed and pulled" {
    for arch in amd64 arm64; do
        CLOISON_DATA_ROOT=$BATS_TEST_TMPDIR/data cloison pull -q --platform linux/$arch "$REGISTRY/plain/x:multi"
        CLOISON_DATA_ROOT=$BATS_TEST_TMPDIR/data cloison tag "$REGISTRY/plain/x:multi" "$PLAIN/parts/$arch:1"
        CLOISON_DATA_ROOT=$BATS_TEST_TMPDIR/data cloison push -q "$PLAIN/parts/$arch:1"
    done
    rm -rf "$BATS_TEST_TMPDIR/data"
    list=$PLAIN/whole/app:1
    [ "$(cloison manifest create "$list" "$PLAIN/parts/amd64:1" "$PLAIN/parts/arm64:1")" = "Created manifest list $list" ]
    run cloison manifest create "$list" "$PLAIN/parts/amd64:1"
    one_line
    [[ $output == *"already"*"--amend"* ]]
    cloison manifest create --amend "$list" "$PLAIN/parts/amd64:1"
    cloison manifest annotate --variant v8 --os-features a --os-features b "$list" "$PLAIN/parts/arm64:1"
    run cloison manifest annotate --arch x "$list" "$PLAIN/parts/none:1"
    one_line
    cloison manifest inspect "$list" >here.json
    [ "$(jq -c '[.manifests[].platform | [.os, .architecture, .variant, ."os.features"]]' here.json)" = '[["linux","amd64",null,null],["linux","arm64","v8",["a","b"]]]' ]
    digest=$(cloison manifest push --purge "$list")
    # Its members came from other repositories of the registry.
    [ "$(skopeo inspect --raw --tls-verify=false "docker://$list" | sha256sum | cut -d' ' -f1)" = "${digest#sha256:}" ]
    skopeo copy -q --all --src-tls-verify=false "docker://$list" "oci:$BATS_TEST_TMPDIR/all:x"
    cmp here.json <(cloison manifest inspect "$list")
    run cloison manifest rm "$list"
    one_line
    for arch in amd64 arm64; do
        cloison pull -q --platform linux/$arch "$list"
        [ "$(cloison inspect --format '{{.Architecture}}' "$list")" = $arch ]
    done
    # A list of a list's members, and another registry's.
    cloison manifest create "$PLAIN/whole/app:2" "$list"
    [ "$(cloison manifest push "$PLAIN/whole/app:2" | wc -l)" -eq 1 ]
    cloison manifest rm "$PLAIN/whole/app:2"
    cloison manifest create "$PLAIN/whole/app:3" "$REGISTRY/plain/x:two"
    run cloison manifest push "$PLAIN/whole/app:3"
    one_line
    [[ $output == *"another registry"* ]]
    run cloison manifest create "$PLAIN/whole/app:4" "$REGISTRY/plain/x:chart"
    one_line
    [[ $output == *"not of an image"* ]]
}

@test "manifest inspect -v: each manifest with its name, descriptor and bytes" {
    cloison tag busybox "$PLAIN/verbose/a:1"
    cloison push -q --disable-content-trust "$PLAIN/verbose/a:1"
    cloison manifest inspect -v "$PLAIN/verbose/a:1" >one.json
    manifest=$(digest_of "$PLAIN/verbose/a")
    jq -e --arg ref "$PLAIN/verbose/a:1" --arg digest "$manifest" \
        '.Ref == $ref and .Descriptor.digest == $digest and .Descriptor.platform.os == "linux"' one.json
    [ "sha256:$(jq -r .Raw one.json | base64 -d | sha256sum | cut -d' ' -f1)" = "$manifest" ]
    [ "$(jq -c .OCIManifest one.json)" = "$(jq -r .Raw one.json | base64 -d | jq -c .)" ]
    # An index that a registry has, and a list that is put together here.
    cloison manifest inspect --verbose "$REGISTRY/plain/x:multi" >all.json
    [ "$(jq -c '[.[].Descriptor.platform.architecture]' all.json)" = \
        "$(cloison manifest inspect "$REGISTRY/plain/x:multi" | jq -c '[.manifests[].platform.architecture]')" ]
    cloison manifest create "$PLAIN/verbose/list:1" "$PLAIN/verbose/a:1"
    [ "$(cloison manifest inspect -v "$PLAIN/verbose/list:1" | jq -c '[.[] | [.Ref, .Descriptor.digest]]')" = \
        "[[\"$PLAIN/verbose/a:1@$manifest\",\"$manifest\"]]" ]
    cloison manifest rm "$PLAIN/verbose/list:1"
    cloison rmi "$PLAIN/verbose/a:1"
}

@test "manifest --insecure speaks to a registry whose certificate nobody knows" {
    printf '{"registries":{"%s":{"insecure":false}}}' "$UNKNOWN" >c.json
    export CLOISON_CONFIG=$PWD/c.json
    printf '{"registries":{"%s":{"insecure":true}}}' "$UNKNOWN" >push.json
    cloison tag busybox "$UNKNOWN/in/a:1"
    CLOISON_CONFIG=$PWD/push.json cloison push -q "$UNKNOWN/in/a:1"
    for verb in "create $UNKNOWN/in/list:1" inspect; do
        # shellcheck disable=SC2086 # words
        run -1 cloison manifest $verb "$UNKNOWN/in/a:1"
        one_line
        [[ $output == *certificate* ]]
        # shellcheck disable=SC2086
        cloison manifest $verb --insecure "$UNKNOWN/in/a:1"
    done
    run -1 cloison manifest push "$UNKNOWN/in/list:1"
    [[ $output == *certificate* ]]
    cloison manifest push --insecure --purge "$UNKNOWN/in/list:1"
    cloison manifest inspect --insecure "$UNKNOWN/in/list:1" | jq -e '.manifests | length == 1'
    cloison rmi "$UNKNOWN/in/a:1"
}

@test "push --platform wants the image to be for it; content trust is not there to turn on" {
    cloison tag busybox "$PLAIN/only/a:1"
    run -1 cloison push --platform linux/s390x "$PLAIN/only/a:1"
    one_line
    [[ $output == *"not for platform 'linux/s390x'"* ]]
    cloison push -q --platform "linux/$(cloison inspect -f '{{.Architecture}}' busybox)" "$PLAIN/only/a:1"
    cloison rmi "$PLAIN/only/a:1"
    for verb in push pull; do
        run -125 cloison $verb --disable-content-trust=false "$PLAIN/only/a:1"
        one_line
        [[ $output == *"not supported"* ]]
    done
    cloison pull -q --disable-content-trust "$PLAIN/only/a:1"
    cloison rmi "$PLAIN/only/a:1"
}

@test "Podman takes what was pushed, and what it pushes comes back the same" {
    command -v podman || skip "podman is not installed"
    podman="podman --root $BATS_TEST_TMPDIR/root --runroot /run/clt$TAG --storage-driver vfs"
    cloison tag busybox "$PLAIN/forpodman/bb:1"
    cloison push -q "$PLAIN/forpodman/bb:1"
    id=$(cloison images -q --no-trunc busybox | head -1)
    [ "sha256:$($podman pull -q --tls-verify=false "docker://$PLAIN/forpodman/bb:1")" = "$id" ]
    $podman push -q --tls-verify=false "$PLAIN/forpodman/bb:1" "docker://$PLAIN/bypodman/bb:1"
    rm -rf "$BATS_TEST_TMPDIR/root" "/run/clt$TAG"
    [ "$(cloison pull -q "$PLAIN/bypodman/bb:1")" = "$id" ]
}
