#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Folders, files and volumes of the host behind the VM wall: cloison-fs, by KVM in the test machine and by
# emulation elsewhere.

load ../integration/helper

setup_file() {
    ls /boot/vmlinuz-* >/dev/null || skip "no kernel under /boot"
    engine_setup busybox
    [ -n "${TESTBED-}" ] || export VMM=qemu
    export SHARE=$BATS_FILE_TMPDIR/share
    mkdir -p "$SHARE/sub" "$BATS_FILE_TMPDIR/closed"
    echo outside >"$SHARE/file"
    echo deep >"$SHARE/sub/deep"
    echo closed >"$BATS_FILE_TMPDIR/closed/file"
    ln -s /etc/passwd "$SHARE/leaves"
}
teardown_file() { engine_teardown; }

# Where KVM is not usable the monitor is chosen, so that nothing is said of it.
vm() { timeout --kill-after=5 100 "$CLOISON" run --rm --wall vm ${VMM:+--vmm $VMM} "$@" </dev/null; }

@test "a folder both ways: names, links, owners, modes, times, special files, attributes" {
    run vm -v "$SHARE:/data" busybox sh -c 'cd /data; cat file sub/deep; echo inside >new; mkdir made; mv new made/moved
        ln made/moved hard; ln -s hard soft; cat soft; chown 5:6 made; chmod 4750 hard; touch -d @1000000000 hard
        mkfifo pipe; mknod null c 1 3; dd if=/dev/zero of=big bs=64k count=20 2>/dev/null; truncate -s 100 big
        readlink leaves; rm sub/deep; rmdir sub; ls | sort | tr "\n" " "; stat -c "%h %a %Y" hard'
    echo "$output"
    [ "$status" = 0 ]
    [ "${lines[0]} ${lines[1]} ${lines[2]} ${lines[3]}" = 'outside deep inside /etc/passwd' ]
    [ "${lines[4]}" = 'big file hard leaves made null pipe soft 2 4750 1000000000' ]
    [ "$(cat "$SHARE/made/moved")" = inside ]
    [ "$(stat -c '%u %g' "$SHARE/made")" = '5 6' ]
    [ "$(stat -c '%a %Y %h' "$SHARE/hard")" = '4750 1000000000 2' ]
    [ "$(stat -c %s "$SHARE/big")" = 100 ]
    [ "$(stat -c '%F %t %T' "$SHARE/null")" = 'character special file 1 3' ]
    [ -p "$SHARE/pipe" ]
    [ ! -e "$SHARE/sub" ]
}

@test "read-only is the host's word; files alone; named volumes; --mount; a write through a file's bind" {
    before=$(stat -c %Y "$BATS_FILE_TMPDIR/closed/file")
    run vm -v "$BATS_FILE_TMPDIR/closed:/closed:ro" -v "$SHARE/file:/one" -v vol:/vol --privileged \
        --mount "type=bind,source=$BATS_FILE_TMPDIR/closed/file,target=/only,readonly" busybox sh -c '
        cat /closed/file /only; echo x >/closed/x; touch /only; mount -o remount,rw,bind /closed; echo x >/closed/x
        rm /closed/file; chmod 777 /closed/file; echo kept >/vol/kept; echo more >>/one'
    echo "$output"
    [ "$status" = 0 ]
    [ "$(grep -c '^closed' <<<"$output")" = 2 ]
    [ "$(grep -c 'Read-only file system' <<<"$output")" -ge 4 ]
    [ "$(ls "$BATS_FILE_TMPDIR/closed")" = file ]
    [ "$(stat -c %Y "$BATS_FILE_TMPDIR/closed/file")" = "$before" ]
    [ "$(cat "$SHARE/file")" = $'outside\nmore' ]
    run vm -v vol:/other busybox cat /other/kept
    [ "$output" = kept ]
}

@test "mmap, a lock that the host holds, many names, and what changes outside" {
    exec 8>"$SHARE/lock"
    flock 8
    (
        timeout 60 bash -c "until [ -e '$SHARE/waits' ]; do sleep 0.1; done"
        echo changed >"$SHARE/outside"
        flock -u 8
    ) 3>&- &
    run vm -v "$SHARE:/data" -v /usr/bin:/usr/bin:ro -v /lib:/lib:ro -v /lib64:/lib64:ro -v /usr/lib:/usr/lib:ro \
        busybox sh -c 'cd /data; /usr/bin/flock -n lock echo taken || echo held; touch waits
        /usr/bin/flock lock cat outside; i=0; while [ $i -lt 400 ]; do : >q$i; i=$((i + 1)); done; ls -d q* | wc -l
        rm q*; ls -d q* 2>/dev/null | wc -l; /usr/bin/python3 -c "
import mmap
with open(\"/data/map\", \"wb+\") as f:
    f.truncate(8192)
    m = mmap.mmap(f.fileno(), 8192)
    m[5000:5005] = b\"bytes\"
    m.flush()
"'
    exec 8>&-
    wait
    echo "$output"
    [ "$status" = 0 ]
    [ "${lines[0]}" = held ]
    [ "${lines[1]}" = changed ]
    [ "${lines[2]} ${lines[3]}" = '400 0' ]
    [ "$(dd if="$SHARE/map" bs=1 skip=5000 count=5 2>/dev/null)" = bytes ]
}

@test "the server of the shares has nothing but them, and its death ends the machine with the reason" {
    id=$("$CLOISON" run -d --wall vm ${VMM:+--vmm $VMM} --name shared -v "$SHARE:/data" busybox sleep 1000 </dev/null)
    server=$(pgrep -x cloison-fs -P "$("$CLOISON" inspect --format '{{.State.Pid}}' shared)")
    [ "$(awk '/^CapEff/ { print $2 }' "/proc/$server/status")" = 000000008800001f ]
    [ "$(awk '/^CapBnd/ { print $2 }' "/proc/$server/status")" = 0000000000000000 ]
    [ "$(awk '/^Seccomp:/ { print $2 }' "/proc/$server/status")" = 2 ]
    [ "$(ls "/proc/$server/root")" = proc ]
    [ "$(readlink "/proc/$server/ns/net")" != "$(readlink /proc/self/ns/net)" ]
    kill -KILL "$server"
    [ "$(timeout 20 "$CLOISON" wait shared)" = 137 ]
    "$CLOISON" rm shared
    [ ! -e "/proc/$server" ]
}

@test "what cannot be shared is refused in one line, before anything starts" {
    python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$BATS_TEST_TMPDIR/socket"
    run vm -v "$BATS_TEST_TMPDIR/socket:/s" busybox true
    echo "$output"
    [ "$status" = 125 ]
    [[ $output == *"cannot bind '$BATS_TEST_TMPDIR/socket': a socket, pipe or device of the host means nothing"* ]]
}
