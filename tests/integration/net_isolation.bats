#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a container must not reach, each tried: other networks, anything from an internal one, the host's
# loopback; addresses that are not its own.
load helper

setup_file() {
    engine_setup busybox
    cloison network create --ipv6 front >/dev/null
    cloison network create --ipv6 back >/dev/null
    cloison network create --ipv6 --internal vault >/dev/null
    cloison network create -o com.docker.network.bridge.enable_icc=false apart >/dev/null
    local n
    for n in front back vault apart; do
        cloison run -d --name "$n-a" --network "$n" busybox sh -c 'mkdir /www; echo hello >/www/index.html; exec httpd -f -p 80 -h /www' >/dev/null
        cloison run -d --name "$n-b" --network "$n" busybox sleep 600 >/dev/null
    done
    wait_for 10 reaches front-b "$(address front-a)" 80
}
teardown_file() { engine_teardown; }

address() { cloison inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }
address6() { cloison inspect -f '{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}{{end}}' "$1"; }
gateway() { cloison network inspect -f "{{(index .IPAM.Config ${2:-0}).Gateway}}" "$1"; }
pid() { cloison inspect -f '{{.State.Pid}}' "$1"; }
reaches() { nsenter -t "$(pid "$1")" -n python3 -c 'import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])), 0.4)' "$2" "$3" 2>/dev/null; }

@test "within a network, both families; between networks, neither" {
    reaches front-b "$(address front-a)" 80
    reaches vault-b "$(address vault-a)" 80
    reaches vault-b "$(address6 vault-a)" 80 || { cloison exec vault-a netstat -ltn; false; }
    run ! reaches back-b "$(address front-a)" 80
    run ! reaches back-b "$(address6 front-a)" 80
    # Not with a route of one's own either.
    nsenter -t "$(pid back-b)" -n ip route add "$(address front-a)" via "$(gateway back)"
    run ! reaches back-b "$(address front-a)" 80
}

@test "a network whose containers are kept apart" {
    run ! reaches apart-b "$(address apart-a)" 80
    nsenter -t "$(pid apart-b)" -n ip route add "$(address apart-a)" via "$(gateway apart)"
    run ! reaches apart-b "$(address apart-a)" 80
    python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], 80), 2)' "$(address apart-a)"
}

@test "internal: nothing outside, not the host, not by a route of its own, not by a published port" {
    local port
    port=$(free_port)
    python3 -m http.server "$port" 3>&- >/dev/null 2>&1 &
    local server=$!
    wait_for 5 reaches front-b "$(gateway front)" "$port"
    local host
    host=$(ip -4 route get 192.0.2.200 | sed -n 's/.* src \([^ ]*\).*/\1/p')
    nsenter -t "$(pid vault-b)" -n ip route add default via "$(gateway vault)"
    nsenter -t "$(pid vault-b)" -n ip -6 route add default via "$(gateway vault 1)"
    run ! reaches vault-b "$(gateway vault)" "$port"
    run ! reaches vault-b "$host" "$port"
    run ! reaches vault-b "$(address front-a)" 80
    run ! reaches vault-b "$(address6 front-a)" 80
    cloison run -d --name open --network front -p "0:80" busybox httpd -f -p 80 >/dev/null
    local published
    published=$(cloison port open 80/tcp | sed -n 's/^0.0.0.0://p')
    reaches back-b "$(gateway back)" "$published"
    run ! reaches vault-b "$(gateway vault)" "$published"
    kill $server
    cloison rm -f open >/dev/null
}

@test "the host's loopback is closed, by IPv4 and IPv6" {
    local port
    port=$(free_port)
    python3 -m http.server --bind 127.0.0.1 "$port" 3>&- >/dev/null 2>&1 &
    local server=$!
    wait_for 5 python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)"
    nsenter -t "$(pid front-b)" -n sh -c "ip addr flush dev lo; sysctl -qw net.ipv4.conf.all.route_localnet=1
        ip route add 127.0.0.1/32 via $(gateway front)"
    run ! reaches front-b 127.0.0.1 "$port"
    run ! reaches front-b "$(gateway front)" "$port"
    # Nor while the host's firewall is flushed.
    nft delete table inet "cloison_test_$TAG"
    run ! reaches front-b 127.0.0.1 "$port"
    cloison network reload
    # Nor by a device of somebody else's in the bridge, which no filter of ours guards.
    local far
    unshare -n sleep 600 3>&- &
    far=$!
    wait_for 5 sh -c "[ \"\$(readlink /proc/$far/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ]"
    ip link add "far$TAG" type veth peer name eth0 netns "$far"
    ip link set "far$TAG" master "$(cloison network inspect -f '{{.Device}}' front)" up
    nsenter -t "$far" -n sh -c "sysctl -qw net.ipv4.conf.all.route_localnet=1
        ip addr add $(gateway front | sed 's/1$/250/')/24 dev eth0; ip link set eth0 up; ip route add 127.0.0.1/32 via $(gateway front)"
    refused() { nsenter -t "$far" -n python3 -c "import socket; socket.create_connection(('$1', 1), 1)" 2>&1 | grep -q Refused; }
    wait_for 5 refused "$(gateway front)"
    run ! nsenter -t "$far" -n python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 2)"
    kill $server $far
}

