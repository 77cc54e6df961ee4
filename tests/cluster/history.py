# SPDX-License-Identifier: Apache-2.0
"""What clients did to a register and to things that are made and deleted, and whether a cluster kept its word.

Each operation has a begin and an end on one monotonic clock; a write whose outcome is not known has no
end, and may take effect at any time after its begin, or never.
"""
import threading
import time
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate

NEVER = float("inf")


@dataclass
class Operation:
    kind: str  # write, read, delete, look
    key: str
    value: object
    begin: float
    end: float = NEVER


@dataclass
class History:
    operations: list = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, kind, key, value=None):
        operation = Operation(kind, key, value, time.monotonic())
        with self.lock:
            self.operations.append(operation)
        return operation

    def forget(self, operation):
        """It did not happen, for certain."""
        with self.lock:
            self.operations.remove(operation)

    def by_key(self):
        """{key: {kind: operations}}"""
        found = {}
        for one in self.operations:
            found.setdefault(one.key, {}).setdefault(one.kind, []).append(one)
        return found


def done(operation, value=None):
    operation.end = time.monotonic()
    if operation.kind in ("read", "look"):
        operation.value = value


def faults_of_register(key, writes, reads):
    """Reads of what was not written yet, or of what an acknowledged write had replaced before they began."""
    by_value = {one.value: one for one in writes}
    acknowledged = sorted((one for one in writes if one.end != NEVER), key=lambda one: one.end)
    ends = [one.end for one in acknowledged]
    # Of the first so many that were acknowledged, the one that began last.
    youngest = list(accumulate(acknowledged, lambda a, b: max(a, b, key=lambda one: one.begin)))
    faults = []
    for read in reads:
        if read.end == NEVER:
            continue
        write = by_value.get(read.value)
        before = bisect_left(ends, read.begin)
        if not write or write.begin > read.end:
            faults.append(f"{key}: read {read.value!r}, which nobody had written")
        elif before and write.end < youngest[before - 1].begin:
            newer = youngest[before - 1]
            faults.append(f"{key}: read {read.value!r} {read.begin - newer.end:.3f} s after "
                          f"{newer.value!r} was acknowledged")
    return faults


def faults_of_deletion(key, deletes, looks):
    """Looks that found what was deleted before they began, or missed what was there."""
    faults = []
    for look in looks:
        if look.end == NEVER:
            continue
        if look.value and any(one.end < look.begin for one in deletes):
            faults.append(f"{key}: is back after its deletion was acknowledged")
        if not look.value and not any(one.begin < look.end for one in deletes):
            faults.append(f"{key}: is gone, though nobody deleted it")
    return faults


def faults(history):
    found = []
    for key, kinds in history.by_key().items():
        found += faults_of_register(key, kinds.get("write", []), kinds.get("read", []))
        found += faults_of_deletion(key, kinds.get("delete", []), kinds.get("look", []))
    return found
