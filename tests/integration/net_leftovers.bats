#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the network leaves: nothing, after many containers; and what is others' it leaves alone.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

table() { nft list table inet "cloison_test_$TAG"; }
links() { ip -o link show master "clt$TAG" | wc -l; }
no_links() { [ "$(links)" = 0 ]; }

@test "fifty containers come and go: no link, no element, no lease, no port" {
    cloison run --rm busybox true
    local before i
    before=$(table)
    for i in $(seq 50); do
        cloison run --rm -p "0:$i" -p "127.0.0.1:0:$i/udp" busybox true
    done
    wait_for 10 no_links
    [ "$(table)" = "$before" ]
    [ -z "$(ls "$CLOISON_RUN_ROOT/net/attachments" "$CLOISON_RUN_ROOT/net/ports" | grep -v '^/\|^$')" ]
    [ -z "$(ls "$CLOISON_RUN_ROOT"/net/addresses/*)" ]
}

elements() { nft -j list table inet "cloison_test_$TAG" | jq '[.nftables[].map? // empty | .elem // [] | length] | add'; }

@test "a port's elements go at the end, whatever came to the table meanwhile" {
    cloison network create "four$TAG" >/dev/null
    cloison network create --ipv6 "both$TAG" >/dev/null
    cloison run -d --name ends --network "both$TAG" -p 0:80 busybox sleep 600 >/dev/null
    [ "$(elements)" = 2 ]
    cloison network connect "four$TAG" ends
    cloison network disconnect "both$TAG" ends # no IPv6 is left
    [ "$(elements)" = 1 ]
    cloison rm -f ends >/dev/null
    [ "$(elements)" = 0 ]
    cloison run -d --name ends -p 0:80 -p 0:81 busybox sleep 600 >/dev/null
    nft flush map inet "cloison_test_$TAG" ports # somebody else's hand: withdrawn one by one
    cloison rm -f ends >/dev/null
    [ "$(elements)" = 0 ]
    run -127 cloison run --rm -p 0:80 busybox no-such-program
    [ "$(elements)" = 0 ]
    cloison network rm "four$TAG" "both$TAG" >/dev/null
}

@test "containers started at once get an address each" {
    local i
    for i in $(seq 12); do
        cloison run -d --name "many$i" -p 0:80 busybox sleep 600 >/dev/null &
    done
    wait
    local count
    count=$(for i in $(seq 12); do
        cloison inspect --format '{{.NetworkSettings.IPAddress}}' "many$i"
    done | sort -u | wc -l)
    [ "$count" = 12 ]
    # shellcheck disable=SC2046 # a list of words
    cloison rm -f $(seq -f 'many%g' 12) >/dev/null
    wait_for 10 no_links
}

@test "the restart policy's pair takes the place of the last one" {
    cloison run -d --name again --restart always -p 0:80 busybox sh -c 'sleep 0.2; exit 3' >/dev/null
    restarted() { [ "$(cloison inspect --format '{{.RestartCount}}' again)" -ge 2 ]; }
    wait_for 20 restarted
    cloison rm -f again >/dev/null
    wait_for 10 no_links
}

@test "a bridge whose settings are wrong, or another's, is refused in one line" {
    local c=$BATS_TEST_TMPDIR/c.json
    cloison run --rm busybox true # the bridge and its route are there
    printf '{"network":{"bridge":"lo","subnet":"%s.0/24","table":"t"}}\n' "$SUBNET_PREFIX" >"$c"
    CLOISON_CONFIG=$c run -125 cloison run --rm busybox true
    one_line
    [[ $output == *"'lo' is a network device, but not a bridge"* ]]
    printf '{"network":{"bridge":"clo%s","subnet":"%s.0/23","table":"t"}}\n' "$TAG" "${SUBNET_PREFIX%.*}.$((${SUBNET_PREFIX##*.} / 2 * 2))" >"$c"
    CLOISON_CONFIG=$c run -125 cloison run --rm busybox true
    one_line
    echo "$output"
    [[ $output == *"overlaps the host's route"* ]]
    [ ! -e "/sys/class/net/clo$TAG" ]
    printf '{"network":{"subnet":"banana"}}\n' >"$c"
    CLOISON_CONFIG=$c run -125 cloison run --rm busybox true
    one_line
    [[ $output == *"$c: network: 'subnet' is 'banana'"* ]]
}

@test "a firewalld that cannot be talked to: containers start, network reload tells" {
    unshare -nm bash -eu <<'END'
        ip link set lo up
        [ ! -d /run/dbus ] || mount -t tmpfs none /run/dbus # no bus: what is tried is seen by its failure
        nft add table inet firewalld
        nft add chain inet firewalld filter_INPUT_ZONES
        nft add rule inet firewalld filter_INPUT_ZONES iifname wire accept
        "$CLOISON" run --rm busybox true
        out=$("$CLOISON" network reload 2>&1) && exit 1
        [ "$(printf '%s\n' "$out" | wc -l)" = 1 ]
        [[ $out == cloison:*"connecting to the system bus"* ]]
        nft add rule inet firewalld filter_INPUT_ZONES iifname "clt$TAG" accept # in a zone: nothing to do
        "$CLOISON" network reload
        "${CLOISON%/*}/cloison-net" purge "$CLOISON_RUN_ROOT" "$CLOISON_CONFIG" 2>/dev/null || true
END
}

@test "others' firewalls: Docker's chains keep their rules, and a policy of drop is opened for us" {
    # A host of its own: its firewall, its bridge.
    unshare -n bash -eu <<'END'
        ip link set lo up
        iptables-nft -P FORWARD DROP
        iptables-nft -N DOCKER-USER
        iptables-nft -A DOCKER-USER -j RETURN
        iptables-nft -A FORWARD -j DOCKER-USER
        iptables-nft -t nat -N DOCKER
        iptables-nft -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
        nft add table inet mine
        others() { iptables-nft -S; iptables-nft -t nat -S; nft list table inet mine; }
        before=$(others)
        ip link add wire type veth peer name eth0 netns $$
        [ "$("$CLOISON" run --rm -p 0:80 busybox sh -c 'ip route | grep -c default')" = 1 ]
        "$CLOISON" run --rm busybox true
        [ "$(iptables-nft -S DOCKER-USER | grep -c ACCEPT)" = 2 ]
        [ "$(others | grep -v ACCEPT)" = "$(printf '%s\n' "$before" | grep -v ACCEPT)" ]
        "${CLOISON%/*}/cloison-net" purge "$CLOISON_RUN_ROOT" "$CLOISON_CONFIG"
        [ "$(others)" = "$before" ]
END
}
