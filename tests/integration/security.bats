#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The ways out of a container that advisories of runc, crun and Docker describe: each test tries one.
# docs/security.md lists them with the design that closes each.
load helper

setup_file() {
    engine_setup busybox
    # An image is a root tarball here: the hostile ones are made by hand.
    export WORK=$BATS_FILE_TMPDIR
}
teardown_file() { engine_teardown; }

# image NAME: imports the folder $WORK/root as NAME, busybox inside.
image() {
    local made=0
    mkdir -p "$WORK/root/bin"
    cp /bin/busybox "$WORK/root/bin/busybox"
    [ -e "$WORK/root/bin/sh" ] || ln -s busybox "$WORK/root/bin/sh"
    tar -C "$WORK/root" -cf "$WORK/$1.tar" .
    cloison import "$WORK/$1.tar" "$1" >/dev/null || made=1
    rm -rf "$WORK/root"
    return $made
}

binary_sums() { sha256sum "$CLOISON" "$(dirname "$CLOISON")"/cloison-monitor; }

@test "CVE-2019-5736: /proc/self/exe as entry point cannot write the engine's program" {
    local before after
    before=$(binary_sums)
    cat >"$WORK/attack" <<'S'
#!/bin/busybox sh
# While a second process of the engine is inside, its exe link is opened for writing.
for i in $(/bin/busybox seq 400); do
  for p in /proc/[0-9]*/exe; do
    ( echo owned >"$p" ) 2>/dev/null && echo "WROTE $p"
  done
done
S
    chmod 755 "$WORK/attack"
    run cloison run --rm --network none busybox /proc/self/exe
    [ "$status" -ne 0 ]
    cloison run -d --name victim --network none -v "$WORK/attack:/attack:ro" busybox /attack
    local i
    for i in 1 2 3 4 5 6 7 8; do cloison exec victim /proc/self/exe >/dev/null 2>&1 || true; done
    for i in 1 2 3 4 5 6 7 8; do cloison exec victim true || true; done
    run cloison logs victim
    # Its own busybox may be what it finds: only the engine's programs count.
    cloison rm -f victim
    after=$(binary_sums)
    [ "$before" = "$after" ]
}

@test "CVE-2019-5736: a script whose interpreter is /proc/self/exe does not help" {
    local before
    before=$(binary_sums)
    printf '#!/proc/self/exe\n' >"$WORK/script"
    chmod 755 "$WORK/script"
    run cloison run --rm --network none -v "$WORK/script:/script:ro" busybox /script
    [ "$status" -ne 0 ]
    [ "$before" = "$(binary_sums)" ]
}

@test "CVE-2024-21626: no descriptor of the host is inherited" {
    exec 7</etc/hostname
    run cloison run --rm --network none busybox ls -l /proc/self/fd
    exec 7<&-
    [ "$status" -eq 0 ]
    # 0, 1, 2 and the folder that ls itself reads.
    [ "$(grep -c -- '->' <<<"$output")" -le 4 ]
    [[ $output != */etc/hostname* && $output != *cgroup* ]]
}

@test "CVE-2024-21626: a working folder of /proc/self/fd/N stays inside" {
    local n
    for n in 3 4 5 6 7 8 9 10 11 12; do
        run cloison run --rm --network none -w "/proc/self/fd/$n" busybox sh -c 'cat ../../../../../../etc/hostname; pwd; ls -d ../../../../boot'
        [[ $output != *"$(cat /etc/hostname)"* ]]
        [[ $output != *"boot"* || $output == *"o such file"* || $output == cloison:* ]]
    done
}

@test "CVE-2024-21626: exec with such a working folder stays inside too" {
    cloison run -d --name cwd --network none busybox sleep 60
    local n
    for n in 3 4 5 6 7 8 9 10; do
        run cloison exec -w "/proc/self/fd/$n" cwd sh -c 'cat ../../../../../../etc/hostname'
        [[ $output != *"$(cat /etc/hostname)"* || $status -ne 0 ]]
    done
    cloison rm -f cwd
}

