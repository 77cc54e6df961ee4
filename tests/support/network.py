# SPDX-License-Identifier: Apache-2.0
"""Network namespaces on one bridge, between any two of which everything that is sent can be made to get lost."""
import os
import subprocess

# Nobody's: what is sent there is taken by none.
NOBODY = "02:00:00:00:00:01"
# The side of the bridge on which the test is.
HERE = None


class NoNetworks(Exception):
    """Namespaces cannot be made here: that needs root and what the kernel has for it."""


def ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


class Network:
    """So many namespaces, called parts, each with an address of its own; close takes them away."""

    def __init__(self, parts):
        number = os.getpid()
        self.bridge = f"bb{number}"
        self.names = [f"berth{number}-{part}" for part in range(parts)]
        self.prefix = f"10.{224 + number // 250 % 8}.{number % 250 + 1}"
        self.here = self.address(HERE)
        self._run("link", "add", self.bridge, "type", "bridge")
        self._run("addr", "add", f"{self.here}/24", "dev", self.bridge)
        self._run("link", "set", self.bridge, "up")
        for part, name in enumerate(self.names):
            wire = f"bw{number}-{part}"
            self._run("netns", "add", name)
            self._run("link", "add", wire, "type", "veth", "peer", "name", "wire", "netns", name)
            self._run("link", "set", wire, "master", self.bridge, "up")
            for step in (("addr", "add", f"{self.address(part)}/24", "dev", "wire"), ("link", "set", "wire", "up"),
                         ("link", "set", "lo", "up")):
                self._run("-n", name, *step)

    def _run(self, *arguments):
        made = ip(*arguments)
        if made.returncode:
            self.close()
            raise NoNetworks(f"ip {' '.join(arguments)}: {made.stderr.strip()}")

    def close(self):
        for name in self.names:
            ip("netns", "del", name)
        ip("link", "del", self.bridge)

    def address(self, part):
        return f"{self.prefix}.{1 if part is HERE else part + 2}"

    def command(self, part):
        """What stands before a command that is to run in a part."""
        return ("ip", "netns", "exec", self.names[part])

    def _neighbour(self, side, action, *arguments):
        inside = () if side is HERE else ("-n", self.names[side])
        device = self.bridge if side is HERE else "wire"
        return ip(*inside, "neigh", action, *arguments, "dev", device)

    def cut(self, one, other):
        """Each sends to nobody what is for the other."""
        for side, to in ((one, other), (other, one)):
            made = self._neighbour(side, "replace", self.address(to), "lladdr", NOBODY, "nud", "permanent")
            assert made.returncode == 0, made.stderr

    def mend(self, one, other):
        for side, to in ((one, other), (other, one)):
            self._neighbour(side, "del", self.address(to))
