#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The load balancer of `cloison compose`: whose certificates it has, where it sends requests, and that a change of its
# configuration drops none.
load helper

setup_file() {
    engine_setup busybox
    export PROJECT=$BATS_FILE_TMPDIR/shop PORT=$((20000 + RANDOM % 9000))
    mkdir -p "$PROJECT"
    ! command -v caddy >/dev/null || balancer_image
}
teardown_file() {
    if [ -f "$BATS_FILE_TMPDIR/pids" ]; then
        while read -r pid; do kill "$pid" 2>/dev/null; done <"$BATS_FILE_TMPDIR/pids"
    fi
    cloison compose -p shop down -v -t 1 >/dev/null 2>&1 || true
    engine_teardown
}
setup() {
    command -v caddy >/dev/null || skip "needs caddy"
    cd "$PROJECT" || return 1
}
teardown() { cloison compose -p shop down -v -t 1 >/dev/null 2>&1 || true; }

# A service: NAME, what it says, its x-cloison.
service() {
    printf '  %s: {image: cloison/balancer, command: [caddy, respond, --listen, ":80", "%s"], x-cloison: {%s}}\n' "$@"
}
project() { # lines of services on standard input
    printf 'name: shop\nservices:\n' >compose.yaml
    cat >>compose.yaml
    cloison compose up -d
}
root_is_made() { cloison compose trust --print >root.pem; }
get() { curl -sS --fail --max-time 60 --cacert root.pem --resolve "*:${2:-$PORT}:127.0.0.1" "$1"; }
says() { [ "$(get "$2" "${3:-}")" = "$1" ]; }

@test "certificates of the user's own" {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out root.pem -days 2 -subj /CN=own \
        -addext subjectAltName=DNS:shop.test 2>openssl.log
    service web own "publish: 'https://shop.test:$PORT', tls: {certificate: ./root.pem, key: ./key.pem}" | project
    wait_for 60 says own "https://shop.test:$PORT/"
    service web own "publish: 'https://shop.test:$PORT', tls: {certificate: ./root.pem}" >services
    run project <services
    [ "$status" = 1 ]
    [[ $output == *"compose.yaml:3:"*"tls needs a 'certificate' and a 'key', or 'acme'"* ]]
    service web own "publish: 'https://shop.test:$PORT', tls: {acme: letsencrypt}" >services
    run project <services
    [ "$status" = 1 ]
    [[ $output == *"tls: 'letsencrypt' is not the https://… address of an ACME directory"* ]]
    service web own "publish: ['https://shop.test:$PORT', 'http://other.test:$PORT']" >services
    run project <services
    [ "$status" = 1 ]
    [[ $output == *"publish: port $PORT is http and https at once"* ]]
}

@test "certificates by ACME, of pebble" {
    command -v pebble >/dev/null || skip "needs pebble"
    local gateway=${POOL%.*}.1 acme=$((PORT + 1)) manage=$((PORT + 2)) dns=$((PORT + 3))
    openssl req -x509 -newkey rsa:2048 -nodes -keyout acme.key -out acme.pem -days 2 -subj /CN=acme \
        -addext "subjectAltName=IP:$gateway" 2>openssl.log
    cat >pebble.json <<EOF
{"pebble": {"listenAddress": "0.0.0.0:$acme", "managementListenAddress": "127.0.0.1:$manage",
  "certificate": "acme.pem", "privateKey": "acme.key", "httpPort": $((PORT + 4)), "tlsPort": $PORT}}
EOF
    pebble-challtestsrv -defaultIPv6 '' -defaultIPv4 127.0.0.1 -dns01 "127.0.0.1:$dns" -http01 '' -https01 '' \
        -tlsalpn01 '' -management "127.0.0.1:$((PORT + 5))" >names.log 2>&1 3>&- &
    echo $! >>"$BATS_FILE_TMPDIR/pids"
    PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 pebble -config pebble.json -dnsserver "127.0.0.1:$dns" >pebble.log 2>&1 3>&- &
    echo $! >>"$BATS_FILE_TMPDIR/pids"
    wait_for 60 curl -sfk -o root.pem "https://127.0.0.1:$manage/roots/0"
    project <<EOF
$(service web 'by acme' "publish: 'https://shop.test:$PORT', tls: {acme: 'https://$gateway:$acme/dir', root: ./acme.pem, email: me@shop.test}")
networks: {default: {ipam: {config: [{subnet: ${POOL%.*}.0/24}]}}}
EOF
    wait_for 120 says 'by acme' "https://shop.test:$PORT/"
    grep -q 'Issued certificate serial' pebble.log
}

