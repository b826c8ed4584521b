#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Networks as objects: made, listed, removed; containers in several of them, joined and left while
# they run; addresses that are never given twice; what is asked wrongly.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

field() { cloison network inspect -f "$1" "$2"; }
inside() { cloison exec "$@"; }
# refused TEXT ARGUMENTS…: one line with the text in it, and no network more than before.
refused() {
    local text=$1 before
    before=$(cloison network ls -q --no-trunc)
    shift
    run ! cloison "$@"
    one_line
    [[ $output == *"$text"* ]] || { echo "$output"; return 1; }
    [ "$(cloison network ls -q --no-trunc)" = "$before" ]
}

@test "made, listed, inspected, removed: the bridge comes and goes with it" {
    run -0 cloison network create --label tier=front -o com.docker.network.bridge.name="bra$TAG" one
    local id=$output
    [ "${#id}" = 64 ]
    [ -e "/sys/class/net/bra$TAG" ]
    [ "$(field '{{.Id}} {{.Driver}} {{.Scope}} {{.Internal}} {{index .Labels "tier"}}' one)" = "$id bridge local false front" ]
    [[ $(field '{{(index .IPAM.Config 0).Subnet}}' "${id:0:6}") == *.0/24 ]]
    run -0 cloison network ls --filter type=custom --format '{{.ID}} {{.Name}} {{.Driver}} {{.Scope}}'
    [ "$output" = "${id:0:12} one bridge local" ]
    run -0 cloison network ls -q --filter label=tier=front
    [ "$output" = "${id:0:12}" ]
    run -0 cloison inspect --type network -f '{{.Name}}' one
    [ "$output" = one ]
    run -0 cloison network rm one
    [ "$output" = one ]
    [ ! -e "/sys/class/net/bra$TAG" ]
    run -1 cloison network rm one
    one_line
    run -0 cloison network rm -f one
    [ "$(cloison network ls --format '{{.Name}}' | tr '\n' ' ')" = "bridge host none " ]
}

@test "subnet, gateway, range and kept addresses of one's choice" {
    local at=${POOL%.*/20}
    cloison network create --subnet "$at.0/24" --gateway "$at.254" --ip-range "$at.128/30" \
        --aux-address "router=$at.129" chosen >/dev/null
    run -0 cloison run --rm --network chosen busybox sh -c 'ip -o -4 a show eth0; ip r'
    [[ $output == *"inet $at.128/24"*"default via $at.254"* ]]
    run -0 cloison run --rm --network chosen busybox ip -o -4 a show eth0
    [[ $output == *"inet $at.130/24"* ]]
    run -0 cloison run --rm --network chosen --ip "$at.7" --mac-address 02:00:00:00:00:07 busybox ip a show eth0
    [[ $output == *"02:00:00:00:00:07"*"inet $at.7/24"* ]]
    run -125 cloison run --rm --network chosen --ip "$at.129" busybox true
    one_line
    [[ $output == *"address $at.129 is kept by --aux-address"* ]]
    cloison network rm chosen
}

@test "an MTU of one's choice, on the bridge and inside" {
    cloison network create -o com.docker.network.driver.mtu=1400 small >/dev/null
    cloison run -d --name narrow --network small busybox sleep 600 >/dev/null
    [ "$(cloison exec narrow cat /sys/class/net/eth0/mtu)" = 1400 ]
    [ "$(cat "/sys/class/net/$(cloison network inspect -f '{{.Device}}' small)/mtu")" = 1400 ]
    cloison rm -f narrow >/dev/null
    cloison network rm small
}

@test "the way out by priority, an interface's name, links, the address of before" {
    cloison network create north >/dev/null
    cloison network create south >/dev/null
    cloison run -d --name other --network north busybox sleep 600 >/dev/null
    cloison run -d --name mover --network north --link other:friend \
        --network name=south,driver-opt=com.docker.network.endpoint.ifname=lan7,gw-priority=1 busybox sleep 600 >/dev/null
    out() { inside mover ip route | sed -n 's/^default via .* dev \([a-z0-9]*\).*/\1/p'; }
    [ "$(out)" = lan7 ]
    run -0 inside mover ping -c 1 -W 2 friend
    run ! inside other nslookup friend
    cloison network disconnect south mover
    [ "$(out)" = eth0 ]
    cloison network connect --gw-priority 2 south mover
    [ "$(out)" = eth1 ]
    [ "$(cloison inspect -f '{{.NetworkSettings.Networks.south.GwPriority}} {{len .NetworkSettings.Networks.north.Links}}' mover)" = "2 1" ]
    where() { cloison inspect -f '{{.NetworkSettings.Networks.north.IPAddress}}' mover; }
    local before
    before=$(where)
    cloison run --rm --network north busybox true # the next address in turn is another's
    cloison restart -t 0 mover >/dev/null
    [ "$(where)" = "$before" ]
    cloison stop -t 0 mover >/dev/null
    cloison run -d --name thief --network north --ip "$before" busybox sleep 600 >/dev/null
    cloison start mover >/dev/null
    [ "$(where)" != "$before" ]
    cloison rm -f mover other thief >/dev/null
    # In the network 'bridge' a link is a line of /etc/hosts.
    cloison run -d --name plain busybox sleep 600 >/dev/null
    run -0 cloison run --rm --link plain:p busybox ping -c 1 -W 2 p
    run -125 cloison run --rm --link nobody busybox true
    one_line
    run -125 cloison run --rm --network host --link plain busybox true
    one_line
    cloison stop -t 0 plain >/dev/null
    run -125 cloison run --rm --link plain busybox true
    one_line
    [[ $output == *"--link 'plain': the other does not run in network 'bridge'"* ]]
    run -125 cloison run --rm --network north --link-local-ip 169.254.1.1 busybox true
    one_line
    cloison rm -f plain >/dev/null
    cloison network rm north south
}

