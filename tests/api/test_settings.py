# SPDX-License-Identifier: Apache-2.0
"""_cluster/settings: types, all or nothing, resets, the ways to show them."""
import json

import pytest
from wire import Wire

PATH = "/_cluster/settings"
ML = "plugins.ml_commons."
ONLY = ML + "only_run_on_ml_node"
TASKS = ML + "max_ml_task_per_node"
INTERVAL = ML + "sync_up_job_interval_in_seconds"
REGEX = ML + "trusted_connector_endpoints_regex"
RATIO = ML + "model_auto_redeploy_success_ratio"


@pytest.fixture
def settings(berth):
    """A connection; behind the test everything is reset."""
    with Wire(berth) as wire:
        yield Settings(wire)
        reset = {"persistent": {"*": None}, "transient": {"*": None}}
        assert wire.ask("PUT", PATH, json.dumps(reset).encode()).status == 200


class Settings:
    def __init__(self, wire):
        self.wire = wire

    def put(self, query="", **scopes):
        return self.wire.ask("PUT", PATH + query, json.dumps(scopes).encode())

    def get(self, query="?flat_settings=true"):
        answer = self.wire.ask("GET", PATH + query)
        assert answer.status == 200
        return answer.json()

    def effective(self, key):
        """The value in force: transient before persistent before file and default."""
        shown = self.get("?flat_settings=true&include_defaults=true")
        return next(shown[scope][key] for scope in ("transient", "persistent", "defaults")
                    if key in shown[scope])


def test_flat_and_nested_are_the_same(settings):
    answer = settings.put(persistent={TASKS: 3}, transient={
        "plugins": {"ml_commons": {"only_run_on_ml_node": False, "connector.private_ip_enabled":
                                   True}, "ml_commons.max_model_on_node": "12"}})
    assert answer.status == 200
    assert answer.json() == {
        "acknowledged": True,
        "persistent": {"plugins": {"ml_commons": {"max_ml_task_per_node": "3"}}},
        "transient": {"plugins": {"ml_commons": {
            "connector": {"private_ip_enabled": "true"}, "max_model_on_node": "12",
            "only_run_on_ml_node": "false"}}}}
    assert settings.get("") == {key: answer.json()[key] for key in ("persistent", "transient")}
    assert settings.get() == {
        "persistent": {TASKS: "3"},
        "transient": {ML + "connector.private_ip_enabled": "true", ML + "max_model_on_node": "12",
                      ONLY: "false"}}


def test_flat_settings_in_the_answer_of_put(settings):
    answer = settings.put("?flat_settings=true", transient={TASKS: 4})
    assert answer.json()["transient"] == {TASKS: "4"}


def test_include_defaults(settings):
    defaults = settings.get("?flat_settings=true&include_defaults=true")["defaults"]
    assert (defaults[ONLY], defaults[TASKS], defaults["cluster.name"]) == ("true", "10", "berth")
    assert isinstance(defaults[REGEX], list)
    settings.put(persistent={TASKS: 5})
    assert TASKS not in settings.get("?flat_settings=true&include_defaults=true")["defaults"]
    nested = settings.get("?include_defaults=true")
    assert nested["defaults"]["plugins"]["ml_commons"]["only_run_on_ml_node"] == "true"
    assert nested["persistent"]["plugins"]["ml_commons"]["max_ml_task_per_node"] == "5"


def test_layers(settings):
    """Transient hides persistent, which hides the default; each comes out when it is reset."""
    settings.put(persistent={TASKS: 6}, transient={TASKS: 7})
    assert settings.effective(TASKS) == "7"
    settings.put(transient={TASKS: None})
    assert settings.effective(TASKS) == "6"
    settings.put(persistent={TASKS: None})
    assert settings.effective(TASKS) == "10"


@pytest.mark.parametrize("reset", [
    {ML + "*": None},
    {"plugins.*": None},
    {"*": None},
    {"plugins": {"ml_commons": {"*": None}}},
    {ML + "max_*": None, ONLY: None},
    {TASKS: None, ONLY: None},
])
def test_resets(settings, reset):
    settings.put(persistent={TASKS: 8, ONLY: False}, transient={TASKS: 9})
    answer = settings.put(persistent=reset)
    assert answer.status == 200
    assert settings.get() == {"persistent": {}, "transient": {TASKS: "9"}}


