#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison compare` behind all three walls. By KVM in the test machine; elsewhere by emulation, and then every figure
# of the vm wall must say so.

load ../integration/helper

setup_file() {
    ls /boot/vmlinuz-* >/dev/null || skip "no kernel under /boot"
    engine_setup busybox
}
teardown_file() { engine_teardown; }

@test "the same probes natively, in a container and in a machine; its kernel, its memory" {
    cd "$BATS_TEST_TMPDIR"
    run timeout --kill-after=5 500 "$CLOISON" compare --repeat 1 --probe-time 5ms --counts 1,2 --json c.json busybox -- uname -r
    echo "$output"
    [ "$status" = 0 ]
    jq -e '.failures == [] and ([.criteria[].walls | keys == ["container", "none", "vm"]] | all)' c.json
    jq -e '.facts.vm.boot != .host.boot and .facts.container.boot == .host.boot' c.json
    # The guest's memory is in it: a machine costs more than ten of the containers here.
    jq -e '.memory.vm.points[0].bytes > 10 * .memory.container.points[0].bytes' c.json
    jq -e '.memory.vm.diskBytesCache > 0' c.json
    if [ "$(jq .walls.vm.emulated c.json)" = true ]; then
        jq -e '[.criteria[].walls.vm.emulated] | all' c.json
        jq -e '.memory.vm.emulated' c.json
        [[ $output == *'vm (emulated)'* ]]
    else
        jq -e '[.criteria[].walls.vm | has("emulated") | not] | all' c.json
        [[ $output != *emulated* ]]
    fi
    # Of the machine's copy of our layer nothing is left.
    [ "$(find "$CLOISON_DATA_ROOT" -name '*.erofs' | wc -l)" = 1 ]
}
