# SPDX-License-Identifier: Apache-2.0
"""The part `vm` of tests/bench/run: a machine by cloison-vmm against the same one by QEMU's microvm on the same KVM:
same kernel, initramfs, disks, tap. Where KVM runs no kernel it runs itself in the test machine, which has QEMU in one of
its images. Medians; what is compared takes turns. Emulated inside, so that ratios and counts mean something, times little."""
import fcntl
import glob
import json
import os
import re
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROUNDS, FEW = 5, 3
BOOT_GOAL, HALF, THROUGHPUT_GOAL, WHOLE_GOAL, MEMORY_GOAL_KIB, START_GOAL_MS = 0.5, 0.5, 1.0, 1.15, 5120, 10.0
MEMORY_MIB = 192
MAC, TAP, HOST = "02:00:00:00:00:17", "benchvm0", "10.77.0.1"
KVM_FOLDER = "/sys/kernel/debug/kvm"
HELLO, REQUEST = 1, 2
HEADER = struct.Struct("<IHHI")
# What KVM counts beside the total, by why the guest was left; see Documentation/virt/kvm.
KINDS = ("io_exits", "mmio_exits", "halt_exits", "irq_exits", "irq_window_exits", "request_irq_exits", "signal_exits",
         "hypercalls", "pf_taken", "insn_emulation")


def outside(build, table, quick, part):
    here = os.path.dirname(os.path.abspath(__file__))
    # Why ticks that come by themselves: tests/testbed/v2.list.
    done = subprocess.run([os.path.join(here, "../testbed/run"), "--with", "qemu", "--timeout", "1500",
                           "--append", "nohz=off", "--append", "highres=off", "--",
                           os.path.join(here, "run"), *(["--quick"] if quick else []), build, part], check=False)
    table.missed |= done.returncode != 0


class Files:
    """What machines are made of: the newest kernel, initramfs with the agent and with the measuring program, a disk."""

    def __init__(self, build, folder):
        self.folder = folder
        modules = os.path.join("/lib/modules", os.uname().release)
        tool = os.path.join(build, "cloison-kernel")
        self.kernel = self.path("vmlinux")
        image = sorted(glob.glob("/boot/vmlinuz-*"))[-1]
        subprocess.run([tool, "extract", image, self.kernel], check=True)
        self.agent, self.measure = self.path("agent"), self.path("measure")
        subprocess.run([tool, "initramfs", modules, os.path.join(build, "cloison-guest"), self.agent], check=True)
        self.measuring_program = os.path.join(build, "tests/bench/bench-vm_guest")
        subprocess.run([tool, "initramfs", modules, self.measuring_program, self.measure], check=True)
        self.disk = self.path("disk")
        with open(self.disk, "wb") as f:
            f.write(b"\1" * (64 << 20))

    def path(self, name):
        return os.path.join(self.folder, name)


def open_tap():
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", TAP.encode(), 0x0002 | 0x1000 | 0x4000))
    return tap


class Ours:
    name = "cloison-vmm"

    def __init__(self, build, files):
        self.program, self.files = os.path.join(build, "cloison-vmm"), files

    def command(self, initramfs, fds, line, disk=None, tap=None, port=None, report=None):
        """The arguments; fds gets what is inherited. port: of the agent; else the console is the output."""
        def number(fd):
            fds.append(fd)
            return fd
        ports = {"name": "org.cloison.agent", "in_fd": number(port), "out_fd": port} if port is not None else {
            "name": "console", "out_fd": 1, "is_console": True}
        devices = [{"type": "console", "ports": [ports]}]
        if disk is not None:
            devices.append({"type": "block", "fd": number(disk)})
        if tap is not None:
            devices.append({"type": "net", "tap_fd": number(tap), "mac": MAC, "mtu": 1500})
        devices += [{"type": "rng"}, {"type": "balloon"}]
        spec = {"cpus": 1, "memory_bytes": MEMORY_MIB << 20, "kvm_fd": number(os.open("/dev/kvm", os.O_RDWR)),
                "kernel_fd": number(os.open(self.files.kernel, os.O_RDONLY)), "command_line": line, "devices": devices,
                "initramfs_fd": number(os.open(initramfs, os.O_RDONLY)),
                "serial_fd": number(os.open(self.files.path("serial"), os.O_WRONLY | os.O_CREAT, 0o600))}
        if report is not None:
            spec["report_fd"] = number(report)
        text = os.memfd_create("machine")
        os.write(text, json.dumps(spec).encode())
        os.lseek(text, 0, os.SEEK_SET)
        return [self.program, str(number(text))]


