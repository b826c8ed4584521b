#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# containerd with cloison-oci: ctr, and the CRI plugin's configuration for Kubernetes as docs/scale-out.md has it.
load callers_helper

setup_file() {
    callers_setup containerd ctr
    # The page's own lines, with this build's program in them.
    awk '/^```toml containerd/ {on = 1; next} /^```/ {on = 0} on' "$BATS_TEST_DIRNAME/../../docs/scale-out.md" |
        sed "s|/usr/local/bin/cloison-oci\"|$OCI\"|; s|SystemdCgroup = true|SystemdCgroup = false|" >"$WORK/page.toml"
    [ -s "$WORK/page.toml" ]
    cat - "$WORK/page.toml" >"$WORK/config.toml" <<END
version = 2
root = "$WORK/root"
state = "$STATE/state"
[grpc]
address = "$STATE/containerd.sock"
[ttrpc]
address = "$STATE/containerd.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
path = "$WORK/opt"
END
    containerd -c "$WORK/config.toml" >"$WORK/containerd.log" 2>&1 3>&- &
    DAEMON=$!
    export DAEMON CONTAINERD_ADDRESS=$STATE/containerd.sock
    wait_for 20 ctr version >/dev/null || {
        tail -5 "$WORK/containerd.log" >&2
        return 1
    }
    # An image of one layer, as `docker save` writes it.
    local layer
    layer=$(sha256sum "$WORK/rootfs.tar" | cut -d' ' -f1)
    mkdir "$WORK/image"
    cp "$WORK/rootfs.tar" "$WORK/image/layer.tar"
    jq -n --arg l "sha256:$layer" '{architecture: "amd64", os: "linux", config: {Env: ["PATH=/bin"], Cmd: ["sh"]},
        rootfs: {type: "layers", diff_ids: [$l]}}' >"$WORK/image/config.json"
    jq -n '[{Config: "config.json", RepoTags: ["localhost/box:1"], Layers: ["layer.tar"]}]' >"$WORK/image/manifest.json"
    tar -C "$WORK/image" -cf "$WORK/image.tar" .
    ctr images import "$WORK/image.tar" >/dev/null
}

teardown_file() {
    [ -n "${DAEMON:-}" ] || return 0
    ctr tasks ls -q | xargs -r -n 1 ctr tasks rm -f
    ctr containers ls -q | xargs -r -n 1 ctr containers rm
    kill "$DAEMON"
    wait_for 20 sh -c "! kill -0 $DAEMON 2>/dev/null"
    find /sys/fs/cgroup -depth -type d -path "*/cloison-callers-$TAG*" -exec rmdir {} + || true
    callers_teardown
}

ctr_run() { # ctr_run OPTION… IMAGE ID COMMAND…
    ctr run --snapshotter native --runc-binary "$OCI" --runc-root "$STATE/oci" \
        --cgroup "/cloison-callers-$TAG/$BATS_TEST_NUMBER" "$@"
}

@test "run: output and exit status" {
    run ctr_run --rm localhost/box:1 one sh -c 'echo hi; exit 7'
    [ "$status" -eq 7 ]
    [ "$output" = hi ]
}

@test "run -d, exec, pause, resume, metrics, kill" {
    ctr_run -d localhost/box:1 two sh -c 'while :; do sleep 0.1; done'
    [ "$(ctr tasks exec --exec-id e two sh -c 'echo "$$ >"; hostname' | tail -1)" != "" ]
    run ctr tasks exec --exec-id f two sh -c 'exit 3'
    [ "$status" -eq 3 ]
    ctr tasks pause two
    [[ $(ctr tasks ls) == *two*PAUSED* ]]
    ctr tasks resume two
    [[ $(ctr tasks ls) == *two*RUNNING* ]]
    [[ $(ctr tasks metrics two) == *memory.usage* ]]
    [[ $(ctr tasks ps two) == *PID* ]]
    ctr tasks kill -s KILL two
    wait_for 10 sh -c 'ctr tasks ls | grep two | grep STOPPED'
    ctr tasks rm two || [ $? = 137 ]
    ctr containers rm two
}

@test "run -d: our runtime's state, a limit, the process" {
    ctr_run -d --memory-limit 67108864 localhost/box:1 three sleep 1000
    [ "$("$OCI" --root "$STATE/oci/default" list -q)" = three ]
    [ "$(cat "/sys/fs/cgroup/cloison-callers-$TAG/$BATS_TEST_NUMBER/memory.max" \
        "/sys/fs/cgroup/memory/cloison-callers-$TAG/$BATS_TEST_NUMBER/memory.limit_in_bytes" 2>/dev/null)" = 67108864 ]
    pid=$(ctr tasks ls | awk '$1 == "three" {print $2}')
    [ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" = "sleep 1000 " ]
    ctr tasks rm -f three
    ctr containers rm three
}

@test "the CRI plugin loads the page's configuration: both runtimes, with our program" {
    run containerd -c "$WORK/config.toml" config dump
    [ "$status" -eq 0 ]
    [[ $output == *'runtimes.cloison]'*'runtimes.cloison.options]'*"BinaryName = \"$OCI\""* ]]
    [[ $output == *'runtimes.cloison-vm]'*'BinaryName = "/usr/local/bin/cloison-oci-vm"'* ]]
    [[ $(ctr plugins ls | grep -E 'grpc.v1 +cri ') == *ok* ]]
    run ! grep -i 'level=error.*cri.*config' "$WORK/containerd.log"
}
