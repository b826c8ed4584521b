#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The course's own Dockerfile, as it stands: `ubuntu` is a Debian base that a registry serves under
# that name; apt runs in the build, with the archive's network.
load helper

setup_file() {
    engine_setup
    cd "$BATS_FILE_TMPDIR" || return 1
    local address
    address=127.0.0.1:$(free_port)
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nlog: {level: error}\nhttp:\n  addr: "%s"\n' \
        "$PWD/store" "$address" >registry.yml
    docker-registry serve registry.yml >registry.log 2>&1 3>&- &
    echo $! >>pids
    wait_for 10 bash -c "exec 9<>/dev/tcp/${address/://}" >&2 || return 1
    cloison bootstrap -q "$address/library/ubuntu:latest"
    cloison push -q "$address/library/ubuntu:latest"
    cloison rmi -f "$address/library/ubuntu:latest" >/dev/null
    jq --arg m "http://$address" '. + {registries: {"docker.io": {mirrors: [$m]}}}' "$CLOISON_CONFIG" >config.new
    mv config.new "$CLOISON_CONFIG"
}

teardown_file() {
    registries_stop
    engine_teardown
}

@test "FROM ubuntu, WORKDIR, apt install python3, CMD: built and run" {
    mkdir ctx && cd ctx
    cat >Dockerfile <<'END'
FROM ubuntu
# where the course works
WORKDIR /app
RUN apt update && apt install -y python3
CMD ["sh","-c","echo Hello World"]
END
    cloison build -t myimage .
    [ "$(cloison run --rm --network none myimage)" = "Hello World" ]
    [ "$(cloison run --rm --network none myimage python3 -c 'import os; print(6 * 7, os.getcwd())')" = "42 /app" ]
    run cloison build -t myimage .
    [ "$(grep -c CACHED <<<"$output")" = 2 ]
    cloison system check --quick
}
