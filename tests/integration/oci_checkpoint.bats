#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# checkpoint and restore: through CRIU where this kernel lets it work, a clear error where not.
load wall_helper
load oci_helper
load helper

setup_file() { oci_setup; }
teardown_file() { oci_teardown; }
setup() { oci_test; }

@test "without CRIU's library: one line that says so, and the container runs on" {
    spec . sleep 100
    oci run -d "$id" </dev/null >/dev/null 2>&1 3>&-
    local library
    library=$(ldconfig -p | awk '/libcriu.so.2/ { print $NF }')
    if [ -n "$library" ]; then
        run unshare -m sh -c 'mount --bind /dev/null "$(realpath "$1")"; shift; exec "$@"' sh "$library" \
            "$OCI" --root "$OCI_ROOT" checkpoint --image-path "$WORK/images" "$id"
    else
        run oci checkpoint --image-path "$WORK/images" "$id"
    fi
    [ "$status" -eq 1 ]
    [[ $output == "cloison-oci: checkpoint and restore need CRIU, which is not installed"* ]]
    [ "$(status_of "$id")" = running ]
    oci delete -f "$id"
}

@test "a container that does not run is not saved; images that are none make no container" {
    spec . sleep 100
    oci create "$id" </dev/null >/dev/null 2>&1 3>&-
    run oci checkpoint --image-path "$WORK/images" "$id"
    [ "$status" -eq 1 ]
    [[ $output == *created* ]]
    oci delete -f "$id"
    mkdir -p "$WORK/none"
    run oci restore -d --image-path "$WORK/none" "$id"
    [ "$status" -eq 1 ]
    [ ! -e "$OCI_ROOT/$id" ]
    ! find /sys/fs/cgroup -type d -path "*cloison/$id" | grep . || false
    run oci restore -d --image-path "$WORK/images" --manage-cgroups-mode nonsense "$id"
    [ "$status" -eq 1 ]
}

# The test machine has CRIU and a kernel that it works on: there nothing is skipped.
needs_criu() {
    criu check >/dev/null 2>&1 || [ -n "${TESTBED:-}" ] || skip "CRIU does not work on this kernel, or is not installed"
}
detached() { "$@" </dev/null >/dev/null 2>&1 3>&-; }
save() { oci checkpoint --image-path "$WORK/$id.images" "$@" "$id" || { grep -a Error "$WORK/$id.images/dump.log" >&2; return 1; }; }
restore() { # restore ID OPTION…
    detached oci restore -d --image-path "$WORK/$id.images" "${@:2}" "$1" ||
        { grep -a Error "$WORK/$id.images/restore.log" >&2; return 1; }
}
# The program counts, in its memory, into a file of its root that is never half written.
COUNTS='i=0; while true; do i=$((i + 1)); echo $i >/tmp/m; mv /tmp/m /tmp/n; sleep 0.1; done'
count() { cat "$ROOT/tmp/n"; }
counted_past() { [ "$(count)" -gt "$1" ]; }

@test "saved, ended, restored: it goes on where it was, in its group, with its limits" {
    needs_criu
    rm -f "$ROOT/tmp/n"
    spec_sh '.linux.resources.pids.limit = 77' "$COUNTS"
    detached oci run -d "$id"
    wait_for 60 test -s "$ROOT/tmp/n"
    save
    run oci state "$id"
    [ "$status" -eq 1 ]
    before=$(count)
    restore "$id" --pid-file "$WORK/pid"
    [ "$(status_of "$id")" = running ]
    [ "$(oci state "$id" | jq .pid)" = "$(cat "$WORK/pid")" ]
    wait_for 60 counted_past "$before"
    [ "$(count)" -lt $((before + 1000)) ] # from there, not from one
    run oci exec "$id" sh -c 'cat /proc/1/comm; cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null; hostname'
    [ "$(xargs <<<"$output")" = "sh 77 box" ]
    oci pause "$id"
    oci resume "$id"
    oci kill "$id" KILL
    wait_status "$id" stopped
    oci delete "$id"
}

@test "--leave-running, then twice from one image: the second under another name" {
    needs_criu
    rm -f "$ROOT/tmp/n"
    spec_sh . "$COUNTS"
    detached oci run -d "$id"
    wait_for 60 test -s "$ROOT/tmp/n"
    save --leave-running
    [ "$(status_of "$id")" = running ]
    wait_for 60 counted_past "$(count)"
    oci delete -f "$id"
    restore "$id"
    oci delete -f "$id"
    restore "$id-b"
    run find /sys/fs/cgroup -type d -path "*cloison/$id"
    [ -z "$output" ]
    pid=$(oci state "$id-b" | jq .pid)
    grep -q "cloison/$id-b\$" "/proc/$pid/cgroup"
    oci delete -f "$id-b"
}

