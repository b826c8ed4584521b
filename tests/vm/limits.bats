#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The rate limits of a machine's disks and network: each bites, and changes while the machine runs. What is
# measured is that something takes at least as long as its rate says: a slow machine only takes longer.

bats_require_minimum_version 1.5.0
load helper

# What the scripts in the machine share: `took COMMAND…` prints how many hundredths of a second it took.
TOOK='now() { awk "{ print int(\$1 * 100) }" /proc/uptime; }
took() { before=$(now); "$@" >/dev/null 2>&1; echo "took $(($(now) - before))"; }'

# at_least HUNDREDTHS LINE: what the line of the output says.
at_least() {
    local line
    line=$(grep '^took' <<<"${output//$'\r'/}" | sed -n "$2p")
    echo "line $2: $line, at least $1"
    [ "${line#took }" -ge "$1" ]
}

disks() { # disks LIMITS: sixty small requests and three megabytes each way, behind the first of two disks' limits
    truncate -s 8M "$BATS_TEST_TMPDIR/disk"
    LIMITS=$1 run machine "$TOOK
        took dd if=/dev/vda of=/dev/null bs=64k count=48 iflag=direct
        took dd if=/dev/zero of=/dev/vda bs=64k count=48 oflag=direct
        took dd if=/dev/vda of=/dev/null bs=4k count=60 iflag=direct
        took dd if=/dev/zero of=/dev/vda bs=4k count=60 oflag=direct
        poweroff -f" ', {"type": "block", "fd": 20}' 20<>"$BATS_TEST_TMPDIR/disk"
    show
    [ "$status" = 0 ]
    [ "$(grep -c '^took' <<<"$output")" = 4 ]
}

# A bucket holds a second's worth: three megabytes at one a second take two seconds.
@test "bytes read, bytes written, reads, writes: each limit of the disks bites" {
    disks '"disk_read_bytes": 1048576, "disk_write_operations": 20'
    at_least 180 1
    at_least 180 4
    disks '"disk_write_bytes": 1048576, "disk_read_operations": 20'
    at_least 180 2
    at_least 180 3
}

@test "two disks share what one may read" {
    truncate -s 8M "$BATS_TEST_TMPDIR/disk"
    LIMITS='"disk_read_bytes": 1048576' run machine "$TOOK
        both() { dd if=/dev/vda of=/dev/null bs=64k count=24 iflag=direct & dd if=/dev/vdb of=/dev/null bs=64k count=24 iflag=direct
            wait; }
        took both; poweroff -f" ', {"type": "block", "fd": 20}, {"type": "block", "fd": 20, "read_only": true}' \
        20<>"$BATS_TEST_TMPDIR/disk"
    show
    [ "$status" = 0 ]
    at_least 180 1
}

# The tap's descriptor: opened and set by the interface's name, then inherited.
with_tap() { # with_tap COMMAND…
    python3 -c '
import fcntl, os, struct, sys
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH22x", b"tapvm1", 0x0002 | 0x1000 | 0x4000))
os.dup2(tap, 20, inheritable=True)
os.execvp("bash", ["bash", "-c", sys.argv[1]])' "$(declare -f machine pack); $*"
}

@test "bytes received and sent: each limit of the network bites" {
    ip tuntap add dev tapvm1 mode tap vnet_hdr
    ip addr add 10.77.1.1/24 dev tapvm1
    ip link set tapvm1 up
    head -c 2M /dev/zero >"$BATS_TEST_TMPDIR/file"
    nc -N -l 10.77.1.1 7000 <"$BATS_TEST_TMPDIR/file" 3>&- &
    (nc -l 10.77.1.1 7001 >"$BATS_TEST_TMPDIR/back" 3>&-) &
    export TOOK LIMITS='"net_receive_bytes": 524288, "net_transmit_bytes": 524288'
    run with_tap 'machine "$TOOK
        ip addr add 10.77.1.2/24 dev eth0; ip link set eth0 up; mkfifo /open; sleep 100 >/open &
        fetch() { nc 10.77.1.1 7000 </open >/file; }
        give() { nc 10.77.1.1 7001 </file; }
        took fetch; wc -c </file; took give; poweroff -f" ", {\"type\": \"net\", \"tap_fd\": 20, \"mac\": \"02:00:00:00:00:17\"}"'
    show
    ip link del tapvm1
    [ "$status" = 0 ]
    [[ $output == *2097152* ]]
    [ "$(wc -c <"$BATS_TEST_TMPDIR/back")" = 2097152 ]
    at_least 270 1
    at_least 200 2 # what is in the guest's buffers when it ends has not been sent yet
}
