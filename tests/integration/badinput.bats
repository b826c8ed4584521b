#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each mistake gives one clear line on stderr, the right exit code, and leaves nothing half made.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

setup() { objects_before=$(objects); }

# What a failing command must not change: containers, names, run folders, volumes' names, links.
objects() {
    ls "$CLOISON_DATA_ROOT/containers" "$CLOISON_DATA_ROOT/names" "$CLOISON_RUN_ROOT/containers" 2>/dev/null
    ls "/sys/class/net/clt$TAG/brif" 2>/dev/null # the host's other links are others' business
    true
}

# refused STATUS WORDS… -- CMD…: the command fails so, with one line that holds each of the words.
refused() {
    local want=$1 words=() w
    shift
    while [ "$1" != -- ]; do words+=("$1"); shift; done
    shift
    # bats warns of 127 on its own unless told that it may come.
    if [ "$want" -eq 127 ]; then run -127 --separate-stderr "$@"; else run --separate-stderr "$@"; fi
    echo "status $status, stderr: $stderr, stdout: $output"
    [ "$status" -eq "$want" ] || return 1
    [ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ] || return 1
    [[ $stderr == cloison:* ]] || return 1
    for w in "${words[@]}"; do [[ $stderr == *"$w"* ]] || { echo "no '$w'"; return 1; }; done
    [ "$(objects)" = "$objects_before" ] || { echo "left: $(objects)"; return 1; }
}

@test "an unknown image" {
    refused 125 nosuchimage "cloison pull" -- cloison run --rm --pull never nosuchimage true
}

@test "explain of an image that is not there says how it gets there" {
    refused 125 nosuchimage "cloison pull nosuchimage" -- cloison explain run nosuchimage true
}

@test "an image no registry can be asked for" {
    printf '{"registries":{"docker.io":{"mirrors":["http://127.0.0.1:1"]}}}\n' >"$BATS_TEST_TMPDIR/c.json"
    CLOISON_CONFIG=$BATS_TEST_TMPDIR/c.json refused 125 nosuchimage -- cloison run --rm nosuchimage true
}

@test "an image reference that is none" {
    refused 125 UPPER lowercase -- cloison run --rm UPPER/Case true
}

@test "what a network or the writable layer cannot give is refused, not left out" {
    refused 125 --storage-opt size=1k -- cloison run --rm --storage-opt size=1k busybox true
    refused 125 --ip6 -- cloison run --rm --ip6 fd00::5 busybox true
    refused 125 --network-alias -- cloison run --rm --network-alias web busybox true
    refused 125 --ip none -- cloison run --rm --network none --ip 10.1.2.3 busybox true
    refused 125 --network "stands alone" -- cloison run --rm --network bridge --network none busybox true
    refused 125 "no wall named 'paper'" container -- cloison run --rm --wall paper busybox true
}

@test "a name in use" {
    cloison create --name taken --network none busybox true
    objects_before=$(objects)
    refused 125 taken "in use" -- cloison run --name taken --network none busybox true
    cloison rm taken
}

@test "renaming to a name in use, or to its own" {
    cloison create --name taken --network none busybox true
    cloison create --name other --network none busybox true
    objects_before=$(objects)
    refused 1 taken "in use" -- cloison rename other taken
    refused 1 other already -- cloison rename other other
    cloison rm taken other
}

@test "a registry whose name cannot be resolved" {
    refused 125 "nowhere.invalid" "cloison load" -- cloison run --rm nowhere.invalid/x true
}

@test "a bad name" {
    refused 125 "a b" -- cloison run --name "a b" --network none busybox true
}

@test "a port in use by another program" {
    local port
    port=$(free_port)
    python3 -m http.server --bind 0.0.0.0 "$port" >/dev/null 2>&1 &
    local server=$!
    wait_for 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
    refused 125 "$port" "in use" -- cloison run -d -p "$port:80" busybox sleep 9
    kill "$server"
}

@test "a port in use by another container" {
    local port
    port=$(free_port)
    cloison run -d --name first -p "$port:80" busybox sleep 60
    objects_before=$(objects)
    refused 125 "$port" -- cloison run -d -p "$port:80" busybox sleep 9
    cloison rm -f first
}