@test "a port whose last network is left leads nowhere, until one is joined again" {
    cloison network create shore >/dev/null
    cloison run -d --name isle --network shore -p 0:80 busybox sh -c \
        'mkdir /www; echo land >/www/index.html; exec httpd -f -p 80 -h /www' >/dev/null
    local port
    port=$(cloison port isle 80/tcp | sed 's/.*://')
    wait_for 10 curl -sS -m 2 "http://127.0.0.1:$port/"
    cloison network disconnect shore isle
    run ! curl -sS -m 2 "http://127.0.0.1:$port/"
    cloison network connect shore isle
    run -0 curl -sS -m 2 "http://127.0.0.1:$port/"
    [ "$output" = land ]
    cloison rm -f isle >/dev/null
    cloison network rm shore
}

@test "what Docker's other flags set: interface names, IPAM options; filters are expressions" {
    cloison network create -o com.docker.network.container_iface_prefix=lan --ipam-driver default --ipam-opt a=b odd >/dev/null
    run -0 cloison run --rm --network odd busybox ip -o -4 a show lan0
    [[ $output == *"lan0"*"inet "* ]]
    [ "$(field '{{json .IPAM.Options}} {{.ConfigOnly}} {{.ConfigFrom.Network}}' odd)" = '{"a":"b"} false ' ]
    run -0 cloison network ls --filter 'name=^od' --format '{{.Name}} {{.IPv4}} {{.IPv6}}'
    [ "$output" = "odd true false" ]
    cloison network rm odd
}

@test "several networks from the start, joined and left while it runs" {
    cloison network create --ipv6 back >/dev/null
    cloison network create front >/dev/null
    cloison network create --internal vault >/dev/null
    cloison run -d --name web --network front --network name=back,alias=www -p 0:80 busybox \
        sh -c 'mkdir /www; echo hello >/www/index.html; exec httpd -f -p 80 -h /www' >/dev/null
    run -0 inside web ip -o a
    [[ $output == *eth0*eth1* && $output == *"inet6 fd7f:"*"eth1"* || $output == *"eth1 "*"inet6 fd7f:"* ]]
    [ "$(cloison ps --filter network=back --format '{{.Networks}}')" = front,back ]
    cloison network connect vault web
    run -0 inside web ip -o -4 a show eth2
    [[ $output == *"eth2"*"inet "* ]]
    [ "$(inside web sh -c 'grep -c "$(hostname)" /etc/hosts')" = 4 ]
    local port
    port=$(cloison port web 80/tcp | head -1 | sed 's/.*://')
    wait_for 5 curl -sS -m 2 "http://127.0.0.1:$port/"
    # The way out and the published port move to the next network that leads out.
    cloison network disconnect front web
    run ! inside web ip a show eth0
    run -0 inside web ip r
    [[ $output == *"default via $(field '{{(index .IPAM.Config 0).Gateway}}' back) dev eth1"* ]]
    run -0 curl -sS -m 2 "http://127.0.0.1:$port/"
    [ "$output" = hello ]
    [ "$(field '{{len .Containers}}' back)$(field '{{len .Containers}}' front)" = 10 ]
    run -1 cloison network rm back
    one_line
    [[ $output == *"network 'back' is in use by container 'web'"* ]]
    # It comes again where it was.
    cloison restart -t 0 web >/dev/null
    run -0 cloison inspect -f '{{range $n, $e := .NetworkSettings.Networks}}{{$n}} {{end}}' web
    [ "$output" = "back vault " ]
    cloison rm -f web >/dev/null
    run -0 cloison network prune -f
    [[ $output == *"Deleted Networks:"*back*front*vault* ]]
}

