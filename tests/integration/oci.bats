#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The OCI command line: life cycle, states, options, JSON, exit statuses, what is handed over.
load wall_helper
load oci_helper

setup_file() { oci_setup; }
teardown_file() { oci_teardown; }
setup() { oci_test; }

# In the background the test's own output must not stay open.
detached() { "$@" </dev/null >/dev/null 2>&1 3>&-; }

@test "run: the program's output and its exit status" {
    spec_sh . 'hostname; exit 7'
    run oci run "$id"
    [ "$status" -eq 7 ]
    [ "$output" = box ]
    [ -z "$(oci list -q)" ]
}

@test "run: a signal's status is 128 and its number" {
    spec_sh . 'kill -9 $$'
    run oci run "$id"
    [ "$status" -eq 0 ] # the kernel spares process 1 of a pid namespace its own signals
    spec_sh 'del(.linux.namespaces[] | select(.type == "pid"))' 'kill -9 $$'
    run oci run "$id"
    [ "$status" -eq 137 ]
}

@test "the life cycle: created, running, stopped, gone" {
    spec . sleep 100
    detached oci create --pid-file "$WORK/pid" "$id"
    [ "$(status_of "$id")" = created ]
    [ "$(oci state "$id" | jq .pid)" = "$(cat "$WORK/pid")" ]
    run oci delete "$id"
    [ "$status" -eq 1 ]
    [[ $output == *"not stopped: created"* ]]
    oci start "$id"
    [ "$(status_of "$id")" = running ]
    [ "$(tr '\0' ' ' <"/proc/$(cat "$WORK/pid")/cmdline")" = "sleep 100 " ]
    run oci start "$id"
    [ "$status" -eq 1 ]
    [[ $output == *"already running"* ]]
    run oci create "$id"
    [ "$status" -eq 1 ]
    [[ $output == *"container with given ID already exists"* ]]
    [ "$(status_of "$id")" = running ]
    oci kill "$id" KILL
    wait_status "$id" stopped
    [ "$(oci state "$id" | jq .pid)" = 0 ]
    run oci kill "$id" TERM
    [ "$status" -eq 1 ]
    [[ $output == *"container not running"* ]]
    run oci start "$id"
    [ "$status" -eq 1 ]
    oci delete "$id"
    run oci state "$id"
    [ "$status" -eq 1 ]
    [[ $output == *"container does not exist"* ]]
}

@test "state: the specification's properties, and annotations" {
    spec '.annotations = {"org.example.a": "b"}' true
    detached oci create "$id"
    run oci state "$id"
    jq -e --arg b "$WORK/bundle" '.ociVersion == "1.2.0" and .status == "created" and .pid > 0
        and .bundle == $b and .rootfs == ($b + "/rootfs") and .annotations["org.example.a"] == "b"
        and .owner == "root" and (.created | test("^20.*Z$"))' <<<"$output"
    oci delete --force "$id"
}

@test "what changes in config.json after create does not matter" {
    spec . sh -c 'echo first'
    oci create "$id" >"$WORK/out" 2>&1 3>&-
    spec . sh -c 'echo second'
    oci start "$id"
    wait_status "$id" stopped
    [ "$(cat "$WORK/out")" = first ]
    oci delete "$id"
}

@test "kill before start ends a created container" {
    spec . sleep 100
    detached oci create "$id"
    oci kill "$id" 0 # is it there?
    oci kill "$id" KILL
    wait_status "$id" stopped
    run ! oci kill "$id" 0
    oci delete "$id"
}

@test "delete --force: created, running, paused, none" {
    spec . sleep 100
    detached oci create "$id"
    oci delete --force "$id"
    detached oci run -d "$id"
    oci delete -f "$id"
    detached oci run -d "$id"
    oci pause "$id"
    oci delete -f "$id"
    oci delete -f "$id"
    run oci delete "$id"
    [ "$status" -eq 1 ]
}