def test_reset_and_set_in_one(settings):
    settings.put(persistent={TASKS: 8, ONLY: False})
    assert settings.put(persistent={ML + "max_*": None, INTERVAL: 3}).status == 200
    assert settings.get()["persistent"] == {ONLY: "false", INTERVAL: "3"}


def test_lists(settings):
    patterns = ["^https://a\\.test/.*$", "^https://b,c\\.test/.*$"]
    assert settings.put(persistent={REGEX: patterns}).status == 200
    assert settings.get()["persistent"][REGEX] == patterns
    assert settings.put(persistent={REGEX: []}).status == 200
    assert settings.get()["persistent"][REGEX] == []


GOOD = {TASKS: 2}

# What is refused, and a word that the reason must have.
BAD = {
    "unknown key": ({ML + "nonsense": 1}, "nonsense"),
    "unknown area": ({"no.such.area": 1}, "no.such.area"),
    "reset of an unknown key": ({ML + "nonsense": None}, "nonsense"),
    "no boolean": ({ONLY: "perhaps"}, ONLY),
    "a number as boolean": ({ONLY: 1}, ONLY),
    "no number": ({TASKS: "many"}, TASKS),
    "a fraction": ({TASKS: 1.5}, TASKS),
    "below the limit": ({TASKS: -1}, TASKS),
    "above the limit": ({TASKS: 10001}, TASKS),
    "beyond 64 bits": ({TASKS: 1 << 80}, TASKS),
    "empty": ({TASKS: ""}, TASKS),
    "ratio above one": ({RATIO: 1.01}, RATIO),
    "no ratio": ({RATIO: "nan"}, RATIO),
    "not dynamic": ({"cluster.name": "x"}, "cluster.name"),
    "not dynamic, of http": ({"http.port": 1}, "http.port"),
    "an expression that does not compile": ({REGEX: ["("]}, "("),
    "an expression that is too long": ({REGEX: ["a" * 257]}, "256"),
}


@pytest.mark.parametrize("scope", ["persistent", "transient"])
@pytest.mark.parametrize("case", BAD)
def test_all_or_nothing(settings, scope, case):
    settings.put(persistent={INTERVAL: 5}, transient={INTERVAL: 6})
    before = settings.get()
    bad, word = BAD[case]
    other = "transient" if scope == "persistent" else "persistent"
    answer = settings.put(**{scope: {**GOOD, **bad}, other: GOOD})
    assert (answer.status, answer.json()["status"]) == (400, 400), answer
    error = answer.json()["error"]
    assert error["type"] == "illegal_argument_exception"
    assert word in error["reason"]
    assert settings.get() == before


@pytest.mark.parametrize("body", [
    b"", b"{}", b"[]", b"{", b'"text"', b"null", b'{"persistent": {}}', b'{"persistent": []}',
    b'{"persistent": 1}', b'{"other": {"a": 1}}', b'{"persistent": {"a": 1}', b"\xff\xfe",
    b'{"persistent": {"a": 1}}}', b"{" * 5000,
    b'{"persistent": {"plugins.ml_commons.max_ml_task_per_node": 1}, "persistent": {}}',
])
def test_body_that_is_refused(settings, body):
    answer = settings.wire.ask("PUT", PATH, body, ["Content-Type: application/json"])
    assert (answer.status, answer.json()["status"]) == (400, 400)
    assert answer.json()["error"]["reason"]
    assert settings.get() == {"persistent": {}, "transient": {}}


def test_persistent_survives_a_restart(start_berth, tmp_path):
    first = start_berth(data=tmp_path)
    with Wire(first) as wire:
        Settings(wire).put(persistent={TASKS: 11}, transient={ONLY: False})
    first.stop()
    with Wire(start_berth(data=tmp_path)) as wire:
        assert Settings(wire).get() == {"persistent": {TASKS: "11"}, "transient": {}}


def test_file_is_shown_as_default(start_berth):
    with Wire(start_berth({TASKS: 12})) as wire:
        settings = Settings(wire)
        assert settings.get() == {"persistent": {}, "transient": {}}
        assert settings.effective(TASKS) == "12"
        settings.put(persistent={TASKS: 13})
        assert settings.effective(TASKS) == "13"
        settings.put(persistent={TASKS: None})
        assert settings.effective(TASKS) == "12"
