#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""crash_sweep.py SCENARIO [SAMPLES]: a command is killed at each of its system calls in turn. The
scenarios of containers are here, those of images in crash_images.py.

The scenario's command runs once to count, in every process that it makes, the calls that others can
notice (tests/tools/kill-at.c). Then it runs again for each of them (or for SAMPLES of them, spread by
a seed that is printed; SEED=N repeats it), and the process dies right before the call. Each time:
the next `ps -a` works and tells the truth, the same command succeeds (its name is free, or clearly
in use), `rm -f` removes, and nothing is left: no file, mount, cgroup, link, nft element, process.
ONLY=ROLE:N:SIGNAL repeats a single one; PART=2/3 takes the second third of them. The engine is the environment's, as helper.bash makes it.
"""
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time

BUILD = os.path.dirname(os.environ["CLOISON"])
CLOISON, KILL_AT = os.environ["CLOISON"], f"{BUILD}/tests/kill-at"
DATA, RUN, TAG = (os.environ[k] for k in ("CLOISON_DATA_ROOT", "CLOISON_RUN_ROOT", "TAG"))
PARENT = f"cloison-crash-{TAG}"
LOG = f"{os.environ.get('BATS_TEST_TMPDIR', '/tmp')}/kill-at-{TAG}"
PATIENCE = float(os.environ.get("PATIENCE", 10))  # seconds that survivors and the kernel may take to clear up
# What stays by design: the store's layers and content, the log of events, the hint of the next address.
STAYS = re.compile(rf"{DATA}/(images|cache/seccomp-[0-9a-f]+$|names$|containers$|cache$|volumes$)|"
                   rf"{RUN}/(events\.jsonl|net$|net/(kernel\.)?lock$|net/(addresses|ports|attachments)$|"
                   rf"net/addresses/bridge$|net/addresses/bridge/\.last(\.new)?$|containers$)")


class Failure(Exception):
    pass


class Result:
    def __init__(self, p):
        self.code, self.out, self.err = p.returncode, p.stdout.decode(), p.stderr.decode()

    def __str__(self):
        return f"status {self.code}, stdout {self.out!r}, stderr {self.err!r}"


def execute(args):
    try:
        return Result(subprocess.run(args, capture_output=True, stdin=subprocess.DEVNULL, timeout=30))
    except subprocess.TimeoutExpired as e:
        raise Failure(f"hangs: {' '.join(args)}: {e.stdout} {e.stderr}")


def cloison(*args, want=0):
    r = execute([CLOISON, *args])
    if want is not None and r.code != want:
        raise Failure(f"cloison {' '.join(args)}: {r}")
    return r


def cgroup_parents():
    """PARENT in each hierarchy, where it is there; it stays, as whatever --cgroup-parent names."""
    lines = [l.split() for l in open("/proc/mounts")]
    tops = [f"{l[1]}/{PARENT}" for l in lines if l[2] in ("cgroup", "cgroup2")]
    return [t for t in tops if os.path.isdir(t)]


def cgroups():
    return [f"cgroup {t}/{d}" for t in cgroup_parents() for d in os.listdir(t) if os.path.isdir(f"{t}/{d}")]


def links():
    bridge = f"/sys/class/net/clt{TAG}/brif"
    return [f"link {l}" for l in os.listdir(bridge)] if os.path.isdir(bridge) else []


def elements():
    r = execute(["nft", "-j", "list", "table", "inet", f"cloison_test_{TAG}"])
    found = []
    for o in json.loads(r.out)["nftables"] if r.code == 0 else []:
        for kind, v in o.items():
            found += [f"nft {kind} {v['name']}: {e}" for e in v.get("elem", [])] if isinstance(v, dict) else []
    return found


def processes():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read().decode(errors="replace").split("\0")
        except OSError:
            continue
        ours = any(RUN in w or DATA in w for w in words)
        if ours and words[0].split("/")[-1].startswith("cloison"):
            found.append(f"process {pid} {' '.join(words)}")
    return found


def files():
    found = []
    for top in (DATA, RUN):
        for folder, folders, names in os.walk(top):
            found += [f"file {folder}/{n}" for n in folders + names if not STAYS.match(f"{folder}/{n}")]
            folders[:] = [f for f in folders if f"{folder}/{f}" != f"{DATA}/images"]
    return found


def mounts():
    return [f"mount {l.strip()}" for l in open("/proc/self/mountinfo") if DATA in l or RUN in l]


def everything():
    return processes() + cgroups() + links() + elements() + mounts() + files()


def nothing_left(scenario, before):
    end = time.monotonic() + PATIENCE
    now = scenario.everything()
    while set(now) - set(before) and time.monotonic() < end:
        time.sleep(0.02)
        now = scenario.everything()
    # A monitor that was about to end before has ended: no loss.
    lost = sorted(x for x in set(before) - set(now) if "file" in x and not x.startswith("process "))
    if lost:
        raise Failure(f"lost: {lost[:10]}")
    left = sorted(set(now) - set(before))
    if left:
        more = [f"and {len(left) - 10} more"] if len(left) > 10 else []
        raise Failure("left behind: " + "\n    ".join(left[:10] + more))


def is_alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def tell_the_truth():
    """ps -a answers without a complaint, and what it says of each container is so."""
    r = cloison("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}")
    if r.err:
        raise Failure(f"ps complains: {r}")
    told = {}
    for id, name, state in map(str.split, r.out.splitlines()):
        told[name] = state
        pid = cloison("inspect", "--format", "{{.State.Pid}} {{.State.Status}}", id, want=None).out.split()
        if not pid:
            continue  # an end of its own between the two
        if pid[1] == "running" and not is_alive(pid[0]) and state == "running":
            time.sleep(0.2)
            again = cloison("inspect", "--format", "{{.State.Status}}", id, want=None).out.strip()
            if again == "running":
                raise Failure(f"'{name}' is said to run, but process {pid[0]} does not")
        if pid[1] not in ("running", "paused", "restarting") and pid[0] != "0":
            raise Failure(f"'{name}' is {pid[1]} and yet has the process {pid[0]}")
    return told


class Scenario:
    """What is killed, what must be there before, and what must hold behind it."""
    before = []  # commands
    command = []
    want = 0  # the command's exit status
    names = ["crash"]
    signals = [signal.SIGKILL]
    roles = None  # all

    def prepare(self):
        for c in self.before:
            cloison(*c)

    def truth(self):
        """Right after the kill, and again after the command's second run; for again()."""
        return tell_the_truth()

    def again(self, told):
        """The same command succeeds: at once, or when the container of that name is removed."""
        r = cloison(*self.command, want=None)
        if r.code == self.want:
            return
        if not ("in use" in r.err and r.err.count("\n") == 1):
            raise Failure(f"again: {r}")
        cloison("rm", "-f", "-v", *self.names)
        cloison(*self.command, want=self.want)

    def verdict(self, r, signal):
        """What the command that was struck must have said."""

    def clean(self):
        for name in self.names:
            r = cloison("rm", "-f", "-v", name, want=None)
            if r.code != 0 and "no such container" not in r.err:
                raise Failure(f"rm -f -v {name}: {r}")

    def everything(self):
        """What there is, to be the same before and after."""
        return everything()


