# SPDX-License-Identifier: Apache-2.0
"""The part `build` of tests/bench/run: `cloison build` against podman build and dockerd (with BuildKit where its client has it), each
with a store of its own in this run, the same base image and Dockerfile."""
import os
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from images import Docker as ImagesDocker, Podman as ImagesPodman, run  # pylint: disable=wrong-import-position

CACHED_MS, CACHED_GOAL, STEP_MS, SIXTY_GOAL = 30.0, 0.1, 15.0, 0.2
CONTEXT_GOAL, COPY_GOAL, PARALLEL_GOAL = 1.5, 1.5, 1.15
FILES, COPY_MIB, ROUNDS, FEW = 50000, 300, 20, 5
SIX = "FROM busybox\nWORKDIR /app\nCOPY f /app/\nRUN echo 1 >/1\nRUN echo 2 >/2\nENV A=b\nRUN echo 3 >/3\nCMD [\"sh\"]\n"


class Cloison:
    def __init__(self, engine):
        self.engine, self.environment = engine, engine.environment

    def build(self, *more):
        return [self.engine.program, "build", "-q", "--network", "none", *more]

    def end(self):
        pass


class Podman(ImagesPodman):
    environment = None

    def prepare(self, archive):
        os.makedirs(self.folder, exist_ok=True)
        run(*self.options(), "load", "-q", "-i", archive)

    def build(self, *more):
        # crun refuses hosts with both cgroup versions.
        return [*self.options(), "--runtime", "runc", "build", "-q", "--layers", "--network", "none", "--pull=never", *more]


def debians_client():
    """The client of Debian's docker.io, if there is one that needs no plug-in for BuildKit."""
    path = "/usr/bin/docker"
    if not os.access(path, os.X_OK):
        return None
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    number = said.split("version ")[-1].split(".")[0]
    return path if number.isdigit() and int(number) < 23 else None


class Docker(ImagesDocker):
    # Newer clients want a plug-in for BuildKit, which Debian 12 has not; Debian's own client speaks to the daemon's.
    # Where there is neither, the classic builder.
    program = debians_client() or "docker"
    buildkit = program != "docker" or (shutil.which("docker") and subprocess.run(
        ["docker", "buildx", "version"], capture_output=True, check=False).returncode == 0)
    environment = dict(os.environ, DOCKER_BUILDKIT=str(int(bool(buildkit))))

    def prepare(self, archive):
        self.begin()
        run(*self.client("load", "-q", "-i", archive))

    def build(self, *more):
        return [*self.client("build"), "-q", "--network", "none", *more]


def once(builder, *more):
    begin = time.monotonic()
    done = subprocess.run(builder.build(*more), env=builder.environment, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(f"bench: {' '.join(builder.build(*more))}: {done.stderr.strip()[-600:]}")
    return (time.monotonic() - begin) * 1000


def turns(builders, rounds, *more):
    """Medians in milliseconds of what takes turns."""
    times = [[once(b, *more) for b in builders] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*times)]


def context(folder, name, dockerfile):
    path = os.path.join(folder, name)
    os.makedirs(path)
    with open(os.path.join(path, "Dockerfile"), "w", encoding="utf-8") as f:
        f.write(dockerfile)
    return path


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def against(table, what, goal, ours, theirs):
    if theirs:
        best = min(theirs)
        table.row(f"  against the best of the others ({best:.0f} ms)", f"<= {goal} x", f"{ours / best:.3f} x",
                  ours <= goal * best)


def cached(table, folder, builders):
    path = context(folder, "six", SIX)
    write(path + "/f", "x")
    turns(builders, 1, "-t", "six", path)
    ours, *theirs = turns(builders, ROUNDS, "-t", "six", path)
    table.row("build of six steps, all cached", f"<= {CACHED_MS:.0f} ms", f"{ours:.1f} ms", ours <= CACHED_MS)
    against(table, "", CACHED_GOAL, ours, theirs)


def steps(engine, table, folder, builders, pairs):
    texts = {n: "FROM busybox\n" + "".join(f"RUN true # {i}\n" for i in range(n)) for n in (1, 21, 60)}
    paths = {n: context(folder, f"true{n}", t) for n, t in texts.items()}
    limit = [os.path.join(engine.build, "tests/bench/bench-limit"), engine.rootfs(), engine.data, "/bin/true"]
    floor = pairs(engine, 40, limit)[0]
    one = turns(builders[:1], ROUNDS, "--no-cache", paths[1])[0]
    many = turns(builders[:1], ROUNDS, "--no-cache", paths[21])[0]
    over = (many - one) / 20 - floor
    table.row("RUN true, one step more, over the kernel's part", f"<= {STEP_MS:.0f} ms", f"{over:.1f} ms", over <= STEP_MS)
    ours, *theirs = turns(builders, FEW, "--no-cache", paths[60])
    table.row("sixty RUN true", "", f"{ours:.0f} ms")
    against(table, "", SIXTY_GOAL, ours, theirs)


