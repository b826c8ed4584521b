#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison compose kubernetes`: its manifests as kubectl reads them, on this side alone.
load helper

setup_file() {
    engine_setup
    cd "$BATS_FILE_TMPDIR" || return 1
    cat >compose.yaml <<'EOF'
name: shop
services:
  db:
    image: postgres:15
    volumes: [data:/var/lib/postgresql/data]
    secrets: [pw]
    healthcheck: {test: [CMD, pg_isready], interval: 5s}
    deploy: {resources: {limits: {memory: 256m, cpus: "0.5"}, reservations: {memory: 64m}}}
  web:
    image: shop/web:1
    depends_on: [db]
    environment: {A: "1"}
    configs: [{source: conf, target: /etc/conf}]
    ports: ["8080:80"]
    user: "1000"
    cap_drop: [ALL]
    read_only: true
    deploy: {replicas: 3}
    x-cloison: {wall: vm, publish: "https://shop.example/api"}
volumes: {data: }
secrets: {pw: {environment: PW}}
configs: {conf: {content: "a=1"}}
EOF
    export PW=hush
    cloison compose kubernetes >manifests.yaml
}
teardown_file() { engine_teardown; }
setup() { cd "$BATS_FILE_TMPDIR" || return 1; }

@test "what the file asks for has its kinds, and the wall its runtime class" {
    [ "$(grep '^kind:' manifests.yaml | sort | uniq -c | awk '{ print $3 $1 }' | tr '\n' ' ')" = \
        'ConfigMap1 Deployment2 Ingress1 PersistentVolumeClaim1 Secret1 Service1 ' ]
    [ "$(grep -c 'runtimeClassName:' manifests.yaml)" = 1 ]
    grep -q 'secretName: .*tls' manifests.yaml
}

@test "kubectl --dry-run=client takes them: each field is of its kind, and none is unknown" {
    command -v kubectl >/dev/null || skip "needs kubectl"
    kubectl label --local --dry-run=client -f manifests.yaml -o json seen=yes >seen.json
    [ "$(jq -r .kind seen.json | sort | uniq -c | awk '{ print $2 $1 }' | tr '\n' ' ')" = \
        'ConfigMap1 Deployment2 Ingress1 PersistentVolumeClaim1 Secret1 Service1 ' ]
    jq 'select(.kind == "Deployment")' seen.json >deployments.json
    # Read into kubectl's own types and written again: what they do not know would be gone (and what is nought).
    kubectl set image --local --dry-run=client -f deployments.json -o json '*=other' >typed.json
    leaves() { jq -c 'paths(scalars and . != 0 and . != false and . != "")' "$1" | sort; }
    [ -s typed.json ]
    [ "$(comm -23 <(leaves deployments.json) <(leaves typed.json))" = '' ]
    jq 'select(.metadata.name == "web") | .spec.replicas = "three"' deployments.json >wrong.json
    run kubectl set image --local --dry-run=client -f wrong.json -o json '*=other'
    [ "$status" != 0 ] # it does look
}