@test "bad port syntax" {
    refused 125 80:80:80:80:80 -- cloison run --rm -p 80:80:80:80:80 busybox true
    refused 125 99999 -- cloison run --rm -p 99999:80 busybox true
}

@test "bad volume syntax" {
    refused 125 -- cloison run --rm --network none -v a:b:c:d busybox true
    refused 125 relative -- cloison run --rm --network none -v x:relative busybox true
    refused 125 nonsense -- cloison run --rm --network none -v /tmp:/x:nonsense busybox true
}

@test "a missing host path with --mount" {
    refused 125 /no/such/path -- cloison run --rm --network none --mount type=bind,src=/no/such/path,dst=/x busybox true
}

@test "a --mount key that does not exist names the nearest" {
    refused 125 sorce source -- cloison run --rm --network none --mount type=bind,sorce=/tmp,dst=/x busybox true
}

@test "an unknown option names the nearest" {
    refused 125 --volum --volume -- cloison run --volum /a:/b busybox true
}

@test "an unknown command names the nearest" {
    run --separate-stderr cloison rnu busybox
    [ "$status" -ne 0 ]
    [[ $stderr == cloison:*rnu*run* ]]
}

@test "memory below the least, swap below memory, cpus above the host's" {
    refused 125 memory -- cloison run --rm --network none --memory 1m busybox true
    refused 125 swap -- cloison run --rm --network none --memory 64m --memory-swap 32m busybox true
    refused 125 cpus -- cloison run --rm --network none --cpus 4000 busybox true
    refused 125 -- cloison run --rm --network none --memory lots busybox true
}

@test "an unknown capability, signal, user, security option, log driver, restart policy" {
    refused 125 NOT_A_CAP -- cloison run --rm --network none --cap-add NOT_A_CAP busybox true
    refused 125 SIGNOPE -- cloison run --rm --network none --stop-signal SIGNOPE busybox true
    refused 125 nobodyhere -- cloison run --rm --network none -u nobodyhere busybox true
    refused 125 frobnicate -- cloison run --rm --network none --security-opt frobnicate=1 busybox true
    refused 125 carrier-pigeon -- cloison run --rm --network none --log-driver carrier-pigeon busybox true
    refused 125 sometimes -- cloison run --rm --network none --restart sometimes busybox true
}

@test "a sysctl of a namespace that is the host's" {
    refused 125 net.ipv4.ip_forward -- cloison run --rm --network host --sysctl net.ipv4.ip_forward=1 busybox true
    refused 125 vm.swappiness -- cloison run --rm --network none --sysctl vm.swappiness=1 busybox true
}

@test "a command that is not in the image: 127" {
    refused 127 nosuchcommand -- cloison run --rm --network none busybox nosuchcommand
    refused 127 /no/such -- cloison run --rm --network none busybox /no/such
}

@test "a command that is not executable: 126" {
    refused 126 /etc/passwd -- cloison run --rm --network none busybox /etc/passwd
    refused 126 /etc -- cloison run --rm --network none busybox /etc
}

@test "an apparmor profile where the host has no AppArmor" {
    if grep -q apparmor /sys/kernel/security/lsm 2>/dev/null; then
        skip "this host has AppArmor"
    fi
    refused 125 -i AppArmor -- cloison run --rm --network none --security-opt apparmor=docker-default busybox true || \
        refused 125 pparmor -- cloison run --rm --network none --security-opt apparmor=docker-default busybox true
}

@test "a truncated layer, a layer that is not what its digest says" {
    cloison save -o "$BATS_TEST_TMPDIR/good.tar" busybox
    head -c 200000 "$BATS_TEST_TMPDIR/good.tar" >"$BATS_TEST_TMPDIR/short.tar"
    refused 1 short.tar -- cloison load -i "$BATS_TEST_TMPDIR/short.tar" ||
        refused 125 short.tar -- cloison load -i "$BATS_TEST_TMPDIR/short.tar"
    head -c 5000 /dev/urandom >"$BATS_TEST_TMPDIR/noise.tar"
    run cloison load -i "$BATS_TEST_TMPDIR/noise.tar"
    [ "$status" -ne 0 ]
    one_line
}

