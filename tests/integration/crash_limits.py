#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""crash_limits.py SCARCITY [STEP]: commands where something runs out, a little later each time.

For each amount of SCARCITY, from too little to enough: the command succeeds, or says in one line what
is missing, with the right exit status; nothing is left behind; and the same command succeeds where
there is enough. STEP: every how manieth amount is tried (1).
"""
import os
import subprocess
import sys
import time

from crash_sweep import (CLOISON, DATA, LOG, PARENT, PLACE, QUICK, RUN, TAG, Failure, Result, Scenario,
                         cgroup_parents, cloison, everything, execute, nothing_left)

RUN_RM = ["run", "--rm", *PLACE, *QUICK]
DETACHED = ["run", "-d", *PLACE, "--network", "none", "-v", "/etc", *QUICK]
CREATE = ["create", *PLACE, "-v", "/etc", *QUICK]
PULLED = f"{os.environ.get('REGISTRY')}/plain/x:two"
IMAGE_VERBS = ("import", "load", "tag", "pull", "commit", "rmi", "image")
IMAGES = ("crash:1", PULLED)  # that they make or remove


def one_line(r, where, codes):
    lines = r.err.splitlines()
    if r.code == 0 and not r.err:
        return True
    if r.code not in codes or len(lines) != 1 or not lines[0].startswith("cloison: "):
        raise Failure(f"{where}: {r}")
    return False


def limited(command, prefix):
    """The command under `prefix`, a shell's words that take effect before it is executed."""
    p = subprocess.run(["sh", "-c", f'{prefix}\nexec "$@"', "sh", CLOISON, *command], capture_output=True,
                       stdin=subprocess.DEVNULL, timeout=60)
    return Result(p)


def each(command, amounts, prefix, before=lambda: None, after=lambda: None):
    """Runs the command with each of the amounts: some must suffice, some not; but what only removes
    must succeed with any."""
    baseline, enough, bad = everything(), 0, []
    for amount in amounts:
        where = f"{amount}: cloison {' '.join(command)}"
        try:
            before()
            r = limited(command, prefix(amount))
            after()
            fits = one_line(r, where, (1,) if command[0] in IMAGE_VERBS else (125,))
            enough += fits
            if not fits and command[0] in ("rmi", "image"):
                raise Failure(f"it takes what is not there to make room: {r}")
            Scenario().clean()
            if command[0] in IMAGE_VERBS:
                cloison("rmi", "-f", *IMAGES)
                cloison("image", "prune", "-f")
            cloison("ps", "-a")
            cloison("system", "check")
            nothing_left(Scenario(), baseline)
        except Failure as e:
            bad.append(f"{where}: {e}")
    if bad:
        raise Failure("\n".join(bad))
    print(f"{command[0]}: {enough} of {len(amounts)} sufficed")
    if command[0] in ("rmi", "image"):
        return
    if not enough or enough == len(amounts):
        raise Failure(f"{command[0]}: the amounts are not from too little to enough: {enough} of {len(amounts)}")


def descriptors(step):
    for command in (RUN_RM, DETACHED, CREATE):
        each(command, range(4, 40, step), lambda n: f"ulimit -n {n}")


def remount(place, options):
    r = execute(["mount", "-o", f"remount,{options}", place])
    if r.code:
        raise Failure(f"remount: {r}")


def prepare():
    """An image to be removed: busybox and a layer."""
    cloison("commit", "-c", "LABEL crash=1", "old", "crash:1")


def full(place, kind, commands, amounts):
    """The place is a file system of its own that has so many files (inodes) or pages left."""
    execute(["mount", "-t", "tmpfs", "-o", "size=64m,nr_inodes=50000", "full", place])
    try:
        cloison("run", "--rm", "--cgroup-parent", f"/{PARENT}", "busybox", "true")
        cloison("save", "-o", f"{LOG}.tar", "busybox")
        cloison("tag", "busybox", "kept:1")
        cloison("run", "--name", "old", "--cgroup-parent", f"/{PARENT}", "--network", "none", "busybox", "mkdir", "/a")
        for command in commands:
            before = prepare if command[0] in ("rmi", "image") else lambda: None

            def prefix(n):
                used = os.statvfs(place)
                if kind == "inodes":
                    return f"mount -o remount,nr_inodes={used.f_files - used.f_ffree + n} {place}"
                return f"mount -o remount,size={(used.f_blocks - used.f_bfree + n) * used.f_frsize} {place}"

            each(command, amounts, prefix, before=before,
                 after=lambda: remount(place, "size=64m,nr_inodes=50000"))
        cloison("rm", "old")
        cloison("rmi", "-f", "kept:1", "busybox")
    finally:
        for _ in range(100):  # monitors that are about to end
            if execute(["umount", place]).code == 0:
                break
            time.sleep(0.05)
        if os.path.exists(f"{LOG}.tar"):
            os.unlink(f"{LOG}.tar")


