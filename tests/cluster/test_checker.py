# SPDX-License-Identifier: Apache-2.0
"""The checker of what a cluster promises: what it finds in histories, and a short run."""
import pytest
from checker import check
from history import History, Operation, faults

SECONDS = 20


def history(*operations):
    return History([Operation(*operation) for operation in operations])


# (what happened, a word of the fault that is found; None: none)
CASES = [
    ([("write", "k", 1, 0, 1), ("read", "k", 1, 2, 3)], None),
    ([("write", "k", 1, 0, 1), ("write", "k", 2, 2, 3), ("read", "k", 1, 4, 5)], "after"),
    ([("write", "k", 1, 0, 1), ("write", "k", 2, 2, 6), ("read", "k", 1, 4, 5)], None),
    ([("write", "k", 1, 0, 1), ("write", "k", 2, 2, 3), ("read", "k", 2, 2.5, 5)], None),
    ([("read", "k", 1, 0, 1)], "nobody"),
    ([("write", "k", 1, 2, 3), ("read", "k", 1, 0, 1)], "nobody"),
    # A write whose outcome is not known may have happened, and be replaced.
    ([("write", "k", 1, 0), ("read", "k", 1, 2, 3)], None),
    ([("write", "k", 1, 0, 1), ("write", "k", 2, 0.5), ("read", "k", 1, 2, 3)], None),
    # One that nobody has answered says nothing.
    ([("read", "k", None, 0)], None),
    ([("delete", "k", None, 0, 1), ("look", "k", True, 2, 3)], "back"),
    ([("delete", "k", None, 0, 2), ("look", "k", True, 1, 3)], None),
    ([("look", "k", False, 1, 3)], "gone"),
    ([("delete", "k", None, 0), ("look", "k", False, 1, 3)], None),
]


@pytest.mark.parametrize("operations, fault", CASES)
def test_what_is_a_fault(operations, fault):
    found = faults(history(*operations))
    assert len(found) == (fault is not None) and all(fault in one for one in found)


def test_nothing_is_lost_or_stale_while_parts_are_taken_away(tmp_path):
    found, counts, harm = check(tmp_path, SECONDS, seed=1)
    assert found == []
    assert counts["written"] > 50 and counts["read"] > 50 and harm, (counts, harm)