class Qemu:
    name = "QEMU"

    def __init__(self, _build, files):
        self.files = files
        with open("/proc/cpuinfo", encoding="ascii") as f:
            self.khz = int(float(re.search(r"cpu MHz\s*: ([\d.]+)", f.read()).group(1)) * 1000)

    def command(self, initramfs, fds, line, disk=None, tap=None, port=None, report=None):
        del report
        def number(fd):
            fds.append(fd)
            return fd
        # Without its emulated clocks and interrupt controller, as its own documentation has it for the quickest boot. The
        # TSC's rate is told as ours is: calibrating it against an emulated clock takes long, or fails.
        words = ["/usr/bin/qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
                 "-monitor", "none", "-accel", "kvm", "-cpu", "host", "-smp", "1",
                 "-machine", "microvm,acpi=on,rtc=off,pit=off,pic=off,memory-backend=memory",
                 "-object", f"memory-backend-memfd,id=memory,share=on,size={MEMORY_MIB}M", "-m", f"{MEMORY_MIB}M",
                 "-global", "virtio-mmio.force-legacy=false", "-kernel", self.files.kernel, "-initrd", initramfs,
                 "-append", f"{line} tsc_early_khz={self.khz}", "-serial", "file:" + self.files.path("serial"),
                 "-device", "virtio-serial-device"]
        if port is not None:
            words += ["-chardev", f"socket,id=port,fd={number(port)}", "-device",
                      "virtserialport,chardev=port,name=org.cloison.agent"]
        else:
            words += ["-chardev", "stdio,id=port", "-device", "virtconsole,chardev=port,name=console"]
        if disk is not None:
            words += ["-drive", f"id=disk,file=/dev/fd/{number(disk)},format=raw,if=none,discard=unmap", "-device",
                      "virtio-blk-device,drive=disk"]
        if tap is not None:
            words += ["-netdev", f"tap,id=net,fd={number(tap)},vhost=off", "-device",
                      f"virtio-net-device,netdev=net,mac={MAC}"]
        return [*words, "-device", "virtio-rng-device", "-device", "virtio-balloon-device,free-page-reporting=on"]


LINE = "console=ttyS0 quiet panic=-1 pci=off reboot=acpi"


def start(monitor, *before, initramfs, line=LINE, stdout=subprocess.DEVNULL, **devices):
    fds = []
    command = monitor.command(initramfs, fds, line, **devices)
    began = time.monotonic()
    process = subprocess.Popen([*before, *command], pass_fds=fds, stdin=subprocess.DEVNULL, stdout=stdout)
    for fd in fds:
        if fd not in devices.values():
            os.close(fd)
    return process, began


def receive(port, count):
    data = b""
    while len(data) < count:
        piece = port.recv(count - len(data))
        if not piece:
            sys.exit("bench: the machine ended before its agent said hello")
        data += piece
    return data


def read_message(port):
    size, kind, _, _ = HEADER.unpack(receive(port, HEADER.size))
    return kind, receive(port, size)


class Boot:
    """A machine with the agent, from its hello on: hello_ms; it ends by a request, or with the block."""

    def __init__(self, monitor, *before, **devices):
        self.port, theirs = socket.socketpair()
        self.port.settimeout(120)
        self.process, self.began = start(monitor, *before, initramfs=monitor.files.agent, port=theirs.fileno(), **devices)
        theirs.close()

    def __enter__(self):
        kind, _ = read_message(self.port)
        assert kind == HELLO
        self.hello_ms = (time.monotonic() - self.began) * 1000
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
        self.port.close()

    def power_off(self):
        """Milliseconds from the program's start to its end."""
        text = json.dumps({"request": "power-off"}).encode()
        self.port.sendall(HEADER.pack(len(text), REQUEST, 0, 0) + text)
        self.process.wait(120)
        return (time.monotonic() - self.began) * 1000


def exits():
    """The counters of the one machine that runs."""
    counters = {}
    for folder in glob.glob(KVM_FOLDER + "/[0-9]*"):
        for name in ("exits", *KINDS):
            with open(os.path.join(folder, name), encoding="ascii") as f:
                counters[name] = int(f.read())
    return counters


def resident_kib(process, is_ours):
    """Of the monitor, without what is the guest's memory: QEMU's memfd, what is large and no file of ours, and the
    files that are mapped into it."""
    pids = [process.pid]
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as f:
        pids += f.read().split()
    with open(f"/proc/{pids[-1]}/smaps", encoding="ascii") as f:
        text = f.read()
    total = own = 0
    is_guest = is_nameless = False
    for line in text.splitlines():
        if re.match(r"[0-9a-f]+-", line):
            is_guest = re.search(r"/memfd:|/vmlinux|/agent", line) is not None
            is_nameless = len(line.split()) == 5
        elif line.startswith("Size:") and is_nameless and is_ours:
            is_guest = int(line.split()[1]) >= 1024
        elif line.startswith("Rss:") and not is_guest:
            total += int(line.split()[1])
        elif line.startswith("Anonymous:") and not is_guest:
            own += int(line.split()[1])
    return total, own