@test "a symlink in the image as mount target does not lead to the host" {
    mkdir -p "$WORK/root/etc" "$WORK/hostdir" "$WORK/inner"
    ln -s "$WORK/hostdir" "$WORK/root/data"
    ln -s "$WORK/hostdir" "$WORK/root/etc/up"
    image linked
    echo inner >"$WORK/inner/file"
    run cloison run --rm --network none -v "$WORK/inner:/data" -v "$WORK/inner:/etc/up/x" linked /bin/busybox sh -c '/bin/busybox cat /data/file'
    # Whatever it did, it did it inside.
    [ -z "$(ls -A "$WORK/hostdir")" ]
}

@test "CVE-2019-19921: /proc as a symlink in the image is refused or replaced, never followed" {
    mkdir -p "$WORK/root/elsewhere/self/attr"
    ln -s elsewhere "$WORK/root/proc"
    image procless
    run cloison run --rm --network none procless /bin/busybox sh -c '/bin/busybox grep -c " - proc proc" /proc/self/mountinfo; /bin/busybox cat /elsewhere/self/attr/exec'
    [ "$status" -ne 0 ] || [[ $output == [1-9]* ]]
    [[ $status -eq 0 || $output == cloison:* || $output == *"o such file"* ]]
}

@test "CVE-2025-31133: /dev/null of the image is never used to mask" {
    mkdir -p "$WORK/root/dev"
    echo planted >"$WORK/root/dev/null"
    image nullfile
    run cloison run --rm --network none nullfile /bin/busybox sh -c '/bin/busybox cat /proc/keys | /bin/busybox head -c 10; /bin/busybox stat -c %t:%T /proc/keys'
    [[ $output == *"1:3"* ]]
    [[ $output != *planted* ]]
}

@test "CVE-2025-52565: /dev/console as a symlink does not reach another file" {
    mkdir -p "$WORK/root/dev" "$WORK/console-target"
    ln -s /proc/sys/kernel/core_pattern "$WORK/root/dev/console"
    image consolelink
    local before
    before=$(cat /proc/sys/kernel/core_pattern)
    run script -qec "$CLOISON run --rm -t --network none consolelink /bin/busybox sh -c 'echo hello >/dev/console'" /dev/null
    [ "$(cat /proc/sys/kernel/core_pattern)" = "$before" ]
}

@test "CVE-2025-52881: writes to /proc reach procfs and nothing else" {
    run cloison run --rm --network none --sysctl net.ipv4.ip_forward=1 --tmpfs /proc/sys/net busybox cat /proc/sys/net/ipv4/ip_forward
    # A tmpfs over part of /proc is refused, or the sysctl is still the kernel's.
    [ "$status" -ne 0 ] || [ "$output" = 1 ]
}

@test "a mount onto /proc is refused" {
    run --separate-stderr cloison run --rm --network none -v "$WORK:/proc" busybox true
    [ "$status" -eq 125 ]
    [[ $stderr == cloison:*/proc* ]]
}

@test "masked paths read as nothing, read-only paths refuse writing" {
    run cloison run --rm --network none busybox sh -c 'cat /proc/keys | wc -c; cat /proc/timer_list | wc -c; ls /sys/firmware | wc -l; echo 1 >/proc/sys/kernel/panic'
    [[ $output == $'0\n0\n0\n'* ]]
    [[ $output == *"ead-only file system"* ]]
    run cloison run --rm --network none busybox sh -c 'echo b >/proc/sysrq-trigger'
    [ "$status" -ne 0 ]
}

@test "masked paths cannot be unmounted from inside" {
    run cloison run --rm --network none --cap-add SYS_ADMIN --security-opt seccomp=unconfined busybox sh -c 'umount /proc/kcore && cat /proc/kcore | head -c 4 | wc -c'
    # With CAP_SYS_ADMIN over its own mount namespace this is allowed by the kernel; without, it is not.
    run cloison run --rm --network none busybox umount /proc/kcore
    [ "$status" -ne 0 ]
}

@test "CVE-2022-24769: the inheritable set is empty" {
    run cloison run --rm --network none busybox grep CapInh /proc/self/status
    [[ $output == *0000000000000000 ]]
    run cloison run --rm --network none --user 1000 busybox grep -E 'Cap(Inh|Prm|Eff|Amb)' /proc/self/status
    [ "$(grep -c 0000000000000000 <<<"$output")" -eq 4 ]
}

