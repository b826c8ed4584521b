#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""crash_parallel.py SECONDS: many commands at once on the same few names and on names of their own.

No command may fail but for a true conflict (the name is in use, the container is not there, does not
run, runs already), none hangs, none complains in more than a line, and at the end nothing is left.
SEED=N repeats the choices, not their interleaving.
"""
import os
import random
import re
import sys
import threading
import time

from crash_sweep import (CLOISON, PARENT, Failure, Scenario, cgroup_parents, cloison, everything, execute, links,
                         nothing_left, processes)

WORKERS = 8
SHARED = ["one-a", "one-b", "one-c"]
CONFLICT = re.compile(r"in use|no such container|no such object|is not running|is running|is paused|is not paused|"
                      r"already paused|has that name already|cannot remove '[^']*': it is|"
                      r"being taken by another command|before the start")


def command_of(chance, name, other):
    place = ["--cgroup-parent", f"/{PARENT}"]
    network = chance.choice([["--network", "none"], ["--network", "none"], [], ["-p", "0:80"]])
    return chance.choice([
        ["run", "--rm", *place, *network, "--name", name, "busybox", "true"],
        ["run", "-d", *place, *network, "--name", name, "busybox", "sleep", "60"],
        ["run", "-d", "--rm", *place, *network, "--name", name, "-v", "/x", "busybox", "sleep", "60"],
        ["create", *place, *network, "--name", name, "-v", "/x", "busybox", "true"],
        ["start", name], ["stop", "-t", "0", name], ["kill", name], ["restart", "-t", "0", name],
        ["rm", "-v", name], ["rm", "-f", "-v", name], ["rm", "-f", "-v", name],
        ["rename", name, other], ["exec", name, "true"], ["exec", "-d", name, "true"], ["pause", name],
        ["unpause", name], ["inspect", name], ["ps", "-a"], ["ps", "-q"], ["logs", name], ["top", name],
    ])


def work(number, seed, end, told):
    chance = random.Random(seed + number)
    while time.monotonic() < end:
        mine = [f"w{number}-a", f"w{number}-b"]
        names = SHARED if chance.random() < 0.6 else mine
        name, other = chance.sample(names, 2)
        command = command_of(chance, name, other)
        try:
            r = execute([CLOISON, *command])
        except Failure as e:
            told.append(str(e))
            return
        told.count += 1
        # A workload that another command killed ends with 137; what ended before exec with 255.
        ended = command[0] in ("run", "exec") and not r.err and r.code in (137, 143)
        if r.code and not ended and not (CONFLICT.search(r.err) and r.err.count("\n") == 1):
            told.append(f"cloison {' '.join(command)}: {r}")


class Told(list):
    count = 0


def main():
    seed = int(os.environ.get("SEED") or random.randrange(1 << 30))
    cloison("run", "--rm", "--cgroup-parent", f"/{PARENT}", "busybox", "true")
    while links() or processes():
        time.sleep(0.02)
    baseline, told = everything(), Told()
    end = time.monotonic() + float(sys.argv[1])
    threads = [threading.Thread(target=work, args=(i, seed, end, told)) for i in range(WORKERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    try:
        ids = cloison("ps", "-aq").out.split()
        if ids:
            cloison("rm", "-f", "-v", *ids)
        nothing_left(Scenario(), baseline)
    except Failure as e:
        told.append(str(e))
    finally:
        for top in cgroup_parents():
            try:
                os.rmdir(top)
            except OSError as e:
                told.append(str(e))
    for t in told[:40]:
        print(t)
    print(f"{told.count} commands, {len(told)} without a conflict failed, SEED={seed}")
    return 1 if told or told.count < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
