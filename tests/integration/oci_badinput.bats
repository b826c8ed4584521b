#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A broken bundle gives one line that says what is wrong, through --log too, status 1, and leaves no
# container, no folder, no cgroup.
load wall_helper
load oci_helper

setup_file() { oci_setup; }
teardown_file() { oci_teardown; }
setup() { oci_test && rm -f "$WORK/log" "$WORK/log.text"; }

# refused WORDS… : create, run and create with a text log each fail so.
refused() {
    local w verb
    for verb in create run; do
        run --separate-stderr oci --log "$WORK/log" --log-format json "$verb" "$id" </dev/null
        echo "$verb: status $status, stderr: $stderr, stdout: $output"
        [ "$status" -eq 1 ] || return 1
        [ -z "$output" ] || return 1
        [ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ] || return 1
        [[ $stderr == cloison-oci:* ]] || return 1
        for w in "$@"; do
            [[ $stderr == *"$w"* ]] || { echo "no '$w' in: $stderr"; return 1; }
            tail -1 "$WORK/log" | jq -e --arg w "$w" '.level == "error" and (.msg | contains($w))' >/dev/null || return 1
        done
        nothing_left || return 1
    done
    run oci --log "$WORK/log.text" create "$id" </dev/null
    grep -q 'level=error msg=' "$WORK/log.text"
}

nothing_left() {
    [ ! -e "$OCI_ROOT/$id" ] || { echo "left: $OCI_ROOT/$id"; return 1; }
    ! find /sys/fs/cgroup -type d -path "*cloison/$id" | grep . || false
}

@test "no config.json, no bundle, a bundle that is a file" {
    rm -f config.json
    refused config.json "No such file"
    run oci create -b /no/such/bundle "$id"
    [ "$status" -eq 1 ]
    [[ $output == *"/no/such/bundle"* ]]
    run oci create -b /etc/passwd "$id"
    [ "$status" -eq 1 ]
    [[ $output == *"/etc/passwd"* ]]
}

@test "not JSON, cut short, empty, another type, twice the same key" {
    local text
    for text in '' '{' '{"ociVersion":' 'nonsense' '[]' '"x"' '{"ociVersion": 1}' '{"a": 1, "a": 2}'; do
        printf '%s' "$text" >config.json
        refused config.json
    done
    head -c 3000 /dev/urandom >config.json
    refused config.json
    printf '{"ociVersion": "1.0.0", "x": %s}' "$(printf '[%.0s' $(seq 5000))" >config.json
    refused config.json
}

@test "the wrong version, and none" {
    local v
    for v in 2.0.0 0.1 1 1.x.0 '' ; do
        spec ".ociVersion = \"$v\"" true
        refused ociVersion
    done
    spec 'del(.ociVersion)' true
    refused ociVersion
}

@test "rootfs: missing, a file, a symbolic link, the host's root, none" {
    spec '.root.path = "nowhere"' true
    refused rootfs nowhere
    spec '.root.path = "config.json"' true
    refused rootfs "not a folder"
    ln -sfn rootfs link
    spec '.root.path = "link"' true
    refused rootfs "symbolic link"
    spec '.root.path = "link/"' true
    refused rootfs "symbolic link"
    rm link
    spec '.root.path = "/"' true
    refused "host's root"
    spec 'del(.root)' true
    refused root
}

@test "args empty, no process for run, a relative working folder" {
    spec '.process.args = []'
    refused args
    spec '.process.cwd = "relative"' true
    refused cwd
    spec 'del(.process.cwd)' true
    refused cwd
}

@test "negative and absurd limits" {
    spec '.linux.resources.memory = {limit: -5}' true
    refused memory
    spec '.linux.resources.pids = {limit: "many"}' true
    refused pids
    spec '.linux.resources.cpu = {shares: -1}' true
    refused shares
    spec '.linux.resources.memory = {limit: 1e30}' true
    refused memory
    spec '.process.oomScoreAdj = 5000' true
    refused oomScoreAdj
    spec '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 9, hard: 3}]' true
    refused rlimits
    spec '.process.user.uid = -1' true
    refused uid
}

@test "namespaces: twice, unknown, a path of another type, a path that leads nowhere" {
    spec '.linux.namespaces += [{type: "pid"}]' true
    refused namespaces twice
    spec '.linux.namespaces += [{type: "quantum"}]' true
    refused quantum
    spec '.linux.namespaces |= map(if .type == "network" then .path = "/proc/self/ns/uts" else . end)' true
    refused "/proc/self/ns/uts" "no network namespace"
    spec '.linux.namespaces |= map(if .type == "network" then .path = "/no/such" else . end)' true
    refused "/no/such"
    spec '.linux.namespaces |= map(if .type == "network" then .path = "relative" else . end)' true
    refused relative
    spec '.linux.namespaces = []' true
    refused "namespace"
}

