#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A command killed at any of its system calls leaves a store that the next one understands, and
# nothing else. TEST_FULL=1: at each of them; else at a sample (crash_sweep.py prints its seed).
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

# sweep SCENARIO SAMPLES
sweep() { sweep_calls crash_sweep.py "$@"; }

@test "run, killed at any call" { sweep run 30; }
@test "run --rm in the bridge network, killed at any call" { sweep run_rm 40; }
@test "run -d, killed at any call" { sweep run_detached 20; }
@test "run -d with published ports, killed at any call" { sweep run_port 40; }
@test "run with a named and an anonymous volume, killed at any call" { sweep run_volume 40; }
@test "run -d with a terminal, an init, a user, killed at any call" { sweep run_tty 20; }
@test "run with limits and a read-only root, killed at any call" { sweep run_limits 20; }
@test "run with a sized writable layer, killed at any call" {
    [ -w /dev/loop-control ] || skip "there are no loop devices"
    sweep run_sized 12
}
@test "run --restart always, killed at any call" { sweep run_restart 20; }
@test "run of a program that is not there, killed at any call" { sweep run_failing 20; }
@test "create, killed at any call" { sweep create 20; }
@test "start, killed at any call" { sweep start 20; }
@test "start -a, killed at any call" { sweep start_attached 20; }
@test "stop, killed at any call" { sweep stop 10; }
@test "restart, killed at any call" { sweep restart 20; }
@test "kill, killed at any call" { sweep kill 10; }
@test "rm -f -v of a running container, killed at any call" { sweep rm_f 20; }
@test "rm -v, killed at any call" { sweep rm 20; }
@test "exec, killed at any call" { sweep exec_attached 10; }
@test "exec -d, killed at any call" { sweep exec_detached 10; }
@test "pause, killed at any call" { sweep pause 10; }
@test "rename, killed at any call" { sweep rename 10; }
@test "what a killed monitor left, its clearing killed at any call" { sweep recover 20; }
@test "what a killed monitor of --rm left, its clearing killed at any call" { sweep recover_rm 20; }
@test "run -d, asked to end at any call" { sweep signal_detached 15; }
@test "create, asked to end at any call" { sweep signal_create 15; }
@test "run in the foreground, asked to end at any call" { sweep signal_attached 10; }