@test "a layer whose content is not what its config says" {
    cloison save -o "$BATS_TEST_TMPDIR/good.tar" busybox
    python3 - "$BATS_TEST_TMPDIR" <<'P'
import io, sys, tarfile
with tarfile.open(f"{sys.argv[1]}/good.tar") as good, tarfile.open(f"{sys.argv[1]}/bad.tar", "w") as bad:
    for m in good.getmembers():
        data = good.extractfile(m).read() if m.isreg() else None
        if m.name.endswith(".tar"):
            data = data[:-1000] + b"x" * 1000
        bad.addfile(m, io.BytesIO(data) if m.isreg() else None)
P
    refused 1 "digest mismatch" -- env CLOISON_DATA_ROOT="$BATS_TEST_TMPDIR/empty" "$CLOISON" load -i "$BATS_TEST_TMPDIR/bad.tar"
    [ -z "$(ls "$BATS_TEST_TMPDIR/empty/images/layers" "$BATS_TEST_TMPDIR/empty/images/tmp" | grep -v '^/\|^$')" ]
}

@test "tar entries that leave the root" {
    python3 - "$BATS_TEST_TMPDIR" <<'P'
import io, sys, tarfile
d = sys.argv[1]
def one(name, entry, **kw):
    with tarfile.open(f"{d}/{name}.tar", "w") as t:
        i = tarfile.TarInfo(entry)
        for k, v in kw.items():
            setattr(i, k, v)
        t.addfile(i, io.BytesIO(b"") if i.isreg() else None)
one("dots", "../escaped")
one("deep", "a/../../escaped")
one("hard", "link", type=tarfile.LNKTYPE, linkname="/../../etc/passwd")
P
    for f in dots deep hard; do
        run cloison import "$BATS_TEST_TMPDIR/$f.tar" "bad$f"
        echo "$f: $output"
        [ "$status" -ne 0 ]
        one_line
        run cloison images -q "bad$f"
        [ -z "$output" ]
    done
    [ ! -e "$CLOISON_DATA_ROOT/escaped" ]
}

@test "disk full: the image is not half there" {
    local small=$BATS_TEST_TMPDIR/small
    mkdir "$small"
    mount -t tmpfs -o size=1m small "$small"
    run env CLOISON_DATA_ROOT="$small" "$CLOISON" run --rm --network none busybox true
    echo "$output"
    local st=$status out=$output left
    left=$(find "$small" -path '*/names/*' | wc -l)
    umount "$small"
    [ "$st" -eq 125 ]
    [[ $out == *"o space left"* ]]
    [ "$left" -eq 0 ]
}

@test "not root" {
    local verb
    chmod 700 "$CLOISON_DATA_ROOT"
    for verb in "run --rm busybox true" ps "rm web" "logs web" images; do
        # shellcheck disable=SC2086 # words
        run setpriv --reuid=65534 --regid=65534 --clear-groups "$CLOISON" $verb
        [ "$status" -eq 125 ] || [ "$status" -eq 1 ]
        one_line
        [[ $output == *root*sudo* || $output == *sudo*root* ]]
    done
}

@test "a signal at any moment leaves nothing" {
    local i pid
    for i in $(seq 1 25); do
        "$CLOISON" run --rm --network none busybox sleep 30 >/dev/null 2>&1 &
        pid=$!
        python3 -c "import time; time.sleep(0.0007 * $i)"
        kill -TERM "$pid" 2>/dev/null || true
        python3 -c "import time; time.sleep(0.002)"
        kill -INT "$pid" 2>/dev/null || true
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    # What had started runs on (as with Docker, when its client is killed): it is known and removable.
    local ids
    ids=$(cloison ps -aq)
    [ -z "$ids" ] || cloison rm -f $ids >/dev/null
    wait_for 5 bash -c '[ -z "$(ls -A "$CLOISON_RUN_ROOT/containers" 2>/dev/null)" ]'
    [ -z "$(cloison ps -aq)" ]
}

@test "nothing behind: usage errors of every command say how" {
    local verb
    for verb in run create start stop kill restart rm logs exec attach wait inspect top pause unpause rename; do
        run --separate-stderr cloison "$verb"
        echo "$verb: $status $stderr"
        [ "$status" -ne 0 ]
        [[ $stderr == cloison:* ]]
    done
}