@test "a creator killed at any moment leaves what delete --force removes" {
    spec . sleep 100
    local i pid
    for i in $(seq 1 30); do
        detached "$OCI" --root "$OCI_ROOT" create "$id" &
        pid=$!
        python3 -c "import time; time.sleep(0.0004 * $i)"
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
        run oci state "$id"
        if [ "$status" -eq 0 ]; then
            [[ $output == *'"status": "created"'* || $output == *'"status": "stopped"'* ]]
        fi
        oci delete --force "$id"
        [ ! -e "$OCI_ROOT/$id" ]
        run find /sys/fs/cgroup -type d -path "*cloison/$id"
        [ -z "$output" ]
    done
}

# The filter for a container that has the mount namespace of who runs it.
HOST_MOUNTS='.linux.namespaces |= map(select(.type != "mount"))'

@test "without a mount namespace: the host's, and delete takes back what was mounted" {
    local root=$WORK/bundle/rootfs
    spec_sh "$HOST_MOUNTS | .hooks.startContainer = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"ls / >/tmp/seen\"]}]" \
        'readlink /proc/self/ns/mnt; ls /; exec sleep 100'
    oci run -d "$id" >"$WORK/out" 2>&1 3>&- </dev/null
    for _ in $(seq 100); do grep -q tmp "$WORK/out" && break; sleep 0.05; done
    [ "$(head -1 "$WORK/out")" = "$(readlink /proc/self/ns/mnt)" ]
    grep -qx bin "$WORK/out"
    run ! grep -qx boot "$WORK/out"
    grep -qx bin "$root/tmp/seen"
    rm "$root/tmp/seen"
    run oci exec "$id" ls /
    [ "$output" = "$(tail -n +2 "$WORK/out")" ]
    mountpoint -q "$root/proc"
    oci delete --force "$id"
    run ! grep -F "$root" /proc/self/mountinfo
    [ -x "$root/bin/busybox" ]
}

@test "without a mount namespace: a failed create, a root that is a mount, a killed creator" {
    local root=$WORK/bundle/rootfs i pid
    spec "$HOST_MOUNTS | .mounts += [{destination: \"/late\", type: \"none-such\"}]" true
    run oci create "$id"
    [ "$status" -eq 1 ]
    run ! grep -F "$root" /proc/self/mountinfo
    mount --bind "$root" "$root"
    spec "$HOST_MOUNTS" sleep 100
    detached oci create "$id"
    oci delete --force "$id"
    [ "$(grep -cF "$root" /proc/self/mountinfo)" -eq 1 ]
    umount "$root"
    for i in $(seq 1 10); do
        detached "$OCI" --root "$OCI_ROOT" create "$id" &
        pid=$!
        python3 -c "import time; time.sleep(0.001 * $i)"
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
        oci delete --force "$id"
        run ! grep -F "$root" /proc/self/mountinfo
    done
}

@test "without a mount namespace: not in a user namespace, which may not mount there" {
    spec "$HOST_MOUNTS | $USERNS" true
    run oci run "$id"
    [ "$status" -eq 1 ]
    [[ $output == *"a user namespace without a mount namespace"* ]]
}

@test "pause and resume" {
    spec . sleep 100
    detached oci run -d "$id"
    run oci resume "$id"
    [ "$status" -eq 1 ]
    [[ $output == *"not paused"* ]]
    oci pause "$id"
    [ "$(status_of "$id")" = paused ]
    run oci exec "$id" true
    [ "$status" -eq 255 ]
    [[ $output == *paused* ]]
    oci resume "$id"
    [ "$(status_of "$id")" = running ]
    oci delete -f "$id"
}

@test "list: a table, JSON, ids" {
    spec . sleep 100
    run oci list -f json
    [ "$output" = '[]' ]
    detached oci run -d "$id"
    run oci list
    [[ ${lines[0]} =~ ^ID\ +PID\ +STATUS\ +BUNDLE\ +CREATED\ +OWNER ]]
    [[ ${lines[1]} == "$id "*running*"$WORK/bundle"* ]]
    oci list -f json | jq -e --arg id "$id" 'length == 1 and .[0].id == $id and .[0].pid > 0'
    [ "$(oci list -q)" = "$id" ]
    run oci list -f xml
    [ "$status" -eq 1 ]
    oci delete -f "$id"
}

