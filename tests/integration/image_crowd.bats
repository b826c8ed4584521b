#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Many at once at the same and different images (CROWD_SECONDS: how long, CROWD_WORKERS: how many).
load helper

setup_file() {
    engine_setup busybox
    cd "$BATS_FILE_TMPDIR" || return 1
    REGISTRY_PORT=$(free_port)
    mkdir registry
    cat >registry.yml <<YML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $PWD/registry}}
http: {addr: 127.0.0.1:$REGISTRY_PORT}
YML
    docker-registry serve registry.yml >registry.log 2>&1 3>&- &
    echo $! >pid
    wait_for 10 curl -sf "http://127.0.0.1:$REGISTRY_PORT/v2/"
    export REMOTE=127.0.0.1:$REGISTRY_PORT
    # Three images on the same first layer.
    for n in 1 2 3; do
        c=$(cloison create --network none busybox true)
        head -c 300000 /dev/urandom >noise && cloison cp -q noise "$c:/noise-$n"
        cloison commit "$c" "crowd:$n" >/dev/null && cloison rm "$c" >/dev/null
        cloison save --format oci-archive -o c.tar "crowd:$n"
        skopeo copy -q --dest-tls-verify=false oci-archive:c.tar "docker://$REMOTE/crowd:$n"
        cloison rmi "crowd:$n" >/dev/null
    done
}
teardown_file() {
    [ ! -f "$BATS_FILE_TMPDIR/pid" ] || kill "$(cat "$BATS_FILE_TMPDIR/pid")"
    engine_teardown
}

@test "two hundred that pull, tag, remove and run: no error but true conflicts, a sound store at the end" {
    python3 "$BATS_TEST_DIRNAME/image_crowd.py" "$CLOISON" "${CROWD_SECONDS:-10}" "${CROWD_WORKERS:-200}" \
        "$REMOTE/crowd:1" "$REMOTE/crowd:2" "$REMOTE/crowd:3"
    [ -z "$(cloison ps -aq)" ]
    run cloison system check
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"no problem"* ]]
    cloison image prune -a -f
    [ -z "$(find "$CLOISON_DATA_ROOT"/images/{layers,tmp,blobs/sha256,ids} -mindepth 1)" ]
}

@test "the same layers pulled eight times at once, in three images, are fetched and unpacked once" {
    : >"$BATS_FILE_TMPDIR/registry.log"
    for i in 1 2 3 4 5 6 7 8; do
        strace -f -qq -e trace=mkdirat -o "$BATS_TEST_TMPDIR/trace.$i" "$CLOISON" pull -q "$REMOTE/crowd:$((i % 3 + 1))" \
            >"$BATS_TEST_TMPDIR/$i" 3>&- &
        pids+=($!)
    done
    for p in "${pids[@]}"; do wait "$p"; done
    [ "$(cat "$BATS_TEST_TMPDIR"/[1-8] | sort -u | wc -l)" = 3 ]
    # Three images on one first layer: four folders of layers were made, by whichever command.
    # A call that another thread's line interrupts is written in two.
    made=$(cat "$BATS_TEST_TMPDIR"/trace.* | grep -cE '/diff", 0755(\) = 0| <unfinished)')
    echo "made $made"
    [ "$made" = 4 ]
    cloison system check
}