def listed(counters, most=8):
    pairs = sorted(counters.items(), key=lambda x: -x[1])
    return ", ".join(f"{name} {count}" for name, count in pairs[:most] if count)


def compared(table, what, goal, ours, theirs, unit):
    table.row(f"{what}, by cloison-vmm and by QEMU", "", f"{ours:.0f}, {theirs:.0f} {unit}")
    table.row("  against QEMU", f"<= {goal} x", f"{ours / theirs:.2f} x", ours <= goal * theirs)


def boots(table, monitors, rounds):
    times, counters, memory = ([[] for _ in monitors] for _ in range(3))
    for _ in range(rounds):
        for i, monitor in enumerate(monitors):
            with Boot(monitor) as boot:
                times[i].append(boot.hello_ms)
                counters[i].append(exits())
                memory[i].append(resident_kib(boot.process, isinstance(monitor, Ours)))
    compared(table, "exec to the agent's hello", BOOT_GOAL, *map(statistics.median, times), "ms")
    totals = [statistics.median(c.get("exits", 0) for c in each) for each in counters]
    compared(table, "exits of the processor, exec to hello", HALF, *totals, "")
    for i, monitor in enumerate(monitors):
        last = counters[i][-1]
        print(f"    {monitor.name}: {listed({k: last.get(k, 0) for k in KINDS})}", flush=True)
    for i, monitor in enumerate(monitors):
        rss, own = (statistics.median(m[k] for m in memory[i]) for k in (0, 1))
        is_ours = isinstance(monitor, Ours)
        table.row(f"resident memory of {monitor.name} without the guest's", f"<= {MEMORY_GOAL_KIB} KiB" if is_ours else "",
                  f"{rss:.0f} KiB", rss <= MEMORY_GOAL_KIB if is_ours else None)
        table.row("  of it in no file", "", f"{own:.0f} KiB")


TRACE = "/sys/kernel/debug/tracing"
CALLS = {0: "read", 1: "write", 3: "close", 7: "poll", 9: "mmap", 10: "mprotect", 13: "rt_sigaction", 16: "ioctl",
         17: "pread64", 20: "writev", 28: "madvise", 72: "fcntl", 157: "prctl", 202: "futex", 232: "epoll_wait",
         233: "epoll_ctl", 257: "openat", 262: "newfstatat", 271: "ppoll", 290: "eventfd2"}


def trace(name, value):
    with open(os.path.join(TRACE, name), "w", encoding="ascii") as f:
        f.write(value)


def count_calls(monitor):
    """By the kernel's own trace: a machine whose monitor is under ptrace does not always boot."""
    trace("buffer_size_kb", "60000")
    trace("options/event-fork", "1")
    trace("events/raw_syscalls/sys_enter/enable", "1")
    try:
        with Boot(monitor, "sh", "-c", f'echo $$ >{TRACE}/set_event_pid && exec "$@"', "sh") as boot:
            boot.power_off()
    finally:
        trace("events/raw_syscalls/sys_enter/enable", "0")
        trace("set_event_pid", "")
    counts = {}
    with open(os.path.join(TRACE, "trace"), encoding="utf-8", errors="replace") as f:
        for number in re.findall(r"sys_enter: NR (\d+) ", f.read()):
            name = CALLS.get(int(number), number)
            counts[name] = counts.get(name, 0) + 1
    trace("trace", "")
    return counts


def system_calls(table, monitors):
    counts = [count_calls(monitor) for monitor in monitors]
    compared(table, "system calls of the host, exec to power-off", HALF, *(sum(c.values()) for c in counts), "")
    for monitor, each in zip(monitors, counts):
        print(f"    {monitor.name}: {listed(each, 12)}", flush=True)


def measure_once(monitor):
    """What the measuring program in the machine says: a name's nanoseconds."""
    disk = os.open(monitor.files.disk, os.O_RDWR | os.O_CLOEXEC)
    tap = open_tap()
    try:
        process, _ = start(monitor, initramfs=monitor.files.measure, stdout=subprocess.PIPE, disk=disk, tap=tap)
        out, _ = process.communicate(timeout=300)
    finally:
        os.close(disk)
        os.close(tap)
    text = out.decode(errors="replace")
    if "done" not in text:
        sys.exit(f"bench: {monitor.name}'s machine said: {text[-300:]}")
    return {w[0]: int(w[1]) for w in map(str.split, text.splitlines()) if len(w) == 4}


