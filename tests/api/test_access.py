# SPDX-License-Identifier: Apache-2.0
"""Every route, by everybody, on objects of every access mode, held against the decision tables.

The tables are written down here once more, apart from those in plugin/ml_remote/access.c.
"""
import fnmatch
import itertools
import json

import pytest
from remote_service import RemoteService
from test_security import basic
from users import ACCESS_CONTROL, CONFIG, READERS, USERS, WITHOUT_ROLE, connector, send_as
from wire import Wire

OWNER = "alice"
MODES = {"public": {"access_mode": "public"},
         "private": {"access_mode": "private"},
         "restricted": {"access_mode": "restricted", "backend_roles": ["eng"]}}
CALLERS = [None, "alice:wrong", *USERS]
ACTION = "cluster:admin/opensearch/ml/"
READ = ("config/get connectors/get connectors/search controllers/get model_groups/get "
        "model_groups/search models/get models/search profile/nodes stats/nodes tasks/get "
        "tasks/search").split()


@pytest.fixture(scope="module")
def node(start_module_berth):
    berth = start_module_berth(arguments=["--config", CONFIG])
    admin = send_as(berth, "admin")
    admin("PUT", "/_cluster/settings", body={"persistent": ACCESS_CONTROL})
    admin("PUT", "/_cluster/settings",
          body={"persistent": {"plugins.ml_commons.offline_batch_inference_enabled": True,
                               "plugins.ml_commons.stream_enabled": True}})
    with RemoteService() as service:
        yield berth, service


# ---- what must be ----

def role_allows(caller, permission):
    if caller == "admin":
        return True
    if caller in WITHOUT_ROLE:
        return False
    if caller in READERS:
        return permission in [ACTION + name for name in READ]
    return fnmatch.fnmatchcase(permission, ACTION + "*")


def may_use(caller, mode):
    shares = set(USERS[caller]) & set(MODES[mode].get("backend_roles", []))
    return caller in ("admin", OWNER) or mode == "public" or (mode == "restricted" and bool(shares))


def may_change_connector(caller, mode):
    return may_use(caller, mode) and (mode == "restricted" or caller in ("admin", OWNER))


def decision(method, path):
    """By whom an object of a path is decided; None: a path without an object of its own."""
    if "{connector_id}" in path:
        return may_change_connector if method in ("PUT", "DELETE") else may_use
    shows_what_one_may_use = "/profile" in path or "/stats" in path
    return may_use if "_id}" in path and "{config_id}" not in path and not shows_what_one_may_use \
        else None


# ---- what is there to act on ----

class Objects:
    """A connector, a group, a model in it, a task and a controller of it, all of one mode."""

    def __init__(self, berth, service, mode):
        send = send_as(berth, OWNER)
        name = f"{mode} {next(COUNTER)}"
        self.connector = send("POST", "/_plugins/_ml/connectors/_create",
                              body=connector(service.url + "/", **MODES[mode]))["connector_id"]
        self.spare = send("POST", "/_plugins/_ml/connectors/_create",
                          body=connector(service.url + "/", **MODES[mode]))["connector_id"]
        self.group = send("POST", "/_plugins/_ml/model_groups/_register",
                          body={"name": name, **MODES[mode]})["model_group_id"]
        self.empty = send("POST", "/_plugins/_ml/model_groups/_register",
                          body={"name": name + " empty", **MODES[mode]})["model_group_id"]
        made = send("POST", "/_plugins/_ml/models/_register?deploy=true",
                    body={"name": name, "function_name": "remote", "connector_id": self.connector,
                          "model_group_id": self.group})
        self.model, self.task = made["model_id"], made["task_id"]
        send("POST", f"/_plugins/_ml/controllers/{self.model}",
             body={"user_rate_limiter": {"someone": {"limit": 1, "unit": "MINUTES"}}})

    def fill(self, method, path):
        """The path with ids: of a connector that no model has where it is changed or deleted."""
        changes = method in ("PUT", "DELETE")
        return (path.replace("{connector_id}", self.spare if changes else self.connector)
                .replace("{model_group_id}", self.empty if method == "DELETE" else self.group)
                .replace("{model_id}", self.model).replace("{task_id}", self.task))


COUNTER = itertools.count()
BODIES = {
    "/_plugins/_ml/connectors/{connector_id}": {"description": "changed"},
    "/_plugins/_ml/connectors/{connector_id}/_preview": {"parameters": {"text": "x"}},
    "/_plugins/_ml/model_groups/{model_group_id}": {"description": "changed"},
    "/_plugins/_ml/models/{model_id}": {"description": "changed"},
    "/_plugins/_ml/controllers/{model_id}":
        {"user_rate_limiter": {"someone": {"limit": 2, "unit": "MINUTES"}}},
}
PREDICT = {"parameters": {"text": "x"}}


def body_of(method, path):
    if method in ("PUT", "POST"):
        return BODIES.get(path, PREDICT if "predict" in path or "preview" in path else None)
    return None


def ask(berth, caller, method, path, body):
    data = json.dumps(body).encode() if body is not None else b""
    lines = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n"
    if data:
        lines += "Content-Type: application/json\r\n"
    if caller:
        lines += f"Authorization: {basic(caller if ':' in caller else f'{caller}:{caller}')}\r\n"
    with Wire(berth) as wire:
        wire.send(lines.encode() + b"\r\n" + data)
        return wire.read()


