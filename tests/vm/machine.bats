#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cloison-vmm boots a stock Debian kernel; the guest uses every device, and ends in every way.

load helper

@test "a stock kernel boots, sees its processors and memory, prints, powers off" {
    run machine 'grep -c ^processor /proc/cpuinfo; awk "/MemTotal/ { print int(\$2 / 1024) }" /proc/meminfo
        cat /sys/devices/system/clocksource/clocksource0/current_clocksource; ls /sys/firmware/acpi/tables
        ls /sys/class/virtio-ports; cat /sys/class/virtio-ports/vport*/name; poweroff -f' '' 2 256
    show
    [ "$status" = 0 ]
    output=${output//$'\r'/}
    [ "$(head -1 <<<"$output")" = 2 ]
    memory=$(sed -n 2p <<<"$output")
    [ "$memory" -gt 180 ]
    [ "$memory" -lt 256 ]
    [[ $output == *kvm-clock* && $output == *DSDT* && $output == *$'\nconsole'* ]]
    [ "$(jq -r .end "$BATS_TEST_TMPDIR/report")" = power-off ]
    [ "$(jq '.vcpus | length' "$BATS_TEST_TMPDIR/report")" = 2 ]
}

@test "a reset, a panic and a triple fault end the machine with their own status" {
    run machine 'reboot -f'
    show
    [ "$status" = 3 ]
    [ "$(jq -r .end "$BATS_TEST_TMPDIR/report")" = reset ]
    run machine 'exit 1' # the first program ends: the kernel panics, and reboots at once
    show
    [ "$status" = 3 ]
    grep -q 'Attempted to kill init' "$BATS_TEST_TMPDIR/kernel"
}

@test "disks: read-only and writable, their names, discard, flush" {
    head -c 3M /dev/urandom >"$BATS_TEST_TMPDIR/layer"
    truncate -s 16M "$BATS_TEST_TMPDIR/disk"
    run machine 'cat /sys/block/vda/serial; echo; cat /sys/block/vda/ro /sys/block/vdb/ro; md5sum </dev/vda
        dd if=/dev/vda of=/dev/vda count=1 2>&1 | grep -o "Operation not permitted"
        dd if=/dev/vda of=/dev/vdb bs=64k conv=fsync 2>/dev/null; echo 3 >/proc/sys/vm/drop_caches
        dd if=/dev/vdb bs=64k count=48 2>/dev/null | md5sum
        cat /sys/block/vdb/queue/discard_max_bytes; blkdiscard -o 1048576 -l 1048576 /dev/vdb; poweroff -f' \
        ', {"type": "block", "fd": 20, "read_only": true, "serial": "layer0"}, {"type": "block", "fd": 21}' \
        20<"$BATS_TEST_TMPDIR/layer" 21<>"$BATS_TEST_TMPDIR/disk"
    show
    [ "$status" = 0 ]
    sum=$(md5sum <"$BATS_TEST_TMPDIR/layer")
    output=${output//$'\r'/}
    [[ $output == layer0* ]]
    [ "$(grep -c "$sum" <<<"$output")" = 2 ]
    [[ $output == *'Operation not permitted'* ]]
    [ "$(cmp -n 1M "$BATS_TEST_TMPDIR/layer" "$BATS_TEST_TMPDIR/disk" && echo same)" = same ]
    # The discarded part reads as zeroes and takes no room.
    [ "$(dd if="$BATS_TEST_TMPDIR/disk" bs=1M skip=1 count=1 2>/dev/null | tr -d '\0' | wc -c)" = 0 ]
    [ "$(stat -c %b "$BATS_TEST_TMPDIR/disk")" -le $((2 * 2048 + 64)) ]
}

@test "the host's disk is full: an I/O error for the guest, one line of the monitor's, which lives" {
    mkdir "$BATS_TEST_TMPDIR/small"
    mount -t tmpfs -o size=2m small "$BATS_TEST_TMPDIR/small"
    truncate -s 16M "$BATS_TEST_TMPDIR/small/disk"
    run machine 'dd if=/dev/zero of=/dev/vda bs=64k count=128 oflag=direct 2>/dev/null || echo refused
        dd if=/dev/vda bs=64k count=1 2>/dev/null | wc -c; blkdiscard /dev/vda
        dd if=/dev/zero of=/dev/vda bs=64k count=8 oflag=direct 2>/dev/null && echo again; poweroff -f' \
        ', {"type": "block", "fd": 20, "serial": "disk"}' 20<>"$BATS_TEST_TMPDIR/small/disk"
    show
    umount "$BATS_TEST_TMPDIR/small"
    [ "$status" = 0 ]
    output=${output//$'\r'/}
    [[ $output == *$'refused\n65536\nagain'* ]]
    [ "$(cat "$BATS_TEST_TMPDIR/monitor")" = \
        "cloison-vmm: the disk 'disk': No space left on device; the guest gets an I/O error" ]
}

@test "many disks share interrupt lines" {
    truncate -s 1M "$BATS_TEST_TMPDIR/disk"
    devices=''
    for i in $(seq 30); do devices+=', {"type": "block", "fd": 20, "read_only": true}'; done
    run machine 'ls -d /sys/block/vd* | wc -l; for d in /dev/vd*; do dd if=$d bs=64k 2>/dev/null | wc -c; done |
        sort | uniq -c; poweroff -f' "$devices" 1 192 20<"$BATS_TEST_TMPDIR/disk"
    show
    [ "$status" = 0 ]
    [ "${lines[0]//$'\r'/}" -ge 30 ]
    [[ $output =~ 30\ +1048576 ]]
}

@test "a tap carries pings, a large transfer both ways, and its rate is limited" {
    ip tuntap add dev tapvm0 mode tap vnet_hdr
    ip addr add 10.77.0.1/24 dev tapvm0
    ip link set tapvm0 up
    head -c 2M /dev/urandom >"$BATS_TEST_TMPDIR/file"
    nc -N -l 10.77.0.1 7000 <"$BATS_TEST_TMPDIR/file" 3>&- &
    (nc -l 10.77.0.1 7001 >"$BATS_TEST_TMPDIR/back" 3>&-) &
    # The tap's descriptor: opened and set by the interface's name, then inherited.
    run python3 -c '
import fcntl, os, struct, sys
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH22x", b"tapvm0", 0x0002 | 0x1000 | 0x4000))
os.dup2(tap, 20, inheritable=True)
os.execvp("bash", ["bash", "-c", sys.argv[1]])' "$(declare -f machine pack); machine 'ip addr add 10.77.0.2/24 dev eth0
        ip link set eth0 up mtu 1400; cat /sys/class/net/eth0/address; ping -c 2 -W 5 10.77.0.1 | grep packets
        mkfifo /open; sleep 50 >/open &
        nc 10.77.0.1 7000 </open >/file; wc -c </file; md5sum </file; nc 10.77.0.1 7001 </file; poweroff -f' \
        ', {\"type\": \"net\", \"tap_fd\": 20, \"mac\": \"02:00:00:00:00:17\", \"mtu\": 1400}'"
    show
    ip link del tapvm0
    [ "$status" = 0 ]
    output=${output//$'\r'/}
    [[ $output == *02:00:00:00:00:17* && $output == *'2 packets received'* ]]
    [[ $output == *"$(md5sum <"$BATS_TEST_TMPDIR/file")"* ]]
    cmp "$BATS_TEST_TMPDIR/file" "$BATS_TEST_TMPDIR/back"
}

# passt has the network of whoever starts it: the machine has our address, and the gateway's is our loopback.
@test "a stream socket to passt carries a large transfer both ways, without a tap" {
    local address gateway
    read -r gateway address < <(ip -4 -o route get 1.1.1.1 | sed -n 's/.* via \([^ ]*\) .* src \([^ ]*\).*/\1 \2/p')
    head -c 3M /dev/urandom >"$BATS_TEST_TMPDIR/file"
    (nc -N -l 127.0.0.1 7002 <"$BATS_TEST_TMPDIR/file" 3>&-) &
    (nc -l 127.0.0.1 7003 >"$BATS_TEST_TMPDIR/back" 3>&-) &
    run python3 -c '
import os, socket, subprocess, sys
ours, theirs = socket.socketpair()
subprocess.Popen(["passt", "--foreground", "--quiet", "--runas", "0:0", "--fd", str(theirs.fileno())],
                 pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
theirs.close()
os.dup2(ours.fileno(), 20, inheritable=True)
os.execvp("bash", ["bash", "-c", sys.argv[1]])' "$(declare -f machine pack); machine 'ip addr add $address/24 dev eth0
        ip link set eth0 up; ip route add default via $gateway; mkfifo /open; sleep 50 >/open &
        nc $gateway 7002 </open >/file; md5sum </file; nc $gateway 7003 </file; poweroff -f' \
        ', {\"type\": \"net\", \"socket_fd\": 20, \"mac\": \"02:00:00:00:00:18\", \"mtu\": 1500}'"
    show
    [ "$status" = 0 ]
    [[ $output == *"$(md5sum <"$BATS_TEST_TMPDIR/file")"* ]]
    cmp "$BATS_TEST_TMPDIR/file" "$BATS_TEST_TMPDIR/back"
}

@test "entropy comes from the host; free memory goes back to it" {
    run machine 'cat /sys/class/misc/hw_random/rng_current; head -c 4000 /dev/hwrng | wc -c
        mkdir /m; mount -t tmpfs m /m; dd if=/dev/zero of=/m/fill bs=1M count=80 2>/dev/null; rm /m/fill
        sleep 4; poweroff -f' ', {"type": "rng"}, {"type": "balloon"}'
    show
    [ "$status" = 0 ]
    output=${output//$'\r'/}
    [[ ${lines[0]} == virtio_rng* ]]
    [ "${lines[1]//$'\r'/}" = 4000 ]
    [ "$(jq .released_bytes "$BATS_TEST_TMPDIR/report")" -gt $((80 << 20)) ]
}

@test "input reaches the guest, a flood of output loses nothing" {
    printf 'first\nsecond\n' >"$BATS_TEST_TMPDIR/input"
    INPUT=$BATS_TEST_TMPDIR/input run machine 'stty -echo -opost; read a; read b; echo "got $b $a"
        seq 1 20000; poweroff -f'
    show | tail -3
    [ "$status" = 0 ]
    [[ $output == *'got second first'* ]]
    [ "$(grep -A20001 '^got' <<<"$output" | tail -n +2 | md5sum)" = "$(seq 1 20000 | md5sum)" ]
}

@test "what cannot be a machine is said in one line" {
    vmm() { timeout 20 "$BUILD/cloison-vmm" "$@"; }
    run vmm 9 9< <(echo '{"memory_bytes": 100000000, "kvm_fd": 10, "kernel_fd": 11}') 10<>/dev/kvm 11</etc/hostname
    [ "$status" = 125 ]
    [ "$output" = 'cloison-vmm: the kernel is no ELF kernel: it does not begin with an ELF header' ]
    run vmm 9 9< <(echo '{"memory_bytes": 100000000, "kvm_fd": 10, "kernel_fd": 11}') 10<>/dev/null 11</etc/hostname
    [ "$status" = 125 ]
    [[ $output == 'cloison-vmm: KVM_GET_API_VERSION: '* ]]
    run vmm 9 9< <(echo '{"memory_bytes": 35000000, "kvm_fd": 10, "kernel_fd": 11}') 10<>/dev/kvm \
        11<"$KERNEL_DIR/vmlinux"
    [ "$status" = 125 ]
    [[ $output == *'outside of the machine'* ]]
    run vmm 9 9< <(echo '{"memory_bytes": 100000000, "kvm_fd": 10, "kernel_fd": 99}') 10<>/dev/kvm
    [ "$status" = 125 ]
    [[ $output == 'cloison-vmm: descriptor 99 of the machine: Bad file descriptor' ]]
    run vmm
    [ "$status" = 125 ]
}
