#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Names in a network: containers by name, alias, ID and hostname, the rest by the host's resolvers; the
# files that tell a container who it is; the server that comes and goes.
load helper

setup_file() {
    engine_setup busybox
    cloison network create front >/dev/null
    cloison network create back >/dev/null
    cloison network create --internal vault >/dev/null
    cloison run -d --name web --hostname www --network front --network-alias app busybox sleep 600 >/dev/null
    cloison run -d --name web2 --network front --network-alias app busybox sleep 600 >/dev/null
    cloison run -d --name db --network back busybox sleep 600 >/dev/null
    cloison run -d --name safe --network vault busybox sleep 600 >/dev/null
}
teardown_file() {
    cloison rm -f web web2 db safe >/dev/null
    wait_for 20 server_gone
    engine_teardown
}

server() { ps -eo pid=,stat=,args= | awk -v run="$CLOISON_RUN_ROOT" '$3 ~ /cloison-names/ && $4 == run && $2 !~ /Z/ { print $1 }'; }
server_gone() { [ -z "$(server)" ]; }
gateway() { cloison network inspect -f '{{(index .IPAM.Config 0).Gateway}}' "$1"; }
address() { cloison inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" "$1"; }
# ask CONTAINER NETWORK DIG…: dig in the container's network, at the network's gateway.
ask() {
    local pid at
    pid=$(cloison inspect -f '{{.State.Pid}}' "$1") at=$(gateway "$2")
    shift 2
    nsenter -t "$pid" -n dig "@$at" +time=3 +tries=2 "$@"
}

@test "name, alias, ID and hostname, with and without the network's name, either way round" {
    local web id
    web=$(address web front)
    id=$(cloison inspect -f '{{.Id}}' web)
    local name
    for name in web WEB www "${id:0:12}" web.front; do
        [ "$(ask web2 front +short "$name")" = "$web" ]
    done
    [ "$(ask web2 front +short +tcp web)" = "$web" ]
    [ "$(ask web2 front +short -x "$web")" = "web.front." ]
    run -0 cloison exec web2 ping -c 1 -W 2 web
    run -0 ask web2 front web AAAA
    [[ $output == *"status: NOERROR"*"ANSWER: 0"* ]]
}

@test "several of one alias: all addresses, another first each time" {
    [ "$(ask web front +short app | sort)" = "$(printf '%s\n' "$(address web front)" "$(address web2 front)" | sort)" ]
    local first second
    first=$(ask web front +short app | head -1)
    second=$(ask web front +short app | head -1)
    [ "$first" != "$second" ]
}

@test "private to the network: others' names are nobody's, strangers are refused" {
    [ -z "$(ask db back +short web)" ]
    run -0 dig "@$(gateway front)" +time=2 +tries=1 web
    [[ $output == *REFUSED* ]]
    # Another network's server is not reached at all.
    run ! nsenter -t "$(cloison inspect -f '{{.State.Pid}}' db)" -n dig "@$(gateway front)" +time=1 +tries=1 web
    [[ $output == *"timed out"* || $output == *"no servers could be reached"* ]]
}

@test "a container that is connected later, renamed, or gone" {
    cloison network connect --alias store back web
    [ "$(ask db back +short store)" = "$(address web back)" ]
    [ "$(ask web front +short db)" = "$(address db back)" ]
    cloison network disconnect back web
    [ -z "$(ask db back +short store)" ]
    cloison rename web2 other
    [ -n "$(ask web front +short other)" ]
    [ -z "$(ask web front +short web2)" ]
    cloison rename other web2
    cloison run -d --name brief --network front busybox sleep 600 >/dev/null
    [ -n "$(ask web front +short brief)" ]
    cloison rm -f brief >/dev/null
    [ -z "$(ask web front +short brief)" ]
}

@test "other names: the host's resolvers, those of --dns, none for an internal network" {
    # A resolver of the test's on the host: dig asks the network's server, which asks this one.
    local at
    at=$(gateway front)
    python3 - "$at" 3>&- <<'END' &
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 5353)); s.close()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.53", 53))
while True:
    q, peer = s.recvfrom(512)
    end = q.index(b"\0", 12) + 5
    s.sendto(q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q[12:end] + b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + bytes([192, 0, 2, 77]), peer)
