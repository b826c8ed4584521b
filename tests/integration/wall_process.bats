#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The container wall alone: the process, the programs beside it, and how a life begins and ends.
load wall_helper

setup_file() { wall_setup; }
teardown_file() { wall_teardown; }

status_of() { spec "$1" grep -E "$2" /proc/self/status; }

# process FILE FILTER ARG…: a process.json for exec.
process() {
    local file=$1 filter=$2
    shift 2
    jq -n --args "$(cat "$BATS_TEST_DIRNAME/wall_spec.jq") | .process | $filter" -- "$@" >"$file"
}

@test "capabilities: each of the five sets is what was asked" {
    status_of '.process.capabilities = {bounding: ["CAP_KILL", "CAP_CHOWN", "CAP_NET_RAW"], permitted: ["CAP_KILL", "CAP_CHOWN"],
        effective: ["CAP_KILL"], inheritable: ["CAP_CHOWN"], ambient: ["CAP_CHOWN"]} | .process.user = {uid: 7, gid: 7}' ^Cap
    run wall
    [ "$status" -eq 0 ]
    # Executed by a user that is not root: permitted and effective are the ambient ones.
    [ "$output" = $'CapInh:\t0000000000000001\nCapPrm:\t0000000000000001\nCapEff:\t0000000000000001\nCapBnd:\t0000000000002021\nCapAmb:\t0000000000000001' ]
    status_of '.process.capabilities = {bounding: ["CAP_KILL"], permitted: ["CAP_KILL"], effective: ["CAP_KILL"]}' ^Cap
    run wall
    [ "$output" = $'CapInh:\t0000000000000000\nCapPrm:\t0000000000000020\nCapEff:\t0000000000000020\nCapBnd:\t0000000000000020\nCapAmb:\t0000000000000000' ]
    status_of '.process.capabilities = {}' ^Cap
    run wall
    [ "$(grep -c 0000000000000000 <<<"$output")" = 5 ]
}

@test "a capability that is not ours to give is named" {
    grep -q "CapPrm:.*1ffffffffff" /proc/self/status && skip "all capabilities are ours here"
    spec '.process.capabilities |= map_values(. + ["CAP_SYS_RESOURCE"])' true
    run wall
    [ "$status" -ne 0 ]
    one_line
    [[ $output == *CAP_SYS_RESOURCE* ]]
}

@test "no_new_privs, user, groups, umask, working folder, environment" {
    spec_sh '.process.noNewPrivileges = true | .process.user = {uid: 1000, gid: 1001, umask: 63, additionalGids: [5, 42]}
        | .process.cwd = "/made/deep" | .process.env += ["A=1"]' \
        'grep NoNewPrivs /proc/self/status; id; umask; pwd; echo $A'
    run wall
    rm -r "$ROOT/made"
    [ "$status" -eq 0 ]
    [ "$output" = $'NoNewPrivs:\t1\nuid=1000 gid=1001 groups=5,42\n0077\n/made/deep\n1' ]
}

@test "limits: lowered ones hold, ones that would hinder the set-up too, higher ones are refused clearly" {
    spec_sh '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 4, hard: 5}, {type: "RLIMIT_CORE", soft: 0, hard: 0}]' \
        'ulimit -Sn; ulimit -Hn; ulimit -c'
    run wall
    [ "$status" -eq 0 ]
    [ "$output" = $'4\n5\n0' ]
    local hard
    hard=$(ulimit -Hn)
    if ! (ulimit -Hn $((hard + 1))) 2>/dev/null; then
        spec ".process.rlimits = [{type: \"RLIMIT_NOFILE\", soft: 10, hard: $((hard + 1))}]" true
        run wall
        [ "$status" -ne 0 ]
        one_line
        [[ $output == *RLIMIT_NOFILE*CAP_SYS_RESOURCE* ]]
    fi
    spec '.process.rlimits = [{type: "RLIMIT_FROB", soft: 1, hard: 1}]' true
    run wall
    [ "$status" -ne 0 ]
    one_line
}

