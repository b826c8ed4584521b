#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison run --wall vm`: the engine's verbs behind a machine. Runs by KVM in the test machine, and on any host
# that has a kernel under /boot by emulation.

load ../integration/helper

setup_file() {
    ls /boot/vmlinuz-* >/dev/null || skip "no kernel under /boot"
    engine_setup busybox
    [ -n "${TESTBED-}" ] || export VMM=qemu
}
teardown_file() { engine_teardown; }

# Where KVM is not usable the monitor is chosen, so that nothing is said of it.
vm() { timeout --kill-after=5 100 "$CLOISON" run --wall vm ${VMM:+--vmm $VMM} "$@"; }

@test "run: output, exit code, a kernel of its own, one process of nginx's kind nowhere on the host" {
    run --separate-stderr vm --rm busybox sh -c 'echo out; echo err >&2; uname -r; cat /proc/cmdline; hostname; exit 3' </dev/null
    echo "$output $stderr"
    [ "$status" = 3 ]
    [ "${lines[0]}" = out ]
    [[ $stderr == *err* ]]
    [ -e "/boot/vmlinuz-${lines[1]}" ]
    [[ ${lines[2]} == *pci=off* ]]
    [ "${#lines[3]}" = 12 ]
}

@test "detached: logs, exec, ports, stats, pause, stop, start, rm" {
    id=$(vm -d --name web -p 127.0.0.1:18099:80 busybox sh -c \
        '[ -e /tmp/index.html ] || echo page >/tmp/index.html; echo ready; trap "exit 6" TERM; httpd -p 80 -h /tmp; while :; do sleep 1; done')
    [ "${#id}" = 64 ]
    [ "$(timeout 20 "$CLOISON" logs -f web | head -n 1)" = ready ]
    [ "$(curl -s --max-time 20 http://127.0.0.1:18099/)" = page ]
    ! pgrep -x httpd || false
    run cloison exec web sh -c 'echo inside; exit 4'
    [ "$status" = 4 ]
    [ "$output" = inside ]
    [ "$(echo input | cloison exec -i web cat)" = input ]
    [[ $(cloison exec -t web tty) == */dev/pts/* ]]
    [ "$(cloison stats --no-stream --format '{{.PIDs}}' web)" -ge 2 ]
    cloison pause web
    cloison unpause web
    cloison stop -t 20 web
    [ "$(cloison inspect --format '{{.State.ExitCode}}' web)" = 6 ]
    cloison start web
    [ "$(cloison exec web cat /tmp/index.html)" = page ] # the disk is kept
    cloison kill web
    [ "$(cloison wait web)" = 137 ]
    cloison rm web
}

@test "exec -it: the terminal has the caller's size, and follows it" {
    vm -d --name sized busybox sleep 1000
    run timeout 60 python3 - "$CLOISON" <<'PYTHON'
import fcntl, os, pty, struct, sys, termios, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "exec", "-it", "sized", "sh"])
def size(rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
def until(text):
    seen = b""
    while text not in seen:
        seen += os.read(fd, 1000)
for rows, columns in ((33, 99), (44, 111)):
    size(rows, columns)
    # Asked again until it is so: how soon is nobody's promise.
    os.write(fd, b"until stty size | grep -x '%d %d'; do sleep 0.2; done\n" % (rows, columns))
    until(b"\r\n%d %d\r\n" % (rows, columns))
os.write(fd, b"exit 3\n")
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PYTHON
    echo "$output"
    [ "$output" = 3 ]
    cloison rm -f sized
}

@test "input, a terminal, users, read-only, limits" {
    [ "$(echo typed | vm --rm -i busybox sh -c 'read x; echo "got $x"')" = 'got typed' ]
    run vm --rm -u 7:8 --read-only --memory 128m --cpus 1 busybox sh -c \
        'id -u; touch /x; awk "/MemTotal/ { print int(\$2 / 1024) }" /proc/meminfo; nproc' </dev/null
    echo "$output"
    [ "${lines[0]}" = 7 ]
    [[ ${lines[1]} == *'Read-only file system' ]]
    [ "${lines[2]}" -gt 60 ]
    [ "${lines[2]}" -le 128 ]
    [ "${lines[3]}" = 1 ]
}

@test "what cannot be is one line that says why" {
    run -127 vm --rm busybox /bin/nothing </dev/null
    echo "$output"
    [ "$status" = 127 ]
    [[ $output == *'/bin/nothing'* ]]
    [[ $output != *'last words'* ]]
    run vm --rm --network host busybox true </dev/null
    [ "$status" = 125 ]
    [[ $output == *"cannot use the host's network"* ]]
    run vm --rm --memory 16m busybox true </dev/null
    [ "$status" = 125 ]
    [[ $output == *'a machine needs at least 96 MiB of memory, not 16'* ]]
}

@test "explain shows the machine" {
    run cloison explain run --wall vm --memory 256m busybox true
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *'1 processors, 256 MiB of memory'* && $output == *'read-only EROFS of'* ]]
}

@test "the machine's monitor killed, and a guest that panics, end the container" {
    id=$(vm -d --name gone busybox sleep 1000)
    relay=$(cloison inspect --format '{{.State.Pid}}' gone)
    kill -KILL "$(pgrep -P "$relay")"
    [ "$(timeout 20 "$CLOISON" wait gone)" = 137 ]
    [[ $(cloison inspect --format '{{.State.Error}}' gone) == "the machine's monitor was killed by SIGKILL"* ]]
    cloison rm gone
    id=$(vm -d --name panic --privileged busybox sh -c 'sleep 1; echo c >/proc/sysrq-trigger')
    [ "$(timeout 30 "$CLOISON" wait panic)" = 137 ]
    [[ $(cloison inspect --format '{{.State.Error}}' panic) == *'Kernel panic - not syncing'* ]]
    cloison rm panic
    [ ! -e "/proc/$relay" ]
}

@test "the machine is in the container's groups: quotas bite, change while it runs; paused it stands still" {
    id=$(vm -d --name held --cpus 0.5 --memory 160m busybox sh -c 'while :; do :; done')
    relay=$(cloison inspect --format '{{.State.Pid}}' held)
    group=$(awk -F: -v id="$id" '$3 ~ id && ($2 == "" || $2 ~ /cpuacct/) { print $3 }' "/proc/$relay/cgroup" | tail -n 1)
    [[ $group == */$id ]]
    used() { # microseconds of processor time of everything in the group
        if [ -e "/sys/fs/cgroup$group/cpu.stat" ]; then
            awk '/^usage_usec/ { print $2 }' "/sys/fs/cgroup$group/cpu.stat"
        else
            echo $(($(cat /sys/fs/cgroup/cpuacct"$group"/cpuacct.usage) / 1000))
        fi
    }
    grep -q "$group" "/proc/$(pgrep -P "$relay" | head -n 1)/cgroup"
    room=${TESTBED:+24}
    room=${room:-256}
    limits=$(cat "/sys/fs/cgroup$group"/{cpu,memory}.max "/sys/fs/cgroup/cpu$group/cpu.cfs_quota_us" \
        "/sys/fs/cgroup/memory$group/memory.limit_in_bytes" 2>/dev/null) || true
    [[ $limits == *50000* && $limits == *$(((160 + room) << 20))* ]]
    before=$(used) start=$(date +%s%N)
    sleep 3
    share=$((($(used) - before) * 100000 / ($(date +%s%N) - start)))
    echo "$share % of a processor"
    [ "$share" -le 60 ] # not more, however busy the host is
    cloison update --cpus 0.2 held
    run cat "/sys/fs/cgroup$group/cpu.max" "/sys/fs/cgroup/cpu$group/cpu.cfs_quota_us"
    [[ $output == *20000* ]]
    cloison pause held
    [ "$(cloison inspect --format '{{.State.Status}}' held)" = paused ]
    before=$(used)
    sleep 1
    [ "$(used)" = "$before" ]
    cloison unpause held
    # With a fifth of a processor an exec takes its time: the guest's clock is right if it is between ours.
    before=$(date +%s) inside=$(cloison exec held date +%s) after=$(date +%s)
    echo "$before, $inside, $after"
    [ "$inside" -ge $((before - 2)) ]
    [ "$inside" -le $((after + 2)) ]
    cloison pause held
    cloison kill held
    [ "$(cloison wait held)" = 137 ]
    cloison rm held
    [ ! -e "/sys/fs/cgroup$group" ]
    [ ! -e "/sys/fs/cgroup/cpu$group" ]
}

