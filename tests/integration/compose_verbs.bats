#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The verbs of `cloison compose` on what runs, and images that are fetched and sent.
load helper

setup_file() {
    engine_setup busybox
    export PROJECT=$BATS_FILE_TMPDIR/shop
    mkdir -p "$PROJECT/build"
    export LOOP="trap 'exit 7' TERM; while :; do sleep 1 & wait; done"
}
teardown_file() {
    [ ! -s "$BATS_FILE_TMPDIR/pids" ] || while read -r pid; do kill "$pid" 2>/dev/null || true; done <"$BATS_FILE_TMPDIR/pids"
    engine_teardown
}
setup() {
    cd "$PROJECT" || return 1
    cat >compose.yaml <<EOF
name: shop
services:
  web:
    image: busybox
    command: ["sh", "-c", "$LOOP"]
    scale: 2
    ports: ["127.0.0.1::8080", "127.0.0.1::53/udp"]
  job: {image: busybox, command: ["sh", "-c", "$LOOP"]}
EOF
}
teardown() { cloison compose -p shop down -v -t 1 --remove-orphans >/dev/null 2>&1 || true; }

compose() { cloison compose "$@" 2>&1; }

@test "port, top, images, stats, ls, version" {
    compose up -d
    [[ $(compose port web 8080) == 127.0.0.1:* ]]
    [ "$(compose port --index 2 web 8080)" = "$(cloison port shop-web-2 8080/tcp)" ]
    [ "$(compose port --protocol udp web 53)" = "$(cloison port shop-web-1 53/udp)" ]
    run compose port web 9
    [ "$status" != 0 ]
    compose top web >top
    [ "$(grep -c '^shop-web-' top)" = 2 ]
    ! grep -q shop-job top || false
    [ "$(compose images -q | sort -u | wc -l)" = 1 ]
    compose stats --no-stream --format '{{.Name}}' web >stats
    [ "$(sort stats | tr '\n' ' ')" = 'shop-web-1 shop-web-2 ' ]
    [ "$(compose ls --format json | jq -c)" = '[{"Name":"shop","Status":"running(3)","ConfigFiles":"'"$PROJECT/compose.yaml"'"}]' ]
    [ "$(compose ls -q --filter name='^sh.p$' --filter name=none)" = shop ]
    [ "$(compose ls --format json --filter name=other)" = '[]' ]
    [ "$(compose images --format json | jq -r '[.[].ContainerName] | join(" ")')" = 'shop-job-1 shop-web-1 shop-web-2' ]
    compose stop
    [ "$(compose ls -q)" = '' ]
    [ "$(compose ls -aq)" = shop ]
    [[ $(compose version --short) =~ ^[0-9]+\.[0-9]+ ]]
    [ "$(compose version --format json | jq -r .version)" = "$(compose version --short)" ]
}

@test "cp to and from a service; attach; wait; events" {
    since=$(date +%s.%N)
    compose up -d
    echo text >file
    compose cp file web:/tmp/file
    compose cp --index 2 web:/etc/hostname out
    [ "$(compose exec -T web cat /tmp/file)" = text ]
    [ "$(cat out)" = "$(compose exec -T --index 2 web hostname)" ]
    run compose cp file none:/tmp
    [[ $output == *"no service 'none'"* ]]
    "$CLOISON" compose attach --no-stdin job >attached 2>&1 3>&- &
    attached=$!
    "$CLOISON" compose wait job >waited 2>&1 3>&- &
    waiting=$!
    compose stop job
    status=0
    wait "$attached" || status=$?
    [ "$status" = 7 ]
    status=0
    wait "$waiting" || status=$?
    [ "$status" = 7 ]
    until=$(($(date +%s) + 1))
    events() { compose events --since "$since" --until "$until" "$@"; }
    events --json >events
    [ "$(jq -r 'select(.action == "die").attributes.name' events)" = shop-job-1 ]
    [ "$(jq -r 'select(.action == "start").service' events | sort | uniq -c | tr -s ' \n' ' ')" = ' 1 job 2 web ' ]
    jq -es 'all(.type == "container" and (.id | length) == 64 and (.time | length) > 20) and ([.[].attributes | keys[] | select(startswith("com.docker.compose"))] == [])' events
    [ "$(events --json job web)" = "$(cat events)" ]
    [ "$(events --json job | jq -r .service | sort -u)" = job ]
    events web | grep -Eq '^[0-9-]{10} [0-9:]{8}\.[0-9]{6} container start [0-9a-f]{64} \(.*name=shop-web-2'
    run events none
    [[ $output == *"no service 'none'"* ]]
}