@test "binds, a link on the way to one, masked paths, a namespace of another's" {
    needs_criu
    mkdir -p "$WORK/outside" "$ROOT/real"
    ln -sfn real "$ROOT/link"
    echo one >"$WORK/outside/f"
    ip netns add "clt-$id"
    spec "del(.linux.namespaces[] | select(.type == \"network\"))
        | .linux.namespaces += [{type: \"network\", path: \"/run/netns/clt-$id\"}]
        | .mounts += [{destination: \"/link/in\", type: \"bind\", source: \"$WORK/outside\", options: [\"rbind\"]}]" \
        sh -c 'exec 5</real/in/f; while :; do sleep 0.1; done'
    detached oci run -d "$id"
    save || { ip netns del "clt-$id"; return 1; }
    echo two >"$WORK/outside/g"
    restore "$id" || { ip netns del "clt-$id"; return 1; }
    pid=$(oci state "$id" | jq .pid)
    [ "$(stat -Lc %i "/proc/$pid/ns/net")" = "$(stat -Lc %i "/run/netns/clt-$id")" ]
    run oci exec "$id" sh -c 'cat /link/in/g; wc -c </proc/timer_list'
    [ "$(xargs <<<"$output")" = "two 0" ]
    oci delete -f "$id"
    ip netns del "clt-$id"
}

@test "pipes and the foreground: what it writes goes to who restores it" {
    needs_criu
    spec_sh . 'echo ready; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo gone on; exit 5'
    rm -f "$ROOT/tmp/go"
    oci run "$id" </dev/null 2>&1 3>&- | cat >"$WORK/first" 3>&- &
    wait_for 60 grep -q ready "$WORK/first"
    save
    wait $! || true
    touch "$ROOT/tmp/go"
    run bash -c '"$OCI" --root "$OCI_ROOT" restore --image-path "$WORK/$1.images" "$1" </dev/null | cat; exit "${PIPESTATUS[0]}"' - "$id"
    [ "$status" -eq 5 ]
    echo "$output"
    [ "$output" = "gone on" ]
}

@test "--pre-dump, then the rest over it; a paused one" {
    needs_criu
    rm -f "$ROOT/tmp/n"
    spec_sh . "$COUNTS"
    detached oci run -d "$id"
    wait_for 60 test -s "$ROOT/tmp/n"
    oci checkpoint --pre-dump --image-path "$WORK/before" "$id"
    [ "$(status_of "$id")" = running ]
    oci pause "$id"
    ln -sfn "$WORK/before" "$WORK/parent"
    save --parent-path ../before
    before=$(count)
    restore "$id"
    wait_for 60 counted_past "$before"
    oci delete -f "$id"
}

@test "--criu: another program; one that is none" {
    needs_criu
    spec . sleep 100
    detached oci run -d "$id"
    run oci --criu /no/such checkpoint --image-path "$WORK/$id.images" "$id"
    [ "$status" -eq 1 ]
    [ "$(status_of "$id")" = running ]
    oci --criu "$(command -v criu)" checkpoint --image-path "$WORK/$id.images" "$id"
}

@test "--console-socket: the restored program's terminal comes over it" {
    needs_criu
    spec_sh '.process.terminal = true' 'while read x; do echo "got $x" | tee -a /tmp/typed; done'
    rm -f "$ROOT/tmp/typed"
    python3 "$BATS_TEST_DIRNAME/console_socket.py" "$WORK/s1" $'again\n' >"$WORK/said1" 3>&- &
    local first=$!
    wait_for 60 test -S "$WORK/s1"
    detached oci run -d --console-socket "$WORK/s1" "$id"
    wait_for 60 grep -q 'got again' "$WORK/said1"
    save --shell-job
    wait "$first"
    python3 "$BATS_TEST_DIRNAME/console_socket.py" "$WORK/s2" $'again\n' >"$WORK/said2" 3>&- &
    local second=$!
    wait_for 60 test -S "$WORK/s2"
    restore "$id" --shell-job --console-socket "$WORK/s2"
    wait_for 60 grep -q 'got again' "$WORK/said2"
    [ "$(grep -c 'got again' "$ROOT/tmp/typed")" -eq 2 ]
    oci delete -f "$id"
    wait "$second"
}

# Both ends are in the container; the sender counts, and the receiver does not hang up.
CONNECTED='sleep 100000 | nc -l -p 7000 >/tmp/got &
    until { i=0; while echo $((i += 1)); do sleep 0.1; done; } | nc 127.0.0.1 7000; do sleep 0.1; done'
got() { grep -c . "$ROOT/tmp/got"; }
got_past() { [ "$(got)" -gt "$1" ]; }

@test "--tcp-established: an open connection goes on; without it nothing is saved" {
    needs_criu
    rm -f "$ROOT/tmp/got"
    spec_sh . "$CONNECTED"
    detached oci run -d "$id"
    wait_for 60 test -s "$ROOT/tmp/got"
    run oci checkpoint --image-path "$WORK/$id.refused" "$id"
    [ "$status" -eq 1 ]
    grep -qa 'Connected TCP socket' "$WORK/$id.refused/dump.log"
    [ "$(status_of "$id")" = running ]
    save --tcp-established
    before=$(got)
    restore "$id" --tcp-established
    wait_for 60 got_past "$before"
    awk '$1 != NR { exit 1 }' "$ROOT/tmp/got" # nothing was lost, nothing came twice
    oci delete -f "$id"
}

@test "--page-server: the memory goes to another CRIU, and comes from there" {
    needs_criu
    rm -f "$ROOT/tmp/n"
    spec_sh . "$COUNTS"
    detached oci run -d "$id"
    wait_for 60 test -s "$ROOT/tmp/n"
    mkdir -p "$WORK/pages"
    criu page-server --images-dir "$WORK/pages" --address 127.0.0.1 --port 7171 --daemon --pidfile "$WORK/pages.pid" \
        </dev/null >/dev/null 2>&1 3>&-
    save --page-server 127.0.0.1:7171
    before=$(count)
    ls "$WORK/pages" | grep '^pages-'
    run ! ls "$WORK/$id.images"/pages-*
    mv "$WORK/pages"/pages*.img "$WORK/pages"/pagemap*.img "$WORK/$id.images/"
    restore "$id"
    wait_for 60 counted_past "$before"
    oci delete -f "$id"
}
