#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images to and from the tools that users have: Docker's daemon, Podman, skopeo.
load helper

setup_file() {
    engine_setup busybox
    cd "$BATS_FILE_TMPDIR" || return 1
    # Two layers, a whiteout, a config: what must survive.
    c=$(cloison create --network none busybox sh)
    echo hello >hello && cloison cp -q hello "$c:/hello"
    cloison commit -c 'CMD ["cat","/hello"]' -c 'ENV A=1' -c 'LABEL k=v' "$c" travel:1
    cloison rm "$c"
    export ID
    ID=$(cloison images -q --no-trunc travel:1)
    export LAYERS
    LAYERS=$(cloison inspect -f '{{json .RootFS.Layers}}' travel:1)
}
teardown_file() { engine_teardown; }

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

# fresh: another store; what was loaded there is the same image, and runs.
fresh() { export CLOISON_DATA_ROOT=$BATS_TEST_TMPDIR/store; }
# Tools that turn Docker's config into OCI's give it another ID.
arrived() { # NAME
    [ "$(cloison inspect -f '{{json .RootFS.Layers}}' "$1")" = "$LAYERS" ] &&
        [ "$(cloison run --rm --network none "$1")" = hello ] &&
        [ "$(cloison inspect -f '{{.Config.Labels.k}} {{json .Config.Cmd}}' "$1")" = 'v ["cat","/hello"]' ]
}

@test "docker load reads what save writes, and load what docker save writes" {
    command -v dockerd >/dev/null && command -v docker >/dev/null || skip "no dockerd here"
    d=$(mktemp -d /run/clXXXXXX)
    dockerd -H "unix://$d/sock" --data-root "$PWD/docker" --exec-root "$d/exec" --pidfile "$d/pid" --bridge=none \
        --iptables=false --ip6tables=false --ip-forward=false >dockerd.log 2>&1 3>&- &
    daemon=$!
    docker() { command docker -H "unix://$d/sock" "$@"; }
    stop_docker() { kill $daemon; wait $daemon || true; rm -rf "$d" docker; }
    wait_for 30 command docker -H "unix://$d/sock" version || { tail -3 dockerd.log; stop_docker; skip "dockerd does not start here"; }
    cloison save travel:1 | docker load >out 2>&1 || { cat out; stop_docker; return 1; }
    got=$(docker image inspect -f '{{.Id}} {{.Config.Labels.k}} {{len .RootFS.Layers}}' travel:1)
    cloison save --format oci-archive travel:1 | docker load >out2 2>&1 || true
    docker save -o back.tar travel:1
    stop_docker
    echo "$got"
    [ "$got" = "$ID v 2" ]
    fresh
    cloison load -i back.tar && arrived travel:1 && [ "$(cloison images -q --no-trunc travel)" = "$ID" ]
}

@test "podman load reads what save writes, both formats; load reads what podman save writes" {
    command -v podman >/dev/null || skip "no podman here"
    run=$(mktemp -d /run/clXXXXXX)
    podman() { command podman --root "$PWD/podman" --runroot "$run" --storage-driver vfs "$@"; }
    cloison save travel:1 | podman load -q
    got=$(podman image inspect -f '{{.Id}} {{index .Labels "k"}}' travel:1)
    podman save -q -o docker.tar travel:1
    podman rmi -f travel:1 >/dev/null
    cloison save --format oci-archive -o oci.tar travel:1 && podman load -q -i oci.tar
    got2=$(podman images -q --no-trunc | head -1)
    podman save -q --format oci-archive -o back.tar "$(podman images --format '{{.Repository}}:{{.Tag}}' | head -1)"
    rm -rf "$run" podman
    echo "$got / $got2"
    [ "$got" = "${ID#sha256:} v" ]
    [ "$got2" = "$ID" ]
    fresh
    cloison load -i docker.tar && [ "$(cloison images -q --no-trunc)" = "$ID" ] && cloison rmi "$ID"
    cloison load -i back.tar && [ "$(cloison images -q --no-trunc)" = "$ID" ]
}

@test "skopeo copies from each format of save, and load takes what skopeo writes" {
    cloison save -o d.tar travel:1
    cloison save --format oci-archive -o o.tar travel:1
    cloison save --format oci-dir -o layout travel:1
    [ -f layout/oci-layout ]
    [ -f layout/index.json ]
    name=$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' layout/index.json)
    for from in docker-archive:d.tar oci-archive:o.tar "oci:layout:$name"; do
        rm -rf to to.tar to2.tar
        skopeo copy -q "$from" oci:to:x
        [ "$(skopeo inspect --config oci:to:x | jq -c .rootfs.diff_ids)" = "$LAYERS" ] || { echo "$from"; return 1; }
        skopeo copy -q "$from" docker-archive:to.tar:travel:2
        skopeo copy -q "$from" oci-archive:to2.tar:docker.io/library/travel:3
    done
    fresh
    cloison load -i to.tar && arrived travel:2 && cloison rmi travel:2
    cloison load -i to2.tar && arrived travel:3 && cloison rmi travel:3
    cloison load -i to && cloison rmi "$(cloison images -q)"
    cloison load -i layout && arrived travel:1
}

@test "several images in one archive, each format, layers once" {
    cloison tag busybox second:1
    for format in docker-archive oci-archive; do
        cloison save --format $format -o many.tar travel:1 busybox second:1
        [ -z "$(tar tf many.tar | sort | uniq -d)" ]
        CLOISON_DATA_ROOT=$PWD/s-$format cloison load -i many.tar
        [ "$(CLOISON_DATA_ROOT=$PWD/s-$format cloison images --format '{{.Repository}}:{{.Tag}}' | sort | xargs)" = "busybox:latest second:1 travel:1" ]
        CLOISON_DATA_ROOT=$PWD/s-$format cloison system check
    done
}