@test "commit, export, volumes, start --wait, restart with its dependents, --progress" {
    cat >compose.yaml <<EOF
name: shop
services:
  db:
    image: busybox
    command: ["sh", "-c", "touch /ok; $LOOP"]
    healthcheck: {test: [CMD, test, -e, /ok], interval: 200ms}
    volumes: [data:/data]
  web: {image: busybox, command: ["sh", "-c", "$LOOP"], volumes: [www:/www], depends_on: {db: {condition: service_started, restart: true}}}
  free: {image: busybox, command: ["sh", "-c", "$LOOP"]}
volumes: {data: , www: , more: {name: other}}
EOF
    cloison compose --progress json create 2>lines
    jq -es '[.[] | select(.id == "Container shop-db-1")] == [{"id": "Container shop-db-1", "status": "Done", "text": "Created"}]' lines
    [ "$(compose --progress quiet start --wait)" = '' ]
    [ "$(cloison inspect --format '{{.State.Health.Status}}' shop-db-1)" = healthy ]
    run compose --progress loud stop
    [ "$status" = 125 ]
    [[ $output == *"--progress: 'loud' is none of"* ]]
    [ "$(compose volumes -q | tr '\n' ' ')" = 'shop_data shop_www ' ]
    [ "$(compose volumes -q db)" = shop_data ]
    [ "$(compose volumes -q db web | wc -l)" = 2 ]
    compose exec -T db touch /written
    compose commit -m comment db shop-written:1
    cloison run --rm --network none shop-written:1 test -e /written
    cloison rmi shop-written:1
    compose export -o db.tar db
    tar tf db.tar | grep -qx written
    started() { cloison inspect --format '{{.State.StartedAt}}' shop-db-1 shop-web-1 shop-free-1; }
    before=$(started)
    compose restart --no-deps db
    [ "$(started | sed -n 2,3p)" = "$(sed -n 2,3p <<<"$before")" ]
    compose restart db
    [ "$(started | sed -n 2p)" != "$(sed -n 2p <<<"$before")" ]
    [ "$(started | sed -n 3p)" = "$(sed -n 3p <<<"$before")" ]
    ids=$(cloison inspect --format '{{.Id}}' shop-db-1 shop-web-1)
    compose up -d --always-recreate-deps web
    [ "$(cloison inspect --format '{{.Id}}' shop-web-1)" = "$(sed -n 2p <<<"$ids")" ]
    [ "$(cloison inspect --format '{{.Id}}' shop-db-1)" != "$(sed -n 1p <<<"$ids")" ]
}

@test "up: whose logs, and the end with the first failure; run builds, quietly, with a file's environment" {
    cat >compose.yaml <<EOF
name: shop
services:
  db: {image: busybox, command: ["sh", "-c", "echo of-db; $LOOP"]}
  good: {image: busybox, command: ["sh", "-c", "echo of-good"], depends_on: [db]}
  bad: {image: busybox, command: ["sh", "-c", "echo of-bad; sleep 1; exit 6"], depends_on: [good]}
  built: {build: {context: build, dockerfile_inline: "FROM busybox\nCMD env"}}
EOF
    run cloison compose up --abort-on-container-failure bad
    [ "$status" = 6 ]
    [[ $output == *of-bad* && $output != *of-db* && $output != *of-good* ]]
    [ -z "$(cloison ps -q)" ]
    run cloison compose up --abort-on-container-failure --attach-dependencies --no-attach good bad
    [ "$status" = 6 ]
    [[ $output == *of-bad* && $output == *of-db* && $output != *of-good* ]]
    run cloison compose up --attach nobody bad
    [ "$status" = 1 ]
    [[ $output == *"no service 'nobody'"* ]]
    echo 'FROM_FILE=yes' >variables
    cloison rmi shop-built 2>/dev/null || true
    cloison compose run --rm --quiet-build --env-from-file variables built 2>/dev/null >out
    grep -qx FROM_FILE=yes out
    [ "$(cloison compose run --rm -q built 2>/dev/null)" = '' ]
    [ "$(echo typed | cloison compose run --rm built cat 2>/dev/null)" = typed ]
    [ "$(echo typed | cloison compose run --rm --interactive=false built cat 2>/dev/null)" = '' ]
    cloison rmi shop-built
}

