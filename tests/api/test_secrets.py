# SPDX-License-Identifier: Apache-2.0
"""A credential goes in, and to the remote service; in the clear it is nowhere else to be found."""
import base64
import json
import urllib.parse

import pytest
from six_steps import PREFIX, Steps, answer_of, connector, question
from wire import Wire, request

SECRET = "sk-Very+Secret/0123456789=abc"
SECOND = "sk-The+Next/Secret-9876543210"
KEY_PASSWORD = "a-password-of-the-file"


def forms(secret):
    """The secret as it stands, and as it would be hidden in plain sight."""
    plain = secret.encode()
    packed = [base64.b64encode(b"x" * shift + plain)[4 if shift else 0:-4] for shift in range(3)]
    return {plain, plain.hex().encode(), urllib.parse.quote(secret).encode(),
            urllib.parse.quote(secret, safe="").encode(),
            json.dumps(secret)[1:-1].replace("/", "\\/").encode(), *packed}


def assert_clean(where, data, *secrets):
    for secret in secrets:
        for form in forms(secret):
            assert form not in data, f"a credential in {where}"


def assert_directory_clean(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "berth.db" for path in files)
    for path in files:
        assert_clean(path.name, path.read_bytes(), SECRET, SECOND)


class Recorder:
    """Sends requests and keeps every answer, with its headers."""

    def __init__(self, berth):
        self.wire = Wire(berth)
        self.answers = []

    def ask(self, method, path, body=None):
        data = b"" if body is None else json.dumps(body).encode()
        answer = self.wire.ask(method, path, data)
        self.answers.append((f"{method} {path}", repr(answer.headers).encode() + answer.body))
        return answer

    def ml(self, method, path, body=None):
        return self.ask(method, "/_plugins/_ml" + path, body)


@pytest.fixture
def recorder(start_berth, model_server, tmp_path):
    model_server.key = SECRET
    berth = start_berth({"log.level": "debug"}, data=tmp_path)
    with Steps(berth, model_server) as steps:
        steps.trust()
    recorder = Recorder(berth)
    recorder.berth = berth
    yield recorder
    recorder.wire.close()
    for path in ("/_berth/metrics", "/_berth/plugins", "/_cluster/settings?include_defaults=true",
                 "/_nodes/stats"):
        with Wire(berth) as wire:
            assert_clean(path, wire.ask("GET", path).body, SECRET, SECOND)
    for name, answer in recorder.answers:
        assert_clean(name, answer, SECRET, SECOND)
    assert_directory_clean(tmp_path)
    berth.stop()
    assert_clean("the log", berth.log.encode(), SECRET, SECOND)
    assert_directory_clean(tmp_path)


MATCH_ALL = {"query": {"match_all": {}}}


def searches(recorder, connector_id):
    """All the ways to ask for what is stored."""
    recorder.ml("GET", f"/connectors/{connector_id}")
    for body in (MATCH_ALL, {**MATCH_ALL, "_source": ["credential", "credential.*", "*"]},
                 {"query": {"exists": {"field": "credential"}}},
                 {"query": {"wildcard": {"credential.key": "*"}}},
                 {"query": {"term": {"credential.key": SECRET}}},
                 {**MATCH_ALL, "sort": [{"credential.key": "asc"}]},
                 {**MATCH_ALL, "aggs": {"a": {"terms": {"field": "credential.key"}}}}):
        for what in ("connectors", "models", "tasks"):
            data = json.dumps(body).encode()
            answer = recorder.wire.ask("POST", f"/_plugins/_ml/{what}/_search", data)
            if SECRET.encode() not in data:  # an error may quote the request
                recorder.answers.append((f"search {body}", answer.body))
            hits = answer.json().get("hits", {}).get("hits", [])
            assert not any("credential" in json.dumps(hit.get("_source", {}).get("credential", ""))
                           for hit in hits)
            assert "wildcard" not in body["query"] or hits == []


def test_life_of_a_credential(recorder, model_server):
    made = recorder.ml("POST", "/connectors/_create", connector(model_server))
    assert made.status == 200
    chat = made.json()["connector_id"]
    searches(recorder, chat)
    model = recorder.ml("POST", "/models/_register?deploy=true", {
        "name": "m", "function_name": "remote", "connector_id": chat}).json()["model_id"]
    prediction = recorder.ml("POST", f"/models/{model}/_predict", question("open up"))
    assert "open up" in answer_of(prediction.json())
    model_server.key = SECOND
    assert recorder.ml("POST", f"/models/{model}/_predict", question("no more")).status == 401
    recorder.ml("POST", f"/models/{model}/_undeploy")
    changed = recorder.ml("PUT", f"/connectors/{chat}", {"credential": {"key": SECOND}})
    assert changed.status == 200
    recorder.ml("POST", f"/models/{model}/_deploy")
    prediction = recorder.ml("POST", f"/models/{model}/_predict", question("and again"))
    assert "and again" in answer_of(prediction.json())
    searches(recorder, chat)


