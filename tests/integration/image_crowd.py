#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""image_crowd.py CLOISON SECONDS WORKERS REFERENCE…: workers that pull, tag, remove and run the same
images side by side. Fails on an error that is no true conflict: a name that another has just taken
away, an image that a container of another uses."""
import random
import re
import subprocess
import sys
import threading
import time

PROGRAM, SECONDS, WORKERS, REFERENCES = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
SEED = random.randrange(1 << 32)
# What is true between one who removes and one who uses.
CONFLICT = re.compile(r"no such image|in use by container|removed just now|has names in several repositories")
lock, failures, counts = threading.Lock(), [], {}


def call(verb, *arguments):
    done = subprocess.run([PROGRAM, *verb.split(), *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    lines = [l for l in done.stderr.splitlines() if l.startswith("cloison:")]
    with lock:
        counts[verb] = counts.get(verb, 0) + 1
        if done.returncode and not (lines and all(CONFLICT.search(l) for l in lines)):
            failures.append(f"{verb} {' '.join(arguments)}: status {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.returncode == 0


def work(number):
    chance = random.Random(SEED + number)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and not failures:
        reference = chance.choice(REFERENCES)
        own = f"own{chance.randrange(20)}:{chance.randrange(3)}"
        what = chance.random()
        if what < 0.3:
            call("pull", "-q", reference)
        elif what < 0.55:
            call("tag", reference, own)
        elif what < 0.75:
            call("rmi", chance.choice([own, reference]))
        elif what < 0.95:
            call("run", "--rm", "--pull", "never", "--network", "none", chance.choice([own, reference]), "true")
        else:
            call("image prune", "-f")


print(f"seed {SEED}")
threads = [threading.Thread(target=work, args=(n,)) for n in range(WORKERS)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(counts)
for f in failures[:10]:
    print(f)
sys.exit(1 if failures else 0)
