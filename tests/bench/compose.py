#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The part `compose` of tests/bench/run: ten small services on one network, brought up, asked again,
taken down; beside podman-compose where it and podman run. Medians; what is compared takes turns."""
import os
import shutil
import statistics
import subprocess
import tempfile
import time

ROUNDS = 9
UP_GOAL_MS, SAME_GOAL_MS, PEER_GOAL = 250.0, 30.0, 0.2


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