@test "ps: numbers, and the host's ps" {
    spec_sh . 'sleep 100 & sleep 100; true'
    detached oci run -d "$id"
    wait_for_pids() { [ "$(oci ps -f json "$id" | jq length)" = 3 ]; }
    for _ in $(seq 50); do wait_for_pids && break; sleep 0.05; done
    wait_for_pids
    run oci ps "$id"
    [[ ${lines[0]} == *PID* ]]
    [ "${#lines[@]}" -eq 4 ]
    run oci ps "$id" -o pid,comm
    [[ $output == *sleep* ]]
    oci delete -f "$id"
}

@test "exec: options, process.json, exit statuses" {
    spec '.process.user = {uid: 1000, gid: 1000}' sleep 100
    detached oci run -d "$id"
    run oci exec -e A=b --cwd /tmp -u 5:6 -g 77 "$id" sh -c 'echo $A; pwd; id; exit 3'
    [ "$status" -eq 3 ]
    [ "${lines[0]}" = b ]
    [ "${lines[1]}" = /tmp ]
    [[ ${lines[2]} == *uid=5*gid=6*77* ]]
    run oci exec "$id" id -u
    [ "$output" = 1000 ]
    run oci exec --cap CAP_SYS_ADMIN -u 0 "$id" grep CapBnd /proc/self/status
    (((16#${output##*$'\t'} >> 21) & 1))
    run oci exec --no-new-privs "$id" grep NoNewPrivs /proc/self/status
    [[ $output == *1 ]]
    jq -n '{cwd: "/", args: ["sh", "-c", "echo $X; exit 4"], env: ["X=y", "PATH=/bin"], user: {uid: 0, gid: 0}}' >"$WORK/process.json"
    run oci exec -p "$WORK/process.json" "$id"
    [ "$status" -eq 4 ]
    [ "$output" = y ]
    run oci exec "$id" nosuch
    [ "$status" -eq 255 ]
    [[ $output == *'executable file not found in $PATH'* ]]
    run oci exec "$id"
    [ "$status" -eq 255 ]
    run oci exec -t "$id" tty </dev/null
    [[ $output == /dev/pts/* ]]
    oci delete -f "$id"
    run oci exec "$id" true
    [ "$status" -eq 255 ]
    [[ $output == *"does not exist"* ]]
}

@test "exec --detach: a pid file, and it goes on" {
    spec . sleep 100
    detached oci run -d "$id"
    detached oci exec -d --pid-file "$WORK/exec.pid" "$id" sleep 77
    [ "$(tr '\0' ' ' <"/proc/$(cat "$WORK/exec.pid")/cmdline")" = "sleep 77 " ]
    oci delete -f "$id"
}

@test "--console-socket: the terminal's master comes over it" {
    spec '.process.terminal = true' sh -c 'tty; stty size; echo done'
    run oci create "$id"
    [ "$status" -eq 1 ]
    [[ $output == *"console socket"* ]]
    python3 "$BATS_TEST_DIRNAME/console_socket.py" "$WORK/console" >"$WORK/said" 3>&- &
    local reader=$!
    for _ in $(seq 50); do [ -S "$WORK/console" ] && break; sleep 0.05; done
    detached oci create --console-socket "$WORK/console" "$id"
    oci start "$id"
    wait $reader
    grep -q '^/dev/ptmx' "$WORK/said"
    grep -q /dev/pts/0 "$WORK/said"
    grep -q done "$WORK/said"
    wait_status "$id" stopped
    oci delete "$id"
    spec . true
    run oci create --console-socket "$WORK/console" "$id"
    [ "$status" -eq 1 ]
}

@test "run with a terminal: what is typed reaches it, its size too" {
    spec '.process.terminal = true' sh -c 'read x; echo "got $x"'
    run python3 - "$OCI" "$OCI_ROOT" "$id" <<'P'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "--root", sys.argv[2], "run", sys.argv[3]])
os.write(fd, b"hello\n")
out = b""
while True:
    try:
        b = os.read(fd, 4096)
    except OSError:
        break
    if not b:
        break
    out += b
print(out.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
    [ "$status" -eq 0 ]
    [[ $output == *"got hello"* ]]
}

@test "--preserve-fds and LISTEN_FDS" {
    spec_sh . 'cat <&3; cat <&4; ls /proc/self/fd | wc -l'
    run oci run --preserve-fds 2 "$id" 3<<<three 4<<<four
    [ "${lines[0]}" = three ]
    [ "${lines[1]}" = four ]
    [ "${lines[2]}" = 6 ] # 0 to 4 and the folder's
    spec_sh . 'echo "$LISTEN_FDS $LISTEN_PID"; cat <&3'
    run sh -c 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<<E
passed
E' sh "$OCI" --root "$OCI_ROOT" run "$id"
    [ "${lines[0]}" = "1 1" ]
    [ "${lines[1]}" = passed ]
    run oci run --preserve-fds 9 "$id"
    [ "$status" -eq 1 ]
}

@test "--pidfd-socket: of create and of exec" {
    spec . sleep 100
    cat >"$WORK/receive.py" <<'P'
import array, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
c, _ = s.accept()
_, anc, _, _ = c.recvmsg(4096, 64)
fd = array.array("i", anc[0][2])[0]
print([l for l in open(f"/proc/self/fdinfo/{fd}") if l.startswith("Pid:")][0].split()[1])
P
    python3 "$WORK/receive.py" "$WORK/pidfd" >"$WORK/pid.got" &
    for _ in $(seq 50); do [ -S "$WORK/pidfd" ] && break; sleep 0.05; done
    detached oci create --pidfd-socket "$WORK/pidfd" --pid-file "$WORK/pid" "$id"
    wait $!
    [ "$(cat "$WORK/pid.got")" = "$(cat "$WORK/pid")" ]
    oci delete -f "$id"
}

@test "--log: errors in both formats, one line on standard error" {
    run --separate-stderr oci --log "$WORK/log" --log-format json state nobody
    [ "$status" -eq 1 ]
    [[ $stderr == "cloison-oci: container does not exist"* ]]
    jq -e '.level == "error" and (.msg | test("does not exist")) and (.time | test("Z$"))' "$WORK/log"
    run oci --log "$WORK/log.text" state nobody
    grep -q '^time="20.*Z" level=error msg="container does not exist' "$WORK/log.text"
    run --separate-stderr oci --log-format json state nobody
    jq -e '.level == "error"' <<<"$stderr"
    run oci --log-format xml state nobody
    [ "$status" -eq 1 ]
    oci --debug --log "$WORK/log.debug" --log-format json list -q
    jq -e '.level == "debug"' "$WORK/log.debug"
}

@test "--root: relative is made absolute, the host's root is refused" {
    spec . true
    run "$OCI" --root / list
    [ "$status" -eq 1 ]
    run "$OCI" --root relative run "$id"
    [ "$status" -eq 0 ]
    rm -r "$WORK/bundle/relative"
}

@test "bad ids are refused" {
    spec . true
    local bad
    for bad in '' . .. .x a/b ../x 'a b' "$(printf 'x%.0s' $(seq 129))"; do
        run oci create "$bad"
        echo "$bad: $output"
        [ "$status" -eq 1 ]
    done
    [ -z "$(oci list -q)" ]
}

@test "kill --all reaches the rest of a container without a pid namespace" {
    spec_sh 'del(.linux.namespaces[] | select(.type == "pid"))' 'sleep 100 & exec true'
    detached oci run -d "$id"
    wait_status "$id" stopped
    [ "$(oci ps -f json "$id" | jq length)" = 1 ]
    run oci kill "$id" KILL
    [ "$status" -eq 1 ]
    oci kill --all "$id" KILL
    for _ in $(seq 50); do [ "$(oci ps -f json "$id")" = '[]' ] && break; sleep 0.05; done
    [ "$(oci ps -f json "$id")" = '[]' ]
    oci delete "$id"
}

@test "spec: runs as written; --rootless has a user namespace" {
    mkdir "$WORK/new"
    (cd "$WORK/new" && "$OCI" spec)
    jq -e '.ociVersion and .process.args == ["sh"]' "$WORK/new/config.json"
    run "$OCI" spec -b "$WORK/new"
    [ "$status" -eq 1 ]
    cp -a "$ROOT" "$WORK/new/rootfs"
    jq '.process.terminal = false | .process.args = ["/bin/hostname"]' "$WORK/new/config.json" >"$WORK/x"
    cp "$WORK/x" "$WORK/new/config.json"
    run oci run -b "$WORK/new" "$id"
    [ "$output" = cloison ]
    rm "$WORK/new/config.json"
    "$OCI" spec --rootless -b "$WORK/new"
    jq -e '.linux.uidMappings[0].size == 1 and ([.linux.namespaces[].type] | index("user"))' "$WORK/new/config.json"
}

@test "features: the shape of features.md" {
    "$OCI" features | jq -e '.ociVersionMin == "1.0.0" and (.hooks | length) == 6
        and (.mountOptions | index("rbind")) and (.linux.namespaces | index("time"))
        and (.linux.capabilities | index("CAP_SYS_ADMIN")) and .linux.cgroup.v2
        and (.linux.seccomp.actions | index("SCMP_ACT_NOTIFY")) and .linux.mountExtensions.idmap.enabled'
}

@test "run --keep leaves it stopped" {
    spec . true
    oci run --keep "$id"
    [ "$(status_of "$id")" = stopped ]
    oci delete "$id"
}

@test "usage: each verb says what it wants" {
    local verb
    for verb in create start state kill delete run exec ps pause resume; do
        run --separate-stderr oci "$verb"
        [ "$status" -ne 0 ]
        [[ $stderr == cloison-oci:*"at least 1 argument"* ]]
        run oci "$verb" --help
        [ "$status" -eq 0 ]
        [[ $output == "Usage: cloison-oci $verb"* ]]
    done
    run oci nonsense
    [ "$status" -eq 1 ]
    "$OCI" --version | grep -q '^cloison-oci version'
}

@test "update: options and JSON change limits" {
    spec . sleep 100
    detached oci run -d "$id"
    oci update --memory 64m --pids-limit 40 "$id"
    oci events --stats "$id" | jq -e '.type == "stats" and .data.memory.usage.limit == 67108864 and .data.pids.limit == 40'
    echo '{"memory": {"limit": 33554432, "kernel": 0}}' | oci update -r - "$id"
    echo '{"pids": {"limit": 30}}' >"$WORK/r.json"
    oci update -r "$WORK/r.json" "$id"
    oci events --stats "$id" | jq -e '.data.memory.usage.limit == 33554432 and .data.pids.limit == 30'
    run oci update --cpu-period -5 "$id"
    [ "$status" -eq 1 ]
    echo '{"memory": {"limit": "much"}}' >"$WORK/r.json"
    run oci update -r "$WORK/r.json" "$id"
    [ "$status" -eq 1 ]
    oci delete -f "$id"
    run oci update --memory 64m "$id"
    [ "$status" -eq 1 ]
}

@test "events: statistics at the interval, kills for memory" {
    spec '.linux.resources.memory = {limit: 33554432, swap: 33554432}' sleep 100
    detached oci run -d "$id"
    "$OCI" --root "$OCI_ROOT" events --interval 300ms "$id" >"$WORK/events" 3>&- &
    local events=$!
    for _ in $(seq 100); do grep -q stats "$WORK/events" && break; sleep 0.05; done
    run oci exec "$id" sh -c 'x=a; while true; do x=$x$x; done'
    [ "$status" -eq 137 ]
    for _ in $(seq 100); do grep -q oom "$WORK/events" && break; sleep 0.05; done
    oci kill "$id" KILL
    wait $events
    jq -se 'map(select(.type == "stats")) | length > 0 and all(.data.cpu.usage.total > 0 and .data.memory.raw != null)' "$WORK/events"
    grep -q '"type":"oom"' "$WORK/events"
    oci delete "$id"
}

@test "a config without a process can be created, not started" {
    spec 'del(.process)'
    detached oci create "$id"
    [ "$(status_of "$id")" = created ]
    run oci start "$id"
    [ "$status" -eq 1 ]
    [[ $output == *process* ]]
    [ "$(status_of "$id")" = created ]
    oci delete -f "$id"
    run oci run "$id"
    [ "$status" -eq 1 ]
}

@test "a capability that is unknown or not ours is a warning" {
    spec '.process.capabilities.bounding += ["CAP_FROBNICATE"]' true
    run -0 oci --log "$WORK/log.cap" --log-format json run "$id"
    jq -e '.level == "warning" and (.msg | test("CAP_FROBNICATE"))' "$WORK/log.cap"
    spec '.process.capabilities.bounding += ["CAP_SYS_TIME"]' grep CapBnd /proc/self/status
    run -0 --separate-stderr setpriv --bounding-set -sys_time "$OCI" --root "$OCI_ROOT" run "$id"
    [[ $stderr == *"CAP_SYS_TIME cannot be granted"* ]]
    ! (((16#${output##*$'\t'} >> 25) & 1)) || false
}

@test "what callers rely on: lo is up, HOME is set, the working folder is made under a read-only root" {
    spec '.root.readonly = true | .process.cwd = "/made/here"' sh -c 'pwd; cat /sys/class/net/lo/flags; echo $HOME'
    run -0 oci run "$id"
    [ "${lines[0]}" = /made/here ]
    (((lines[1] & 1) == 1))
    [ "${lines[2]}" = /root ]
    spec '.process.user = {uid: 4242, gid: 4242} | .process.env += ["HOME="]' sh -c 'echo $HOME'
    run -0 oci run "$id"
    [ "$output" = / ]
}

@test "--config and --cgroup-manager disabled" {
    spec . sh -c 'cat /proc/self/cgroup'
    mv config.json other.json
    run -0 oci --cgroup-manager disabled run --config other.json "$id"
    rm other.json
    [[ $output != *"$id"* ]]
    run oci --cgroup-manager nonsense list
    [ "$status" -eq 1 ]
}

@test "exec --cgroup: a group below the container's, never beside it" {
    spec . sleep 100
    detached oci run -d "$id"
    local group
    group=$(find /sys/fs/cgroup -type d -path "*cloison/$id" | head -1)
    mkdir "$group/below"
    detached oci exec -d --cgroup below --pid-file "$WORK/below.pid" "$id" sleep 50
    grep -qx "$(cat "$WORK/below.pid")" "$group/below/cgroup.procs"
    run oci exec --cgroup ../below "$id" true
    [ "$status" -eq 255 ]
    [[ $output == *"not below"* ]]
    run oci exec --cgroup nowhere "$id" true
    [ "$status" -eq 255 ]
    oci delete -f "$id"
}

@test "NOTIFY_SOCKET: the service manager's socket is there for the program" {
    spec . sh -c '[ ! -S "$NOTIFY_SOCKET" ] || echo "$NOTIFY_SOCKET"'
    python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])' "$WORK/notify"
    run -0 env NOTIFY_SOCKET="$WORK/notify" "$OCI" --root "$OCI_ROOT" run "$id"
    [ "$output" = /run/notify/notify.sock ]
    run -0 oci run "$id"
    [ -z "$output" ]
}

@test "kill KILL ends a paused container" {
    spec . sleep 100
    detached oci run -d "$id"
    oci pause "$id"
    oci kill "$id" KILL
    wait_status "$id" stopped
    oci delete "$id"
}