def disk(step):
    containers = (RUN_RM, DETACHED, CREATE)
    images = (["import", f"{LOG}.tar", "crash:1"], ["load", "-i", f"{LOG}.tar"], ["tag", "kept:1", "crash:1"])
    more = (["pull", PULLED], ["commit", "old", "crash:1"])
    removals = (["rmi", "crash:1"], ["image", "prune", "-a", "-f", "--filter", "label=crash"])
    few = range(0, 40, step)
    full(DATA, "inodes", containers + images + more, few)
    full(DATA, "pages", containers + images[:2], [*range(0, 20, step), *range(20, 1600, 100 * step)])
    full(DATA, "pages", more, [*few, *range(40, 640, 60 * step)])
    for kind in ("inodes", "pages"):
        full(DATA, kind, removals, range(0, 4, min(step, 2)))


def volatile(step):
    full(RUN, "inodes", (RUN_RM, DETACHED), range(0, 30, step))
    full(RUN, "pages", (RUN_RM, DETACHED), range(0, 12, step))


def processes_(step):
    mounts = [l.split()[1] for l in open("/proc/mounts") if l.split()[2] == "cgroup" and "pids" in l.split()[3]]
    group = f"{mounts[0]}/cloison-pids-{TAG}"
    os.mkdir(group)
    try:
        for command in (RUN_RM, DETACHED, CREATE):
            each(command, range(1, 10, step), lambda n: f"echo {n} >{group}/pids.max; echo $$ >{group}/cgroup.procs")
    finally:
        os.rmdir(group)


def readonly(step):
    """A store that cannot be written: what only looks works, the rest says so in a line."""
    execute(["mount", "-t", "tmpfs", "read-only", DATA])
    try:
        cloison("run", "--name", "old", "--network", "none", "busybox", "echo", "hello")
        cloison("save", "-o", f"{LOG}.tar", "busybox")
        remount(DATA, "ro")
        for command in (["ps", "-a"], ["images"], ["inspect", "old"], ["logs", "old"], ["system", "check"],
                        ["save", "-o", "/dev/null", "busybox"]):
            cloison(*command)
        for command in (RUN_RM, DETACHED, CREATE, ["start", "old"], ["rm", "old"], ["rename", "old", "new"],
                        ["import", f"{LOG}.tar", "x:1"], ["load", "-i", f"{LOG}.tar"], ["tag", "busybox", "x:1"],
                        ["rmi", "busybox"], ["commit", "old", "x:1"], ["pull", PULLED], ["image", "prune", "-a", "-f"]):
            r = execute([CLOISON, *command])
            where = f"read-only: cloison {' '.join(command)}"
            if one_line(r, where, (125,) if command[0] in ("run", "create") else (1,)):
                raise Failure(f"{where}: it succeeds: {r}")
            if "ead-only" not in r.err:
                raise Failure(f"{where}: the reason is not told: {r}")
        remount(DATA, "rw")
        cloison("rm", "old")
    finally:
        execute(["umount", DATA])


def main():
    kinds = {"descriptors": descriptors, "processes": processes_, "disk": disk, "volatile": volatile,
             "readonly": readonly}
    try:
        cloison("run", "--rm", "--cgroup-parent", f"/{PARENT}", "busybox", "true")
        kinds[sys.argv[1]](int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    except Failure as e:
        sys.exit(f"crash_limits: {e}")
    finally:
        for top in cgroup_parents():
            os.rmdir(top)


if __name__ == "__main__":
    main()
