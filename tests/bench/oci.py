# SPDX-License-Identifier: Apache-2.0
"""The OCI command line against the kernel's part alone, crun and runc, on one bundle in one run."""
import json
import os
import secrets
import shutil
import statistics
import subprocess
import tempfile

ROUNDS = 40
LIMIT_GOAL = 1.7
# Debian 12's crun refuses a host whose v2 hierarchy has controllers beside the v1 ones. Without the
# former in sight it runs: everything of this part does so in such a mount namespace, where need be.
WITHOUT_UNIFIED = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                   'umount /sys/fs/cgroup/unified && exec "$@"', "sh"]


def quiet(command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


class Bundle:
    """One for all: cloison-oci's own default spec, of a version that old runtimes take."""

    def __init__(self, engine):
        self.folder = os.path.join(engine.data, "bundle-oci")
        self.program = os.path.join(engine.build, "cloison-oci")
        shutil.copytree(engine.rootfs(), self.folder + "/rootfs", symlinks=True)
        subprocess.run([self.program, "spec", "-b", self.folder], check=True)
        self.write("/bin/true")
        self.runtimes = {"cloison-oci": self.program}
        self.inside = []
        for name in ("crun", "runc"):
            if shutil.which(name):
                self.runtimes[name] = name
        self.choose_place()

    def write(self, *arguments):
        with open(self.folder + "/config.json", encoding="utf-8") as f:
            spec = json.load(f)
        spec["ociVersion"] = "1.0.2"
        spec["process"].update({"terminal": False, "args": arguments})
        with open(self.folder + "/config.json", "w", encoding="utf-8") as f:
            json.dump(spec, f)

    def command(self, name, verb):
        return [self.runtimes[name], verb, "-b", self.folder, "bench-" + secrets.token_hex(3)]

    def choose_place(self):
        if "crun" in self.runtimes and not quiet(self.command("crun", "run")):
            if quiet(WITHOUT_UNIFIED + self.command("crun", "run")):
                self.inside = WITHOUT_UNIFIED
            else:
                del self.runtimes["crun"]


def start(bundle, engine, table, pairs):
    limit = [os.path.join(engine.build, "tests/bench/bench-limit"), engine.rootfs(), engine.data,
             "/bin/true"]
    names = list(bundle.runtimes)
    figures = pairs(engine, ROUNDS, limit, *[bundle.command(n, "run") for n in names],
                    inside=bundle.inside)
    limit_ms, times = figures[0], dict(zip(names, figures[1:]))
    ours = times["cloison-oci"]
    table.row("cloison-oci run of a busybox bundle", "", f"{ours:.2f} ms")
    table.row("  against limit", f"<= {LIMIT_GOAL} x", f"{ours / limit_ms:.2f} x",
              ours <= LIMIT_GOAL * limit_ms)
    against(table, times)


def against(table, times, goal=0.5):
    ours = times["cloison-oci"]
    for name, theirs in times.items():
        if name != "cloison-oci":
            judged = ours <= goal * theirs if name == "crun" else None
            table.row(f"  against {name}", f"<= {goal} x" if name == "crun" else "",
                      f"{ours / theirs:.2f} x", judged)


def execute(bundle, engine, table, pairs):
    bundle.write("/bin/sleep", "10000")
    commands, ends, names = [], [], list(bundle.runtimes)
    try:
        for name in names:
            container = "bench-" + secrets.token_hex(3)
            runtime = bundle.runtimes[name]
            ends.append(bundle.inside + [runtime, "delete", "--force", container])
            if not quiet(bundle.inside + [runtime, "run", "-d", "-b", bundle.folder, container]):
                raise SystemExit(f"bench: {name} does not run the bundle")
            commands.append([runtime, "exec", container, "/bin/true"])
        times = dict(zip(names, pairs(engine, ROUNDS, *commands, inside=bundle.inside)))
        table.row("cloison-oci exec true", "", f"{times['cloison-oci']:.2f} ms")
        against(table, times)
    finally:
        for end in ends:
            quiet(end)


def peak(bundle, engine, table):
    program, figures = os.path.join(engine.build, "tests/bench/bench-peak"), {}
    for name in bundle.runtimes:
        runs = []
        for _ in range(9):
            command = bundle.command(name, "create")
            with tempfile.TemporaryFile("w+") as said: # a pipe the waiting process would keep open
                subprocess.run(bundle.inside + [program] + command, stdin=subprocess.DEVNULL,
                               stdout=said, stderr=subprocess.DEVNULL, check=False)
                said.seek(0)
                runs.append(int(said.read().split()[-1]))
            quiet(bundle.inside + [bundle.runtimes[name], "delete", "--force", command[-1]])
        figures[name] = statistics.median(runs)
    table.row("peak memory of cloison-oci create", "", f"{figures['cloison-oci']:.0f} KiB")
    against(table, figures, 1.0)


def oci(engine, table, pairs):
    bundle = Bundle(engine)
    start(bundle, engine, table, pairs)
    execute(bundle, engine, table, pairs)
    peak(bundle, engine, table)
