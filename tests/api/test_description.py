# SPDX-License-Identifier: Apache-2.0
"""docs/api/openapi.yaml is what the server serves, and the server keeps it."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from api_description import PATH, complaints, load
from berth_process import ML_REMOTE
from users import CONFIG, basic
from wire import Wire

HOST_ROUTES = {"/", "/_cluster/health", "/_cluster/state", "/_cluster/settings", "/_nodes", "/_nodes/stats", "/_berth/plugins"}
PLUGIN_ROUTES = "/_berth/plugins/"
USERS_ROUTES = ("/_plugins/_security/", "/_berth/security/")
METHODS = {"get", "post", "put", "delete"}


def described():
    return {(method.upper(), path) for path, item in load()["paths"].items() for method in item if method in METHODS}


def test_each_route_of_the_plugin_is_described_and_no_other(berth):
    with Wire(berth) as wire:
        plugin = wire.ask("GET", "/_berth/plugins").json()["plugins"][0]
    # What nodes ask each other is no part of the API.
    served = {(route["method"], route["path"]) for route in plugin["routes"]
              if not route["permission"].startswith("internal:")}
    ours = {(method, path) for method, path in described()
            if path not in HOST_ROUTES and not path.startswith((PLUGIN_ROUTES, *USERS_ROUTES))}
    assert served == ours


def test_each_route_of_the_host_answers_as_described(berth):
    with Wire(berth) as wire:
        for path in sorted(HOST_ROUTES):
            answer = wire.ask("GET", path)
            assert answer.status == 200
            assert complaints("GET", path, 200, answer.json()) == []


def test_the_routes_that_change_plugins_answer_as_described(start_berth):
    calls = [("POST", "/_berth/plugins/ml_remote/_reload?dry_run=true"), ("POST", "/_berth/plugins/ml_remote/_reload"),
             ("DELETE", "/_berth/plugins/ml_remote"), ("POST", f"/_berth/plugins/_load?path={ML_REMOTE}")]
    assert len({path for _, path in described() if path.startswith(PLUGIN_ROUTES)}) == 3
    with Wire(start_berth()) as wire:
        for method, path in calls:
            answer = wire.ask(method, path)
            assert answer.status == 200, answer.body
            assert complaints(method, path, 200, answer.json()) == []


def test_the_routes_of_users_answer_as_described(start_berth):
    node = start_berth(arguments=["--config", CONFIG])
    values = {"internalusers": {"password": "long enough", "backend_roles": ["a"]},
              "roles": {"cluster_permissions": ["cluster:monitor/*"]},
              "rolesmapping": {"users": ["alice"]}}
    order = ["PUT", "GET", "DELETE"]
    asked = sorted(((method, path) for method, path in described() if path.startswith(USERS_ROUTES)),
                   key=lambda call: (order.index(call[0]) if "{" in call[1] else 1, call[1]))
    assert len(asked) == 15
    with Wire(node) as wire:
        for method, path in asked:
            body = json.dumps(values[path.split("/")[4]]).encode() if method == "PUT" else b""
            answer = wire.ask(method, path.replace("{name}", "new_role"), body,
                              ["Authorization: " + basic("admin:admin")])
            assert answer.status in (200, 201), (method, path, answer.body)
            assert complaints(method, path, answer.status, answer.json()) == []


@pytest.mark.parametrize("body,found", [
    ({"connector_id": "x"}, 0),
    ({"connector_id": 7}, 1),
    ({"connector_id": "x", "secret": "y"}, 1),
    ({}, 1),
])
def test_an_answer_that_breaks_the_description_is_seen(body, found):
    assert len(complaints("POST", "/_plugins/_ml/connectors/_create", 200, body)) == found


def test_the_reference_page_is_made_from_the_description():
    tool = PATH.parents[2] / "tools" / "api-reference"
    done = subprocess.run([sys.executable, str(tool), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_generated_requests_find_no_fault(berth, tmp_path):
    """Schemathesis asks what the description allows, and what it does not; nothing may answer 5xx."""
    config = tmp_path / "schemathesis.toml"
    config.write_text("")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(config), "run", str(PATH),
         "--url", berth.url, "--checks", "not_a_server_error,response_schema_conformance,status_code_conformance",
         "--max-examples", "25", "--seed", "1", "--generation-database", "none", "--workers", "2",
         "--exclude-path-regex", "stream$"],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=600,
        env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