class Lasting(Scenario):
    """A command on a container that is complete: it must not get lost."""

    def again(self, told):
        if not set(self.names) & set(told):
            raise Failure(f"the container is gone: {told}")
        cloison(*self.command, want=self.want)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


PORT = free_port()
PLACE = ["--cgroup-parent", f"/{PARENT}", "--name", "crash"]
QUICK, LONG = ["busybox", "true"], ["busybox", "sleep", "600"]
UP = ["run", "-d", *PLACE, "--network", "none", *LONG]


class run(Scenario):
    command = ["run", *PLACE, "--network", "none", *QUICK]


class run_rm(Scenario):
    command = ["run", "--rm", *PLACE, *QUICK]


class run_detached(Scenario):
    command = ["run", "-d", *PLACE, *LONG]


class run_port(Scenario):
    command = ["run", "-d", *PLACE, "-p", f"127.0.0.1:{PORT}:80", "-p", f"{PORT}:81/udp", *LONG]

    def clean(self):
        super().clean()
        with socket.socket() as s:
            s.bind(("127.0.0.1", PORT))


class run_volume(Scenario):
    """A named volume and an anonymous one, filled from the image; the named one lasts."""
    command = ["run", "--rm", *PLACE, "--network", "none", "-v", "crash-data:/etc", "-v", "/bin", *QUICK]

    def clean(self):
        super().clean()
        execute(["rm", "-rf", f"{DATA}/volumes/crash-data"])


class run_tty(Scenario):
    command = ["run", "-d", "-t", "--init", *PLACE, "--network", "none", "--user", "1000", *LONG]


class run_limits(Scenario):
    command = ["run", "--rm", *PLACE, "--network", "none", "--cgroupns", "host", "--memory", "64m", "--read-only",
               "--tmpfs", "/t", *QUICK]


