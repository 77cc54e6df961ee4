# SPDX-License-Identifier: Apache-2.0
"""What clients did to a register and to things that are made and deleted, and whether a cluster kept its word.

Each operation has a begin and an end on one monotonic clock; a write whose outcome is not known has no
end, and may take effect at any time after its begin, or never.
"""
import threading
import time
from dataclasses import dataclass, field

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

    def of(self, key, kind):
        return [one for one in self.operations if one.key == key and one.kind == kind]


def done(operation, value=None):
    operation.end = time.monotonic()
    if operation.kind in ("read", "look"):
        operation.value = value


def faults_of_register(history, key):
    """Reads of what was not written yet, or of what an acknowledged write had replaced before they began."""
    writes = {one.value: one for one in history.of(key, "write")}
    faults = []
    for read in history.of(key, "read"):
        if read.end == NEVER:
            continue
        write = writes.get(read.value)
        if not write or write.begin > read.end:
            faults.append(f"{key}: read {read.value!r}, which nobody had written")
            continue
        newer = [one for one in writes.values() if write.end < one.begin and one.end < read.begin]
        if newer:
            faults.append(f"{key}: read {read.value!r} {read.begin - newer[0].end:.3f} s after "
                          f"{newer[0].value!r} was acknowledged")
    return faults


def faults_of_deletion(history, key):
    """Looks that found what was deleted before they began, or missed what was there."""
    deletes = history.of(key, "delete")
    faults = []
    for look in history.of(key, "look"):
        if look.end == NEVER:
            continue
        if look.value and any(one.end < look.begin for one in deletes):
            faults.append(f"{key}: is back after its deletion was acknowledged")
        if not look.value and not any(one.begin < look.end for one in deletes):
            faults.append(f"{key}: is gone, though nobody deleted it")
    return faults


def faults(history):
    found = []
    for key in {one.key for one in history.operations}:
        found += faults_of_register(history, key) + faults_of_deletion(history, key)
    return found
