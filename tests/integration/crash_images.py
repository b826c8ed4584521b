#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""crash_images.py SCENARIO [SAMPLES]: as crash_sweep.py, for what changes the image store.

Behind each kill `system check` finds a consistent store, the image that was complete before is
there, the same command succeeds, and once its image is removed the store holds what it held before.
"""
import io
import os
import signal
import tarfile

from crash_sweep import DATA, PARENT, Failure, Scenario, cloison, everything, main, scenarios_in

FOLDER = os.environ.get("BATS_FILE_TMPDIR", "/tmp")
IMAGES = f"{DATA}/images"


def make_tar(path, count, mark):
    with tarfile.open(path, "w") as t:
        for i in range(count):
            e = tarfile.TarInfo(f"etc/{mark}-{i}")
            e.size = 5000
            t.addfile(e, io.BytesIO(f"{mark} {i} ".encode().ljust(5000, b"x")))
        e = tarfile.TarInfo(f"etc/{mark}-link")
        e.type, e.linkname = tarfile.SYMTYPE, f"{mark}-0"
        t.addfile(e)


def store():
    """Every name in the store; of an unpacked layer the folder alone: `system check` compares it."""
    found = []
    for folder, folders, names in os.walk(IMAGES):
        found += [f"image file {folder}/{n}" for n in folders + names
                  if f"{folder}/{n}" not in (f"{IMAGES}/index.lock", f"{IMAGES}/index.json")]
        if os.path.dirname(folder) == f"{IMAGES}/layers":
            folders[:] = []
    return found


class ImageScenario(Scenario):
    image = "crash:1"
    present = True  # after the command

    def prepare(self):
        if cloison("images", "-q", "kept").out == "":
            make_tar(f"{FOLDER}/kept.tar", 20, "kept")
            cloison("import", f"{FOLDER}/kept.tar", "kept:1")
        super().prepare()

    def truth(self):
        cloison("system", "check")
        names = cloison("images", "--format", "{{.Repository}}:{{.Tag}}").out.split()
        if "kept:1" not in names:
            raise Failure(f"the complete image is gone: {names}")
        return names

    def again(self, names):
        cloison(*self.command)
        if (self.image in self.truth()) != self.present:
            raise Failure(f"again: it succeeds and yet {self.image} is {'not ' * self.present}there")

    def clean(self):
        """An image that was complete before its name was made, or after it was taken, is kept without."""
        cloison("rmi", "-f", self.image, want=None)
        cloison("image", "prune", "-f")

    def everything(self):
        return everything() + store()


class import_(ImageScenario):
    command = ["import", f"{FOLDER}/crash.tar", "crash:1"]

    def prepare(self):
        super().prepare()
        make_tar(f"{FOLDER}/crash.tar", 10, "crash")


class load(ImageScenario):
    """Two layers, of which one is there already as a part of another image."""
    command = ["load", "-i", f"{FOLDER}/load.tar"]

    def prepare(self):
        super().prepare()
        if not os.path.exists(f"{FOLDER}/load.tar"):
            cloison("run", "--name", "crash", "--network", "none", "busybox", "sh", "-c", "mkdir /a; echo 1 >/a/b; ln -s b /a/c")
            cloison("commit", "crash", "crash:1")
            cloison("rm", "crash")
            cloison("save", "-o", f"{FOLDER}/load.tar", "crash:1")
            cloison("rmi", "crash:1")


class tag(ImageScenario):
    command = ["tag", "kept:1", "crash:1"]


class retag(ImageScenario):
    """The name leads to the old image or the new one, at any moment."""
    command = ["tag", "kept:1", "crash:1"]

    def prepare(self):
        super().prepare()
        cloison("tag", "busybox", "crash:1")

    def truth(self):
        names = super().truth()
        if self.image not in names:
            raise Failure("the name was lost")
        return names


class rmi(ImageScenario):
    command = ["rmi", "crash:1"]
    present = False

    def prepare(self):
        super().prepare()
        make_tar(f"{FOLDER}/crash.tar", 10, "crash")
        cloison("import", f"{FOLDER}/crash.tar", "crash:1")

    def again(self, names):
        if self.image in names:
            cloison(*self.command)


class prune(rmi):
    command = ["image", "prune", "-a", "-f", "--filter", "label=crash"]
    before = []

    def prepare(self):
        ImageScenario.prepare(self)
        cloison("run", "--name", "crash", "--network", "none", "busybox", "true")
        cloison("commit", "-c", "LABEL crash=1", "crash", "crash:1")
        cloison("rm", "crash")

    def again(self, names):
        cloison(*self.command)


class commit(ImageScenario):
    command = ["commit", "crash", "crash:1"]

    def prepare(self):
        super().prepare()
        cloison("run", "--name", "crash", "--network", "none", "busybox", "sh", "-c", "mkdir /a; echo 1 >/a/b; rm /bin/vi")

    def clean(self):
        super().clean()
        cloison("rm", "-f", "crash", want=None)


class build_(ImageScenario):
    """Two steps, of which one copies and one runs, with a cache mount; their records in the cache are whole."""
    command = ["build", "-q", "--network", "none", "--cgroup-parent", f"/{PARENT}", "-t", "crash:1", f"{FOLDER}/context"]

    def prepare(self):
        super().prepare()
        if not os.path.exists(f"{FOLDER}/context"):
            os.makedirs(f"{FOLDER}/context")
            with open(f"{FOLDER}/context/Dockerfile", "w", encoding="utf-8") as f:
                f.write("FROM busybox\nCOPY Dockerfile /f\n"
                        "RUN --mount=type=cache,target=/c rm /bin/vi && echo 1 >/c/x && cp /c/x /x\n")
            cloison(*self.command)  # what stays by design is there from now on
            self.clean()

    def again(self, names):
        super().again(names)
        r = cloison("run", "--rm", "--network", "none", self.image, "sh", "-c", "cat /x && cmp /f /f && ls /bin/vi", want=1)
        if r.out != "1\n":
            raise Failure(f"again: the image has {r}")

    def clean(self):
        super().clean()
        cloison("builder", "prune", "-a", "-f")

    def everything(self):
        return [e for e in super().everything() if f"{DATA}/build/context" not in e]


class embed(ImageScenario):
    """The image that is made at its first use, on the way to a container."""
    command = ["create", "--name", "crash", "--network", "none", "busybox", "true"]
    image = "busybox:latest"

    def prepare(self):
        super().prepare()
        cloison("rmi", "-f", "busybox", want=None)

    def again(self, names):
        cloison("rm", "crash", want=None)
        super().again(names)

    def clean(self):
        """A container that is half made goes when containers are next looked at."""
        cloison("ps", "-a")
        cloison("rm", "crash", want=None)
        super().clean()


if os.environ.get("REGISTRY"):
    class pull(ImageScenario):
        command = ["pull", f"{os.environ['REGISTRY']}/crash:1"]
        image = f"{os.environ['REGISTRY']}/crash:1"

    class signal_pull(pull):
        signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        roles = ["cloison", "cloison-image"]  # not the one that it unpacks in

        def verdict(self, r, signal):
            if r.code not in (128 + signal, 0):
                raise Failure("the exit status")


if __name__ == "__main__":
    main(scenarios_in(globals()))