class run_sized(Scenario):
    """The writable layer is on a disk image: its loop device goes, too."""
    command = ["run", "--rm", *PLACE, "--network", "none", "--storage-opt", "size=16m", *QUICK]

    def everything(self):
        used = []
        for block in os.listdir("/sys/block"):
            try:
                backing = open(f"/sys/block/{block}/loop/backing_file").read()
            except OSError:
                continue
            used += [f"loop device {block} {backing}"] if DATA in backing else []
        return super().everything() + used


class run_restart(Scenario):
    command = ["run", "-d", "--restart", "always", *PLACE, *LONG]


class run_failing(Scenario):
    """What the undoing of a failed start does is cut short, too."""
    command = ["run", *PLACE, "-p", f"127.0.0.1:{PORT}:80", "busybox", "no-such-program"]
    want = 127


class create(Scenario):
    command = ["create", *PLACE, "-v", "/bin", *QUICK]


class start(Lasting):
    before = [["create", *PLACE, *LONG]]
    command = ["start", "crash"]


class start_attached(Lasting):
    before = [["create", *PLACE, "--network", "none", *QUICK]]
    command = ["start", "-a", "crash"]


class stop(Lasting):
    before = [["run", "-d", *PLACE, *LONG]]
    command = ["stop", "-t", "0", "crash"]


class restart(Lasting):
    before = [UP]
    command = ["restart", "-t", "0", "crash"]


class kill(Lasting):
    before = [UP]
    command = ["kill", "crash"]

    def again(self, told):
        r = cloison("kill", "crash", want=None)
        if r.code and not re.search("is not running", r.err):
            raise Failure(f"again: {r}")


class rm_f(Scenario):
    before = [["run", "-d", *PLACE, "-v", "/bin", *LONG]]
    command = ["rm", "-f", "-v", "crash"]

    def again(self, told):
        r = cloison(*self.command, want=None)
        if r.code and not ("crash" not in told and "no such container" in r.err):
            raise Failure(f"again: {told}: {r}")


class rm(rm_f):
    before = [["create", *PLACE, "-v", "/bin", *QUICK]]
    command = ["rm", "-v", "crash"]


class exec_attached(Lasting):
    before = [UP]
    command = ["exec", "crash", "true"]


class exec_detached(Lasting):
    before = [UP]
    command = ["exec", "-d", "crash", "true"]


class pause(Lasting):
    before = [UP]
    command = ["pause", "crash"]

    def again(self, told):
        r = cloison("pause", "crash", want=None)
        if r.code and not re.search("already paused", r.err):
            raise Failure(f"again: {r}")
        cloison("unpause", "crash")


class rename(Scenario):
    before = [["create", *PLACE, *QUICK]]
    command = ["rename", "crash", "other"]
    names = ["crash", "other"]

    def again(self, told):
        if len(told) != 1:
            raise Failure(f"two names, or none: {told}")
        if "crash" in told:
            cloison(*self.command)
        cloison("create", *PLACE, *QUICK)


class Dead(Scenario):
    """The next command recovers what a killed monitor left; that command is killed in turn."""
    options = ["--network", "none"]
    lasts = True

    def prepare(self):
        cloison("run", "-d", *PLACE, *self.options, *LONG)
        pid = [p.split()[1] for p in processes() if "/cloison-monitor " in p]
        execute(["kill", "-9", *pid])
        while any(is_alive(p) for p in pid):
            time.sleep(0.001)

    command = ["ps", "-aq"]

    def again(self, told):
        if ("crash" in told) != self.lasts or told.get("crash", "exited") != "exited":
            raise Failure(f"ps tells: {told}")


class recover(Dead):
    options = ["-p", f"127.0.0.1:{PORT}:80"]


class recover_rm(Dead):
    options = ["--rm", "-v", "/bin"]
    lasts = False


class Signalled(Scenario):
    """A signal to the command: it ends by it with nothing made, or what it made is whole."""
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    roles = ["cloison"]

    def verdict(self, r, signal):
        made = "crash" in tell_the_truth()
        if r.code not in (128 + signal, self.want) or r.err:
            raise Failure("the exit status, or words")
        if made != (len(r.out) == 65):
            raise Failure(f"the ID is {'not ' * made}told, the container is {'' if made else 'not '}there")


class signal_detached(Signalled):
    command = ["run", "-d", *PLACE, "--cidfile", f"{LOG}.cid", *LONG]

    def again(self, told):
        if os.path.exists(f"{LOG}.cid") != ("crash" in told):
            raise Failure("the ID's file is there and the container is not, or the reverse")
        if os.path.exists(f"{LOG}.cid"):
            os.unlink(f"{LOG}.cid")
        super().again(told)

    def clean(self):
        super().clean()
        if os.path.exists(f"{LOG}.cid"):
            os.unlink(f"{LOG}.cid")


