#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison compare`, natively and behind the container wall; the vm wall's part is tests/vm/compare.bats. No
# figure is judged here, only that it was measured, how it is told, and that nothing is left behind.

load helper

setup_file() { engine_setup busybox; }
setup() { cd "$BATS_TEST_TMPDIR" || exit 1; }
teardown() { nothing_left; }
teardown_file() { engine_teardown; }

compare() { timeout --kill-after=5 100 "$CLOISON" compare --walls none,container --probe-time 2ms --counts 1,2,3 "$@"; }

# Neither images nor containers nor folders of a comparison; processes: engine_teardown.
nothing_left() {
    [ "$(cloison images -q | wc -l)" = 1 ]
    [ -z "$(cloison ps -aq)" ]
    [ -z "$(ls -A "$CLOISON_DATA_ROOT/compare" | grep -v '^last.json$')" ]
}

@test "all criteria behind both walls, each with unit, n, spread, verdict and command" {
    run compare --repeat 6 --json c.json --html c.html busybox -- sh -c 'exit 0'
    echo "$output"
    [ "$status" = 0 ]
    jq -e '
        .schema == "cloison-compare-1" and .interrupted == false and .failures == []
        and .image.name == "busybox" and .command == ["sh", "-c", "exit 0"]
        and ([.criteria[].name] | contains(["start", "start-cold", "loop", "syscall", "context-switch",
             "memory-bandwidth", "page-fault", "fork-exec", "metadata", "disk-write", "disk-write-sync", "disk-read",
             "disk-random-write", "disk-random-sync", "disk-random-read", "net-throughput", "net-latency",
             "own-time", "own-cpu", "own-peak"]))
        and ([.criteria[] | .unit != "" and (.better | IN("lower", "higher"))
              and (.walls | keys == ["container", "none"])] | all)
        and ([.criteria[].walls[] | .n == 6 and (.values | length) == 6 and .low <= .median and .median <= .high
              and .command != "" and (.verdict | IN("sure", "too noisy")) and .confidence > 0.95] | all)
        and ([.criteria[].walls.container.ratio | .n == 6 and .low <= .median and .median <= .high] | all)
        and ([.criteria[].walls.none | has("ratio") | not] | all)' c.json
    python3 "$BATS_TEST_DIRNAME/page_check.py" c.html
    grep -q 'Start to first instruction, cold' c.html
    cmp c.json "$CLOISON_DATA_ROOT/compare/last.json"
    [[ $output == *'Start to first instruction, warm'*' x'* ]]
    [[ $output == *'cloison run --rm busybox sh -c '\''exit 0'\'* ]]
}

@test "memory of one, two and three, with a line through them; the wall's facts" {
    run compare --repeat 1 --json c.json busybox
    echo "$output"
    [ "$status" = 0 ]
    jq -e '[.memory[] | (.points | map(.count)) == [1, 2, 3] and .points[2].bytes > .points[0].bytes
            and .bytesEach > 0 and (.bytesEachError | type) == "number" and .fits > 0 and .command != ""] | all' c.json
    jq -e '.memory.container.diskBytesEach > 0 and .memory.none.diskBytesEach == 0' c.json
    jq -e '.facts.container.seccomp == "2" and .facts.container.boot == .host.boot
           and .facts.container["disks-opened"] == "0"' c.json
    [ "$(jq -r .facts.none.seccomp c.json)" = "$(awk '/^Seccomp:/ { print $2 }' /proc/self/status)" ]
    jq -e '[.isolation.container[] | select(.name == "system calls" and .kind == "limited")] | length == 1' c.json
    [[ $output == *' calls allowed'* ]]
    [[ $output == *'namespaces and more, shared'*'kernel, '* ]]
    [[ $output == *'too few'* ]] # one value has no spread
    jq -e '[.criteria[] | select(.name | startswith("own")) ] == []' c.json # nothing that was not measured
}

@test "a workload that fails behind one wall only: the rest is kept, the failure told" {
    # The first process of a PID namespace is process 1.
    run --separate-stderr compare --repeat 2 --json c.json busybox -- sh -c '[ $$ != 1 ] || { echo oh no >&2; exit 3; }'
    echo "$output"
    [ "$status" = 1 ]
    [[ $output == *'container, your command (2x): exit status 3: oh no'* ]]
    jq -e '(.criteria[] | select(.name == "own-time").walls | keys) == ["none"]
           and (.criteria[] | select(.name == "start").walls.container.n) == 2
           and .failures == [{"wall": "container", "what": "your command", "why": "exit status 3: oh no", "times": 2}]' c.json
}

@test "until ready: a line, a port; never" {
    run compare --repeat 2 --ready-log 'in here' --json log.json busybox -- sh -c 'echo hello; echo we are in here now; sleep 1000'
    echo "$output"
    [ "$status" = 0 ]
    jq -e '[.criteria[] | select(.name | startswith("ready")).walls | .none.n == 2 and .container.n == 2] == [true, true]' log.json
    port=$(free_port)
    run compare --repeat 1 --ready-port "$port" --json port.json busybox -- httpd -f -p "$port"
    echo "$output"
    [ "$status" = 0 ]
    jq -e '(.criteria[] | select(.name == "ready").walls | .none.n == 1 and .container.n == 1)
           and (.memory.container.command | contains("httpd")) and (.memory.none.points | length) == 1' port.json
    run compare --walls container --repeat 1 --timeout 5s --ready-port "$port" --json never.json busybox -- sleep 1000
    echo "$output"
    [ "$status" = 1 ]
    jq -e '[.failures[].why | contains("not ready before --timeout")] | any' never.json
}

@test "a wall that cannot be is left out, and why is told" {
    # On a host without a kernel under /boot there is no machine.
    run unshare -m sh -c 'mount -t tmpfs none /boot && exec timeout --kill-after=5 100 "$0" "$@"' "$CLOISON" compare \
        --walls container,vm --repeat 1 --counts 1 --probe-time 1ms --json c.json busybox
    echo "$output"
    [ "$status" = 1 ]
    jq -e '.walls.vm.failed and (.walls.container | has("failed") | not) and (.criteria[].walls | keys) == ["container"]
           and (.failures | length) == 1 and .failures[0].wall == "vm" and (.failures[0].why | contains("no kernel"))' c.json
}

@test "interrupted: what there was is kept, and marked" {
    timeout --kill-after=5 100 "$CLOISON" compare --walls container,none --probe-time 2ms --json c.json busybox \
        -- sleep 10077 >out 2>&1 3>&- &
    timeout=$!
    wait_for 60 pgrep -fx 'sleep 10077'
    kill -TERM "$(pgrep -P "$timeout")"
    status=0
    wait "$timeout" || status=$?
    cat out
    [ "$status" = 143 ]
    jq -e '.interrupted and ([.criteria[] | select(.name == "start").walls[].n] == [1, 1])' c.json
    grep -q '^INTERRUPTED' out
}

@test "killed: the next one removes what it left" {
    timeout --kill-after=5 100 "$CLOISON" compare --walls container --probe-time 1ms busybox \
        -- sh -c 'trap exit TERM; sleep 10078 & wait' >out 2>&1 3>&- &
    timeout=$!
    wait_for 60 pgrep -fx 'sleep 10078'
    kill -KILL "$(pgrep -P "$timeout")"
    wait "$timeout" || true
    [ "$(cloison images -q | wc -l)" = 2 ]
    # Those that watched see that it is gone, and end what ran.
    wait_for 60 sh -c '! pgrep -fx "sleep 10078" && flock -n "$CLOISON_DATA_ROOT"/compare/tmp-* true'
    timeout --kill-after=5 100 "$CLOISON" compare --walls none --repeat 1 --counts 1 --probe-time 1ms busybox
}

@test "options of run reach the walls, and the table fits 80 columns" {
    cd "$BATS_TEST_TMPDIR"
    run timeout --kill-after=5 100 "$CLOISON" compare --walls none,container --repeat 1 --counts 1 --probe-time 1ms \
        --run-option=--memory=77m --run-option=-e --run-option=A=b --json c.json busybox -- sh -c \
        '[ -z "${A-}" ] || cat /proc/1/mountinfo >/dev/null; echo "${A-}"'
    echo "$output"
    [ "$status" = 0 ]
    jq -e '.settings.runOptions == ["--memory=77m", "-e", "A=b"]' c.json
    [[ $output == *'cloison run --rm --memory=77m -e A=b '* ]]
    # Down to the commands, which are as long as they are.
    sed '1,/^$/d; /^Commands:/,$d' <<<"$output" | tr -d "\302" | awk 'length > 80 { print "too wide: " $0; bad = 1 } END { exit bad }'
}

@test "what cannot be compared is one line that says why" {
    for bad in '--walls container,jail busybox' '--walls , busybox' '--repeat 0 busybox' '--repeat x busybox' \
        '--counts 2,1 busybox' '--counts 0 busybox' '--ready-port 70000 busybox' '--ready-log= busybox' \
        '--ready-port 80 --ready-log x busybox' '--co2 50 busybox' '--co2-source rte busybox' '--timeout 0 busybox' \
        '--run-option 256m busybox' '--run-option=--wall=vm busybox' '--json /nowhere/c.json busybox' '--html / busybox' ''; do
        # shellcheck disable=SC2086 # a list of words
        run --separate-stderr cloison compare $bad
        echo "$bad: $status $stderr"
        [ "$status" = 125 ]
        [ -z "$output" ]
        output=$stderr one_line
    done
    run cloison compare --co2 50 --co2-source rte busybox
    [ "$status" = 125 ]
    [[ $output == *'give one after --'* ]]
    if ! ls /sys/class/powercap/intel-rapl:0/energy_uj; then
        run cloison compare --co2 50 --co2-source rte busybox -- true
        [ "$status" = 1 ]
        [[ $output == *"needs the processors' energy counters"* ]]
    fi
    run cloison compare no.such.registry.invalid/image
    echo "$output"
    [ "$status" = 1 ]
    [[ ${lines[-1]} == cloison:* ]]
    run compare --repeat 1 --json c.json busybox -- /bin/nothing
    echo "$output"
    [ "$status" = 1 ]
    jq -e '[.failures[] | select(.what == "your command").wall] | sort == ["container", "none"]' c.json
}