@test "kernel, monitor and disk are chosen; what is none of these is said in one line" {
    image=$(ls /boot/vmlinuz-* | tail -n 1)
    cp "$image" "$BATS_TEST_TMPDIR/kernel"
    emulated=$(command -v qemu-system-x86_64 >/dev/null && echo --vmm qemu || true)
    # shellcheck disable=SC2086 # two words, or none
    run vm --rm --kernel "$BATS_TEST_TMPDIR/kernel" --storage-opt size=64m $emulated busybox sh -c \
        'uname -r; df -m / | awk "END { print (\$2 < 64) }"' </dev/null
    echo "$output"
    [ "${lines[-2]} ${lines[-1]}" = "${image#/boot/vmlinuz-} 1" ]
    [[ $output != *emulated* ]] # nothing is said of what was wanted
    run "$CLOISON" run --wall vm --rm busybox true </dev/null
    [[ $output == *'no usable KVM here: the machine is emulated, and slow'* || -n ${TESTBED-} ]]
    fails() { # fails WORDS OPTION…
        run vm --rm "${@:2}" busybox true </dev/null
        echo "$output"
        [ "$status" = 125 ]
        [[ $output == *"$1"* ]]
    }
    fails "there is no kernel 'none': neither kept nor '/boot/vmlinuz-none'" --kernel none
    fails 'this is no Linux kernel image' --kernel /etc/hostname
    fails "is kvm or qemu, not 'xen'" --vmm xen
    fails 'at least 4 MiB' --storage-opt size=1
    fails "a machine has no 'colour'" --annotation org.cloison.vm.colour=red
    fails 'only size=BYTES is known' --storage-opt colour=red
}