@test "one that does not run joins for its next start" {
    cloison network create later >/dev/null
    cloison create --name sleeper busybox sleep 600 >/dev/null
    cloison network connect --alias s later sleeper
    cloison start sleeper >/dev/null
    run -0 inside sleeper ip -o -4 a show eth1
    run ! cloison network connect later sleeper
    one_line
    [[ $output == *"already"* ]]
    cloison rm -f sleeper >/dev/null
    cloison network rm later
}

@test "macvlan: a device of the host's, addresses of its network" {
    ip link add "mva$TAG" type veth peer name "mvb$TAG"
    ip link set "mva$TAG" up
    ip link set "mvb$TAG" up
    local at=${POOL%.*/20}
    cloison network create -d macvlan -o parent="mva$TAG" --subnet "$at.0/24" lan >/dev/null
    cloison run -d --name lan1 --network lan busybox sleep 600 >/dev/null
    cloison run -d --name lan2 --network lan busybox sleep 600 >/dev/null
    run -0 inside lan2 ping -c 1 -W 2 "$(cloison inspect -f '{{.NetworkSettings.Networks.lan.IPAddress}}' lan1)"
    # As Docker, it publishes nothing there.
    run -0 --separate-stderr cloison run -d --name lan3 --network lan -p 80:80 busybox sleep 600
    [ "$stderr" = "WARNING: Published ports are discarded: network 'lan' is no bridge that leads out" ]
    [ -z "$(cloison port lan3)" ]
    cloison rm -f lan1 lan2 lan3 >/dev/null
    cloison network rm lan
    ip link del "mva$TAG"
}

lookup() { cloison exec "$1" nslookup "$2" | awk '/^Name:/ { name = 1 } name && /^Address/ { print $NF }' | sort; }
inside_address() { cloison inspect -f '{{.NetworkSettings.Networks.lan.IPAddress}}' "$1"; }

@test "macvlan: names, from inside the container's own network, whose port 53 stays free" {
    ip link add "mva$TAG" type veth peer name "mvb$TAG"
    ip link set "mva$TAG" up
    ip link set "mvb$TAG" up
    cloison network create -d macvlan -o parent="mva$TAG" --subnet "${POOL%.*/20}.0/24" lan >/dev/null
    cloison run -d --name lan1 --network lan --network-alias many busybox sleep 600 >/dev/null
    cloison run -d --name lan2 --network lan --network-alias many busybox sleep 600 >/dev/null
    cloison exec lan1 grep -Fx 'nameserver 127.0.0.11' /etc/resolv.conf
    [ "$(lookup lan1 lan2)" = "$(inside_address lan2)" ]
    [ "$(lookup lan2 lan1.lan)" = "$(inside_address lan1)" ]
    [ "$(lookup lan1 many | wc -l)" = 2 ]
    cloison exec -d lan1 nc -l -p 53 # a server of its own, on all addresses
    listens() { nsenter -t "$(cloison inspect -f '{{.State.Pid}}' lan1)" -n ss -Hltn 'sport = :53' | grep -q .; }
    wait_for 10 listens
    run -0 nsenter -t "$(cloison inspect -f '{{.State.Pid}}' lan1)" -n dig @127.0.0.11 +tcp +time=3 +short lan2
    [ "$output" = "$(inside_address lan2)" ]
    # Whoever joins while it runs asks there, too; who leaves asks the host's resolvers again.
    cloison run -d --name lan3 busybox sleep 600 >/dev/null
    cloison network connect lan lan3
    [ "$(lookup lan3 lan1)" = "$(inside_address lan1)" ]
    [ "$(lookup lan1 lan3)" = "$(inside_address lan3)" ]
    cloison network disconnect lan lan3
    cloison exec lan3 sh -c '! grep 127.0.0.11 /etc/resolv.conf'
    # A new namespace has new sockets.
    cloison restart -t 0 lan1 >/dev/null
    [ "$(lookup lan1 lan2)" = "$(inside_address lan2)" ]
    cloison rm -f lan1 lan2 lan3 >/dev/null
    cloison network rm lan
    ip link del "mva$TAG"
}

@test "host, none and another's: what cannot be is refused, -p with host is warned of" {
    run -0 --separate-stderr cloison run --rm --network host -p 80:80 busybox true
    [ "$stderr" = "WARNING: Published ports are discarded when using host network mode" ]
    run -0 --separate-stderr cloison run --rm --network none -p 80:80 busybox true
    [ "$stderr" = "WARNING: Published ports are discarded: network 'none' is no bridge that leads out" ]
    run -125 cloison create --dns nonsense busybox true
    one_line
    run -125 cloison run --rm --network host --network-alias x busybox true
    one_line
    run -125 cloison run --rm --network-alias x busybox true
    one_line
    [[ $output == *"names are not served in network 'bridge'"* ]]
    run -125 cloison run --rm --ip6 fd00::2 busybox true
    one_line
    [[ $output == *"network 'bridge' has no IPv6"* ]]
    cloison run -d --name own busybox sleep 600 >/dev/null
    run ! cloison network connect host own
    one_line
    cloison rm -f own >/dev/null
}