def many_files(table, folder, builders):
    path = context(folder, "many", "FROM busybox\nRUN --mount=type=bind,target=/c true\n")
    for i in range(FILES):
        if i % 500 == 0:
            os.makedirs(f"{path}/d{i // 500}")
        write(f"{path}/d{i // 500}/f{i}", str(i))
    time.sleep(0.1)  # for their times to be those of a while ago
    once(builders[0], path)
    floor, ours = [], []
    for n in range(ROUNDS):
        begin = time.monotonic()
        run("find", path, "-size", "+1000000k")
        floor.append((time.monotonic() - begin) * 1000)
        write(f"{path}/d3/f1777", f"changed {n}")
        ours.append(once(builders[0], path))
    floor, ours = statistics.median(floor), statistics.median(ours)
    table.row(f"{FILES} files, one changed, a step that reads them", "", f"{ours:.0f} ms")
    table.row(f"  against find, which stats them ({floor:.0f} ms)", f"<= {CONTEXT_GOAL} x", f"{ours / floor:.2f} x",
              ours <= CONTEXT_GOAL * floor)


def copied(engine, builder, path, forget):
    """The milliseconds of one build; its memory and its disk are for the next one, and a layer that is there already
    would go to no disk."""
    image = path + "/image"
    took = once(builder, "--no-cache", "--iidfile", image, path)
    with open(image, encoding="utf-8") as f:
        engine.call("rmi", f.read())
    engine.call("builder", "prune", *forget)
    return took


def large(engine, table, folder, builders):
    path = context(folder, "large", "FROM busybox\nCOPY data /data\n")
    with open(path + "/data", "wb") as f:
        for _ in range(COPY_MIB):
            f.write(os.urandom(1 << 20))
    floor, first, ours = [], [], []
    for _ in range(FEW):
        begin = time.monotonic()
        run("cp", path + "/data", folder + "/copied")
        run("sync", "-f", folder + "/copied")
        floor.append((time.monotonic() - begin) * 1000)
        os.unlink(folder + "/copied")
        # The first looks into the file for its key; behind it, what is remembered of the context stays (no -a) for the other.
        first.append(copied(engine, builders[0], path, ["-f"]))
        ours.append(copied(engine, builders[0], path, ["-af"]))
    floor, first, ours = (statistics.median(times) for times in (floor, first, ours))
    table.row(f"COPY of {COPY_MIB} MiB, to the disk", "", f"{ours:.0f} ms")
    table.row(f"  against cp and sync ({floor:.0f} ms)", f"<= {COPY_GOAL} x", f"{ours / floor:.2f} x",
              ours <= COPY_GOAL * floor)
    table.row("  of a file that is new to the builder", "", f"{first / floor:.2f} x")


def parallel(table, folder, builders):
    text = ("FROM busybox AS a\nRUN sleep 2; echo a >/a\nFROM busybox AS b\nRUN sleep 1; echo b >/b\nRUN sleep 0.5\n"
            "FROM busybox\nCOPY --from=a /a /\nCOPY --from=b /b /\n")
    path = context(folder, "parallel", text)
    ours = statistics.median(once(builders[0], "--no-cache", path) for _ in range(FEW))
    table.row("two independent stages, the longest 2 s", f"<= {PARALLEL_GOAL} x", f"{ours / 2000:.2f} x",
              ours <= PARALLEL_GOAL * 2000)


def builds(engine, table, pairs):
    folder = os.path.join(engine.data, "builds")
    os.makedirs(folder)
    archive = folder + "/busybox.tar"
    engine.call("save", "-o", archive, "busybox")
    builders = [Cloison(engine)]
    for name, kind in (("podman", Podman), ("dockerd", Docker)):
        if shutil.which(name):
            builders.append(kind(os.path.join(folder, name), "busybox"))
    try:
        for b in builders[1:]:
            b.prepare(archive)
        cached(table, folder, builders)
        steps(engine, table, folder, builders, pairs)
        many_files(table, folder, builders)
        large(engine, table, folder, builders)
        parallel(table, folder, builders)
    finally:
        for b in builders[1:]:
            b.end()
