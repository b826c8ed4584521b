# SPDX-License-Identifier: Apache-2.0
"""The part `net` of tests/bench/run: attaching, alone and among many; throughput and round trips beside Docker's,
in turns; names; rates. iperf3 and the round trips are the host's programs in the containers' network namespaces,
so that both engines carry the same bytes: server and client on one processor, since where the scheduler puts them
weighs more than what is compared. Each engine has a host of its own, a network namespace."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

ATTACH_GOAL_MS, CROWD_GOAL, PEER_GOAL, NAME_GOAL_MS, RATE_GOAL = 4.0, 1.5, 1.0, 1.0, 0.05
ROUNDS, TURNS, SECONDS = 40, 9, 2
ONE_PROCESSOR = ["taskset", "-c", str(max(os.sched_getaffinity(0)))]
# serve | tcp ADDRESS | ping ADDRESS: the median of 3000 answers in microseconds. ping's own clock is too coarse.
ROUND_TRIPS = """
import socket, struct, sys, time
if sys.argv[1] == "serve":
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("", 5999)); s.listen()
    while True:
        c, _ = s.accept(); c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while c.send(c.recv(1) or b""): pass
if sys.argv[1] == "tcp":
    c = socket.create_connection((sys.argv[2], 5999)); c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    question, size = b"x", 1
else:
    c = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP); c.connect((sys.argv[2], 0))
    question, size = struct.pack("!BBHHH", 8, 0, 0xffff - 0x0800, 0, 0), 64
times = []
for _ in range(3000):
    t = time.perf_counter(); c.send(question); c.recv(size); times.append(time.perf_counter() - t)
