#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The part `images` of tests/bench/run: pull, push and save of a real image against what a user could
pick instead, over the same registry on loopback.

The image is made from the distribution's packages: six layers, about 380 MB and 17,000 files
unpacked, 124 MB in gzip. The floor is bench-floor (floor.c), which inflates, hashes and writes the same
bytes with the fastest libraries and nothing else. What is compared takes turns, with the page cache
dropped and the disk quiet before each turn; medians."""
import glob
import gzip
import hashlib
import json
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tarfile
import time

ROUNDS = 5
LAYERS = [
    ["base-files", "libc6", "libc-bin", "bash", "coreutils"],
    ["perl-base", "perl-modules-5.36", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib"],
    ["linux-headers-6.1.0-*-common"],
    ["gcc-12", "cpp-12", "libgcc-12-dev"],
    ["git", "locales"],
    ["vim-runtime", "tzdata"],
]
NAME = "bench/packages:1"
PUSH_GOAL, AGAIN_TRIPS, AGAIN_MS = 1.0, 1.5, 5.0
PULL_PEER_GOAL, PULL_FLOOR_GOAL, SAVE_GOAL, MEMORY_GOAL_MIB, LAYERS_GOAL = 0.5, 1.3, 1.0, 64, 1.3


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **more)
    if done.returncode:
        sys.exit(f"bench: {' '.join(command)}: {done.stderr.strip()[-600:]}")
    return done.stdout


def newest(folder, pattern):
    """Downloads a package: the last one that the name fits."""
    name = pattern
    if "*" in pattern:
        known = run("apt-cache", "pkgnames", pattern.split("*", maxsplit=1)[0]).split()
        name = sorted(n for n in known if n.endswith(pattern.rsplit("*", maxsplit=1)[1]))[-1]
    if not glob.glob(f"{folder}/{name}_*.deb"):
        run("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", name, cwd=folder)
    return glob.glob(f"{folder}/{name}_*.deb")[0]


def blob(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    with open(f"{layout}/blobs/sha256/{digest}", "wb") as f:
        f.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def layer(layout, folder, packages):
    """The packages of a layer unpacked into one tar, gzip as a builder leaves it."""
    root = f"{folder}/root"
    for package in packages:
        run("dpkg-deb", "-x", newest(folder, package), root)
    run("tar", "--sort=name", "--numeric-owner", "-C", root, "-cf", f"{folder}/layer.tar", ".")
    with open(f"{folder}/layer.tar", "rb") as f:
        plain = f.read()
    shutil.rmtree(root)
    os.unlink(f"{folder}/layer.tar")
    return blob(layout, gzip.compress(plain, 6, mtime=0)), "sha256:" + hashlib.sha256(plain).hexdigest()


def write_layout(layout, layers, diff_ids):
    media = "application/vnd.oci.image."
    config = blob(layout, json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/bash"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode())
    manifest = blob(layout, json.dumps({
        "schemaVersion": 2, "mediaType": media + "manifest.v1+json",
        "config": config | {"mediaType": media + "config.v1+json"},
        "layers": [l | {"mediaType": media + "layer.v1.tar+gzip"} for l in layers]}).encode())
    with open(layout + "/index.json", "w", encoding="utf-8") as f:
        json.dump({"schemaVersion": 2, "manifests": [manifest | {
            "mediaType": media + "manifest.v1+json",
            "annotations": {"org.opencontainers.image.ref.name": "1"}}]}, f)
    with open(layout + "/oci-layout", "w", encoding="utf-8") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')


def make_image(folder):
    layout = f"{folder}/layout"
    os.makedirs(layout + "/blobs/sha256")
    made = [layer(layout, folder, packages) for packages in LAYERS]
    write_layout(layout, [m[0] for m in made], [m[1] for m in made])
    return [f"{layout}/blobs/sha256/{m[0]['digest'][7:]}" for m in made]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, check, seconds=30):
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            sys.exit(f"bench: {what} does not come up")
        time.sleep(0.05)


def make_certificate(folder):
    """127.0.0.1's, signed by itself, where certs.d's folders have an authority."""
    os.makedirs(f"{folder}/certs", exist_ok=True)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{folder}/key.pem",
        "-out", f"{folder}/certs/ca.crt")


class Registry:
    """Over TLS with `tls`. Two may have one folder."""

    def __init__(self, folder, tls=False):
        os.makedirs(folder, exist_ok=True)
        self.port = free_port()
        config = f"{folder}/registry-{self.port}.yml"
        http = {"addr": f"127.0.0.1:{self.port}"}
        if tls:
            make_certificate(folder)
            http["tls"] = {"certificate": f"{folder}/certs/ca.crt", "key": f"{folder}/key.pem"}
        with open(config, "w", encoding="utf-8") as f:
            json.dump({"version": 0.1, "log": {"level": "error"}, "storage": {"filesystem": {"rootdirectory": f"{folder}/registry"}},
                       "http": http}, f)
        self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_for("docker-registry", lambda: answers(self.port))

    def close(self):
        self.process.terminate()
        self.process.wait()


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def quiet_disk():
    """What was written before is on the disk, and nothing of it in memory."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("3")
    time.sleep(0.3)