@test "oom score, scheduler, io priority, personality; an exec's affinity is not its own" {
    spec_sh '.process.oomScoreAdj = 321 | .process.scheduler = {policy: "SCHED_BATCH", nice: 7}
        | .process.ioPriority = {class: "IOPRIO_CLASS_IDLE", priority: 0} | .linux.personality = {domain: "LINUX32"}
        | .process.execCPUAffinity = {final: "0"}' \
        'cat /proc/self/oom_score_adj; cut -d" " -f41 /proc/self/stat; cut -d" " -f19 /proc/self/stat; ionice -p $$; uname -m; grep Cpus_allowed_list /proc/self/status'
    run wall
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = 321 ]
    [ "${lines[1]}" = 3 ] # SCHED_BATCH
    [ "${lines[2]}" = 7 ]
    [[ ${lines[3]} == idle* ]]
    [ "${lines[4]}" = i686 ]
    [ "${lines[5]}" = "$(grep Cpus_allowed_list /proc/self/status)" ]
}

@test "execCPUAffinity: an exec runs on the final CPUs" {
    local last
    last=$(($(nproc) - 1))
    spec . sleep 100
    jq -n --arg last "$last" '{cwd: "/", user: {uid: 0, gid: 0}, env: ["PATH=/bin"],
        args: ["grep", "Cpus_allowed_list", "/proc/self/status"],
        execCPUAffinity: {initial: "0", final: $last}}' >"$WORK/p.json"
    run wall --exec "$WORK/p.json"
    [ "$status" -eq 0 ]
    [[ $output == *"	$last" ]]
    jq '.execCPUAffinity |= {initial: "0"}' "$WORK/p.json" >"$WORK/q.json"
    run wall --exec "$WORK/q.json"
    [ "$output" = "$(grep Cpus_allowed_list /proc/self/status)" ]
}

@test "descriptors: none of ours is inherited, asked ones are" {
    spec_sh . 'for f in /proc/self/fd/*; do readlink $f >/dev/null && echo ${f##*/}; done'
    run wall
    [ "$output" = $'0\n1\n2' ]
    echo passed >"$WORK/passed"
    spec_sh . 'cat <&3'
    run wall --preserve 1 3<"$WORK/passed"
    [ "$output" = passed ]
}

