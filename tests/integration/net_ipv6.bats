#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# IPv6 as IPv4: addresses, the way out, published ports, from another machine (a network namespace with a
# cable to the host), from the host and from containers; a real nginx behind it. And the table as it is.
load helper

setup_file() {
    engine_setup busybox
    export CLIENT=clc$TAG CABLE=clw$TAG WIRE=fd7e:1${TAG:0:3}:1${TAG:3:3}
    ip netns add "$CLIENT"
    ip link add "$CABLE" type veth peer name eth0 netns "$CLIENT"
    ip -6 address add "$WIRE::1/64" dev "$CABLE" nodad
    ip link set "$CABLE" up
    ip -n "$CLIENT" link set lo up
    ip -n "$CLIENT" -6 address add "$WIRE::2/64" dev eth0 nodad
    ip -n "$CLIENT" link set eth0 up
    ip -n "$CLIENT" -6 route add default via "$WIRE::1"
    cloison network create --ipv6 six >/dev/null
    cloison network create --ipv6 -o com.docker.network.bridge.gateway_mode_ipv6=routed direct >/dev/null
    export PORT
    PORT=$(free_port)
    cloison run -d --name web --network six -p "$PORT:80" busybox sleep 600 >/dev/null
    # A server of the host's in the container's network; it says who asks.
    printf 'daemon off; pid %s/pid; error_log stderr; events {}\nhttp { access_log off; client_body_temp_path %s; server { listen 80; listen [::]:80; location / { return 200 "$remote_addr\\n"; } } }\n' \
        "$BATS_FILE_TMPDIR" "$BATS_FILE_TMPDIR" >"$BATS_FILE_TMPDIR/nginx.conf"
    nsenter -t "$(pid web)" -n nginx -c "$BATS_FILE_TMPDIR/nginx.conf" 3>&- >/dev/null 2>&1 &
    export NGINX=$!
    wait_for 10 get "127.0.0.1:$PORT"
}
teardown_file() {
    local r=0
    kill "$NGINX"
    engine_teardown || r=1
    ip netns del "$CLIENT"
    return $r
}

pid() { cloison inspect -f '{{.State.Pid}}' "$1"; }
address6() { cloison inspect -f '{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}{{end}}' "$1"; }
gateway6() { cloison network inspect -f '{{(index .IPAM.Config 1).Gateway}}' "$1"; }
get() { curl -g -sS -m 3 "http://$1/"; }
client() { ip netns exec "$CLIENT" "$@"; }

@test "from the host: ::1, 127.0.0.1, an address of its own, the container's" {
    run -0 get "[::1]:$PORT"
    run -0 get "127.0.0.1:$PORT"
    run -0 get "[$WIRE::1]:$PORT"
    [ "$output" = "$(gateway6 six)" ]
    run -0 get "[$(address6 web)]"
}

@test "::1 of a container that has IPv4 alone; what nobody answers inside is a refusal" {
    local port
    port=$(free_port)
    cloison run -d --name four -p "$port:80" busybox sh -c 'mkdir /www; echo four >/www/index.html; exec httpd -f -p 80 -h /www' >/dev/null
    wait_for 10 get "127.0.0.1:$port"
    run -0 get "[::1]:$port"
    [ "$output" = four ]
    cloison restart -t 0 four >/dev/null
    wait_for 10 get "[::1]:$port"
    cloison rm -f four >/dev/null
    run -7 get "[::1]:$port"
}

@test "from another machine: the client's address is kept; the way out has the host's" {
    run -0 client curl -g -sS -m 3 "http://[$WIRE::1]:$PORT/"
    [ "$output" = "$WIRE::2" ]
    run -28 client curl -g -sS -m 1 "http://[$(address6 web)]/"
    client python3 -c 'import socket
s = socket.socket(socket.AF_INET6); s.bind(("::", 7)); s.listen()
c, a = s.accept(); c.sendall(a[0].encode()); c.close()' 3>&- &
    wait_for 5 client sh -c 'grep -q ":0007 .* 0A " /proc/net/tcp6'
    run -0 cloison run --rm --network six busybox nc -w 3 "$WIRE::2" 7
    [ "$output" = "$WIRE::1" ]
    wait
}

@test "a routed network: what goes out keeps its address" {
    client python3 -c 'import socket
s = socket.socket(socket.AF_INET6); s.bind(("::", 8)); s.listen()
c, a = s.accept(); c.sendall(a[0].encode()); c.close()' 3>&- &
    wait_for 5 client sh -c 'grep -q ":0008 .* 0A " /proc/net/tcp6'
    run -0 cloison run --rm --network direct busybox sh -c "ip -o -6 a show scope global; nc -w 3 $WIRE::2 8"
    [[ $output == *"inet6 ${lines[1]}/64"* ]]
    wait
}

