# SPDX-License-Identifier: Apache-2.0
"""What /proc tells of processes, and ending those that were started."""

import os
import pathlib
import signal
import subprocess

TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid):
    """The process and all that descend from it."""
    pids = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in task.read_text().split():
                pids += tree(int(child))
        except OSError:
            continue  # ended meanwhile
    return pids


def cpu_ticks(pid):
    """User and system time of the tree, in clock ticks."""
    total = 0
    for one in tree(pid):
        try:
            # The name in brackets may hold anything; what counts stands behind it.
            fields = pathlib.Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total


def rss_kib(pid):
    total = 0
    for one in tree(pid):
        try:
            status = pathlib.Path(f"/proc/{one}/status").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return total


def open_files(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


def machine_ticks():
    """What all processors have worked: everything but idle and waiting for disks."""
    fields = pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, fields[:8])
    return user + nice + system + irq + softirq + steal


def own_ticks():
    """This process and its ended children."""
    times = os.times()
    return (times.user + times.system + times.children_user + times.children_system) * TICKS


def start(core, command, **options):
    """Starts a command pinned to a core."""
    return subprocess.Popen(["taskset", "-c", str(core), *map(str, command)],
                            stdin=subprocess.DEVNULL, **options)


def stop(process):
    """Ends a started process: asks, then forces."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