@test "capabilities: Docker's default set, bounded, and what was asked" {
    run cloison run --rm --network none busybox grep CapBnd /proc/self/status
    [[ $output == *00000000a80425fb ]]
    run cloison run --rm --network none --cap-drop ALL busybox grep CapEff /proc/self/status
    [[ $output == *0000000000000000 ]]
    run cloison run --rm --network none --cap-drop ALL --cap-add NET_ADMIN busybox grep CapEff /proc/self/status
    [[ $output == *0000000000001000 ]]
}

@test "TIOCSTI: a workload cannot type into the terminal of whoever started it" {
    command -v script >/dev/null || skip "script(1) is missing"
    # Without -t its input is a pipe, never the caller's terminal.
    local program=${CLOISON%/*}/tests/tiocsti
    run script -qec "$CLOISON run --rm -i --network none -v $program:/t:ro busybox sh -c '/t; echo status=\$?'" /dev/null
    [[ $output == *status=1* ]]
    # With -t it is a terminal of its own: another session than the caller's.
    run script -qec "$CLOISON run --rm -t --network none busybox sh -c 'tty; ps -o sid= | head -1'" /dev/null
    [[ $output == */dev/pts/0* || $output == */dev/console* ]]
}

@test "the root is not the host's: pivot_root left nothing of it" {
    run cloison run --rm --network none busybox sh -c 'cat /proc/self/mountinfo'
    # Its root is an overlay; no mount of a whole file system of the host's is left in sight.
    [ "$(awk '$5 == "/" { for (i = 1; i < NF; i++) if ($i == "-") print $(i + 1) }' <<<"$output")" = overlay ]
    [ -z "$(awk '$4 == "/" && /- (ext4|xfs|btrfs) /' <<<"$output")" ]
    run cloison run --rm --network none --cap-add SYS_CHROOT busybox sh -c 'mkdir -p /x; chroot /x /bin/true; cd ..; cd ..; cd ..; ls -d boot vmlinuz initrd.img root/.ssh lib/modules 2>&1'
    [[ $output == *"o such file"* ]]
    [[ $output != *$'\nboot\n'* ]]
}

@test "mounts made inside do not reach the host" {
    run -0 cloison run --rm --network none --privileged busybox sh -c "mount -t tmpfs inside-$TAG /tmp; grep -c inside- /proc/self/mountinfo"
    [ "$output" = 1 ]
    ! grep "inside-$TAG" /proc/self/mountinfo || false
}

@test "a bind of / is what it says, private, and its submounts stay read-only when asked" {
    run cloison run --rm --network none -v /:/host:ro busybox sh -c 'echo x >/host/cloison-was-here'
    [ "$status" -ne 0 ]
    [ ! -e /cloison-was-here ]
    run cloison run --rm --network none -v /:/host:ro busybox sh -c 'echo x >/host/dev/shm/cloison-was-here'
    [ "$status" -ne 0 ]
    [ ! -e /dev/shm/cloison-was-here ]
}

@test "devices: a node that was not given cannot be used, even when made" {
    run cloison run --rm --network none --cap-add MKNOD busybox sh -c 'mknod /d b 254 0 && dd if=/d of=/dev/null bs=512 count=1'
    [ "$status" -ne 0 ]
    [[ $output == *"peration not permitted"* ]]
    cloison run --rm --network none busybox dd if=/dev/zero of=/dev/null bs=1 count=1
}

@test "seccomp: the default profile is on, dangerous calls are refused, unconfined is off" {
    run cloison run --rm --network none busybox grep Seccomp: /proc/self/status
    [[ $output == *2 ]]
    run cloison run --rm --network none --security-opt seccomp=unconfined busybox grep Seccomp: /proc/self/status
    [[ $output == *0 ]]
    run cloison run --rm --network none busybox unshare -U true
    [ "$status" -ne 0 ]
    run cloison run --rm --network none busybox mount -t tmpfs t /tmp
    [ "$status" -ne 0 ]
}

@test "no-new-privileges is on when asked" {
    run cloison run --rm --network none --security-opt no-new-privileges busybox grep NoNewPrivs /proc/self/status
    [[ $output == *1 ]]
}