@test "signals: none is ignored or blocked" {
    status_of . '^Sig(Ign|Blk)'
    # Python ignores the C library's own signals, 32 and 33, as posix_spawn does for its children.
    local library=()
    ! python3 -c 'import ctypes' 2>/dev/null || library=(python3 -c 'import ctypes, os, sys
for n in 32, 33:
    assert ctypes.CDLL(None).syscall(13, n, (ctypes.c_ulong * 4)(1), None, ctypes.c_long(8)) == 0
os.execv(sys.argv[1], sys.argv[1:])')
    run bash -c 'trap "" PIPE HUP USR1; exec "$@"' sh "${library[@]}" "$WALL_RUN" --id "wall-run-${WORK##*-}-s" "$WORK/bundle"
    echo "$output"
    [ "$output" = $'SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000' ]
}

@test "a session of its own, a keyring of its own" {
    spec_sh . 'cut -d" " -f5,6,7 /proc/self/stat'
    run wall
    [[ $output == "1 1 0" ]]
    # Keyrings of workloads that just ended may still be listed beside it.
    spec_sh '.linux.maskedPaths = []' 'grep -c _ses.wall-run /proc/keys'
    run wall
    [ "$output" -ge 1 ]
}

@test "terminal: of the container's devpts, controlling, sized, as /dev/console" {
    spec_sh '.process.terminal = true | .process.consoleSize = {height: 31, width: 97}' \
        'tty; stty size; stat -c %t:%T /dev/console; stat -c %t:%T $(tty); cat /proc/self/stat | cut -d" " -f7; ls /dev/pts'
    run wall
    [ "$status" -eq 0 ]
    [ "${lines[0]%$'\r'}" = /dev/pts/0 ]
    [ "${lines[1]%$'\r'}" = "31 97" ]
    [ "${lines[2]%$'\r'}" = 88:0 ]
    [ "${lines[3]%$'\r'}" = 88:0 ]
    [ "${lines[4]%$'\r'}" = 34816 ]
}

@test "terminal in a user namespace, as another user" {
    spec_sh "$USERNS | .process.terminal = true | .process.user = {uid: 33, gid: 33}" 'tty; echo x >/dev/tty && stat -c %u /dev/pts/0'
    run wall --idmap
    [ "$status" -eq 0 ]
    [ "${lines[2]%$'\r'}" = 33 ]
}

@test "terminal: an image's /dev/pts or /dev/console in its place is refused" {
    spec '.process.terminal = true | .mounts |= map(select(.type != "devpts"))' true
    run wall
    [ "$status" -ne 0 ]
    one_line
    [[ $output == *devpts* ]]
}

@test "programs: not found is 127, not executable 126, in Docker's words" {
    printf '#!/no/such/interpreter\n' >"$ROOT/root/script"
    echo text >"$ROOT/root/text"
    chmod 755 "$ROOT/root/script"
    local program code text
    while read -r program code text; do
        spec . "$program"
        run wall
        [ "$status" -eq "$code" ]
        one_line
        [ "$output" = "cloison: exec: \"$program\": $text" ]
    done <<'TABLE'
nosuch 127 executable file not found in $PATH
/no/such 127 no such file or directory
/etc/passwd 126 permission denied
/etc 126 is a directory: permission denied
/root/script 127 no such file or directory
/root/text 126 permission denied
TABLE
    chmod 755 "$ROOT/root/text"
    spec . /root/text
    run wall
    rm "$ROOT/root/script" "$ROOT/root/text"
    [ "$status" -eq 126 ]
    [[ $output == *"exec format error" ]]
}

@test "started by another process: same words, same end" {
    spec_sh . 'exit 9'
    run wall --remote --show-state
    [ "$status" -eq 9 ]
    [ "${lines[0]}" = "state: created" ]
    spec '.process.user = {uid: 1, gid: 1} | .process.cwd = "/root"' true
    chmod 700 "$ROOT/root"
    run wall --remote
    chmod 755 "$ROOT/root"
    [ "$status" -eq 0 ]
    printf '#!/no/such/interpreter\n' >"$ROOT/root/script"
    chmod 755 "$ROOT/root/script"
    spec . /root/script
    run wall --remote
    rm "$ROOT/root/script"
    [ "$status" -ne 0 ]
    [[ $output == *"exec: \"/root/script\": no such file or directory"* ]]
}

@test "exec: same namespaces, groups, filter; its own rights" {
    spec '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 1}]}' sleep 60
    process "$WORK/p.json" '.user = {uid: 5, gid: 6} | .capabilities = {bounding: [], effective: [], permitted: []}' \
        sh -c 'for n in mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done; id -u; mkdir /tmp/x; grep -E "Seccomp:|CapBnd" /proc/self/status; cat /proc/self/cgroup | grep -vc ":/$"; ls /proc/self/fd | wc -l; exit 3'
    run wall --exec "$WORK/p.json"
    [ "$status" -eq 3 ]
    local n
    for n in mnt pid net ipc uts cgroup; do [[ $output != *"$(readlink /proc/self/ns/$n)"* ]]; done
    [ "${lines[6]}" = 5 ]
    [[ ${lines[7]} == *"not permitted"* ]]
    [[ $output == *"CapBnd:"*"0000000000000000"*"Seccomp:"*2*$'\n0\n'* ]]
}

@test "exec in user, time and joined namespaces, with a terminal" {
    spec "$USERNS | .linux.namespaces += [{type: \"time\"}] | .linux.timeOffsets = {boottime: {secs: 90000}}" sleep 60
    process "$WORK/p.json" '.terminal = true' sh -c 'tty; cut -d. -f1 /proc/uptime; cat /proc/self/uid_map; exit 4'
    run wall --idmap --exec "$WORK/p.json"
    [ "$status" -eq 4 ]
    [ "${lines[0]%$'\r'}" = /dev/pts/0 ]
    [ "${lines[1]%$'\r'}" -ge 90000 ]
    [[ ${lines[2]} == *100000* ]]
}

@test "exec: errors are Docker's" {
    spec . sleep 60
    process "$WORK/p.json" . nosuch
    run wall --exec "$WORK/p.json"
    [ "$status" -eq 127 ]
    process "$WORK/p.json" . /etc/passwd
    run wall --exec "$WORK/p.json"
    [ "$status" -eq 126 ]
    process "$WORK/p.json" '.cwd = "/nowhere"' true
    run wall --exec "$WORK/p.json"
    [ "$status" -ne 0 ]
    one_line
    [[ $output == *"/nowhere"* ]]
}

@test "a working folder that leads to the host's descriptors is refused" {
    local n
    for n in 3 4 5 6 7 8 9 10 11 12; do
        spec_sh ".process.cwd = \"/proc/self/fd/$n\"" 'ls -d ../../../../boot'
        run wall
        [ "$status" -ne 0 ]
        [[ $output != /boot* ]]
    done
}

@test "hooks: at their points, in order, with the state, inside where they should be" {
    mkdir -p "$WORK/hooks"
    cat >"$WORK/hooks/hook" <<'H'
#!/bin/sh
state=$(cat)
echo "$1 $(echo "$state" | sed 's/.*"status": *"\([a-z]*\)".*/\1/') $(readlink /proc/self/ns/net) $VAR" >>"$LOG"
H
    chmod 755 "$WORK/hooks/hook"
    local kind filter=.
    for kind in prestart createRuntime createContainer poststart poststop; do
        filter+=" | .hooks.$kind = [{path: \"$WORK/hooks/hook\", args: [\"hook\", \"$kind\"], env: [\"LOG=$WORK/hooks/log\", \"VAR=v\", \"PATH=/usr/bin:/bin\"]}]"
    done
    filter+=' | .hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "readlink /proc/self/ns/net >/start; hostname >>/start"], env: ["PATH=/bin"]}]'
    spec_sh "$filter" 'cat /start; readlink /proc/self/ns/net'
    run wall
    rm -f "$ROOT/start"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "${lines[2]}" ]
    [ "${lines[1]}" = box ]
    local own inside=${lines[2]}
    own=$(readlink /proc/self/ns/net)
    [ "$(cat "$WORK/hooks/log")" = "prestart creating $own v
createRuntime creating $own v
createContainer creating $inside v
poststart running $own v
poststop stopped $own v" ]
}

@test "hooks: a failing one and one that hangs end the creation" {
    spec '.hooks.createRuntime = [{path: "/bin/false"}]' true
    run wall
    [ "$status" -ne 0 ]
    one_line
    [[ $output == *createRuntime*"'/bin/false'"*"status 1"* ]]
    spec '.hooks.prestart = [{path: "/bin/sleep", args: ["sleep", "60"], timeout: 1}]' true
    run wall
    [ "$status" -ne 0 ]
    one_line
    [[ $output == *timeout* ]]
    spec '.hooks.poststart = [{path: "/bin/false"}]' true
    run wall
    [ "$status" -eq 0 ]
}

@test "labels and resctrl where the host has none: clear errors" {
    [ -e /sys/fs/selinux/enforce ] && skip "SELinux is on here"
    spec '.process.selinuxLabel = "system_u:system_r:container_t:s0"' true
    run wall
    [ "$status" -ne 0 ]
    one_line
    [[ $output == *SELinux* ]]
    if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ]; then
        spec '.process.apparmorProfile = "docker-default"' true
        run wall
        one_line
        [[ $output == *AppArmor* ]]
    fi
    if [ ! -e /sys/fs/resctrl/schemata ]; then
        spec '.linux.intelRdt = {l3CacheSchema: "L3:0=f"}' true
        run wall
        [ "$status" -ne 0 ]
        one_line
        [[ $output == *resctrl* ]]
    fi
}