print(sorted(times)[len(times) // 2] * 1e6)
"""


def wait_for(what, ready):
    for _ in range(400):
        if ready():
            return
        time.sleep(0.05)
    sys.exit(f"bench: {what} did not come")


def enter(pid):
    return ["nsenter", "-t", str(pid), "-n"]


def iperf(server, client, address, port, *options):
    """Bits a second that arrived. A server for each measurement: one that serves on is busy for a while behind a
    client that has ended, and refuses the next."""
    serving = subprocess.Popen(server + ONE_PROCESSOR + ["iperf3", "-s", "-1", "-p", str(port[0])],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("iperf3", lambda: listens(server, port[0]))
        out = subprocess.run(client + ONE_PROCESSOR + ["iperf3", "-c", address, "-p", str(port[1]), "-J", *options],
                             capture_output=True, text=True, check=False).stdout
    finally:
        serving.terminate()
        serving.wait()
    result = json.loads(out)
    if "error" in result:
        sys.exit(f"bench: iperf3 to {address} port {port[1]}: {result['error']}")
    return result["end"]["sum_received"]["bits_per_second"]


def listens(prefix, port):
    return bool(subprocess.run(prefix + ["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True,
                               check=False).stdout)


class Side:
    """One engine's two containers: a server, its port published, and a client."""

    def __init__(self, name, server, client, address, gateway, host):
        self.name, self.server, self.client = name, enter(server), enter(client)
        self.address, self.gateway, self.host = address, gateway, host
        self.child = subprocess.Popen(
            self.server + ONE_PROCESSOR + [sys.executable, "-c", ROUND_TRIPS, "serve"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("the server of round trips", lambda: listens(self.server, 5999))

    def throughput(self, prefix, address, port):
        return iperf(self.server, prefix, address, (5201, port), "-t", str(SECONDS)) / 1e9

    def answer(self, kind):
        out = subprocess.run(self.client + ONE_PROCESSOR + [sys.executable, "-c", ROUND_TRIPS, kind, self.address],
                             capture_output=True, text=True, check=True).stdout
        return float(out)

    def round_trip(self):
        return self.answer("tcp")

    def ping(self):
        return self.answer("ping")

    def between(self):
        return self.throughput(self.client, self.address, 5201)

    def published(self):
        return self.throughput(self.host, self.gateway, 15201)

    def end(self):
        self.child.terminate()
        self.child.wait()


class Host:
    """A host of its own for one engine: a network namespace, so that no other's rules are in the way."""

    def __init__(self, name):
        self.name = name
        self.prefix = ["nsenter", f"--net=/run/netns/{name}"]  # ip netns exec would hide the cgroups
        subprocess.run(["ip", "netns", "add", name], check=True)
        subprocess.run(self.prefix + ["ip", "link", "set", "lo", "up"], check=True)

    def end(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False)


class Ours:
    def __init__(self, engine):
        self.engine, self.host, self.ids = engine, Host("clc" + engine.bridge[-6:]), []

    def call(self, *arguments):
        return subprocess.run(self.host.prefix + [self.engine.program, *arguments], env=self.engine.environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout.strip()

    def side(self):
        self.ids = [self.call("run", "-d", "-p", "15201:5201", "busybox", "sleep", "10000"),
                    self.call("run", "-d", "busybox", "sleep", "10000")]
        pids = [self.call("inspect", "-f", "{{.State.Pid}}", i) for i in self.ids]
        look = "{{.NetworkSettings.IPAddress}} {{.NetworkSettings.Gateway}}"
        address, gateway = self.call("inspect", "-f", look, self.ids[0]).split()
        return Side("cloison", *pids, address, gateway, self.host.prefix)

    def end(self):
        self.call("rm", "-f", *self.ids)
        self.host.end()


class Docker:
    def __init__(self, engine):
        self.folder = engine.data + "/dockerd"
        os.makedirs(self.folder)
        self.space = Host("cld" + engine.bridge[-6:])
        self.host = self.space.prefix
        subprocess.run(self.host + ["ip", "link", "add", "docker0", "type", "bridge"], check=True)
        subprocess.run(self.host + ["ip", "address", "add", "10.254.0.1/16", "dev", "docker0"], check=True)
        self.daemon = subprocess.Popen(
            self.host + ["dockerd", "-H", f"unix://{self.folder}/socket", "--data-root", self.folder + "/data",
                         "--exec-root", self.folder + "/exec", "--pidfile", self.folder + "/pid", "-b", "docker0",
                         "--log-level=error"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("dockerd", lambda: self.call("version") is not None)

    def call(self, *arguments):
        done = subprocess.run(["docker", "-H", f"unix://{self.folder}/socket", *arguments], capture_output=True,
                              text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    def side(self, rootfs):
        tar = self.folder + "/busybox.tar"
        subprocess.run(["tar", "-C", rootfs, "-cf", tar, "."], check=True)
        self.call("import", tar, "busybox")
        ids = [self.call("run", "-d", "-p", "15201:5201", "busybox", "sleep", "10000"),
               self.call("run", "-d", "busybox", "sleep", "10000")]
        if None in ids:
            return None
        pids = [self.call("inspect", "-f", "{{.State.Pid}}", i) for i in ids]
        look = "{{.NetworkSettings.IPAddress}} {{.NetworkSettings.Gateway}}"
        address, gateway = self.call("inspect", "-f", look, ids[0]).split()
        return Side("docker", *pids, address, gateway, self.host)

    def end(self):
        for container in (self.call("ps", "-aq") or "").split():
            self.call("rm", "-f", container)
        self.daemon.terminate()
        self.daemon.wait()
        self.space.end()


def attach(engine, table, quick, pairs):
    base = [engine.program, "run", "--rm"]
    none = base + ["--network", "none", "busybox", "true"]
    ports = base + ["-p", "127.0.0.1:0:80", "-p", "127.0.0.1:0:81", "busybox", "true"]
    without, with_ports = pairs(engine, ROUNDS, none, ports)
    table.row("bridge and two published ports, more than --network none", f"<= {ATTACH_GOAL_MS:.0f} ms",
              f"{with_ports - without:.2f} ms", with_ports - without <= ATTACH_GOAL_MS)
    count = 60 if quick else 500
    ids = [engine.call("run", "-d", "busybox", "sleep", "10000") for _ in range(count)]
    crowd_without, crowd_ports = pairs(engine, ROUNDS, none, ports)
    engine.call("rm", "-f", *ids)
    ratio = (crowd_ports - crowd_without) / (with_ports - without)
    table.row(f"  among {count} containers, against that", f"<= {CROWD_GOAL} x", f"{ratio:.2f} x", ratio <= CROWD_GOAL)


def compare(engine, table):
    docker = Docker(engine) if shutil.which("dockerd") and shutil.which("docker") else None
    theirs = docker.side(engine.rootfs()) if docker else None
    ours = Ours(engine)
    mine = ours.side()
    sides = [s for s in (mine, theirs) if s]
    try:
        for what, measure, more in (("between two containers, Gbit/s", Side.between, True),
                                    ("host to a published port, Gbit/s", Side.published, True),
                                    ("round trip of one byte, µs", Side.round_trip, False),
                                    ("ping, µs", Side.ping, False)):
            figures = {s.name: [] for s in sides}
            for turn in range(TURNS):
                for s in sides[::-1 if turn % 2 else 1]:
                    figures[s.name].append(measure(s))
            medians = {name: statistics.median(all_) for name, all_ in figures.items()}
            table.row(what, "", f"{medians['cloison']:.1f}")
            if "docker" in medians:
                a, b = medians["cloison"], medians["docker"]
                ratio = a / b if more else b / a
                table.row(f"  against Docker's {b:.1f}", f">= {PEER_GOAL} x", f"{ratio:.2f} x", ratio >= PEER_GOAL)
    finally:
        for s in sides:
            s.end()
        if docker:
            docker.end()
        ours.end()


NAME = """
import socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2); s.connect((sys.argv[1], 53))
q = lambda n: struct.pack("!6H", n, 256, 1, 0, 0, 0) + b"\\x05named\\0\\0\\x01\\0\\x01"
times = []
for n in range(500):
    t = time.perf_counter(); s.send(q(n)); a = s.recv(512); times.append(time.perf_counter() - t)
    assert a[7] == 1, a
print(sorted(times)[250] * 1000)
"""


def names(engine, table):
    engine.call("network", "create", "names")
    container = engine.call("run", "-d", "--name", "named", "--network", "names", "busybox", "sleep", "10000")
    try:
        pid = engine.call("inspect", "-f", "{{.State.Pid}}", container)
        gateway = engine.call("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "names")
        out = subprocess.run(enter(pid) + [sys.executable, "-c", NAME, gateway], capture_output=True, text=True, check=True)
        figure = float(out.stdout)
        table.row("a name's answer", f"<= {NAME_GOAL_MS:.0f} ms", f"{figure:.3f} ms", figure <= NAME_GOAL_MS)
    finally:
        engine.call("rm", "-f", container)
        engine.call("network", "rm", "names")


def rates(engine, table):
    container = engine.call("run", "-d", "--network-rate", "in=50mbit,out=10mbit", "busybox", "sleep", "10000")
    pid = engine.call("inspect", "-f", "{{.State.Pid}}", container)
    gateway = engine.call("inspect", "-f", "{{.NetworkSettings.Gateway}}", container)
    try:
        for way, setting, extra in (("out", 10, []), ("in", 50, ["-R"])):
            got = iperf([], enter(pid), gateway, (15202, 15202), "-t", "8", "-O", "1", *extra) / 1e6
            table.row(f"--network-rate {way}={setting}mbit, off by", f"<= {RATE_GOAL * 100:.0f} %",
                      f"{100 * (got / setting - 1):+.1f} %", abs(got / setting - 1) <= RATE_GOAL)
    finally:
        engine.call("rm", "-f", container)


def net(engine, table, quick, pairs):
    if not shutil.which("iperf3"):
        table.row("net: iperf3 is not installed", "", "skipped")
        return
    attach(engine, table, quick, pairs)
    names(engine, table)
    rates(engine, table)
    compare(engine, table)
