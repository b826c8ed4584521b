#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The part `compose` of tests/bench/run: ten small services on one network, brought up, asked again,
taken down; beside podman-compose where it and podman run; and requests a second through the load balancer beside
Caddy on the host before the same replicas. Medians; what is compared takes turns."""
import os
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

ROUNDS = 9
UP_GOAL_MS, SAME_GOAL_MS, PEER_GOAL = 250.0, 30.0, 0.2
BALANCER_GOAL, LOAD_ROUNDS, LOAD_S = 0.9, 7, 3
BALANCER_IMAGE = "cloison/balancer:latest"


def project(image, seconds):
    lines = ["name: benchten", "services:"]
    for i in range(10):
        lines.append(f"  s{i}: {{image: {image}, command: [sleep, '{seconds}'], stop_signal: SIGKILL}}")
    return "\n".join(lines) + "\n"


def timed(command, **more):
    begin = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **more)
    return (time.monotonic() - begin) * 1000 if done.returncode == 0 else None


def peer(folder):
    """podman-compose's figures, or None where it does not run: its image is an empty one with our busybox."""
    if not shutil.which("podman-compose") or not shutil.which("podman"):
        return None
    tar = os.path.join(folder, "busybox.tar")
    root = os.path.join(folder, "root/bin")
    os.makedirs(root)
    shutil.copy("/bin/busybox", root)
    os.symlink("busybox", os.path.join(root, "sleep"))
    subprocess.run(["tar", "-C", os.path.dirname(root), "-cf", tar, "."], check=True)
    if subprocess.run(["podman", "import", "-q", tar, "localhost/bench-ten"], capture_output=True,
                      check=False).returncode:
        return None
    ups, downs = [], []
    with open(os.path.join(folder, "peer.yaml"), "w", encoding="utf-8") as f:
        f.write(project("localhost/bench-ten", 600).split("\n", 1)[1])
    line = ["podman-compose", "-p", "benchten", "-f", os.path.join(folder, "peer.yaml")]
    for _ in range(3):
        ups.append(timed([*line, "up", "-d"]))
        downs.append(timed([*line, "down", "-t", "0"]))
    subprocess.run(["podman", "rmi", "-f", "localhost/bench-ten"], capture_output=True, check=False)
    return None if None in ups + downs else (statistics.median(ups), statistics.median(downs))


def caddy_image(engine, folder):
    """An image of the host's program: `up` would make one of Debian's package, which is the same."""
    root, tar = os.path.join(folder, "caddy"), os.path.join(folder, "caddy.tar")
    libraries = subprocess.run(["ldd", "/usr/bin/caddy"], capture_output=True, text=True, check=False).stdout
    for file in ["/usr/bin/caddy", *re.findall(r"(/\S+)", libraries)]:
        os.makedirs(root + os.path.dirname(file), exist_ok=True)
        shutil.copy(file, root + file)
    for empty in ("etc", "tmp"):
        os.makedirs(os.path.join(root, empty), exist_ok=True)
    subprocess.run(["tar", "-C", root, "-cf", tar, "."], check=True)
    subprocess.run([engine.program, "import", "-c", "ENV PATH=/usr/bin", tar, BALANCER_IMAGE], env=engine.environment,
                   stdout=subprocess.DEVNULL, check=True)


def free_port():
    with socket.socket() as s:
        s.bind(("", 0))
        return s.getsockname()[1]


def await_answer(port):
    for _ in range(600):
        if subprocess.run(["curl", "-skf", "-o", "/dev/null", f"https://localhost:{port}/"], check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError(f"nobody answers on port {port}")


def per_second(port):
    out = subprocess.run(["wrk", "-t", "2", "-c", "16", "-d", str(LOAD_S), f"https://localhost:{port}/"],
                         capture_output=True, text=True, check=True).stdout
    return float(re.search(r"Requests/sec:\s+(\S+)", out).group(1))


def replicas_of(engine, names):
    line = [engine.program, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", *names]
    return subprocess.run(line, capture_output=True, text=True, check=True, env=engine.environment).stdout.split()


def balancer(engine, table, folder):
    if not shutil.which("caddy") or not shutil.which("wrk"):
        table.row("caddy or wrk is missing: the load balancer is not measured", "", "")
        return
    ours, theirs = free_port(), free_port()
    caddy_image(engine, folder)
    path, config = os.path.join(folder, "load.yaml"), os.path.join(folder, "Caddyfile")
    with open(path, "w", encoding="utf-8") as f:
        f.write("name: benchload\nservices:\n  web:\n    image: " + BALANCER_IMAGE +
                "\n    command: [caddy, respond, --listen, ':80', hello]\n    scale: 2\n"
                f"    x-cloison: {{publish: 'https://localhost:{ours}'}}\n")
    line = [engine.program, "compose", "-f", path]
    timed([*line, "up", "-d"], env=engine.environment)
    upstreams = " ".join(f"{a}:80" for a in replicas_of(engine, ["benchload-web-1", "benchload-web-2"]))
    with open(config, "w", encoding="utf-8") as f:
        f.write("{\n admin off\n auto_https disable_redirects\n skip_install_trust\n}\n"
                f"https://localhost:{theirs} {{\n tls internal\n reverse_proxy {upstreams} {{\n"
                "  lb_policy least_conn\n }\n}\n")
    with subprocess.Popen(["caddy", "run", "--config", config, "--adapter", "caddyfile"], stderr=subprocess.DEVNULL,
                          stdin=subprocess.DEVNULL, env={**os.environ, "XDG_DATA_HOME": folder}) as host:
        try:
            await_answer(ours)
            await_answer(theirs)
            pairs = [(per_second(ours), per_second(theirs)) for _ in range(LOAD_ROUNDS)]
        finally:
            host.terminate()
            timed([*line, "down", "-v", "-t", "1"], env=engine.environment)
    ratio = statistics.median(a / b for a, b in pairs)
    table.row("requests a second through the balancer", "", f"{statistics.median(a for a, _ in pairs):.0f}")
    table.row("… against Caddy on the host", f"≥ {BALANCER_GOAL} ×", f"{ratio:.2f} ×", ratio >= BALANCER_GOAL)


def measure(engine, table):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "compose.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(project("busybox", 600))
        line = [engine.program, "compose", "-f", path]
        ups, sames, downs = [], [], []
        for _ in range(ROUNDS):
            ups.append(timed([*line, "up", "-d"], env=engine.environment))
            time.sleep(1.1)  # one that was started a moment ago is looked at again
            sames.append(timed([*line, "up", "-d"], env=engine.environment))
            downs.append(timed([*line, "down", "-t", "0"], env=engine.environment))
        up, same, down = (statistics.median(x) for x in (ups, sames, downs))
        table.row("compose up -d of ten services", f"≤ {UP_GOAL_MS:.0f} ms", f"{up:.0f} ms", up <= UP_GOAL_MS)
        table.row("compose up -d that changes nothing", f"≤ {SAME_GOAL_MS:.0f} ms", f"{same:.0f} ms",
                  same <= SAME_GOAL_MS)
        table.row("compose down of ten services", "", f"{down:.0f} ms")
        theirs = peer(folder)
        if theirs:
            table.row("up -d against podman-compose", f"≤ {PEER_GOAL} ×", f"{up / theirs[0]:.2f} ×",
                      up <= PEER_GOAL * theirs[0])
            table.row("down against podman-compose", f"≤ {PEER_GOAL} ×", f"{down / theirs[1]:.2f} ×",
                      down <= PEER_GOAL * theirs[1])
        else:
            table.row("podman-compose does not run here: not compared", "", "")
        balancer(engine, table, folder)