@test "/dev/kvm is not for this user: said, with what to do; else the machine is emulated" {
    [ -n "${TESTBED-}" ] || skip "changes /dev/kvm: in the test machine"
    local mode
    mode=$(stat -c %a /dev/kvm)
    chmod 0 /dev/kvm
    unable() { setpriv --bounding-set=-dac_override,-dac_read_search "$CLOISON" run --rm --wall vm --network none "$@"; }
    run unable --vmm kvm busybox true </dev/null
    denied="$status $output"
    run unable busybox true </dev/null
    chmod "$mode" /dev/kvm
    echo "$denied"
    echo "$output"
    [[ $denied == "125 cloison: cannot start '"*"': '/dev/kvm': Permission denied (add the user to the group kvm)" ]]
    [[ $output == *'no usable KVM here: the machine is emulated, and slow'* ]]
    [ -z "$(cloison ps -aq)" ]
}

@test "who sees what: the host has the monitor, the machine its processes and its kernel" {
    vm -d --name seen --network none busybox sh -c 'sleep 1000 & exec sleep 1001'
    run cloison top seen --host
    echo "$output"
    [[ ${lines[1]} =~ ^-\ +$(cloison inspect -f '{{.State.Pid}}' seen)\ +-\ +0\ .*cloison-monitor ]]
    grep -E '^- +[0-9]+ +- +0 +.*(cloison-vmm|qemu-system)' <<<"$output"
    grep -E '^1 +- +0 +- +sleep 1001$' <<<"$output"
    run cloison inspect --isolation --format json seen
    echo "$output"
    fact() { jq -r --arg name "$1" '.Isolation[] | select(.name == $name) | "\(.kind) \(.value)"' <<<"$output"; }
    [ "$(fact kernel)" = "separate Linux $(cloison exec seen uname -r)" ]
    [[ $(fact "monitor's capabilities") == 'limited 0 of '* ]]
    [[ $(fact "monitor's system calls") == 'limited mode 2,'* ]]
    [[ $(fact "monitor's network namespace") == separate* ]]
    cloison rm -f seen
}