def outcome(answer):
    """Refused for not being known, for want of a role, of access; or taken, whatever came of it."""
    if answer.status == 401:
        return "unknown"
    if answer.status == 403:
        kind = answer.json()["error"]["type"]
        return {"security_exception": "no role", "status_exception": "no access"}[kind]
    return "taken"


def expected(caller, method, path, permission, mode):
    if not caller or ":" in caller:
        return "unknown"
    if permission.startswith("internal:") or not role_allows(caller, permission):
        return "no role"  # the former is for nodes alone
    decide = decision(method, path)
    return "taken" if not decide or decide(caller, mode) else "no access"


def test_matrix(node, capsys):
    berth, service = node
    plugins = send_as(berth, "admin")("GET", "/_berth/plugins")["plugins"]
    routes = [(r["method"], r["path"], r["permission"]) for p in plugins for r in p["routes"]
              if r["path"].startswith("/_plugins/_ml/")]
    assert len(routes) >= 50
    cells, wrong = 0, []
    for mode in MODES:
        things = Objects(berth, service, mode)
        for (method, path, permission), caller in itertools.product(sorted(routes), CALLERS):
            want = expected(caller, method, path, permission, mode)
            got = ask(berth, caller, method, things.fill(method, path.replace(
                "{algorithm}", "remote")), body_of(method, path))
            cells += 1
            if outcome(got) != want or (want == "taken" and got.status >= 500):
                wrong.append(f"{method} {path} by {caller}, {mode}: {outcome(got)} "
                             f"({got.status}), not {want}: {got.body[:200]}")
            if caller in USERS and not may_use(caller, mode) and things.model in got.text() \
                    and "{model_id}" not in path:
                wrong.append(f"{method} {path} by {caller}, {mode}: tells of the model")
            if want == "taken" and (method == "DELETE" or "undeploy" in path or "unload" in path):
                things = Objects(berth, service, mode)  # some of them are gone
    assert not wrong, "\n".join(wrong)
    with capsys.disabled():
        print(f" {len(routes)} routes x {len(CALLERS)} callers x {len(MODES)} modes: {cells} cells ",
              end="")


@pytest.mark.parametrize("kind,index", [("connectors", "connector"), ("model_groups", "group"),
                                        ("models", "model"), ("tasks", "task")])
def test_search_finds_no_more(node, kind, index):
    """Hits, totals, pages and aggregations: of what one may use, and nothing else."""
    berth, service = node
    made = {mode: getattr(Objects(berth, service, mode), index) for mode in MODES}
    for caller in ("admin", "alice", "bob", "carol", "dave", "rita"):
        want = {made[mode] for mode in MODES if may_use(caller, mode)}
        send = send_as(berth, caller)
        body = {"query": {"ids": {"values": list(made.values())}}, "track_total_hits": True,
                "aggs": {"n": {"value_count": {"field": "_id"}}}}
        body.pop("aggs")
        seen = send("POST", f"/_plugins/_ml/{kind}/_search", body=body)["hits"]
        assert {hit["_id"] for hit in seen["hits"]} == want, caller
        assert seen["total"]["value"] == len(want)
        none = send("POST", f"/_plugins/_ml/{kind}/_search", body={**body, "size": 0})["hits"]
        assert none["total"]["value"] == len(want)
        # A query that tries to get around it.
        tries = {"query": {"bool": {"should": [{"match_all": {}}, body["query"]]}}, "size": 1000}
        found = {hit["_id"] for hit in
                 send("POST", f"/_plugins/_ml/{kind}/_search", body=tries)["hits"]["hits"]}
        assert found & set(made.values()) == want


def test_automatic_group(node):
    """A model registered without a group: the group is the caller's, and private."""
    berth, service = node
    send = send_as(berth, "bob")
    made = send("POST", "/_plugins/_ml/connectors/_create", body=connector(service.url + "/"))
    model = send("POST", "/_plugins/_ml/models/_register",
                 body={"name": "of bob", "function_name": "remote", **made})["model_id"]
    group = send("GET", f"/_plugins/_ml/models/{model}")["model_group_id"]
    seen = send("GET", f"/_plugins/_ml/model_groups/{group}")
    assert seen["access"] == "private" and seen["owner"]["name"] == "bob"
    # Nobody comes into it by its name either.
    other = send_as(berth, "dave")
    own = other("POST", "/_plugins/_ml/connectors/_create", body=connector(service.url + "/"))
    with pytest.raises(Exception) as error:
        other("POST", "/_plugins/_ml/models/_register",
              body={"name": "of bob", "function_name": "remote", **own})
    assert error.value.status_code == 403


def test_no_deployment_for_strangers(node):
    """The first prediction deploys a model: not that of one who may not use it."""
    berth, service = node
    things = Objects(berth, service, "private")
    owner = send_as(berth, OWNER)
    owner("POST", f"/_plugins/_ml/models/{things.model}/_undeploy")
    answer = ask(berth, "bob", "POST", f"/_plugins/_ml/models/{things.model}/_predict", PREDICT)
    assert outcome(answer) == "no access"
    state = owner("GET", f"/_plugins/_ml/models/{things.model}")["model_state"]
    assert state == "UNDEPLOYED"


def test_switched_off_and_on(node):
    berth, service = node
    admin = send_as(berth, "admin")
    things = Objects(berth, service, "private")
    path = f"/_plugins/_ml/models/{things.model}/_predict"
    setting = "plugins.ml_commons.model_access_control_enabled"
    for active, want in ((False, "taken"), (True, "no access")):
        admin("PUT", "/_cluster/settings", body={"persistent": {setting: active}})
        assert outcome(ask(berth, "bob", "POST", path, PREDICT)) == want