@test "seccomp: with and without no_new_privs, for root and others" {
    local nnp uid
    for nnp in true false; do
        for uid in 0 1000; do
            spec_sh ".process.noNewPrivileges = $nnp | .process.user = {uid: $uid, gid: $uid}
                | .linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{names: [\"mkdir\", \"mkdirat\"], action: \"SCMP_ACT_ERRNO\", errnoRet: 13}]}" \
                'mkdir /tmp/x; grep Seccomp: /proc/self/status; id -u'
            run wall
            [[ $output == *"ermission denied"*2*$uid ]]
        done
    done
}

@test "killed during the set-up: said so, and nothing is left" {
    command -v strace >/dev/null || skip "strace is missing"
    spec . true
    local n
    for n in 1 5 20 40; do
        run strace -f -o /dev/null -e trace=fsconfig,move_mount,pivot_root -e inject=fsconfig,move_mount,pivot_root:signal=KILL:when=$n \
            "$WALL_RUN" --id "wall-run-${WORK##*-}-k" "$WORK/bundle"
        [ "$status" -ne 0 ] || [ "$n" -gt 30 ]
        [ -z "$(find /sys/fs/cgroup -type d -name "wall-run-${WORK##*-}-k")" ]
    done
}

@test "each system call of the set-up failing in turn leaves nothing" {
    command -v strace >/dev/null || skip "strace is missing"
    spec . true
    local call n
    for call in mount move_mount fsmount fsopen openat2 unshare sethostname mknodat symlinkat pivot_root capset execve clone3; do
        for n in 1 3; do
            run strace -f -o /dev/null -e trace=$call -e inject=$call:error=EPERM:when=$n+50 \
                "$WALL_RUN" --id "wall-run-${WORK##*-}-f" "$WORK/bundle"
            [ -z "$(find /sys/fs/cgroup -type d -name "wall-run-${WORK##*-}-f")" ]
            [ ! -e "/run/cloison-wall-run/wall-run-${WORK##*-}-f" ]
            if [ "$status" -ne 0 ]; then [[ $output == *cloison:* ]]; fi
        done
    done
}

@test "seccomp: a notifying profile's listener goes to whom it names, of exec too" {
    cat >"$WORK/listen.py" <<'P'
import array, json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print("listening", flush=True)
for _ in range(int(sys.argv[2])):
    s, _ = server.accept()
    data, ancillary, _, _ = s.recvmsg(65536, 1024)
    fds = array.array("i")
    for level, kind, content in ancillary:
        fds.frombytes(content[: len(content) // 4 * 4])
    state = json.loads(data)
    print(len(fds), state["fds"], state["metadata"], state["state"]["id"] != "", state["pid"] > 1, flush=True)
    s.close()
    for f in fds:
        os.close(f)
P
    python3 "$WORK/listen.py" "$WORK/sock" 2 >"$WORK/heard" 3>&- &
    local server=$! i
    for i in $(seq 200); do
        grep -q listening "$WORK/heard" && break
        sleep 0.02
    done
    spec_sh ".linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", listenerPath: \"$WORK/sock\", listenerMetadata: \"meta\",
        syscalls: [{names: [\"mkdir\", \"mkdirat\"], action: \"SCMP_ACT_NOTIFY\"}]}" 'mkdir /tmp/x; sleep 60'
    process "$WORK/p.json" . mkdir /tmp/y
    run wall --exec "$WORK/p.json"
    wait "$server"
    [ "$(grep -c "^1 \['seccompFd'\] meta True True" "$WORK/heard")" = 2 ]
    [[ $output == *"not implemented"* ]]
}

@test "the creator killed at the n-th system call: the next process deletes what is left" {
    command -v strace >/dev/null || skip "strace is missing"
    spec . true
    local n left id="wall-run-${WORK##*-}-c" call
    for call in mkdir openat write clone3 recvmsg rename; do
        for n in 1 2 3 5 8; do
            timeout -s KILL 2 strace -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$n \
                "$WALL_RUN" --id "$id" "$WORK/bundle" >/dev/null 2>&1 3>&- || true
            if [ -e "/run/cloison-wall-run/$id/wall.json" ]; then
                "$WALL_RUN" --id "$id" --delete
            fi
            rm -rf "/run/cloison-wall-run/$id"
            left=$(find /sys/fs/cgroup -type d -name "$id")
            [ -z "$left" ] || { echo "$call $n left $left"; return 1; }
        done
    done
}
