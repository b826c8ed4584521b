#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison build --platform` with several platforms, and RUN for another processor by qemu-user.
load helper

setup_file() {
    engine_setup busybox
    cd "$BATS_FILE_TMPDIR" || return 1
    HERE=linux/$(cloison inspect -f '{{.Architecture}}' busybox)
    case $HERE in */arm64) OTHER=linux/amd64 ;; *) OTHER=linux/arm64 ;; esac
    export HERE OTHER
}
teardown_file() {
    registries_stop
    engine_teardown
}

setup() {
    command -v skopeo >/dev/null && command -v docker-registry >/dev/null || skip "needs skopeo and docker-registry"
    fresh_context
    printf 'FROM scratch\nARG TARGETPLATFORM\nENV FOR=$TARGETPLATFORM\nCOPY f /f\nCMD ["/f"]\n' >Dockerfile
    echo x >f
}

@test "several platforms: an index, in the store, in an archive, in a registry, as folders" {
    plain=$(cd .. && start_registry plain)
    cloison build -q --platform "$HERE,$OTHER" --provenance=true -t "$plain/multi/x:1" --push --output type=oci,dest=x.tar .
    [ "$(cloison inspect -f '{{.Architecture}}' "$plain/multi/x:1")" = "${HERE#*/}" ]
    skopeo inspect --raw --tls-verify=false "docker://$plain/multi/x:1" >index
    [ "$(jq -r '[.manifests[].platform | .os + "/" + .architecture] | join(" ")' index)" = "$HERE $OTHER unknown/unknown unknown/unknown" ]
    [ "$(jq -r '[.manifests[2:][].annotations."vnd.docker.reference.digest"] | join(" ")' index)" = "$(jq -r '[.manifests[:2][].digest] | join(" ")' index)" ]
    for platform in "$HERE" "$OTHER"; do
        [ "$(cloison image inspect --platform "$platform" -f '{{.Os}}/{{.Architecture}} {{json .Config.Env}}' "$plain/multi/x:1")" = \
            "$platform [\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"FOR=$platform\"]" ]
        [ "$(skopeo inspect --tls-verify=false --override-os "${platform%/*}" --override-arch "${platform#*/}" --config "docker://$plain/multi/x:1" | jq -r .architecture)" = "${platform#*/}" ]
    done
    # The one of the other platform is no image of its own in the list, goes with no prune, and with the name.
    [ "$(cloison images -q "$plain/multi/x" | wc -l)" = 1 ]
    cloison image prune -f >/dev/null
    cloison image inspect --platform "$OTHER" "$plain/multi/x:1" >/dev/null
    cloison system check
    cloison rmi "$plain/multi/x:1" >/dev/null
    [ -z "$(cloison images -q "$plain/multi/x")" ]
    run -1 cloison image inspect --platform "$OTHER" "$plain/multi/x:1"
    tar xf x.tar --one-top-level=layout
    digest=$(jq -r '.manifests[0].digest' layout/index.json)
    cmp index "layout/blobs/sha256/${digest#*:}"
    cloison build --platform "$HERE" --platform "$OTHER" --output type=local,dest=out .
    cmp f "out/${HERE/\//_}/f" && cmp f "out/${OTHER/\//_}/f"
    for bad in type=tar,dest=o type=docker,dest=o; do
        run -1 cloison build -q --platform "$HERE,$OTHER" --output $bad .
        one_line
        [[ $output == *"one platform"* ]]
    done
}

@test "one context for all, also from standard input; the cache holds each platform's steps" {
    tar c Dockerfile f | cloison build -q --platform "$HERE,$OTHER" -t "stdin$TAG" --cache-to type=local,dest=cache,mode=max -
    cloison image inspect --platform "$OTHER" "stdin$TAG" >/dev/null
    [ "$(find cache/cache -type f | wc -l)" = 2 ]
    run cloison build --platform "$HERE,$OTHER" -t "stdin$TAG" .
    [ "$(grep -c CACHED <<<"$output")" = 2 ]
    [[ $output == *"platform $HERE"*"platform $OTHER"* ]]
    # By one platform the name is an image again.
    cloison build -q -t "stdin$TAG" .
    run -1 cloison image inspect --platform "$OTHER" "stdin$TAG"
    run -125 cloison build -q --platform "$HERE,linux/" .
    one_line
}

@test "RUN for a processor whose programs do not run here is one line" {
    printf 'FROM scratch\nCOPY f /f\nRUN ["/f"]\n' >Dockerfile
    [ ! -e /proc/sys/fs/binfmt_misc/qemu-s390x ] || skip "programs of s390x run here"
    run -1 cloison build -q --platform "linux/s390x,$HERE" .
    echo "$output"
    one_line
    [[ $output == *"linux/s390x do not run on this machine"*qemu* ]]
}

# In a mount namespace of its own, by Debian's qemu and Debian's busybox, both from the mirror.
@test "RUN for another processor, its programs run by qemu-user" {
    [ -n "${TEST_FULL:-}" ] || skip "TEST_FULL=1"
    [ "$OTHER" = linux/arm64 ] || skip "the other processor here is not arm64"
    grep -qw binfmt_misc /proc/filesystems || modprobe binfmt_misc 2>/dev/null || skip "this kernel has no binfmt_misc"
    mkdir -p apt/state/lists/partial apt/cache/archives/partial
    local arm=(-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$PWD/apt/state" -o Dir::State::status=/dev/null
        -o Dir::Cache="$PWD/apt/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root)
    apt-get -qq "${arm[@]}" update && apt-get -qq "${arm[@]}" download busybox-static:arm64 || skip "no mirror with arm64"
    apt-get -qq download qemu-user-static || skip "no qemu-user-static at the mirror"
    dpkg-deb --fsys-tarfile busybox-static_*.deb | tar xO ./bin/busybox >busybox-arm64
    dpkg-deb --fsys-tarfile qemu-user-static_*.deb | tar xO ./usr/bin/qemu-aarch64-static >qemu && chmod +x qemu busybox-arm64
    cp "$(command -v busybox)" busybox-amd64
    cat >Dockerfile <<'END'
FROM scratch
ARG TARGETARCH
COPY busybox-$TARGETARCH /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN --network=none uname -m >/machine
END
    cat >inside <<'END'
set -e
cd "$1"
dir=/proc/sys/fs/binfmt_misc
mount -t binfmt_misc none $dir
if [ ! -e $dir/qemu-aarch64 ]; then
    trap 'echo -1 >$dir/qemu-aarch64' EXIT
    printf ':qemu-aarch64:M::\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:%s:F' "$PWD/qemu" >$dir/register
fi
"$CLOISON" build -q --platform linux/amd64,linux/arm64 -t "$2" .
"$CLOISON" run --rm --network none --platform linux/arm64 "$2" uname -m
"$CLOISON" run --rm --network none "$2" cat /machine
"$CLOISON" run --rm --network none --platform linux/arm64 "$2" cat /machine
END
    run -0 --separate-stderr unshare -m bash inside "$PWD" "arm$TAG"
    echo "$output"
    [ "${lines[*]:1}" = "aarch64 x86_64 aarch64" ]
}