END
    local resolver=$!
    cloison run -d --name picky --network front --dns 127.0.0.53 busybox sleep 600 >/dev/null
    asked() { [ "$(ask picky front +short example.org)" = 192.0.2.77 ]; }
    wait_for 10 asked
    kill $resolver
    run -0 ask picky front example.org +tries=1 +time=5
    [[ $output == *SERVFAIL* ]]
    cloison rm -f picky >/dev/null
    run -0 ask safe vault example.org
    [[ $output == *NXDOMAIN* ]]
    [ -n "$(ask safe vault +short safe)" ]
}

@test "hosts, resolv.conf and hostname, as Docker writes them" {
    run -0 cloison exec web cat /etc/resolv.conf
    [[ $output == "nameserver $(gateway front)"* && $output == *"options ndots:0"* ]]
    run -0 cloison exec web cat /etc/hosts
    [[ $output == *"$(address web front)"$'\t'www* ]]
    [ "$(cloison exec web cat /etc/hostname)" = www ]
    run -0 cloison run --rm --network front --dns-search example.org --dns-option ndots:3 busybox cat /etc/resolv.conf
    [[ $output == *"search example.org"*"options ndots:3"* ]]
}

# has CONTAINER TEXT: its resolv.conf is this.
has() { [ "$(inside "$CLOISON" exec "$1" cat /etc/resolv.conf)" = "$2" ]; }
inside() { nsenter -t "$HOST" -m "$@"; }

@test "a running container follows the host's resolver and systemd-resolved's; one with a file of its own does not" {
    # A host whose /etc and /run are the test's: a mount namespace.
    local etc=$BATS_TEST_TMPDIR/etc hold=$BATS_TEST_TMPDIR/hold
    mkdir "$hold"
    cp -a /etc "$etc"
    rm -f "$etc/resolv.conf"
    printf 'nameserver 192.0.2.1\nsearch one.example\n' >"$etc/resolv.conf"
    unshare -m sh -ec "mount --bind '$etc' /etc; mount --bind '$CLOISON_RUN_ROOT' '$hold'; mount -t tmpfs none /run
        mkdir -p /run/systemd/resolve '$CLOISON_RUN_ROOT'; mount --bind '$hold' '$CLOISON_RUN_ROOT'
        touch /run/ready; exec sleep 600" 3>&- &
    HOST=$!
    wait_for 10 inside test -e /run/ready
    inside "$CLOISON" run -d --name follows busybox sleep 600 >/dev/null
    inside "$CLOISON" run -d --name own busybox sleep 600 >/dev/null
    inside "$CLOISON" run -d --name served --network front busybox sleep 600 >/dev/null
    has follows $'nameserver 192.0.2.1\nsearch one.example'
    inside "$CLOISON" exec own sh -c 'echo nameserver 192.0.2.9 >/etc/resolv.conf'
    printf 'nameserver 192.0.2.2\nsearch two.example\n' >"$etc/new"
    mv "$etc/new" "$etc/resolv.conf"
    wait_for 20 has follows $'nameserver 192.0.2.2\nsearch two.example'
    wait_for 20 has served "nameserver $(gateway front)"$'\nsearch two.example\noptions ndots:0'
    ln -sf ../run/systemd/resolve/stub-resolv.conf "$etc/resolv.conf"
    inside sh -c 'cd /run/systemd/resolve && echo nameserver 127.0.0.53 >stub-resolv.conf && echo nameserver 192.0.2.3 >resolv.conf'
    wait_for 20 has follows 'nameserver 192.0.2.3'
    inside sh -c 'echo nameserver 192.0.2.4 >/run/systemd/resolve/resolv.conf'
    wait_for 20 has follows 'nameserver 192.0.2.4'
    has own 'nameserver 192.0.2.9'
    inside "$CLOISON" restart -t 0 own >/dev/null
    has own 'nameserver 192.0.2.4'
    inside "$CLOISON" rm -f follows own served >/dev/null
    kill "$HOST"
}

@test "the server has no privileges left but to bind a port, and answers nonsense with a refusal" {
    local pid
    pid=$(server)
    [ "$(grep CapEff "/proc/$pid/status" | awk '{print $2}')" = 0000000000000400 ]
    grep -q 'Seccomp:.*2' "/proc/$pid/status"
    nsenter -t "$(cloison inspect -f '{{.State.Pid}}' web)" -n python3 - "$(gateway front)" <<'END'
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(300):
    s.sendto(os.urandom(n % 80 + 1), (sys.argv[1], 53))
t = socket.create_connection((sys.argv[1], 53)); t.send(b"\xff\xff" + os.urandom(500)); t.close()
END
    [ "$(server)" = "$pid" ]
    [ "$(ask web2 front +short web)" = "$(address web front)" ]
}