@test "mounts: onto /.., without a source, of an unknown type, inside /proc" {
    spec '.mounts += [{destination: "/../../etc", type: "tmpfs", source: "tmpfs"}]' cat /proc/self/mountinfo
    run oci run "$id" # stays below the root
    [ "$status" -eq 0 ]
    [[ $output == *" /etc "* ]]
    run grep -c "$WORK" /proc/self/mountinfo
    [ "$output" = 0 ]
    spec '.mounts += [{destination: "/..", type: "tmpfs", source: "tmpfs"}]' true
    run oci run "$id"
    nothing_left
    run grep -c "$WORK" /proc/self/mountinfo
    [ "$output" = 0 ]
    spec '.mounts += [{destination: "/x", type: "bind"}]' true
    refused "/x" source
    spec '.mounts += [{destination: "/x", type: "bind", source: "/no/such/source", options: ["bind"]}]' true
    refused "/no/such/source"
    spec '.mounts += [{destination: "/x", type: "frobfs", source: "x"}]' true
    refused frobfs
    spec '.mounts += [{destination: "/proc/sys", type: "tmpfs", source: "x"}]' true
    refused "/proc"
    spec '.mounts += [{destination: "", type: "tmpfs"}]' true
    refused destination
    spec '.mounts += [{destination: "/x", type: "tmpfs", options: ["size=lots"]}]' true
    refused "/x" size
}

@test "ids out of the map, maps without a user namespace, ranges past the end" {
    spec "$USERNS | .process.user.uid = 70000" true
    refused "uid 70000"
    spec "$USERNS | .process.user.additionalGids = [99999]" true
    refused 99999
    spec '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}]' true
    refused "user namespace"
    spec "$USERNS | .linux.uidMappings[0].size = 0" true
    refused size
    spec "$USERNS | .linux.uidMappings[0].hostID = 4294967290" true
    refused "last id"
    spec "$USERNS | .linux.uidMappings[0].hostID = -1" true
    refused hostID
}

@test "seccomp: an unknown action, architecture, operator; a listener that nobody listens at" {
    spec '.linux.seccomp = {defaultAction: "SCMP_ACT_MAYBE"}' true
    refused SCMP_ACT_MAYBE
    spec '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_VAX"]}' true
    refused SCMP_ARCH_VAX
    spec '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}], listenerPath: "/no/such/socket"}' true
    oci create "$id" </dev/null >/dev/null 2>&1 3>&-
    run oci start "$id"
    [ "$status" -eq 1 ]
    [[ $output == *"/no/such/socket"* ]]
    oci delete -f "$id"
}

@test "devices, capabilities, sysctls, paths of the wrong kind" {
    spec '.linux.devices = [{path: "/dev/x", type: "q", major: 1, minor: 3}]' true
    refused device
    spec '.linux.devices = [{path: "relative", type: "c", major: 1, minor: 3}]' true
    refused relative
    spec '.process.capabilities.bounding = "CAP_CHOWN"' true
    refused bounding
    spec '.linux.sysctl = {"kernel.panic": "1"}' true
    refused kernel.panic
    spec '.linux.maskedPaths = ["relative"]' true
    refused relative
    spec '.hostname = 5' true
    refused hostname
    spec 'del(.linux.namespaces[] | select(.type == "uts"))' true
    refused hostname uts
    spec '.linux.personality = {domain: "AMIGA"}' true
    refused AMIGA
}

@test "process.json of exec: not JSON, no args, an id out of the map" {
    spec . sleep 100
    oci run -d "$id" </dev/null >/dev/null 2>&1 3>&-
    local text
    for text in '' '{' '[]' '{"args": []}' '{"args": ["true"]}' '{"args": ["true"], "cwd": "x"}' '{"args": [1], "cwd": "/"}'; do
        printf '%s' "$text" >"$WORK/p.json"
        run --separate-stderr oci exec -p "$WORK/p.json" "$id"
        echo "$text: $status $stderr"
        [ "$status" -eq 255 ]
        [ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ]
    done
    [ "$(oci ps -f json "$id" | jq length)" = 1 ]
    oci delete -f "$id"
}

@test "state files that are damaged: an error, and delete --force still removes" {
    spec . sleep 100
    local file
    for file in container.json wall.json config.json; do
        oci run -d "$id" </dev/null >/dev/null 2>&1 3>&-
        local pid
        pid=$(oci state "$id" | jq .pid)
        cp "$OCI_ROOT/$id/wall.json" "$WORK/wall.json"
        echo '{"x":' >"$OCI_ROOT/$id/$file"
        run oci state "$id"
        [ "$status" -le 1 ]
        run oci exec "$id" true
        [ "$status" -eq 0 ] || [ "$status" -eq 255 ]
        [ "$file" = container.json ] || [ "$status" -eq 255 ]
        run oci delete --force "$id"
        if [ -e "$OCI_ROOT/$id" ]; then
            cp "$WORK/wall.json" "$OCI_ROOT/$id/wall.json" # what names its cgroups is lost
            oci delete --force "$id"
        fi
        nothing_left
    done
}