def test_internal_connector(recorder, model_server):
    made = recorder.ml("POST", "/models/_register?deploy=true", {
        "name": "inner", "function_name": "remote", "connector": connector(model_server)})
    assert made.status == 200
    model = made.json()["model_id"]
    recorder.ml("GET", f"/models/{model}")
    for body in (MATCH_ALL, {**MATCH_ALL, "_source": ["connector.credential", "connector.*"]}):
        recorder.ml("POST", "/models/_search", body)
    prediction = recorder.ml("POST", f"/models/{model}/_predict", question("inside"))
    assert "inside" in answer_of(prediction.json())


@pytest.mark.parametrize("change", [
    {"protocol": "carrier pigeon"},
    {"name": None},
    {"actions": [{"action_type": "predict", "method": "POST", "url": "http://untrusted.test/"}]},
    {"actions": [{"action_type": "nonsense", "method": "POST", "url": "x"}]},
    {"credential": {"key": {"nested": SECRET}}},
    {"credential": [SECRET]},
    {"credential": SECRET},
    {"parameters": 1},
    {"client_config": {"max_connection": "many"}},
])
def test_refused_connector(recorder, model_server, change):
    """Whatever is wrong with the rest, the error does not quote the credential."""
    answer = recorder.ml("POST", "/connectors/_create", {**connector(model_server), **change})
    if answer.status == 200:
        searches(recorder, answer.json()["connector_id"])


@pytest.mark.parametrize("tail", [b"", b",,}", b'"more": tru}', b"\xff}"])
def test_body_that_breaks_off(recorder, model_server, tail):
    data = json.dumps(connector(model_server)).encode()[:-1] + tail
    answer = recorder.wire.ask("POST", "/_plugins/_ml/connectors/_create", data)
    assert answer.status == 400
    assert_clean("the error", answer.body, SECRET)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://no.such.host.invalid/v1"])
def test_remote_that_is_not_there(recorder, model_server, url):
    """The error of a failed call names the host, not the header."""
    recorder.ask("PUT", "/_cluster/settings",
                 {"transient": {PREFIX + "trusted_connector_endpoints_regex": [".*"]}})
    body = connector(model_server)
    body["actions"][0]["url"] = url + "?key=${credential.key}"
    body["actions"][0]["headers"]["X-Key"] = "${credential.key}"
    made = recorder.ml("POST", "/connectors/_create", body)
    if made.status == 200:
        model = recorder.ml("POST", "/models/_register?deploy=true", {
            "name": "m", "function_name": "remote",
            "connector_id": made.json()["connector_id"]}).json()["model_id"]
        answer = recorder.ml("POST", f"/models/{model}/_predict", question("hello?"))
        assert answer.status >= 400


def test_files_are_private(recorder, tmp_path):
    """In a directory that others may enter as well."""
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"master.key", "berth.db"} <= {path.name for path in files}
    assert [path.name for path in files if path.stat().st_mode & 0o077] == []


def test_sensitive_setting_is_not_shown(start_berth):
    berth = start_berth({"plugins.security.ssl.http.pemkey_password": KEY_PASSWORD})
    with Wire(berth) as wire:
        for path in ("/_cluster/settings?include_defaults=true", "/_berth/plugins", "/_nodes",
                     "/_nodes/_local"):
            assert_clean(path, wire.ask("GET", path).body, KEY_PASSWORD)
        wire.send(request("PUT", "/_cluster/settings", json.dumps({"transient": {
            "plugins.security.ssl.http.pemkey_password": KEY_PASSWORD}}).encode()))
        answer = wire.read()
        assert answer.status == 400
        assert_clean("the error", answer.body, KEY_PASSWORD)
    assert_clean("the log", berth.log.encode(), KEY_PASSWORD)


@pytest.mark.parametrize("data", [
    SECRET.encode(), SECRET.encode().hex().encode(), b"a=" + urllib.parse.quote(SECRET).encode(),
    *(base64.b64encode(b"?" * shift + f'{{"key":"{SECRET}"}}'.encode()) for shift in range(3)),
])
def test_what_looks_for_a_credential_finds_it(data):
    with pytest.raises(AssertionError):
        assert_clean("the data", data, SECRET)