# spoof CONTAINER PYTHON: frames from its eth0, made by the text; `mac`, `gw`, `own` are at hand.
spoof() {
    nsenter -t "$(pid "$1")" -n python3 - "$2" <<'END'
import socket, sys, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("eth0", 0))
mac = s.getsockname()[4]
def frame(to, kind, body, source=None): s.send(to + (source or mac) + struct.pack("!H", kind) + body)
def ip(text): return socket.inet_aton(text)
def ip6(text): return socket.inet_pton(socket.AF_INET6, text)
def arp(op, smac, sip, tmac, tip): return struct.pack("!HHBBH", 1, 0x800, 6, 4, op) + smac + ip(sip) + tmac + ip(tip)
exec(sys.argv[1])
END
}

@test "spoofed ARP, sources, neighbour advertisements and router announcements are dropped; one's own pass" {
    local victim=back-a
    nsenter -t "$(pid $victim)" -n tcpdump -i eth0 -l -n -e -U 2>/dev/null >"$BATS_TEST_TMPDIR/seen" 3>&- &
    local dump=$!
    wait_for 10 sh -c "nsenter -t $(pid $victim) -n sh -c 'grep -q . /proc/net/packet && [ \$(wc -l </proc/net/packet) -gt 1 ]'"
    local own gw own6
    own=$(address back-b) gw=$(gateway back) own6=$(address6 back-b)
    spoof back-b "
all = b'\xff' * 6
for i in range(3):
    frame(all, 0x806, arp(2, mac, '$gw', all, '$gw'))                  # the gateway is here
    frame(all, 0x806, arp(1, mac, '10.66.66.66', b'\0' * 6, '$gw'))
    frame(all, 0x806, arp(2, b'\x02\1\2\3\4\5', '$own', all, '$own'))
    frame(all, 0x806, arp(2, mac, '$own', all, '$own'), b'\x02\1\2\3\4\5')
    udp = struct.pack('!HHHH', 7, 7, 8, 0)
    def head(src):
        h = struct.pack('!BBHHHBBH', 0x45, 0, 28, 0, 0, 64, 17, 0) + ip(src) + ip('255.255.255.255')
        n = sum(struct.unpack('!10H', h)); n = (n >> 16) + (n & 0xffff); n = ~(n + (n >> 16)) & 0xffff
        return h[:10] + struct.pack('!H', n) + h[12:]
    frame(all, 0x800, head('10.66.66.66') + udp)
    frame(all, 0x8100, struct.pack('!HH', 1, 0x800) + head('10.66.66.67') + udp)
    six = lambda src, body, n=58: struct.pack('!IHBB', 6 << 28, len(body), n, 255) + ip6(src) + ip6('ff02::1') + body
    m = b'\x33\x33\0\0\0\1'
    frame(m, 0x86dd, six('fd66::66', b'\x80\0\0\0' + b'\0' * 4))
    frame(m, 0x86dd, six('$own6', b'\x86\0\0\0' + b'\0' * 12))           # a router
    frame(m, 0x86dd, six('$own6', b'\x88\0\0\0\xa0\0\0\0' + ip6('fd66::67')))
    frame(m, 0x86dd, six('$own6', struct.pack('!BB', 58, 0) + b'\0' * 6 + b'\x88\0\0\0\xa0\0\0\0' + ip6('fd66::68'), 60))
    frame(all, 0x88b5, b'local experiment')
# What it may say, last: once this is seen, all before it would have been.
frame(m, 0x86dd, six('$own6', b'\x88\0\0\0\xa0\0\0\0' + ip6('$own6')))
frame(all, 0x800, head('$own') + udp)
frame(all, 0x806, arp(1, mac, '$own', b'\0' * 6, '$(address back-a)'))
"
    wait_for 10 grep -qF "who-has $(address back-a) tell $own" "$BATS_TEST_TMPDIR/seen"
    kill $dump
    grep -qF "neighbor advertisement" "$BATS_TEST_TMPDIR/seen" || grep -qF "tgt is $own6" "$BATS_TEST_TMPDIR/seen"
    grep -qF "$own.7 >" "$BATS_TEST_TMPDIR/seen"
    run ! grep -E "10\.66\.66|fd66|router advertisement|02:01:02:03:04:05|vlan|88b5|$gw is-at" "$BATS_TEST_TMPDIR/seen"
}