@test "several networks of both families, fixed addresses, names, ports; joined and left when it does not run" {
    cloison network create --ipv6 one
    cloison network create two
    subnet6=$(cloison network inspect --format '{{range .IPAM.Config}}{{.Subnet}} {{end}}' one | tr ' ' '\n' | grep :)
    fixed6=${subnet6%%::*}::77
    subnet4=$(cloison network inspect --format '{{range .IPAM.Config}}{{.Subnet}} {{end}}' one | tr ' ' '\n' | grep '\.')
    fixed4=${subnet4%.*}.77
    local dns=(--dns 192.0.2.53 --dns-search lab.test --dns-option ndots:1)
    cloison run -d --name peer --network one --network two "${dns[@]}" busybox sleep 1000
    vm -d --name wired --network one --network two --ip "$fixed4" --ip6 "$fixed6" "${dns[@]}" --add-host extra:10.9.8.7 \
        -p 127.0.0.1:18098:80 busybox sh -c 'echo page >/tmp/index.html; httpd -f -p 80 -h /tmp'
    run cloison exec wired sh -c 'ip -o addr; ip -6 route; ip route; grep -w extra /etc/hosts; cat /etc/hosts'
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *'eth0 '*"$fixed6/"*'eth1 '* ]]
    ip4=$(cloison inspect --format '{{(index .NetworkSettings.Networks "one").IPAddress}}' wired)
    two4=$(cloison inspect --format '{{(index .NetworkSettings.Networks "two").IPAddress}}' wired)
    [ "$ip4" = "$fixed4" ]
    [[ $output == *"inet $ip4/"* ]]
    resolver=$(cloison exec wired cat /etc/resolv.conf)
    echo "$resolver"
    [ "$resolver" = "$(cloison exec peer cat /etc/resolv.conf)" ]
    [[ $resolver == *lab.test* && $resolver == *ndots:1* ]]
    [[ $output == *"inet $two4/"* ]]
    [[ $output == *'default via '*:*'dev eth0'* ]]
    # Each finds the other by name, in both families, and is found.
    cloison exec wired ping -c 1 -W 20 peer
    cloison exec wired ping -6 -c 1 -W 20 peer
    cloison exec peer ping -6 -c 1 -W 20 wired
    cloison exec peer ping -c 1 -W 20 "$fixed6"
    [ "$(curl -s --max-time 20 http://127.0.0.1:18098/)" = page ]
    run cloison network disconnect two wired
    echo "$output"
    [ "$status" != 0 ]
    [[ $output == *"keeps the networks that it started with (stop it first)"* ]]
    cloison stop -t 1 wired
    cloison network disconnect two wired
    cloison start wired
    run cloison exec wired ip -o link
    echo "$output"
    [[ $output == *eth0* ]]
    [[ $output != *eth1* ]]
    cloison rm -f wired peer
    cloison network rm one two
}

inside() { nsenter -t "$HOST" -m "$@"; }
has() { [ "$(inside "$CLOISON" exec "$1" cat /etc/resolv.conf)" = "$2" ]; } # has CONTAINER TEXT

