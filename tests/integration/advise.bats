#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison advise`: answers, the installed rules and a comparison. What follows from what is in the unit tests.

load helper

setup_file() { engine_setup busybox; }
setup() { cd "$BATS_TEST_TMPDIR" || exit 1; }
teardown_file() { engine_teardown; }

# A comparison of both walls, seven values each; the arguments are a filter for jq.
comparison() {
    jq -n '{schema: "cloison-compare-1", created: "2026-01-02T03:04:05Z", interrupted: false, failures: [], host: {boot: "b"},
        image: {name: "web"}, command: [], settings: {walls: ["none", "container", "vm"], repeat: 7},
        walls: {none: {}, container: {}, vm: {}}, memory: {}, facts: {container: {boot: "b", kernel: "6.1"}, vm: {boot: "c", kernel: "6.1"}},
        criteria: [{name: "start", title: "Start", unit: "ms", better: "lower", walls: {
            container: {n: 7, median: 20, low: 19, high: 21, verdict: "sure"},
            vm: {n: 7, median: 300, low: 290, high: 310, verdict: "sure"}}}]}' | jq "${1:-.}" >comparison.json
}

advise() { "$CLOISON" advise --comparison comparison.json "$@"; }

@test "after a comparison: by its figures, with the run line" {
    timeout --kill-after=5 100 "$CLOISON" compare --walls container --repeat 1 --counts 1 --probe-time 1ms busybox >/dev/null
    echo 'own-kernel: no' >answers.yaml
    run cloison advise --answers answers.yaml
    echo "$output"
    [ "$status" = 0 ]
    [ "${lines[0]}" = 'Recommended: the container wall' ]
    [ "${lines[1]}" = '    cloison run busybox' ]
    [[ $output == *"the comparison '$CLOISON_DATA_ROOT/compare/last.json'"* ]]
    # The only wall that was compared cannot do it.
    echo 'own-kernel: yes' >answers.yaml
    run cloison advise --answers answers.yaml
    echo "$output"
    [ "$status" = 1 ]
    [[ $output == *'No wall does all'*'container is out'*"kernel: container the host's"* ]]
}

@test "reasons with their figures, and what would change the answer" {
    comparison
    printf '%s\n' 'untrusted-code: yes' 'start-bound: {answer: 400, weight: 2}' >answers.yaml
    run advise --answers answers.yaml
    echo "$output"
    [ "$status" = 0 ]
    [ "${lines[1]}" = '    cloison run --wall vm web' ]
    [[ $output == *'vm +3  (untrusted-code: yes, weight 1)'*"kernel: container the host's (6.1), vm its own (6.1)"* ]]
    [[ $output == *'start-bound: under 19 milliseconds -> no wall'*'start-bound: 19 to 289 milliseconds -> container'* ]]
    sed -i s/400/100/ answers.yaml
    run advise --answers answers.yaml
    echo "$output"
    [ "${lines[1]}" = '    cloison run web' ]
    [[ $output == *'vm is out  (start-bound: 100, weight 2)'*'start of vm: 300 ms (290 ms to 310 ms, n = 7)'* ]]
}

@test "figures of an emulated machine are refused" {
    comparison '.walls.vm.emulated = true | .interrupted = true'
    printf '%s\n' 'untrusted-code: yes' 'start-bound: 100' >answers.yaml
    run advise --answers answers.yaml
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *'start-bound: the figure for vm was measured under emulation, without KVM'* ]]
    [[ $output == *'Here a machine runs by emulation'*'The comparison was interrupted'* ]]
    [[ $output != *'300 ms'* ]]
}

@test "the dialogue, and rules of one's own" {
    comparison
    cat >rules.yaml <<'END'
schema: cloison-advice-1
walls: [container, vm]
criteria:
  - name: strangers
    question: Do strangers use it?
    rules: [{answer: yes, prefer: vm, points: 1, because: they are strangers}]
  - name: quick
    question: How quick?
    number: milliseconds
    bound: {figures: [start], at: most}
    because: so it is
END
    run --separate-stderr advise --rules rules.yaml <<<$'perhaps\nyes\n2\n400\n\n'
    echo "$output $stderr"
    [ "$status" = 0 ]
    [ "${lines[1]}" = '    cloison run --wall vm web' ]
    [[ $output == *'vm +2  (strangers: yes, weight 2)'* ]]
    [[ $stderr == *'Do strangers use it? [no] Please answer with yes or no.'* ]]
    run --separate-stderr advise --rules rules.yaml <<<'yes'
    [ "$status" = 125 ]
    [[ $stderr == *'the answers ended before the questions'* ]]
}

@test "what cannot be read is one line that says where" {
    comparison
    refused() { # STATUS TEXT ARGUMENTS...
        local wanted=$1 text=$2
        shift 2
        run --separate-stderr cloison advise "$@" </dev/null
        echo "$*: $status $stderr"
        [ "$status" = "$wanted" ]
        [ -z "$output" ]
        [[ $stderr == *"$text"* ]]
        output=$stderr one_line
    }
    echo 'untrusted-cod: yes' >typo.yaml
    echo 'a: [' >broken.yaml
    echo '{"schema": "x"}' >other.json
    refused 1 "did you mean 'untrusted-code'" --comparison comparison.json --answers typo.yaml
    refused 1 'broken.yaml' --comparison comparison.json --answers broken.yaml
    refused 1 'nothing.yaml' --comparison comparison.json --answers nothing.yaml
    refused 1 'is no comparison' --comparison other.json --answers typo.yaml
    refused 1 'make one first: cloison compare IMAGE' --comparison nothing.json
    refused 1 'has not the schema' --comparison comparison.json --rules typo.yaml
    refused 125 'takes no arguments' busybox
}