def timed(command, environment=None):
    quiet_disk()
    begin = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    took = time.monotonic() - begin
    if done.returncode:
        sys.exit(f"bench: {' '.join(command)}: {done.stderr.strip()[-600:]}")
    return took


class Contender:
    """Something that pulls: `begin` makes an empty store, `command` is what is timed."""
    environment = None

    def __init__(self, folder, reference):
        self.folder, self.reference = folder, reference

    def begin(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    def end(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Ours(Contender):
    def __init__(self, folder, reference, engine):
        super().__init__(folder, reference)
        self.program = engine.program
        self.environment = dict(engine.environment, CLOISON_DATA_ROOT=folder)

    def pull(self):
        return [[self.program, "pull", "-q", self.reference]]

    def save(self, to):
        return [self.program, "save", "-o", to, self.reference]

    def push(self, target):
        return [[self.program, "tag", self.reference, target], [self.program, "push", "-q", target]]


class Podman(Contender):
    run_root = f"/run/clb{os.getpid()}"  # Podman takes 50 characters at most

    def options(self):
        return ["podman", "--root", self.folder + "/root", "--runroot", self.run_root, "--storage-driver", "overlay"]

    def pull(self):
        return [self.options() + ["pull", "-q", "--tls-verify=false", self.reference]]

    def save(self, to):
        return self.options() + ["save", "-q", "-o", to, self.reference]

    def push(self, target):
        return [self.options() + ["push", "-q", "--tls-verify=false", self.reference, target]]

    def end(self):
        subprocess.run(["umount", "-q", self.folder + "/root/overlay"], check=False, capture_output=True)
        shutil.rmtree(self.run_root, ignore_errors=True)
        super().end()


class Skopeo(Contender):
    def pull(self):
        return [["skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{self.reference}", f"oci:{self.folder}/oci:1"],
                ["umoci", "unpack", "--image", f"{self.folder}/oci:1", f"{self.folder}/bundle"]]

    def push(self, target):
        return [["skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{self.folder}/oci:1", f"docker://{target}"]]


class Docker(Contender):
    """A daemon of this run's own, on a socket of its own."""

    def __init__(self, folder, reference):
        super().__init__(folder, reference)
        self.daemon = None

    def begin(self):
        super().begin()
        self.daemon = subprocess.Popen(
            ["dockerd", "-H", f"unix://{self.folder}/socket", "--data-root", self.folder + "/data",
             "--exec-root", self.folder + "/exec", "--pidfile", self.folder + "/pid", "--bridge=none",
             "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--log-level=error"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("dockerd", lambda: subprocess.run(self.client("version"), capture_output=True, check=False).returncode == 0)

    program = "docker"

    def client(self, *arguments):
        return [self.program, "-H", f"unix://{self.folder}/socket", *arguments]

    def pull(self):
        return [self.client("pull", "-q", self.reference)]

    def save(self, to):
        return self.client("save", "-o", to, self.reference)

    def push(self, target):
        return [self.client("tag", self.reference, target), self.client("push", "-q", target)]

    def end(self):
        if self.daemon:
            self.daemon.terminate()
            self.daemon.wait()
            self.daemon = None
        super().end()


class Floor(Contender):
    def __init__(self, folder, program, blobs):
        super().__init__(folder, "")
        self.program, self.blobs = program, blobs

    def pull(self):
        return [[self.program, str(len(os.sched_getaffinity(0))), self.folder, *self.blobs]]


def measure(contenders, rounds, save_to):
    """{name: ([seconds of pull], [seconds of save])}, in turns."""
    figures = {name: ([], []) for name in contenders}
    for _ in range(rounds):
        for name, c in contenders.items():
            c.begin()
            try:
                figures[name][0].append(sum(timed(command, c.environment) for command in c.pull()))
                if hasattr(c, "save"):
                    figures[name][1].append(timed(c.save(save_to), c.environment))
                    os.unlink(save_to)
            finally:
                c.end()
    return figures


def measure_push(contenders, rounds, folder):
    """{name: [seconds]}: of the image that each has pulled, to a registry that has nothing."""
    pushers = {name: c for name, c in contenders.items() if hasattr(c, "push")}
    figures = {name: [] for name in pushers}
    try:
        for c in pushers.values():
            c.begin()
            for command in c.pull():
                run(*command, env=c.environment)
        for turn in range(rounds):
            for name, c in pushers.items():
                registry = Registry(f"{folder}/empty-{turn}-{name}")
                try:
                    *before, last = c.push(f"127.0.0.1:{registry.port}/{NAME}")
                    for command in before:
                        run(*command, env=c.environment)
                    figures[name].append(timed(last, c.environment))
                finally:
                    registry.close()
                    shutil.rmtree(f"{folder}/empty-{turn}-{name}")
    finally:
        for c in pushers.values():
            c.end()
    return figures


def round_trip_ms(reference, authority=None, rounds=40):
    """A HEAD of the manifest on a connection of its own: the least that tells whether a tag has moved. TLS with an
    authority to trust."""
    tls = ssl.create_default_context(cafile=authority) if authority else None
    address, _, path = reference.partition("/")
    name, _, tag = path.rpartition(":")
    host, _, port = address.partition(":")
    request = (f"HEAD /v2/{name}/manifests/{tag} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n"
               "Accept: application/vnd.oci.image.manifest.v1+json\r\n\r\n").encode()
    times = []
    for _ in range(rounds):
        begin = time.monotonic()
        with socket.create_connection((host, int(port))) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with tls.wrap_socket(plain, server_hostname=host) if tls else plain as s:
                s.sendall(request)
                while s.recv(65536):
                    pass
        times.append((time.monotonic() - begin) * 1000)
    return statistics.median(times)


def again(engine, table, pairs, reference, authority=None):
    """A pull of which nothing is new."""
    command = [engine.program, "pull", "-q", reference]
    run(*command, env=engine.environment)
    trip = round_trip_ms(reference, authority)
    took = pairs(engine, 40, command)[0]
    goal = AGAIN_TRIPS * trip + AGAIN_MS
    how = ", over TLS" if authority else ""
    table.row(f"round trip to the registry: HEAD of a manifest{how}", "", f"{trip:.2f} ms")
    table.row(f"pull of an image of which all is there{how}", f"<= {goal:.1f} ms", f"{took:.2f} ms", took <= goal)
    engine.call("rmi", "-f", reference)


def again_over_tls(engine, table, pairs, folder):
    registry = Registry(folder, tls=True)
    address = f"127.0.0.1:{registry.port}"
    try:
        with open(engine.config, encoding="utf-8") as f:
            settings = json.load(f)
        settings.setdefault("registries", {})[address] = {"certs": f"{folder}/certs"}
        with open(engine.config, "w", encoding="utf-8") as f:
            json.dump(settings, f)
        again(engine, table, pairs, f"{address}/{NAME}", f"{folder}/certs/ca.crt")
    finally:
        registry.close()


def peak_mib(command, environment):
    """The largest resident set of any process of the command."""
    done = subprocess.run([sys.executable, "-c",
                           "import resource, subprocess, sys; r = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL);"
                           "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(r.returncode)",
                           *command], env=environment, capture_output=True, text=True, check=False)
    return int(done.stdout.split()[-1]) / 1024


def many_layers(engine, folder, count):
    """An image of busybox and `count` - 1 layers of one file each, loaded."""
    layout = f"{folder}/layers-{count}"
    os.makedirs(layout + "/blobs/sha256")
    base = run(engine.program, "inspect", "--format", "{{.GraphDriver.Data.UpperDir}}", "busybox",
               env=engine.environment).strip()
    layers, diff_ids = [], []
    for n in range(count):
        path = f"{folder}/one.tar"
        if n == 0:
            run("tar", "-C", base, "-cf", path, ".")
        else:
            with tarfile.open(path, "w") as t:
                t.addfile(tarfile.TarInfo(f"file-{n}"))
        with open(path, "rb") as f:
            plain = f.read()
        layers.append(blob(layout, gzip.compress(plain, 1, mtime=0)))
        diff_ids.append("sha256:" + hashlib.sha256(plain).hexdigest())
    write_layout(layout, layers, diff_ids)
    archive = f"{folder}/layers-{count}.tar"
    run("tar", "-C", layout, "-cf", archive, ".")
    loaded = run(engine.program, "load", "-i", archive, env=engine.environment).split()[-1]
    run(engine.program, "tag", loaded, f"layers:{count}", env=engine.environment)
    return f"layers:{count}"


def contenders_of(engine, folder, reference, blobs):
    found = {"floor": Floor(folder + "/floor", os.path.join(engine.build, "tests/bench/bench-floor"), blobs),
             "cloison": Ours(folder + "/cloison", reference, engine)}
    for name, kind, programs in (("podman", Podman, ["podman"]), ("skopeo+umoci", Skopeo, ["skopeo", "umoci"]),
                                 ("dockerd", Docker, ["dockerd", "docker"])):
        if all(shutil.which(p) for p in programs):
            found[name] = kind(f"{folder}/{name}", reference)
    return found


def starts(engine, table, pairs, folder):
    one, many = (many_layers(engine, folder, n) for n in (1, 127))
    command = [engine.program, "run", "--rm", "--network", "none"]
    a, b = pairs(engine, 40, command + [one, "true"], command + [many, "true"])
    table.row("run of an image of 1 layer", "", f"{a:.2f} ms")
    table.row("run of an image of 127 layers", "", f"{b:.2f} ms")
    table.row("  against one layer", f"<= {LAYERS_GOAL} x", f"{b / a:.2f} x", b <= LAYERS_GOAL * a)


def images(engine, table, quick, pairs):
    folder = os.path.join(engine.data, "images-bench")
    os.makedirs(folder)
    starts(engine, table, pairs, folder)
    if not shutil.which("docker-registry"):
        table.row("pull: docker-registry is not installed", "", "skipped")
        return
    blobs = make_image(folder)
    registry = Registry(folder)
    try:
        reference = f"127.0.0.1:{registry.port}/{NAME}"
        run("skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{folder}/layout:1", f"docker://{reference}")
        contenders = contenders_of(engine, folder, reference, blobs)
        figures = measure(contenders, 3 if quick else ROUNDS, folder + "/saved.tar")
        report(figures, table)
        report_push(measure_push(contenders, 3 if quick else ROUNDS, folder), table)
        again(engine, table, pairs, reference)
        again_over_tls(engine, table, pairs, folder)
        ours = contenders["cloison"]
        ours.begin()
        peak = peak_mib(ours.pull()[0], ours.environment)
        ours.end()
        table.row("memory of a pull at its peak", f"<= {MEMORY_GOAL_MIB} MiB", f"{peak:.0f} MiB", peak <= MEMORY_GOAL_MIB)
    finally:
        registry.close()


def report_push(figures, table):
    push = {name: statistics.median(f) for name, f in figures.items()}
    for name, seconds in push.items():
        table.row(f"push, the same image, to an empty registry: {name}", "", f"{seconds:.2f} s")
    peers = {n: s for n, s in push.items() if n != "cloison"}
    if peers:
        best = min(peers, key=peers.get)
        ratio = push["cloison"] / peers[best]
        table.row(f"  against the best of them, {best}", f"<= {PUSH_GOAL:.0f} x", f"{ratio:.2f} x", ratio <= PUSH_GOAL)


def report(figures, table):
    pull = {name: statistics.median(f[0]) for name, f in figures.items()}
    save = {name: statistics.median(f[1]) for name, f in figures.items() if f[1]}
    for name, seconds in pull.items():
        table.row(f"pull and unpack, 6 layers, 380 MB: {name}", "", f"{seconds:.2f} s")
    peers = {n: s for n, s in pull.items() if n not in ("floor", "cloison")}
    if peers:
        best = min(peers, key=peers.get)
        ratio = pull["cloison"] / peers[best]
        table.row(f"  against the best of them, {best}", f"<= {PULL_PEER_GOAL} x", f"{ratio:.2f} x", ratio <= PULL_PEER_GOAL)
    ratio = pull["cloison"] / pull["floor"]
    table.row("  against the floor", f"<= {PULL_FLOOR_GOAL} x", f"{ratio:.2f} x", ratio <= PULL_FLOOR_GOAL)
    for name, seconds in save.items():
        table.row(f"save, the same image: {name}", "", f"{seconds:.2f} s")
    peers = {n: s for n, s in save.items() if n != "cloison"}
    if peers:
        best = min(peers, key=peers.get)
        ratio = save["cloison"] / peers[best]
        table.row(f"  against the best of them, {best}", f"<= {SAVE_GOAL:.0f} x", f"{ratio:.2f} x", ratio <= SAVE_GOAL)
