#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The verbs of networks, killed at any of their calls (crash_networks.py). TEST_FULL=1: at each.
load helper

setup_file() { engine_setup busybox; }
teardown_file() { engine_teardown; }

# sweep SCENARIO SAMPLES
sweep() { sweep_calls crash_networks.py "$@"; }

@test "network create, killed at any call" { sweep create 10; }
@test "network create --ipv6, killed at any call" { sweep create_ipv6 8; }
@test "network rm, killed at any call" { sweep rm 10; }
@test "network prune, killed at any call" { sweep prune 8; }
@test "network connect, killed at any call" { sweep connect 8; }
@test "network disconnect, killed at any call" { sweep disconnect 5; }
@test "network disconnect of the one that a port leads to, killed at any call" { sweep disconnect_first 5; }
@test "network reload, killed at any call" { sweep reload 8; }
@test "run -d with two networks, killed at any call" { sweep run_two 6; }