@test "what is asked wrongly: one line, and nothing half made" {
    local at=${POOL%.*/20}
    cloison network create --subnet "$at.0/24" -o com.docker.network.bridge.name="brx$TAG" there >/dev/null
    refused "overlaps that of network 'there'" network create --subnet "$at.0/25" other
    refused "overlaps the host's route" network create --subnet "$(ip -4 route show scope link | awk '$3 == "eth0" { print $1; exit }')" other
    refused "bits behind the prefix" network create --subnet "$at.1/24" other
    refused "invalid subnet" network create --subnet "$at.0/33" other
    refused "invalid subnet" network create --subnet "$at.0/31" other
    local none
    for none in 127.0.0.0/24 224.0.0.0/24 240.1.0.0/16 0.0.0.0/8 ff02::/64 fe80::/64 ::/64; do
        refused "are no container's" network create --subnet "$none" other
    done
    refused "not within a --subnet" network create --subnet 10.254.0.0/24 --gateway 10.253.0.1 other
    refused "not within a --subnet" network create --subnet 10.254.0.0/24 --ip-range 10.254.0.0/16 other
    refused "in use by another network device" network create -o com.docker.network.bridge.name=lo other
    refused "is network 'there's" network create -o com.docker.network.bridge.name="brx$TAG" other
    refused "already exists" network create there
    refused "already exists" network create bridge
    refused "invalid network name" network create 'a b'
    refused "unknown network driver" network create -d overlay other
    refused "has no option" network create -o nonsense=1 other
    refused "begins no device's name" network create -o com.docker.network.container_iface_prefix=much-too-long-a-name other
    refused "is for networks of a swarm" network create --ingress other
    refused "is for networks of a swarm" network create --config-only other
    refused "is for networks of a swarm" network create --config-from there other
    refused "IPv4 or IPv6 must be enabled" network create --ipv4=false other
    refused "a --subnet of IPv4" network create --ipv4=false --ipv6 --subnet "${POOL%.*/20}.128/25" other
    refused "invalid filter" network ls --filter type=nonsense
    refused "needs a device of the host's" network create -d macvlan other
    refused "has no network device 'nope'" network create -d macvlan -o parent=nope other
    refused "the device 'lo' cannot carry one" network create -d macvlan -o parent=lo other
    refused "it always is" network rm bridge
    refused "no such network" network inspect -f '{{.Id}}' nope
    refused "no such network" run --rm --network nope busybox true
    refused "is given twice" run --rm --network there --network there busybox true
    refused "stands alone" run --rm --network there --network host busybox true
    refused "not in network 'there'" run --rm --network there --ip 10.1.1.1 busybox true
    refused "is the gateway's" run --rm --network there --ip "$at.1" busybox true
    refused "unknown field" run --rm --network name=there,color=red busybox true
    cloison network rm there
}

@test "a full range says so; the addresses of the dead are taken back" {
    local at=${POOL%.*/20} i
    cloison network create --subnet "$at.0/29" tiny >/dev/null
    for i in 1 2 3 4 5; do
        cloison run -d --name "t$i" --network tiny busybox sleep 600 >/dev/null
    done
    refused "no free address left" run --rm --network tiny busybox true
    kill -9 "$(cloison inspect -f '{{.State.Pid}}' t3)" "$(jq .monitorPid "$CLOISON_RUN_ROOT/containers/$(cloison inspect -f '{{.Id}}' t3)/state.json")"
    address_again() { cloison run --rm --network tiny busybox ip -o -4 a show eth0 | grep -F "inet $at.4/29"; }
    wait_for 10 address_again
    # shellcheck disable=SC2046 # a list of words
    cloison rm -f $(seq -f 't%g' 5) >/dev/null
    cloison network rm tiny
}

@test "forwarding that is off and cannot be set is told, and nothing stays" {
    unshare -nm bash -eu <<'END'
        ip link set lo up
        echo 0 >/proc/sys/net/ipv4/ip_forward
        mount --bind /proc/sys/net /proc/sys/net
        mount -o remount,bind,ro /proc/sys/net
        out=$("$CLOISON" network create shut 2>&1) && exit 1
        [ "$(printf '%s\n' "$out" | wc -l)" = 1 ]
        [[ $out == cloison:*"/proc/sys/net/ipv4/ip_forward"*"Read-only file system"* ]]
        [ -z "$(ip -o link | grep br-)" ]
END
    run -0 cloison network ls --format '{{.Name}}' --filter name=shut
    [ -z "$output" ]
}
