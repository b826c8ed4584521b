#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""labs.py run FILE: runs a lab's commands, as a reader types them, and compares what they print.
labs.py same FILE FILE: the two languages of a lab have the same commands and outputs.

The ```sh blocks of a file go to one bash, in a folder of their own; each must end with status 0. A ```text
block behind one is its output, standard error included, where … stands for anything within a line and a
line … for any lines."""
import difflib
import os
import re
import subprocess
import sys
import tempfile


def blocks(path):
    """The blocks in order: (language, text, line)."""
    found = []
    language = None
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        if language is None and (m := re.match(r"```(\w*)$", line)):
            language, text, start = m.group(1), [], number + 1
        elif language is not None and line.rstrip() == "```":
            found.append((language, "".join(text), start))
            language = None
        elif language is not None:
            text.append(line)
    if language is not None:
        sys.exit(f"{path}:{start}: a block without an end")
    return found


def pattern(expected):
    parts = []
    for line in expected.splitlines():
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(p) for p in line.rstrip().split("…")) + r"[ \t]*\n")
    return re.compile("".join(parts) + r"\Z")


class Shell:
    def __init__(self, folder):
        self.process = subprocess.Popen(["bash"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace")

    def run(self, commands):
        """What the commands print, and the status of the last."""
        mark = f"end-of-block-{os.getpid()}"
        self.process.stdin.write(f"{commands}\nprintf '\\n{mark} %s\\n' $?\n")
        self.process.stdin.flush()
        out = []
        for line in self.process.stdout:
            if line.startswith(mark):
                text = "".join(out)[:-1]  # our own line end
                return text + ("\n" if text and not text.endswith("\n") else ""), int(line.split()[1])
            out.append(line)
        return "".join(out), -1


def run(path):
    wanted = blocks(path)
    with tempfile.TemporaryDirectory(prefix="cloison-lab-") as folder:
        shell = Shell(folder)
        for i, (language, text, line) in enumerate(wanted):
            if language != "sh":
                continue
            out, status = shell.run(text)
            if status != 0:
                sys.exit(f"{path}:{line}: status {status} of:\n{text}which printed:\n{out}")
            if i + 1 < len(wanted) and wanted[i + 1][0] == "text" and not pattern(wanted[i + 1][1]).match(out):
                sys.exit(f"{path}:{line}: printed by:\n{text}---\n{out}--- but the page says:\n{wanted[i + 1][1]}")
        shell.process.stdin.close()
        shell.process.wait()


def same(a, b):
    texts = [["".join(f"{lang}: {line}\n" for line in text.splitlines()) for lang, text, _ in blocks(p)] for p in (a, b)]
    if texts[0] != texts[1]:
        sys.exit("".join(difflib.unified_diff(*[[l + "\n" for t in x for l in t.splitlines()] for x in texts], a, b)))


if sys.argv[1] == "run":
    run(sys.argv[2])
else:
    same(sys.argv[2], sys.argv[3])