@test "the session keyring is the workload's own" {
    run cloison run --rm --network none --security-opt seccomp=unconfined busybox cat /proc/keys
    [ "$status" -eq 0 ]
    host=$(awk '/_ses/ {print $1}' /proc/keys | sort -u)
    for k in $host; do [[ $output != *"$k"* ]]; done
}

@test "/sys is read-only, cgroups cannot be written" {
    run cloison run --rm --network none busybox sh -c 'mkdir /sys/fs/cgroup/x 2>&1; mkdir /sys/fs/cgroup/memory/x 2>&1; echo 1 >/sys/kernel/profiling'
    [[ $output != *"exit 0"* ]]
    [ "$status" -ne 0 ]
}

@test "a volume's symlink swapped in a race never leads out" {
    mkdir -p "$WORK/race/a" "$WORK/outside"
    # Not by commands: each swap is a few microseconds, so that hundreds fall into every start.
    python3 -c 'import os, sys, time
link, outside = sys.argv[1:]
while True:
    for make, clear in ((lambda: os.symlink(outside, link), os.unlink), (lambda: os.mkdir(link), os.rmdir)):
        try:
            make()
            time.sleep(0.0005)
            clear(link)
        except OSError:  # what the start made there in between
            os.path.islink(link) and os.unlink(link)
            os.path.isdir(link) and not os.listdir(link) and os.rmdir(link)
' "$WORK/race/link" "$WORK/outside" 3>&- 2>/dev/null &
    # Four seconds; on a slow machine, where the race is lost most of the time, until one has started.
    local racer=$! started=0 least=$((SECONDS + 4)) last=$((SECONDS + 120))
    wait_for 5 test -L "$WORK/race/link"
    while [ $SECONDS -lt $least ] || { [ $started = 0 ] && [ $SECONDS -lt $last ]; }; do
        cloison run --rm --network none -v "$WORK/race:/v" --tmpfs /v/link busybox sh -c 'echo x >/v/link/made' \
            >/dev/null 2>&1 && started=$((started + 1))
    done
    kill "$racer"
    echo "$started started"
    [ $started -gt 0 ]
    [ -z "$(ls -A "$WORK/outside")" ]
}

@test "AppArmor: apparmor=NAME confines the workload and what exec adds; an unknown profile is named" {
    [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] || skip "this host has no AppArmor"
    command -v apparmor_parser >/dev/null || skip "apparmor_parser is missing"
    local profile=cloison-test-$TAG way
    # attach_disconnected: a container's files have no path on the host.
    apparmor_parser --replace --skip-cache <<PROFILE
profile $profile flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  signal,
  deny /secret r,
  deny /locked w,
}
PROFILE
    echo secret >"$WORK/secret"
    local look='cat /proc/self/attr/current; cat /secret; (echo x >/locked) && echo locked; echo x >/open && echo open'
    for way in no-new-privileges=false no-new-privileges; do
        run cloison run --rm --network none --security-opt "apparmor=$profile" --security-opt "$way" \
            -v "$WORK/secret:/secret" busybox sh -c "$look"
        [ "${lines[0]}" = "$profile (enforce)" ]
        [[ $output != *$'\nsecret\n'* && $output != *locked$'\n'open* && $output == *open ]]
        [[ $output == *"/secret': Permission denied"* ]]
    done
    cloison run -d --name confined --network none --security-opt "apparmor=$profile" -v "$WORK/secret:/secret" \
        busybox sleep 100
    run cloison exec confined sh -c "$look"
    [ "$(cloison inspect --format '{{.AppArmorProfile}}' confined)" = "$profile" ]
    cloison rm -f confined
    [ "${lines[0]}" = "$profile (enforce)" ]
    [[ $output == *"/secret': Permission denied"* ]]
    run cloison run --rm --network none -v "$WORK/secret:/secret" --security-opt apparmor=unconfined busybox sh -c "$look"
    [ "${lines[0]} ${lines[1]}" = "unconfined secret" ]
    apparmor_parser --remove <<<"profile $profile {}"
    run cloison run --rm --network none --security-opt "apparmor=$profile" busybox true
    [ "$status" -eq 125 ]
    one_line
    [[ $output == *"$profile"* ]]
}
