# SPDX-License-Identifier: Apache-2.0
"""kill -9 in the midst of writes, again and again on one data directory.

Several clients write all the time and note what was acknowledged. At a moment that the number of
acknowledgements decides, the process is killed. After each restart every acknowledged write is
there, with the version that it was acknowledged with; of a write whose answer did not come, all
or nothing; and the file needs no repair.
"""
import contextlib
import json
import random
import sqlite3
import threading

from berth_process import PATIENCE_S
from wire import Wire

ROUNDS = 50
CLIENTS = 4
UPDATES = 3
GROUPS = "/_plugins/_ml/model_groups"
SETTING = "plugins.ml_commons.sync_up_job_interval_in_seconds"


def ask(wire, method, path, body):
    answer = wire.ask(method, path, json.dumps(body).encode())
    assert answer.status == 200, answer
    return answer.json()


class Writer:
    """One client: makes groups and updates each; knows what it was told, and what it tried last."""

    def __init__(self, number):
        self.number = number
        self.made = 0
        self.acknowledged = {}  # id -> (description, _version)
        self.open_name = None   # of a group whose answer did not come
        self.open_update = None  # (id, description) likewise

    def run(self, berth, note):
        """Writes until the connection ends, noting each acknowledgement."""
        with contextlib.suppress(OSError), Wire(berth) as wire:
            while self.write_group(wire, note):
                pass

    def write_group(self, wire, note):
        self.made += 1
        self.open_name = f"writer {self.number} group {self.made}"
        made = self.send(wire, "POST", f"{GROUPS}/_register",
                         {"name": self.open_name, "description": "0"})
        if not made:
            return False
        group = made["model_group_id"]
        self.open_name = None
        self.acknowledged[group] = ("0", 1)
        note()
        for change in range(1, UPDATES + 1):
            self.open_update = (group, str(change))
            if not self.send(wire, "PUT", f"{GROUPS}/{group}", {"description": str(change)}):
                return False
            self.open_update = None
            self.acknowledged[group] = (str(change), change + 1)
            note()
        return True

    @staticmethod
    def send(wire, method, path, body):
        """The answer, or None where the process was killed before it was whole."""
        try:
            return ask(wire, method, path, body)
        except (OSError, ValueError, AssertionError) as broken:
            if "Response(" in str(broken):
                raise  # an answer, but not a good one
            return None

    def check(self, stored):
        """stored: id -> (name, description, _version). What was open is settled by what is there."""
        for group, (description, version) in self.acknowledged.items():
            assert group in stored, f"acknowledged, and gone: {group} {description}"
            allowed = [(description, version)]
            if self.open_update and self.open_update[0] == group:
                allowed.append((self.open_update[1], version + 1))
            assert stored[group][1:] in allowed, f"{group}: {stored[group]} is none of {allowed}"
            self.acknowledged[group] = stored[group][1:]
        self.open_update = None

    def adopt(self, stored):
        """A group that was written although its answer did not come is written as a whole."""
        for group, (name, description, version) in stored.items():
            if self.open_name and name == self.open_name:
                assert (description, version) == ("0", 1)
                self.acknowledged[group] = (description, version)
        self.open_name = None


def read_groups(berth):
    """Every group as the API gives it: id -> (name, description, _version)."""
    groups = {}
    with Wire(berth) as wire:
        while True:
            hits = ask(wire, "POST", f"{GROUPS}/_search", {
                "query": {"match_all": {}}, "from": len(groups), "size": 1000, "version": True,
                "sort": [{"created_time": "asc"}]})["hits"]["hits"]
            for hit in hits:
                source = hit["_source"]
                groups[hit["_id"]] = (source["name"], source["description"], hit["_version"])
            if not hits:
                return groups


def check_file(path):
    """The file as the crash left it: SQLite recovers it by itself and finds nothing amiss."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def check_setting(berth, expected):
    with Wire(berth) as wire:
        shown = wire.ask("GET", "/_cluster/settings?flat_settings=true").json()["persistent"]
        assert shown.get(SETTING) == expected


def put_setting(berth, value):
    with Wire(berth) as wire:
        ask(wire, "PUT", "/_cluster/settings", {"persistent": {SETTING: value}})


def kill_while_writing(berth, writers, moment):
    """Lets the writers write until so many acknowledgements have come, then kills."""
    acknowledged = threading.Semaphore(0)
    failures = []

    def run(writer):
        try:
            writer.run(berth, acknowledged.release)
        except AssertionError as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    came = [acknowledged.acquire(timeout=PATIENCE_S) for _ in range(moment)]
    berth.kill()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert all(came), "the writers came to a stop"


def check_all(berth, writers):
    stored = read_groups(berth)
    for writer in writers:
        writer.check(stored)
        writer.adopt(stored)
    known = {group for writer in writers for group in writer.acknowledged}
    assert set(stored) == known, "groups that nobody wrote"


def test_acknowledged_writes_survive(start_berth, tmp_path):
    chance = random.Random(20260101)
    writers = [Writer(number) for number in range(CLIENTS)]
    for number in range(ROUNDS):
        berth = start_berth(data=tmp_path)
        check_all(berth, writers)
        check_setting(berth, str(number) if number else None)
        put_setting(berth, number + 1)
        kill_while_writing(berth, writers, chance.randrange(1, 20))
        check_file(tmp_path / "berth.db")
    berth = start_berth(data=tmp_path)
    check_all(berth, writers)
    check_setting(berth, str(ROUNDS))
    assert sum(len(writer.acknowledged) for writer in writers) >= ROUNDS