@test "pull and push, by a registry; pull_policy" {
    command -v docker-registry >/dev/null || skip "needs docker-registry"
    port=$(free_port)
    cat >registry.yml <<EOF
version: 0.1
storage: {filesystem: {rootdirectory: $PROJECT/registry}}
http: {addr: "127.0.0.1:$port"}
EOF
    docker-registry serve registry.yml >registry.log 2>&1 3>&- &
    echo $! >>"$BATS_FILE_TMPDIR/pids"
    wait_for 30 curl -sf "http://127.0.0.1:$port/v2/"
    printf 'FROM busybox\nCOPY page /page\nCMD ["cat", "/page"]\n' >build/Dockerfile
    echo one >build/page
    image=127.0.0.1:$port/app:1
    printf 'name: shop\nservices:\n  app: {build: build, image: "%s"}\n' "$image" >built.yaml
    printf 'name: shop\nservices:\n  app: {image: "%s", pull_policy: %s}\n' "$image" every_1h >compose.yaml
    cloison compose -f built.yaml build -q
    cloison compose -f built.yaml push -q
    cloison rmi "$image"
    compose pull -q
    [ "$(cloison run --rm "$image")" = one ]
    said() { [ "$(compose logs --no-log-prefix --tail 1 app)" = "$1" ]; }
    compose up -d # the first time it asks
    wait_for 30 said one
    newer() {
        echo "$1" >build/page
        cloison compose -f built.yaml build -q
        cloison compose -f built.yaml push -q
        cloison tag "$2" "$image" # here there is the old one
    }
    old=$(cloison inspect --format '{{.Image}}' shop-app-1)
    newer two "$old"
    compose up -d # within the hour
    wait_for 30 said one
    touch -d '2 hours ago' "$CLOISON_DATA_ROOT"/compose-pulls/*
    compose up -d
    wait_for 30 said two
    sed -i 's/every_1h/every_/' compose.yaml
    run compose up -d
    [ "$status" = 1 ]
    [[ $output == *"compose.yaml:3:"*"pull_policy is 'every_', which is none of: always"* ]]
    sed -i 's/every_/never/; s/app:1/app:none/' compose.yaml
    run compose up -d
    [ "$status" = 1 ]
    [[ $output == *"app:none"* ]]
}

@test "links: another name of a service, for who links it" {
    cat >compose.yaml <<EOF
name: shop
services:
  db: {image: busybox, command: ["sh", "-c", "$LOOP"]}
  web: {image: busybox, command: ["sh", "-c", "$LOOP"], links: ["db:database", db]}
EOF
    compose up -d
    compose exec -T web ping -c 1 -W 5 database
    compose exec -T web ping -c 1 -W 5 db
    sed -i 's/db:database/db:store/' compose.yaml
    compose up -d
    compose exec -T web ping -c 1 -W 5 store
}

@test "of ten services one has an image that does not exist: said which, the others are untouched" {
    {
        printf 'name: shop\nservices:\n'
        for i in 1 2 3 4 5 6 7 8 9; do printf '  s%s: {image: busybox, command: [sleep, "600"], stop_signal: SIGKILL}\n' $i; done
    } >compose.yaml
    compose up -d s1
    before=$(cloison inspect --format '{{.Id}}' shop-s1-1)
    echo '  s10: {image: "127.0.0.1:1/none:1"}' >>compose.yaml
    run compose up -d
    [ "$status" = 1 ]
    [[ $output == *"127.0.0.1:1/none:1"* ]]
    [ "$(cloison ps -a --format '{{.Names}}')" = shop-s1-1 ]
    [ "$(cloison inspect --format '{{.Id}}' shop-s1-1)" = "$before" ]
}

@test "Ctrl-C while up waits; the next up goes on" {
    cat >compose.yaml <<EOF
name: shop
services:
  slow: {image: busybox, command: ["sh", "-c", "$LOOP"], healthcheck: {test: [CMD, test, -e, /well], interval: 200ms, retries: 10000}}
  after: {image: busybox, command: ["sh", "-c", "$LOOP"], depends_on: {slow: {condition: service_healthy}}}
EOF
    python3 -c 'import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])' \
        "$CLOISON" compose up -d >log 2>&1 3>&- &
    up=$!
    runs() { [ "$(cloison inspect --format '{{.State.Status}}' "$1" 2>&1)" = running ]; }
    wait_for 30 runs shop-slow-1
    kill -INT "$up"
    status=0
    wait "$up" || status=$?
    [ "$status" = 130 ]
    [ "$(cloison ps -a --format '{{.Names}}')" = shop-slow-1 ]
    compose exec -T slow touch /well
    compose up -d
    runs shop-after-1
}

@test "an update that fails stops at the first replica, or goes on to the others: failure_action" {
    replicas() { # HEALTH-TEST FAILURE-ACTION
        cat >compose.yaml <<EOF
name: shop
services:
  web:
    image: busybox
    command: ["sh", "-c", "$LOOP"]
    healthcheck: {test: [CMD, '$1'], interval: 200ms, retries: 1}
    deploy: {replicas: 3, update_config: {order: start-first, parallelism: 1, failure_action: $2}}
EOF
    }
    replicas 'true' pause
    compose up -d
    before=$(cloison ps -q --no-trunc | sort)
    replicas 'false' pause
    run compose up -d
    [ "$status" = 1 ]
    [ "$(grep -c 'is rolled back, the old one serves on' <<<"$output")" = 1 ]
    replicas 'false' continue
    run compose up -d
    [ "$status" = 1 ]
    [ "$(grep -c 'is rolled back, the old one serves on' <<<"$output")" = 3 ]
    [ "$(cloison ps -q --no-trunc | sort)" = "$before" ]
}

# Three replicas; of the new ones the first gets ready, the second does not.
half_good() { # COMMAND ORDER MORE-OF-UPDATE-CONFIG
    mkdir -p shared
    cat >compose.yaml <<END
name: shop
services:
  web:
    image: busybox
    command: ["sh", "-c", "$1; $LOOP"]
    healthcheck: {test: [CMD, test, -e, /ok], interval: 200ms, retries: 10, start_period: 2s}
    volumes: ["$PROJECT/shared:/shared"]
    deploy:
      replicas: 3
      update_config: {parallelism: 1, order: $2, $3}
      rollback_config: {parallelism: 0, order: $2, monitor: 100ms}
END
}
ids() { cloison ps --no-trunc --format '{{.Names}} {{.ID}}' | sort; }

@test "failure_action: rollback brings the old ones back, of those that were updated already, too" {
    for order in start-first stop-first; do
        half_good 'touch /ok' $order 'failure_action: rollback'
        compose up -d
        before=$(ids)
        rm -rf shared/first
        half_good 'mkdir /shared/first && touch /ok' $order 'failure_action: rollback'
        run compose up -d --scale web=4
        [ "$status" = 1 ]
        echo "$output"
        [[ $output == *"Container shop-web-1  Updated"* || $output == *"Container shop-web-1  Recreated"* ]]
        [[ $output == *"Container shop-web-1  Rolled back"* ]]
        [[ $output == *"'shop-web-2' is rolled back, the old one serves "*"'shop-web-2' is unhealthy"* || $output == *"'shop-web-2.next' is unhealthy"* ]]
        [ "$(ids)" = "$before" ]
        [ "$(cloison ps -aq | wc -l)" = 3 ]
        half_good 'touch /ok; : good' $order 'failure_action: rollback'
        compose up -d --scale web=4
        [ "$(cloison ps -q | wc -l)" = 4 ]
        [ "$(cloison ps -aq | wc -l)" = 4 ]
        compose down -t 1
    done
}

@test "monitor: a replica that ends while it is watched gives its place back" {
    for order in start-first stop-first; do
        half_good 'touch /ok' $order 'monitor: 10m'
        sed -i 's/replicas: 3/replicas: 1/' compose.yaml
        compose up -d
        before=$(ids)
        half_good 'touch /ok; while [ ! -e /shared/end ]; do sleep 0.2; done; exit 9' $order 'monitor: 10m'
        sed -i 's/replicas: 3/replicas: 1/' compose.yaml
        rm -f shared/end
        "$CLOISON" compose up -d >log 2>&1 3>&- &
        up=$!
        replaced() { [[ $(cloison inspect --format '{{.State.Health.Status}}' shop-web-1 2>&1) = healthy && $(cloison inspect --format '{{.Id}}' shop-web-1) != "${before#* }" ]]; }
        wait_for 60 replaced # ready, and its name is the old one's: the watching begins
        touch shared/end
        status=0
        wait "$up" || status=$?
        [ "$status" = 1 ]
        grep -q "'shop-web-1' is rolled back, the old one serves .*exit code 9" log
        [ "$(ids)" = "$before" ]
        [ "$(cloison ps -aq | wc -l)" = 1 ]
        compose down -t 1
    done
}

@test "an up that has ended leaves no mark; behind one that has not, fresh containers are looked at twice" {
    local mark=$CLOISON_RUN_ROOT/compose-locks/fresh
    cat >compose.yaml <<'EOF'
services:
  one: {image: busybox, command: [sleep, '1000']}
EOF
    cloison compose -p fresh up -d
    [ ! -s "$mark" ]
    run cloison compose -p fresh up -d
    [[ $output == *"fresh-one-1  Running"* ]]
    sed -i 's/sleep/nosuchprogram/' compose.yaml
    run cloison compose -p fresh up -d
    [ "$status" -ne 0 ]
    [ -s "$mark" ]
    sed -i 's/nosuchprogram/sleep/' compose.yaml
    cloison compose -p fresh up -d
    [ ! -s "$mark" ]
    cloison compose -p fresh down -t 0
}