class signal_create(signal_detached):
    command = ["create", *PLACE, "--cidfile", f"{LOG}.cid", "-v", "/bin", *QUICK]


class signal_attached(Signalled):
    """Once the workload runs, it gets the signal: 9, or 0 when it came before the trap."""
    command = ["run", "--rm", *PLACE, "--network", "none", "busybox", "sh", "-c",
               "trap 'exit 9' INT TERM HUP; i=0; while [ $i -lt 20 ]; do sleep 0.01; i=$((i+1)); done"]

    def verdict(self, r, signal):
        if r.code not in (128 + signal, 9, 0) or r.err:
            raise Failure("the exit status, or words")
        if "crash" in tell_the_truth():
            raise Failure("the container is still there")


def scenarios_in(module):
    return {name: c for name, c in module.items()
            if isinstance(c, type) and issubclass(c, Scenario) and c.command and c is not Dead}  # the others are bases


SCENARIOS = scenarios_in(globals())


def strike(scenario, role, n, number=signal.SIGKILL):
    """Runs the command with a signal to the process of that role at its n-th call: at which, or []."""
    args = ["-r", role, "-n", str(n), "-s", str(int(number))] if role else []
    r = execute([KILL_AT, "-o", LOG, *args, CLOISON, *scenario.command])
    lines = open(LOG).read().splitlines()
    return r, lines


def one(scenario, role, n, number, baseline):
    scenario.prepare()
    r, lines = strike(scenario, role, n, number)
    where = lines[0] if lines else f"{role} {n} (not reached)"
    try:
        if lines:
            scenario.verdict(r, number)
        told = scenario.truth()
        scenario.again(told)
        scenario.truth()
        scenario.clean()
        nothing_left(scenario, baseline)
    except Failure as e:
        raise Failure(f"{signal.Signals(number).name} at '{where}' of: cloison {' '.join(scenario.command)}\n  it said: {r}\n  {e}\n"
                      f"  repeat with ONLY={role}:{n}:{int(number)}")
    return bool(lines)


def calls_of(scenario, baseline):
    """How many calls each role makes."""
    scenario.prepare()
    r, lines = strike(scenario, None, 0)
    if r.code != scenario.want:
        raise Failure(f"undisturbed: {r}")
    scenario.clean()
    nothing_left(scenario, baseline)
    counts = {}
    for line in lines:
        role = line.split()[0]
        counts[role] = counts.get(role, 0) + 1
    # The workload's own calls are not ours.
    return {role: n for role, n in counts.items()
            if role.startswith("cloison") and (not scenario.roles or role in scenario.roles)}


def main(scenarios):
    try:
        sys.exit(sweep(scenarios[sys.argv[1]]()))
    except Failure as e:
        sys.exit(f"{os.path.basename(sys.argv[0])}: {e}")
    finally:
        for top in cgroup_parents():
            os.rmdir(top)


def sweep(scenario):
    samples = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    seed = int(os.environ.get("SEED") or random.randrange(1 << 30))
    cloison("run", "--rm", "--cgroup-parent", f"/{PARENT}", "busybox", "true")  # the bridge, the table, caches
    scenario.prepare()
    cloison(*scenario.command, want=scenario.want)
    scenario.clean()
    while links() or processes():  # of what has just ended
        time.sleep(0.02)
    baseline = scenario.everything()
    counts = calls_of(scenario, baseline)
    points = [(role, n, number) for role, count in counts.items() for n in range(1, count + 1)
              for number in scenario.signals]
    total = len(points)
    if os.environ.get("ONLY"):
        role, n, number = os.environ["ONLY"].split(":")
        points = [(role, int(n), int(number))]
    elif samples and samples < total:
        # Evenly spread, each at a random place of its stretch.
        chance = random.Random(seed)
        points = [points[int((i + chance.random()) * total / samples)] for i in range(samples)]
    if os.environ.get("PART"):
        part, parts = map(int, os.environ["PART"].split("/"))
        points = points[len(points) * (part - 1) // parts:len(points) * part // parts]
    struck, failures, begin = 0, [], time.monotonic()
    for role, n, number in points:
        try:
            struck += one(scenario, role, n, number, baseline)
        except Failure as e:
            failures.append(str(e))
            print(e, flush=True)
            scenario.clean()
            baseline = scenario.everything()  # what it left is told once
    print(f"{sys.argv[1]}: {struck} of {total} places struck, {len(failures)} failed, "
          f"{time.monotonic() - begin:.1f} s, SEED={seed}")
    return 1 if failures or not struck else 0


if __name__ == "__main__":
    main(SCENARIOS)
