#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The unit that brings containers back with the machine: over a reboot in order, and over one like a power failure.
#   tests/testbed/suite tests/machine/boot.bats -- --init systemd --reboot
# The whole file runs anew after each boot: the set-up knows by $STAGE how far it is, and the tests run at last.
load ../integration/helper

setup_file() {
    [ -n "${TESTBED_REBOOT:-}" ] || skip "needs a machine that may be rebooted"
    export CLOISON=/usr/local/bin/cloison
    export STAGE=/var/lib/cloison/test-stage
    case $(cat "$STAGE" 2>/dev/null) in
    '') before_reboot && stage reboot && systemctl reboot ;;
    reboot) unit_is_done && tell_all reboot && stage failure && echo b >/proc/sysrq-trigger ;;
    failure) unit_is_done && tell_all failure && return 0 ;;
    esac && sleep 100
    return 1
}

before_reboot() {
    # Installed, not linked to: the unit may start before the tree is mounted.
    mkdir -p /usr/local/libexec/cloison
    cp "$BUILD/cloison" /usr/local/bin/
    find "$BUILD" -maxdepth 1 -type f -perm -u+x -name 'cloison-*' -exec cp {} /usr/local/libexec/cloison/ \;
    cp "$BUILD/docs/cloison.service" /etc/systemd/system/
    systemctl enable --now cloison.service
    cloison run -d --name always --restart always -p 8080:80 -v kept:/v busybox sh -c '
        trap "echo ended >>/v/log; exit 0" TERM; echo began >>/v/log
        httpd -f -p 80 -h /v & while :; do sleep 1; done'
    cloison run -d --name unless --restart unless-stopped --memory 64m busybox sleep 10000
    cloison run -d --name always-stopped --restart always busybox sleep 10000
    cloison run -d --name unless-stopped --restart unless-stopped busybox sleep 10000
    cloison run -d --name plain busybox sleep 10000
    cloison stop -t 0 always-stopped unless-stopped
}
stage() { echo "$1" >"$STAGE" && sync; }
unit_is_done() {
    wait_for 90 systemctl is-active cloison.service && return
    journalctl -b -u cloison.service --no-pager
    return 1
}
tell_all() { # what the tests look at, since the next boot changes it
    cloison ps --format '{{.Names}}' | sort >"$STAGE.ps-$1"
    cp "$(cloison inspect --format '{{(index .Mounts 0).Source}}' always)/log" "$STAGE.log-$1"
    curl -sS -m 5 http://127.0.0.1:8080/log >"$STAGE.http-$1" || true
}

@test "after a reboot: those run whose policy says so, and no other" {
    [ "$(tr '\n' ' ' <"$STAGE.ps-reboot")" = "always always-stopped unless " ]
}

@test "a reboot ends containers in order, before the machine goes" {
    [ "$(tr '\n' ' ' <"$STAGE.log-reboot")" = "began ended began " ]
}

@test "after a reboot: a published port leads in again" {
    [[ $(cat "$STAGE.http-reboot") == began* ]]
}

@test "after a power failure: the same, though nobody wrote an end" {
    [ "$(tr '\n' ' ' <"$STAGE.ps-failure")" = "always always-stopped unless " ]
    [ "$(tr '\n' ' ' <"$STAGE.log-failure")" = "began ended began began " ]
    [[ $(cat "$STAGE.http-failure") == began* ]]
}

@test "limits are there again" {
    [ "$(cat "/sys/fs/cgroup$(cut -d: -f3 "/proc/$(cloison inspect --format '{{.State.Pid}}' unless)/cgroup")/memory.max")" = 67108864 ]
}

@test "stopping the unit stops containers, starting it brings them back" {
    systemctl stop cloison.service
    [ -z "$(cloison ps -q)" ]
    systemctl start cloison.service
    [ "$(cloison ps --format '{{.Names}}' | sort | tr '\n' ' ')" = "always always-stopped unless " ]
    systemctl stop cloison.service
}