@test "trust: the host's programs believe the project's authority, until --remove" {
    command -v update-ca-certificates >/dev/null || skip "needs ca-certificates"
    service web trusted "publish: 'https://localhost:$PORT'" | project
    wait_for 60 root_is_made
    wait_for 60 says trusted "https://localhost:$PORT/"
    cp -a /etc/ssl/certs certs
    cat >script <<EOF
set -e
mount -t tmpfs none /usr/local/share/ca-certificates
mount --bind certs /etc/ssl/certs
[ ! -d /etc/ca-certificates/update.d ] || mount -t tmpfs none /etc/ca-certificates/update.d
! curl -sS https://localhost:$PORT/ || exit 1
"$CLOISON" compose trust
[ "\$(curl -sS https://localhost:$PORT/)" = trusted ]
"$CLOISON" compose trust --remove
! curl -sS https://localhost:$PORT/
EOF
    unshare -m bash script # the host's own authorities stay as they are
    rm -r certs
}

@test "hosts, paths, HTTP/2, a cookie for who sticks; what nobody publishes is not found" {
    project <<EOF
$(service web web "publish: ['https://a.test:$PORT', 'https://b.test:$PORT']")
$(service api api "publish: 'https://a.test:$PORT/api'")
$(service deep deep "publish: 'https://a.test:$PORT/api/deep', sticky: true, balance: round_robin")
$(service other other "publish: 'https://c.test:$PORT/only', balance: round_robin")
EOF
    wait_for 60 root_is_made
    wait_for 60 says web "https://a.test:$PORT/"
    wait_for 60 says web "https://b.test:$PORT/any"
    wait_for 60 says web "https://a.test:$PORT/apis"
    wait_for 60 says api "https://a.test:$PORT/api"
    wait_for 60 says api "https://a.test:$PORT/api/x"
    wait_for 60 says deep "https://a.test:$PORT/api/deep/x"
    wait_for 60 says other "https://c.test:$PORT/only"
    curl -sS --http2 --cacert root.pem --resolve "a.test:$PORT:127.0.0.1" -D head "https://a.test:$PORT/api/deep/" >body
    grep -q '^HTTP/2 200' head
    grep -qi '^set-cookie: cloison_lb=' head
    [ -z "$(get "https://c.test:$PORT/")" ] # of no service
}

# Which of the replicas answer N requests: as many lines as there are.
answering() {
    for ((i = 0; i < $1; i++)); do curl -sS --fail --max-time 60 ${2:+-b $2 -c $2} "http://localhost:$PORT/name"; done | sort -u
}
# Each replica notes whose requests come to it. One of them answers none until /shared/go is there: of the others' a new
# request is sent only when the answer has come, so that nothing but the slow one's count of requests differs.
@test "least connections: a slow replica gets fewer requests" {
    mkdir -p shared
    cat >shared/start <<'END'
#!/bin/sh
mkdir -p /www/cgi-bin
mkdir /shared/slow 2>/dev/null && speed=slow || speed=fast
cat >/www/cgi-bin/work <<CGI
#!/bin/sh
echo $speed >>/shared/log
[ $speed = fast ] || until [ -e /shared/go ]; do sleep 0.2; done
printf 'Content-Type: text/plain\n\n%s\n' $speed
CGI
chmod +x /www/cgi-bin/work
exec httpd -f -p 80 -h /www
END
    project <<EOF
  web: {image: busybox, stop_signal: SIGKILL, scale: 2, command: [sh, /shared/start], volumes: ["$PROJECT/shared:/shared"], x-cloison: {publish: 'http://localhost:$PORT'}}
EOF
    both() { [ "$(curl -sS "http://localhost:$PORT/" -o /dev/null -w '%{http_code}')" = 404 ] && [ -e shared/slow ]; }
    wait_for 60 both
    arrived() { [ "$(wc -l <shared/log)" -ge "$1" ]; }
    touch shared/log
    for n in $(seq 30); do
        curl -sS --fail --max-time 120 "http://localhost:$PORT/cgi-bin/work" >>answers 3>&- &
        wait_for 60 arrived "$n"
        [ "$(tail -1 shared/log)" = slow ] || wait $!
    done
    slow=$(grep -c slow shared/log || true)
    echo "of 30 requests $slow to the slow replica"
    [ "$slow" -le 5 ] # by turns it would be 15
    touch shared/go
    wait
    [ "$(sort answers | uniq -c | tr -s ' \n' ' ')" = "$(sort shared/log | uniq -c | tr -s ' \n' ' ')" ]
}

@test "requests go round the replicas; with a cookie they stay" {
    local command="sh -c 'mkdir /www; hostname >/www/name; exec httpd -f -p 80 -h /www'"
    project <<EOF
  web: {image: busybox, stop_signal: SIGKILL, scale: 3, command: "$command", x-cloison: {publish: 'http://localhost:$PORT', balance: round_robin}}
EOF
    all() { [ "$(answering 9 | wc -l)" = 3 ]; }
    wait_for 60 all
    cloison compose down -v -t 1
    project <<EOF
  web: {image: busybox, stop_signal: SIGKILL, scale: 3, command: "$command", x-cloison: {publish: 'http://localhost:$PORT', sticky: true}}
EOF
    first() { answering 1 jar >first && [ -s first ]; }
    wait_for 60 first
    [ -s jar ]
    [ "$(answering 9 jar)" = "$(cat first)" ]
}

@test "a request under way is not dropped when addresses are added" {
    cat >services <<EOF
  slow:
    image: busybox
    stop_signal: SIGKILL
    command:
      - sh
      - -c
      - |
        mkdir -p /www/cgi-bin
        echo ready >/www/index.html
        printf '#!/bin/sh\nprintf "Content-Type: text/plain\\\\r\\\\n\\\\r\\\\nbegin\\\\n"; touch /begun; until [ -e /go ]; do sleep 0.1; done; echo end' >/www/cgi-bin/slow
        chmod +x /www/cgi-bin/slow
        exec httpd -f -p 80 -h /www
    x-cloison: {publish: 'http://localhost:$PORT'}
EOF
    project <services
    begun() { cloison compose exec -T slow test -e /begun; }
    wait_for 60 says ready "http://localhost:$PORT/"
    curl -sS --fail --max-time 300 "http://localhost:$PORT/cgi-bin/slow" >answer 3>&- &
    request=$!
    wait_for 60 begun
    service added added "publish: 'http://localhost:$PORT/added'" >>services
    id=$(cloison inspect --format '{{.Id}}' shop-balancer-1)
    project <services
    wait_for 60 says added "http://localhost:$PORT/added"
    [ "$(cloison inspect --format '{{.Id}}' shop-balancer-1)" = "$id" ] # its configuration alone is new
    cloison compose exec -T slow touch /go
    wait "$request"
    [ "$(cat answer)" = $'begin\nend' ]
}

@test "behind port 443 requests to port 80 are redirected" {
    for port in 80 443; do
        python3 -c "import socket; s = socket.socket(); s.bind(('', $port))" 2>/dev/null || skip "port $port is in use"
    done
    service web web "publish: 'https://shop.test'" | project
    wait_for 60 root_is_made
    wait_for 60 says web https://shop.test/ 443
    [ "$(curl -sS --resolve shop.test:80:127.0.0.1 -o body -w '%{http_code} %{redirect_url}' http://shop.test/a?b)" = \
        '308 https://shop.test/a?b' ]
}

@test "the balancer's image is made of Debian's package" {
    [ -n "${TEST_FULL-}" ] || skip "fetches packages for a minute: TEST_FULL=1"
    [ -z "${NO_MIRROR:-}" ] || skip "no package mirror is reached from here"
    cloison tag cloison/balancer kept
    cloison rmi cloison/balancer
    cat >compose.yaml <<EOF
name: shop
services:
  web: {image: busybox, stop_signal: SIGKILL, command: [sh, -c, 'mkdir /www; echo page >/www/index.html; exec httpd -f -p 80 -h /www'], x-cloison: {publish: 'https://a.test:$PORT'}}
EOF
    run cloison compose up -d
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *"Image cloison/balancer:latest  Made"* ]]
    wait_for 60 root_is_made
    wait_for 60 says page "https://a.test:$PORT/"
    # The second time it is there.
    run cloison compose up -d
    [[ $output != *"Image cloison/balancer"* ]]
    cloison compose down -t 1
    cloison rmi cloison/balancer
    cloison tag kept cloison/balancer
    cloison rmi kept
}
