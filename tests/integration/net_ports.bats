#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The bridge and published ports, as the host, another machine (a network namespace joined to the
# host by a cable of its own) and the containers see them.
load helper

setup_file() {
    engine_setup busybox
    export PORT UDP_PORT LOCAL_PORT
    PORT=$(free_port) LOCAL_PORT=$(free_port) UDP_PORT=$(free_port)
    export CLIENT=clc$TAG CABLE=clw$TAG CABLE_PREFIX=10.127.$((16#${TAG:0:2})).$((16#${TAG:2:2} / 4 * 4))
    CABLE_HOST=${CABLE_PREFIX%.*}.$((${CABLE_PREFIX##*.} + 1))
    CABLE_CLIENT=${CABLE_PREFIX%.*}.$((${CABLE_PREFIX##*.} + 2))
    export CABLE_HOST CABLE_CLIENT
    ip netns add "$CLIENT"
    ip link add "$CABLE" type veth peer name eth0 netns "$CLIENT"
    ip address add "$CABLE_HOST/30" dev "$CABLE"
    ip link set "$CABLE" up
    ip -n "$CLIENT" address add "$CABLE_CLIENT/30" dev eth0
    ip -n "$CLIENT" link set eth0 up
    ip -n "$CLIENT" route add default via "$CABLE_HOST"
    cloison run -d --name web -p "$PORT:80" -p "127.0.0.1:$LOCAL_PORT:80" busybox \
        sh -c 'mkdir /www; echo hello from inside >/www/index.html; exec httpd -f -p 80 -h /www' >/dev/null
    cloison run -d --name echo -p "$UDP_PORT:53/udp" busybox sleep 600 >/dev/null
    # busybox has no UDP server: one of the host's in the container's network.
    nsenter -t "$(cloison inspect --format '{{.State.Pid}}' echo)" -n python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 53))
while True:
    data, peer = s.recvfrom(100); s.sendto(b"got " + data + b"from " + peer[0].encode(), peer)' 3>&- >/dev/null 2>&1 &
    export UDP_SERVER=$!
    wait_for 10 curl -sS -m 2 "http://127.0.0.1:$PORT/"
}

teardown_file() {
    local r=0
    kill "$UDP_SERVER"
    engine_teardown || r=1
    ip netns del "$CLIENT"
    return $r
}

get() { curl -sS -m 3 "http://$1/"; }
client() { ip netns exec "$CLIENT" "$@"; }
address_of() { cloison inspect --format '{{.NetworkSettings.IPAddress}}' "$1"; }

@test "inside: the address, the route, the loopback, the hardware address" {
    run -0 cloison exec web ip address show eth0
    local address octets
    address=$(address_of web)
    [[ $address == "$SUBNET_PREFIX".* ]]
    [[ $output == *"inet $address/24"* ]]
    IFS=. read -ra octets <<<"$address"
    [[ $output == *"$(printf '02:42:%02x:%02x:%02x:%02x' "${octets[@]}")"* ]]
    run -0 cloison exec web ip route
    [[ $output == *"default via $SUBNET_PREFIX.1 dev eth0"* ]]
    run -0 cloison exec web ip address show lo
    [[ $output == *"127.0.0.1/8"* && $output == *UP* ]]
}

@test "inside: hosts names the container, resolv.conf names no resolver of the host's loopback" {
    run -0 cloison exec web cat /etc/hosts
    [[ $output == *"$(address_of web)"*"$(cloison exec web hostname)"* ]]
    run -0 cloison exec web cat /etc/resolv.conf
    [[ $output == *nameserver* && $output != *"nameserver 127."* ]]
}

@test "from the host: 127.0.0.1, the bridge's address, any other address, the container's own" {
    for at in "127.0.0.1:$PORT" "localhost:$PORT" "$SUBNET_PREFIX.1:$PORT" "$CABLE_HOST:$PORT" \
        "$(address_of web):80"; do
        run -0 get "$at"
        [ "$output" = "hello from inside" ]
    done
}

@test "from another machine: the published port, with the client's address kept" {
    run -0 client curl -sS -m 3 "http://$CABLE_HOST:$PORT/"
    [ "$output" = "hello from inside" ]
    cloison run -d --name who -p 0:9 busybox nc -ll -p 9 -e netstat -tn >/dev/null
    local port
    port=$(cloison inspect --format '{{(index (index .NetworkSettings.Ports "9/tcp") 0).HostPort}}' who)
    wait_for 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
    run client curl -sS -m 3 "telnet://$CABLE_HOST:$port"
    cloison rm -f who >/dev/null
    [[ $output == *"$CABLE_CLIENT:"* ]]
}

@test "from another machine: not the port published on 127.0.0.1, not the container's own address" {
    run -0 get "127.0.0.1:$LOCAL_PORT"
    run -7 client curl -sS -m 1 "http://$CABLE_HOST:$LOCAL_PORT/"
    ip -n "$CLIENT" route replace 127.0.0.1/32 via "$CABLE_HOST" table local 2>/dev/null || true
    run -28 client curl -sS -m 1 "http://$(address_of web):80/"
}

@test "from a container: another's published port, its own, and the host's loopback stays closed" {
    run -0 cloison run --rm busybox wget -q -O - "http://$SUBNET_PREFIX.1:$PORT/"
    [ "$output" = "hello from inside" ]
    run -0 cloison exec web wget -q -O - "http://$SUBNET_PREFIX.1:$PORT/"
    [ "$output" = "hello from inside" ]
    # A route for 127.0.0.2 to the gateway: what a hostile workload with NET_ADMIN would try. The shell
    # stays process 1, which no signal of timeout's could end; Debian's busybox crashes on wget -T.
    local port server
    port=$(free_port)
    python3 -m http.server --bind 127.0.0.2 "$port" 3>&- >/dev/null 2>&1 &
    server=$!
    wait_for 5 curl -sS -m 1 -o /dev/null "http://127.0.0.2:$port/"
    run cloison run --rm --cap-add NET_ADMIN --sysctl net.ipv4.conf.all.route_localnet=1 busybox sh -c \
        "ip link set lo down; ip route add 127.0.0.2/32 via $SUBNET_PREFIX.1 && timeout 2 wget -q -O - http://127.0.0.2:$port/; exit \$?"
    kill $server
    [ "$status" -eq 143 ]
    [[ $output != *"Directory listing"* ]]
}

@test "the way out: another machine sees the host's address" {
    client python3 -c 'import socket
s = socket.socket(); s.bind(("", 7)); s.listen()
c, a = s.accept(); c.sendall(a[0].encode()); c.close()' 3>&- &
    wait_for 5 client sh -c 'grep -q ":0007 .* 0A " /proc/net/tcp'
    run -0 cloison run --rm busybox sh -c "nc -w 3 $CABLE_CLIENT 7"
    [ "$output" = "$CABLE_HOST" ]
    wait
}

@test "UDP, from the host and from another machine" {
    ask='import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.5); s.connect((sys.argv[1], int(sys.argv[2])))
s.send(b"it\n"); print(s.recv(100).decode().strip())'
    asked() { "$@" "$UDP_PORT" <<<"$ask"; }
    wait_for 5 asked python3 - 127.0.0.1
    run -0 asked python3 - "$SUBNET_PREFIX.1"
    [[ $output == "got it"*"from $SUBNET_PREFIX.1" ]]
    run -0 asked client python3 - "$CABLE_HOST"
    [[ $output == "got it"*"from $CABLE_CLIENT" ]]
}

@test "a port in use, by a container or by another program, is told before anything starts" {
    run -125 cloison run --rm -p "$PORT:80" busybox true
    one_line
    [[ $output == *"port $PORT/tcp is already in use by container 'web'"* ]]
    run -125 cloison run --rm -p "127.0.0.1:$PORT:80" busybox true
    [[ $output == *"already in use by container 'web'"* ]]
    local port
    port=$(free_port)
    python3 -c "import socket, time; s = socket.socket(); s.bind(('', $port)); s.listen(); time.sleep(60)" 3>&- &
    local server=$!
    wait_for 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
    run -125 cloison run --rm -p "$port:80" busybox true
    kill $server
    one_line
    [[ $output == *"port $port/tcp is already in use by another program"* ]]
    run -125 cloison run --rm -p 203.0.113.9:80:80 busybox true
    one_line
    [[ $output == *"203.0.113.9"*"not an address of this host"* ]]
}

@test "an IPv6 address of the host's, published by a container that has IPv4 alone" {
    cloison run -d --name four -p '[::1]:0:80' -p '[::]:0:80' busybox sh -c \
        'mkdir /www; echo passed on >/www/index.html; exec httpd -f -p 80 -h /www' >/dev/null
    run -0 cloison port four 80/tcp
    [ "${#lines[@]}" = 2 ]
    local line
    for line in "${lines[@]}"; do
        answers() { [ "$(curl -g -sS -m 3 "http://[::1]:${line##*:}/")" = "passed on" ]; }
        wait_for 10 answers
    done
    cloison rm -f four >/dev/null
    run -125 cloison run --rm -p '[::1]:0:53/udp' busybox true
    one_line
    [[ $output == *"network 'bridge' has no IPv6"* ]]
}

@test "no other program can take a published port" {
    run python3 -c "import socket; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('', $PORT)); s.listen()"
    [ "$status" -ne 0 ]
    [[ $output == *"Address already in use"* ]]
}

@test "an address of one's choice, once" {
    run -0 cloison run --rm --ip "$SUBNET_PREFIX.77" --mac-address 02:00:00:00:00:77 busybox ip address show eth0
    [[ $output == *"$SUBNET_PREFIX.77/24"* && $output == *02:00:00:00:00:77* ]]
    run -125 cloison run --rm --ip "$(address_of web)" busybox true
    one_line
    [[ $output == *"already in use by container 'web'"* ]]
}

@test "a flushed table is made again by the next start, with everybody's ports" {
    nft delete table inet "cloison_test_$TAG"
    run get "127.0.0.1:$PORT"
    [ "$status" -ne 0 ]
    cloison run --rm busybox true
    run -0 get "127.0.0.1:$PORT"
    run -0 get "127.0.0.1:$LOCAL_PORT"
    nft flush table inet "cloison_test_$TAG"
    cloison run --rm busybox true
    run -0 get "127.0.0.1:$PORT"
}

@test "a stopped container's port leads nowhere; started again it answers" {
    cloison stop -t 1 web
    run get "127.0.0.1:$PORT"
    [ "$status" -ne 0 ]
    [ "$(nft -j list map inet "cloison_test_$TAG" ports | grep -c "$PORT,")" = 0 ]
    cloison start web
    wait_for 5 get "127.0.0.1:$PORT"
    cloison restart -t 1 web
    wait_for 5 get "127.0.0.1:$PORT"
}

@test "a monitor that was killed: its port and address are taken back" {
    cloison run -d --name doomed --ip "$SUBNET_PREFIX.99" -p "$((PORT > 60000 ? PORT - 1 : PORT + 1)):80" busybox \
        sleep 600 >/dev/null
    local monitor pid
    pid=$(cloison inspect --format '{{.State.Pid}}' doomed)
    monitor=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status")
    [[ $(tr '\0' ' ' <"/proc/$monitor/cmdline") == *cloison-monitor* ]]
    kill -9 "$monitor" "$pid"
    wait_for 5 cloison run --rm --ip "$SUBNET_PREFIX.99" \
        -p "$((PORT > 60000 ? PORT - 1 : PORT + 1)):80" busybox true
    cloison rm -f doomed >/dev/null
}

@test "ranges: port by port, or the first one that is free" {
    # Four ports in a row that nobody has now, below those that the kernel gives by itself.
    local first=20000
    while ! python3 -c 'import socket, sys
for p in range(int(sys.argv[1]), int(sys.argv[1]) + 4): socket.socket().bind(("127.0.0.1", p))' "$first"; do
        first=$((first + 4))
    done
    cloison run -d --name span -p "127.0.0.1:$first-$((first + 1)):80-81" -p "127.0.0.1:$first-$((first + 3)):90" busybox sleep 600 >/dev/null
    run -0 cloison port span
    [ "$output" = "80/tcp -> 127.0.0.1:$first
81/tcp -> 127.0.0.1:$((first + 1))
90/tcp -> 127.0.0.1:$((first + 2))" ]
    run -0 cloison run -d --name other -p "127.0.0.1:$first-$((first + 3)):90" busybox sleep 600
    [ "$(cloison port other 90)" = "127.0.0.1:$((first + 3))" ]
    run -125 cloison run --rm -p "127.0.0.1:$first-$((first + 3)):90" busybox true
    one_line
    [[ $output == *"no free port from $first to $((first + 3))"* ]]
    cloison rm -f span other >/dev/null
}
