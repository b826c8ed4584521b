#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""crash_networks.py SCENARIO [SAMPLES]: crash_sweep.py's for the verbs of networks, each killed at any
call of its own or of cloison-net.

Each time `network ls` and `inspect` work and tell the truth, the same command succeeds behind it (or
says in one line that it was done), and nothing is left: no bridge, device, element, lease, file. The
server of names ends by itself some seconds later; it is waited for once, at the end.
"""
import json
import os
import time

from crash_sweep import LONG, PLACE, PORT, TAG, Failure, Scenario, cloison, execute, processes, scenarios_in, sweep

NETWORK, OTHER = f"crash-{TAG}", f"crash2-{TAG}"
DEVICE = f"cla{TAG}"
MAKE = ["network", "create", "-o", f"com.docker.network.bridge.name={DEVICE}", NETWORK]
MAKE_OTHER = ["network", "create", "--ipv6", OTHER]
UP = ["run", "-d", *PLACE, "-p", f"127.0.0.1:{PORT}:80", *LONG]


def without_server(found):
    """Without the server of names and its files: it comes and goes by itself."""
    return [f for f in found if "/cloison-names " not in f and "/net/names." not in f]


def devices():
    """Bridges of the two networks and what is in them."""
    found = [DEVICE] if os.path.exists(f"/sys/class/net/{DEVICE}") else []
    for name in os.listdir("/sys/class/net"):
        try:
            if os.path.basename(os.readlink(f"/sys/class/net/{name}/master")) == DEVICE:
                found.append(name)
        except OSError:  # it has none, or has just gone
            pass
    return [f"device {f}" for f in found]


def one_line(r, *words):
    if r.code == 0:
        return True
    if r.err.count("\n") != 1 or not any(w in r.err for w in words):
        raise Failure(f"again: {r}")
    return False


def is_connected(network):
    """Inside, in inspect and in the network's: the three agree."""
    told = json.loads(cloison("inspect", "crash").out)[0]["NetworkSettings"]["Networks"]
    there = json.loads(cloison("network", "inspect", network).out)[0]["Containers"]
    inside = "eth1" in cloison("exec", "crash", "cat", "/proc/net/dev").out
    if len({network in told, bool(there), inside}) != 1:
        raise Failure(f"inspect tells {list(told)}, the network has {there}, eth1 is {'' if inside else 'not '}inside")
    return inside


class NetworkScenario(Scenario):
    roles = ["cloison", "cloison-net"]
    networks = [NETWORK]

    def truth(self):
        names = cloison("network", "ls", "--format", "{{.Name}}").out.split()
        cloison("network", "inspect", *names)
        super().truth()
        return names

    def clean(self):
        super().clean()
        for n in self.networks:
            cloison("network", "rm", "-f", n)

    def everything(self):
        return without_server(super().everything()) + devices()


class create(NetworkScenario):
    command = MAKE

    def again(self, told):
        if not one_line(cloison(*self.command, want=None), "already exists"):
            cloison("network", "rm", NETWORK)
            cloison(*self.command)
        if not os.path.exists(f"/sys/class/net/{DEVICE}"):
            raise Failure("no bridge")


class create_ipv6(NetworkScenario):
    command = MAKE_OTHER
    networks = [OTHER]

    def again(self, told):
        if not one_line(cloison(*self.command, want=None), "already exists"):
            cloison("run", "--rm", "--network", OTHER, "busybox", "true")  # makes what is missing


class rm(NetworkScenario):
    before = [MAKE]
    command = ["network", "rm", NETWORK]

    def again(self, told):
        if not one_line(cloison(*self.command, want=None), "no such network") and NETWORK in told:
            raise Failure("listed and not found")


class prune(NetworkScenario):
    before = [MAKE, MAKE_OTHER]
    command = ["network", "prune", "-f"]
    networks = [NETWORK, OTHER]

    def again(self, told):
        cloison(*self.command)
        left = {NETWORK, OTHER} & set(self.truth())
        if left:
            raise Failure(f"not pruned: {left}")


class connect(NetworkScenario):
    before = [MAKE, UP]
    command = ["network", "connect", "--alias", "other", NETWORK, "crash"]

    def again(self, told):
        one_line(cloison(*self.command, want=None), "is in network")
        if not is_connected(NETWORK):
            raise Failure("not connected")
        cloison("network", "disconnect", NETWORK, "crash")


class disconnect(NetworkScenario):
    before = [MAKE, UP, ["network", "connect", NETWORK, "crash"]]
    command = ["network", "disconnect", NETWORK, "crash"]

    def again(self, told):
        one_line(cloison(*self.command, want=None), "is not in network")
        if is_connected(NETWORK):
            raise Failure("connected still")
        cloison("network", "connect", NETWORK, "crash")
        if not is_connected(NETWORK):
            raise Failure("not connected again")


class disconnect_first(disconnect):
    """The one that the published port leads to: the port goes on to the other."""
    before = [MAKE, ["run", "-d", *PLACE, "--network", NETWORK, "--network", "bridge", "-p", f"127.0.0.1:{PORT}:80", *LONG]]

    def again(self, told):
        one_line(cloison(*self.command, want=None), "is not in network")
        address = cloison("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "crash").out.strip()
        table = execute(["nft", "list", "map", "inet", f"cloison_test_{TAG}", "ports_at"]).out
        if f"{PORT} : {address} . 80" not in table:
            raise Failure(f"the port does not lead to {address}: {table}")


class reload(NetworkScenario):
    before = [MAKE, UP]
    command = ["network", "reload"]

    def again(self, told):
        cloison(*self.command)
        if f". {PORT} :" not in execute(["nft", "list", "map", "inet", f"cloison_test_{TAG}", "ports_at"]).out:
            raise Failure("the port is not in the table")


class run_two(NetworkScenario):
    before = [MAKE, MAKE_OTHER]
    command = ["run", "-d", *PLACE, "--network", NETWORK, "--network", OTHER, "-p", f"127.0.0.1:{PORT}:80", *LONG]
    networks = [NETWORK, OTHER]
    roles = ["cloison", "cloison-net", "cloison-monitor"]

    def truth(self):
        super().truth()
        return super(NetworkScenario, self).truth()


def main():
    import sys
    from crash_sweep import cgroup_parents
    try:
        status = sweep(scenarios_in(globals())[sys.argv[1]]())
        end = time.monotonic() + 30
        while processes() and time.monotonic() < end:
            time.sleep(0.05)
        if processes():
            raise Failure(f"left behind: {processes()}")
    except Failure as e:
        sys.exit(f"crash_networks.py: {e}")
    finally:
        for top in cgroup_parents():
            os.rmdir(top)
    sys.exit(status)


if __name__ == "__main__":
    main()
