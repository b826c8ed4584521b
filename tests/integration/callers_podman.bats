#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Podman with cloison-oci as its runtime.
load callers_helper

setup_file() {
    callers_setup podman conmon script
    # The limits are the container's own: Podman's, of a million files, are more than some hosts let root give.
    callers_podman 'default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]' $'cgroup_manager = "cgroupfs"\nlock_type = "file"'
}

teardown_file() { callers_podman_teardown; }

podman_run() { podman run --network none "$@"; }

@test "run: output, exit status, limits, and it is our runtime" {
    run podman_run --name one -m 64m --pids-limit 50 localhost/box:1 sh -c 'echo hi; exit 7'
    [ "$status" -eq 7 ]
    [ "$output" = hi ]
    [ "$(podman inspect -f '{{.OCIRuntime}}' one)" = cloison ]
    podman rm one
    run -127 podman_run --rm localhost/box:1 /no/such
    run podman_run --rm localhost/box:1 /etc
    [ "$status" -eq 126 ]
}

@test "run --memory: the limit bites" {
    run podman_run --rm -m 16m --memory-swap 16m localhost/box:1 \
        sh -c 'head -c 60000000 /dev/zero | tail -c 50000000 >/dev/null; exit $?'
    [ "$status" -eq 137 ]
}

@test "logs, exec, exec -it" {
    podman_run -d --name two localhost/box:1 sh -c 'echo out; echo err >&2; sleep 1000'
    wait_for 10 sh -c 'podman logs two 2>&1 | grep -q err'
    [ "$(podman logs two 2>/dev/null)" = out ]
    [ "$(podman exec two hostname)" = "$(podman inspect -f '{{slice .ID 0 12}}' two)" ]
    run podman exec two sh -c 'exit 3'
    [ "$status" -eq 3 ]
    run script -qec "podman exec -it two sh -c 'tty && echo \$TERM'" /dev/null
    [[ $output == */dev/pts/0*xterm* ]]
    [ "$(echo in | podman exec -i two cat)" = in ]
    podman rm -f -t 0 two
}

@test "pause, unpause, stats, top, stop, restart, kill" {
    podman_run -d --name three localhost/box:1 sleep 1000
    podman pause three
    [ "$(podman inspect -f '{{.State.Status}}' three)" = paused ]
    podman unpause three
    run podman stats --no-stream --format '{{.PIDs}} {{.MemUsageBytes}}' three
    [[ $output =~ ^1\ [1-9] ]]
    run podman top three args
    [[ $output == *"sleep 1000"* ]]
    podman restart -t 0 three
    podman kill three
    [ "$(podman wait three)" = 137 ]
    podman rm three
}

@test "healthcheck: unhealthy, then healthy" {
    podman_run -d --name four --health-cmd 'test -e /tmp/ok' --health-interval disable localhost/box:1 sleep 1000
    run podman healthcheck run four
    [ "$status" -eq 1 ]
    podman exec four touch /tmp/ok
    podman healthcheck run four
    podman rm -f -t 0 four
}

@test "a user, a read-only root, a tmpfs, a volume, capabilities dropped" {
    mkdir -p "$WORK/volume"
    run podman_run --rm --user 1000:1000 --read-only --tmpfs /scratch -v "$WORK/volume:/v:ro" --cap-drop all \
        --security-opt no-new-privileges localhost/box:1 \
        sh -c 'id -u; grep CapEff /proc/self/status; touch /x /v/x 2>&1; touch /scratch/x && echo written'
    [ "${lines[0]}" = 1000 ]
    [[ ${lines[1]} == *0000000000000000 ]]
    [[ $output == *"/x: Read-only file system"*"/v/x: Read-only file system"*written ]]
}

@test "pod: two containers that share names and an address" {
    [ -x /usr/libexec/podman/catatonit ] || command -v catatonit >/dev/null || skip "needs catatonit"
    podman pod create --name pod --network none
    podman run -d --pod pod --name p1 localhost/box:1 sh -c 'nc -l -p 80 -e echo from p1'
    podman run -d --pod pod --name p2 localhost/box:1 sleep 1000
    [ "$(podman exec p2 hostname)" = "$(podman exec p1 hostname)" ]
    [ "$(podman exec p2 sh -c 'nc 127.0.0.1 80 </dev/null')" = "from p1" ]
    podman pod stop -t 0 pod
    podman pod rm -f pod
}

@test "play kube: a manifest becomes a pod, and goes again" {
    [ -x /usr/libexec/podman/catatonit ] || command -v catatonit >/dev/null || skip "needs catatonit"
    cat >"$WORK/kube.yaml" <<'END'
apiVersion: v1
kind: Pod
metadata: {name: kube}
spec:
  restartPolicy: Never
  containers:
  - name: box
    image: localhost/box:1
    command: ["sh", "-c", "echo from kube; sleep 1000"]
    resources: {limits: {memory: 64Mi}}
END
    podman play kube --network none "$WORK/kube.yaml"
    wait_for 10 sh -c 'podman logs kube-box | grep -q "from kube"'
    [ "$(podman inspect -f '{{.HostConfig.Memory}} {{.OCIRuntime}}' kube-box)" = "67108864 cloison" ]
    podman play kube --down "$WORK/kube.yaml"
    [ -z "$(podman ps -aq)" ]
}
