#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `cloison update`: limits of running and of stopped containers, the restart policy.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

@test "a limit lowered while it runs bites, raised it lets go" {
    cloison run -d --name bites --network none --pids-limit 20 busybox sleep 100
    cloison update --pids-limit 2 bites
    run cloison exec bites sh -c 'sleep 1 & sleep 1 & wait'
    [[ $output == *"can't fork"* ]]
    cloison update --pids-limit 20 bites
    run cloison exec bites sh -c 'true & true & wait; echo fine'
    [ "$output" = fine ]
    cloison rm -f bites
}

@test "memory and processors: shown by inspect, in force after a restart too" {
    cloison run -d --name shown --network none --memory 64m busybox sleep 100
    cloison update --memory 32m --cpus 0.5 shown
    [ "$(cloison inspect --format '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}}' shown)" = "33554432 67108864 500000000" ]
    [ "$(cloison stats --no-stream --format '{{.MemUsage}}' shown)" != "" ]
    [[ $(cloison stats --no-stream --format '{{.MemUsage}}' shown) == *"/ 32MiB" ]]
    cloison restart -t 0 shown
    [[ $(cloison stats --no-stream --format '{{.MemUsage}}' shown) == *"/ 32MiB" ]]
    cloison update --cpu-quota 20000 --cpu-period 100000 shown
    [ "$(cloison inspect --format '{{.HostConfig.NanoCpus}} {{.HostConfig.CpuQuota}}' shown)" = "0 20000" ]
    cloison rm -f shown
}

@test "one that does not run has them at its next start" {
    cloison create --name later --network none busybox sh -c 'sleep 1 & sleep 1 & sleep 1 & wait'
    cloison update --pids-limit 2 later
    run cloison start -a later
    [[ $output == *"can't fork"* ]]
    cloison rm later
}

@test "the restart policy: taken at the next end" {
    cloison run -d --name comes --network none busybox sleep 100
    cloison update --restart always comes
    kill -9 "$(cloison inspect --format '{{.State.Pid}}' comes)"
    wait_for 10 sh -c "[ \"\$('$CLOISON' inspect --format '{{.RestartCount}}' comes)\" = 1 ]"
    cloison update --restart no comes
    wait_for 10 sh -c "[ \"\$('$CLOISON' inspect --format '{{.State.Status}}' comes)\" = running ]"
    kill -9 "$(cloison inspect --format '{{.State.Pid}}' comes)"
    wait_for 10 sh -c "[ \"\$('$CLOISON' inspect --format '{{.State.Status}}' comes)\" = exited ]"
    cloison rm comes
}

@test "what cannot be is one line, and changes nothing" {
    cloison run -d --name stays --network none --rm --memory 64m busybox sleep 100
    run cloison update --memory 1k stays
    [ "$status" -ne 0 ]
    one_line
    run cloison update --memory-swap 16m stays
    [ "$status" -ne 0 ]
    one_line
    run cloison update --restart always stays
    [ "$status" -ne 0 ]
    one_line
    run cloison update stays
    [ "$status" = 125 ]
    one_line
    run cloison update --memory 32m nobody
    [ "$status" -ne 0 ]
    one_line
    run cloison update --cpuset-cpus 4095 stays
    [ "$status" -ne 0 ]
    one_line
    [ "$(cloison inspect --format '{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}}' stays)" = "67108864 no" ]
    cloison rm -f stays
}
