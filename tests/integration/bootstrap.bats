#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison bootstrap`: images from the distribution's packages.
load helper

setup_file() {
    engine_setup
    apt-get update -q -o Dir::State::lists="$BATS_FILE_TMPDIR" -o Debug::NoLocking=1 >/dev/null 2>&1 &&
        [ -n "$(find "$BATS_FILE_TMPDIR" -name '*_InRelease')" ] || export NO_MIRROR=1
}
teardown_file() { engine_teardown; }
setup() { [ -z "${NO_MIRROR:-}" ] || skip "no package mirror is reached from here"; }

@test "a base image has apt, a shell as its command, and the packages' users" {
    cloison bootstrap -q base
    run cloison run --rm --network none base bash -c 'apt-get --version | head -1; id www-data; ls /var/lib/apt/lists'
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == "apt "* ]]
    [[ ${lines[1]} == "uid=33(www-data)"* ]]
    [ "${#lines[@]}" = 2 ]
    [ "$(cloison inspect --format '{{json .Config.Cmd}}' base)" = '["bash"]' ]
}

@test "packages, command, port and environment are the image's" {
    cloison bootstrap -q web --include nginx-light --cmd '["nginx","-g","daemon off;"]' --expose 80 -e A=b
    [ "$(cloison inspect --format '{{json .Config.Cmd}} {{json .Config.Env}}' web)" != "" ]
    local port
    port=$(free_port)
    cloison run -d --name web -p "$port:80" web
    wait_for 10 curl -sSf -o /dev/null "http://127.0.0.1:$port/"
    run curl -sS "http://127.0.0.1:$port/"
    [[ $output == *nginx* ]]
    cloison rm -f web
    run -127 cloison run --rm --network none web apt-get --version
}

@test "an unknown package, release or variant is one line, and leaves no image" {
    local before
    before=$(cloison images -aq)
    run --separate-stderr cloison bootstrap -q bad --include no-such-package-anywhere
    [ "$status" -ne 0 ]
    [ "$(printf '%s\n' "$stderr" | wc -l)" = 1 ]
    [[ $stderr == cloison:*no-such-package-anywhere* ]]
    run --separate-stderr cloison bootstrap -q bad --variant tiny
    [ "$status" -ne 0 ]
    [[ $stderr == cloison:*"unknown variant 'tiny'"* ]]
    run --separate-stderr cloison bootstrap -q bad --suite nosuchsuite
    [ "$status" -ne 0 ]
    [ "$(printf '%s\n' "$stderr" | wc -l)" = 1 ]
    [ "$(cloison images -aq)" = "$before" ]
}