def devices(table, monitors, rounds):
    subprocess.run(["ip", "tuntap", "add", "dev", TAP, "mode", "tap", "vnet_hdr"], check=True)
    peer = None
    try:
        subprocess.run(["ip", "addr", "add", HOST + "/24", "dev", TAP], check=True)
        subprocess.run(["ip", "link", "set", TAP, "up"], check=True)
        peer = subprocess.Popen([monitors[0].files.measuring_program, "peer", HOST])
        figures = [[measure_once(m) for m in monitors] for _ in range(rounds)]
    finally:
        if peer:
            peer.kill()
            peer.wait()
        subprocess.run(["ip", "link", "del", TAP], check=False)
    for name in figures[0][0]:
        ours, theirs = (statistics.median(f[i][name] for f in figures) for i in (0, 1))
        table.row(f"{name} (milliseconds by each: {ours / 1e6:.0f}, {theirs / 1e6:.0f})", f">= {THROUGHPUT_GOAL} x",
                  f"{theirs / ours:.2f} x", theirs >= THROUGHPUT_GOAL * ours)


def start_cpu(table, monitor, rounds):
    figures = []
    for _ in range(rounds):
        report = os.memfd_create("report")
        with Boot(monitor, report=report) as boot:
            boot.power_off()
        os.lseek(report, 0, os.SEEK_SET)
        figures.append(json.loads(os.read(report, 4096))["start_cpu_us"] / 1000)
        os.close(report)
    figure = statistics.median(figures)
    # The goal is a processor's; one that is emulated takes some forty times as long, and has no verdict.
    table.row("processor time, exec to the first guest instruction", f"<= {START_GOAL_MS:.0f} ms", f"{figure:.1f} ms",
              None if "TESTBED" in os.environ else figure <= START_GOAL_MS)


def whole(engine, table, monitor, rounds):
    """Of each pair its ratio, then their median: what else the host does changes from pair to pair."""
    command = [engine.program, "run", "--rm", "--wall", "vm", "--vmm", "kvm", "--memory", f"{MEMORY_MIB}m",
               "--network", "none", "busybox", "true"]
    runs, bare = [], []
    for i in range(rounds + 1):
        began = time.monotonic()
        subprocess.run(command, env=engine.environment, check=True, stdin=subprocess.DEVNULL)
        if i:  # the first one makes what is cached
            runs.append((time.monotonic() - began) * 1000)
        with Boot(monitor) as boot:
            bare.append(boot.power_off())
    ours, floor = statistics.median(runs), statistics.median(bare)
    ratio = statistics.median(r / b for r, b in zip(runs, bare[1:]))
    table.row("run --rm --wall vm busybox true, and a bare boot and end", "", f"{ours:.0f}, {floor:.0f} ms")
    table.row("  against the bare boot", f"<= {WHOLE_GOAL} x", f"{ratio:.2f} x", ratio <= WHOLE_GOAL)


PARTS = {
    "vm-boot": lambda engine, table, monitors, quick: boots(table, monitors, FEW if quick else ROUNDS),
    "vm-calls": lambda engine, table, monitors, quick: system_calls(table, monitors),
    "vm-start": lambda engine, table, monitors, quick: start_cpu(table, monitors[0], FEW if quick else ROUNDS),
    "vm-devices": lambda engine, table, monitors, quick: devices(table, monitors, 1 if quick else FEW),
    "vm-whole": lambda engine, table, monitors, quick: whole(engine, table, monitors[0], FEW if quick else 3 * ROUNDS),
}


def install(engine):
    """The programs on the machine's own disk, as they are where they are installed: the tree is another host's."""
    folder = os.path.join(engine.data, "programs")
    os.mkdir(folder)
    for program in glob.glob(os.path.join(engine.build, "cloison*")):
        if os.path.isfile(program) and os.access(program, os.X_OK):
            shutil.copy2(program, folder)
    engine.program = os.path.join(folder, "cloison")
    return folder


def vm(engine, table, quick, part="vm"):
    if "TESTBED" not in os.environ:
        outside(engine.build, table, quick, part)
        return
    if not shutil.which("qemu-system-x86_64"):
        sys.exit("bench: no QEMU in this test machine: boot it with --with qemu")
    if not os.path.isdir(KVM_FOLDER):
        subprocess.run(["mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"], check=True)
    with tempfile.TemporaryDirectory(dir=engine.data) as folder:
        files = Files(engine.build, folder)
        monitors = [Ours(install(engine), files), Qemu(engine.build, files)]
        for name, measure in PARTS.items():
            if part in ("vm", name):
                measure(engine, table, monitors, quick)