@test "from containers: another's and its own, through the host's address" {
    run -0 cloison run --rm --network six busybox wget -q -O - "http://[$(gateway6 six)]:$PORT/"
    [ "$output" = "$(gateway6 six)" ]
    run -0 cloison run --rm --network direct busybox wget -q -O - "http://[$WIRE::1]:$PORT/"
    run -0 nsenter -t "$(pid web)" -n curl -g -sS -m 3 "http://[$(gateway6 six)]:$PORT/"
}

@test "fixed addresses, and a port on one address of the host's" {
    local port six
    port=$(free_port)
    six=$(gateway6 six)
    run -0 cloison run --rm --network six --ip6 "${six%1}77" busybox ip -o -6 a show scope global
    [[ $output == *"${six%1}77/64"* ]]
    run -125 cloison run --rm --network six --ip6 "$six" busybox true
    [[ $output == *"is the gateway's"* ]]
    cloison run -d --name one --network six -p "[$WIRE::1]:$port:80" busybox httpd -f -p 80 >/dev/null
    wait_for 10 client curl -g -sS -o /dev/null -m 3 "http://[$WIRE::1]:$port/"
    run -7 get "127.0.0.1:$port"
    [ "$(cloison port one)" = "80/tcp -> [$WIRE::1]:$port" ]
    run -125 cloison run --rm -p "[::1]:$port:80/udp" busybox true
    one_line
    [[ $output == *"has no IPv6"* ]]
    cloison rm -f one >/dev/null
}

@test "IPv6 alone: addresses, names, a way out, published ports" {
    cloison network create --ipv4=false --ipv6 only >/dev/null
    [ "$(cloison network inspect -f '{{.EnableIPv4}} {{.EnableIPv6}} {{len .IPAM.Config}}' only)" = "false true 1" ]
    cloison run -d --name alone --network only -p 0:80 busybox sh -c \
        'mkdir /www; echo six >/www/index.html; exec httpd -f -p "[::]:80" -h /www' >/dev/null
    local port
    port=$(cloison port alone 80/tcp | sed 's/.*://')
    wait_for 10 curl -g -sS -m 2 "http://[::1]:$port/"
    run -0 cloison run --rm --network only busybox sh -c 'ip -o -4 a show eth0; ip -6 route | grep ^default; wget -qO - http://alone/'
    [[ $output == "default via "*"six" ]]
    run -0 client curl -g -sS -m 3 "http://[$WIRE::1]:$port/"
    [ "$output" = six ]
    cloison rm -f alone >/dev/null
    cloison network rm only
}

@test "sctp: an element of the map like the others" {
    cloison run -d --name sc --network six -p 9999:99/sctp busybox sleep 600 >/dev/null
    run -0 nft list map inet "cloison_test_$TAG" ports
    [[ $output == *"sctp . 9999 : "*" . 99"* ]]
    cloison rm -f sc >/dev/null
    cloison run -d --name sc --network six -p 99/sctp busybox sleep 600 >/dev/null
    local port
    port=$(cloison port sc 99/sctp | sed -n 's/^0.0.0.0://p')
    [ "$port" -gt 1023 ]
    [[ $(nft list map inet "cloison_test_$TAG" ports) == *"sctp . $port : "*" . 99"* ]]
    cloison rm -f sc >/dev/null
}

@test "-P publishes what the image and --expose name, on free ports" {
    cloison run -d --name all --expose 81 --expose 53/udp -P --network six busybox sleep 600 >/dev/null
    run -0 cloison port all
    [[ $output == *"81/tcp -> 0.0.0.0:"* && $output == *"81/tcp -> [::]:"* && $output == *"53/udp -> 0.0.0.0:"* ]]
    cloison rm -f all >/dev/null
}

rules() {
    nft -j list table inet "cloison_test_$TAG" |
        jq -S '[.nftables[] | select(.set or .map or .chain or .rule)
            | walk(if type == "object" then del(.handle, .elem, .table) else . end)]'
}

@test "the table is what it is: the rules as stored, again after a flush" {
    rules >"$BATS_TEST_TMPDIR/now"
    [ "${TEST_WRITE_RULES:-}" != 1 ] || cp "$BATS_TEST_TMPDIR/now" "$BATS_TEST_DIRNAME/net_rules.json"
    diff "$BATS_TEST_DIRNAME/net_rules.json" "$BATS_TEST_TMPDIR/now"
    nft list table inet "cloison_test_$TAG" | grep -v handle | sort >"$BATS_TEST_TMPDIR/whole"
    nft delete table inet "cloison_test_$TAG"
    run ! get "127.0.0.1:$PORT"
    cloison network reload
    nft list table inet "cloison_test_$TAG" | grep -v handle | sort >"$BATS_TEST_TMPDIR/again"
    [ "$(wc -c <"$BATS_TEST_TMPDIR/whole")" = "$(wc -c <"$BATS_TEST_TMPDIR/again")" ]
    run -0 get "127.0.0.1:$PORT"
    run -0 client curl -g -sS -m 3 "http://[$WIRE::1]:$PORT/"
}