@test "a machine that runs follows the host's resolver, unless it wrote its resolv.conf itself" {
    # A host whose /etc is the test's: a mount namespace.
    local etc=$BATS_TEST_TMPDIR/etc
    cp -a /etc "$etc"
    rm -f "$etc/resolv.conf"
    echo 'nameserver 192.0.2.1' >"$etc/resolv.conf"
    unshare -m sh -ec "mount --bind '$etc' /etc; touch '$etc/ready'; exec sleep 600" 3>&- &
    HOST=$!
    wait_for 20 test -e "$etc/ready"
    # shellcheck disable=SC2086 # two words, or none
    inside timeout --kill-after=5 100 "$CLOISON" run -d --name follows --wall vm ${VMM:+--vmm $VMM} busybox sleep 1000 \
        </dev/null
    has follows 'nameserver 192.0.2.1'
    echo 'nameserver 192.0.2.2' >"$etc/new"
    mv "$etc/new" "$etc/resolv.conf"
    wait_for 60 has follows 'nameserver 192.0.2.2'
    echo 'nameserver 192.0.2.3' >"$etc/resolv.conf"
    wait_for 60 has follows 'nameserver 192.0.2.3'
    inside "$CLOISON" exec follows sh -c 'echo nameserver 192.0.2.9 >/etc/resolv.conf'
    echo 'nameserver 192.0.2.4' >"$etc/resolv.conf"
    wait_for 60 grep -q 192.0.2.4 "$CLOISON_DATA_ROOT/containers/$(cloison inspect -f '{{.Id}}' follows)/resolv.conf"
    has follows 'nameserver 192.0.2.9'
    inside "$CLOISON" rm -f follows
    kill "$HOST"
}

@test "a machine that does not answer is stopped all the same, after the time-out" {
    vm -d --name silent --network none busybox sleep 1000
    relay=$(cloison inspect --format '{{.State.Pid}}' silent)
    kill -STOP "$(pgrep -P "$relay")"
    run timeout 90 "$CLOISON" stop -t 1 silent
    echo "$output"
    [ "$status" = 0 ]
    [ "$(cloison inspect --format '{{.State.Status}} {{.State.ExitCode}}' silent)" = 'exited 137' ]
    wait_for 20 test ! -e "/proc/$relay"
    cloison rm silent
}

@test "a kernel without the drivers of a machine: the agent's reason is told" {
    cloison kernel add --name bare --built-in "$(ls /boot/vmlinuz-* | tail -n 1)"
    run vm --rm --network none --kernel bare busybox true </dev/null
    echo "$output"
    [ "$status" = 125 ]
    [[ $output == *"cannot start"*"cloison-guest: "*"org.cloison.agent"* ]]
    cloison kernel rm bare
}

@test "a screen: a VNC server on the socket that --display names answers RFB" {
    local screen=$BATS_TEST_TMPDIR/screen
    run "$CLOISON" run --rm --wall vm --vmm kvm --display "vnc=$screen" busybox true </dev/null
    [[ $status = 125 && $output == *'only the monitor qemu has a display, not kvm'* ]]
    run "$CLOISON" run --rm --wall vm --display "vnc=$screen,password=on" busybox true </dev/null
    [[ $status = 125 && $output == *"a machine's display is vnc=PATH"* ]]
    [ -e /usr/lib/x86_64-linux-gnu/qemu/hw-display-virtio-gpu.so ] || skip "no QEMU with virtio-gpu"
    timeout --kill-after=5 100 "$CLOISON" run -d --name seen --wall vm --network none --display "vnc=$screen" busybox \
        sleep 1000
    # The server's version, ours, the ways to authenticate: one, none.
    run python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(30)
s.connect(sys.argv[1])
print(s.recv(12).decode().strip())
s.sendall(b"RFB 003.008\n")
print(s.recv(2).hex())' "$screen"
    echo "$output"
    [ "$output" = $'RFB 003.008\n0101' ]
    [ "$(cloison exec seen sh -c 'cat /sys/bus/virtio/devices/*/device' | grep -c -e 0x0010 -e 0x0012)" = 3 ]
    cloison rm -f seen
}
