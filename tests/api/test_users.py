# SPDX-License-Identifier: Apache-2.0
"""Users, roles and mappings that are managed over REST."""
import json
import shutil
import threading

import pytest
from berth_process import run
from users import CONFIG, USERS, basic, send_as
from wire import Wire

API = "/_plugins/_security/api/"
HASH = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"  # of U*U


@pytest.fixture
def secured(start_berth):
    return start_berth(arguments=["--config", CONFIG])


def ask(berth, method, path, body=None, user="admin", password=None):
    header = "Authorization: " + basic(f"{user}:{user if password is None else password}")
    with Wire(berth) as wire:
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return wire.ask(method, path, raw, [header])


def status(berth, user, password=None, path="/"):
    return ask(berth, "GET", path, user=user, password=password).status


def test_users(secured):
    listed = ask(secured, "GET", API + "internalusers").json()
    assert set(listed) == set(USERS)
    assert listed["carol"] == {"reserved": False, "hidden": False, "hash": "", "backend_roles": ["sales", "eng"],
                               "attributes": {}, "opendistro_security_roles": [], "static": False}
    body = {"password": "a long password", "backend_roles": ["eng"], "attributes": {"desk": "7"},
            "opendistro_security_roles": ["ml_full_access"], "description": "of the tests: \u00e9\U0001f600/\\"}
    made = ask(secured, "PUT", API + "internalusers/eve", body)
    assert made.status == 201 and made.json() == {"status": "CREATED", "message": "'eve' created."}
    assert status(secured, "eve", "a long password") == 200
    assert status(secured, "eve", "another") == 401
    shown = ask(secured, "GET", API + "internalusers/eve").json()
    assert list(shown) == ["eve"] and shown["eve"]["hash"] == ""
    assert {key: shown["eve"][key] for key in body if key != "password"} == \
        {key: value for key, value in body.items() if key != "password"}
    # Without a password it stays; what else is not there goes.
    changed = ask(secured, "PUT", API + "internalusers/eve", {"backend_roles": ["sales"]})
    assert changed.status == 200 and changed.json()["message"] == "'eve' updated."
    assert status(secured, "eve", "a long password") == 403
    assert ask(secured, "PUT", API + "internalusers/eve", {"hash": HASH}).status == 200
    assert status(secured, "eve", "a long password") == 401
    assert status(secured, "eve", "U*U") == 403
    assert ask(secured, "DELETE", API + "internalusers/eve").json() == {"status": "OK", "message": "'eve' deleted."}
    assert status(secured, "eve", "U*U") == 401
    assert ask(secured, "DELETE", API + "internalusers/eve").status == 404
    assert ask(secured, "GET", API + "internalusers/eve").status == 404


def test_roles_and_mappings(secured):
    assert status(secured, "nick") == 403
    body = {"cluster_permissions": ["cluster:monitor/main", "cluster_composite_ops"],
            "index_permissions": [{"index_patterns": ["*"], "allowed_actions": ["read"]}], "tenant_permissions": []}
    assert ask(secured, "PUT", API + "roles/looker", body).status == 201
    assert ask(secured, "GET", API + "roles/looker").json()["looker"]["cluster_permissions"] == \
        body["cluster_permissions"]
    assert ask(secured, "PUT", API + "rolesmapping/looker", {"users": ["ni*"]}).status == 201
    assert status(secured, "nick") == 200
    assert ask(secured, "PUT", API + "rolesmapping/looker", {"hosts": ["192.0.2.*"]}).status == 200
    assert status(secured, "nick") == 403
    assert ask(secured, "PUT", API + "rolesmapping/looker", {"hosts": ["127.0.0.?"]}).status == 200
    assert status(secured, "nick") == 200
    assert ask(secured, "DELETE", API + "roles/looker").status == 200
    assert status(secured, "nick") == 403
    assert ask(secured, "PUT", API + "rolesmapping/no_role", {"users": ["nick"]}).status == 404


def test_files_and_the_store(start_berth, tmp_path):
    """What is stored lies over the files, outlives the process, and does not change them."""
    shutil.copytree(CONFIG.parent, tmp_path / "config")
    files = {path: path.read_bytes() for path in (tmp_path / "config").rglob("*.yml")}

    def start():
        return start_berth(data=tmp_path / "data", arguments=["--config", tmp_path / "config" / "berth.yml"])

    berth = start()
    assert ask(berth, "PUT", API + "internalusers/alice", {"password": "another one"}).status == 200
    assert ask(berth, "DELETE", API + "internalusers/bob").status == 200
    assert ask(berth, "PUT", API + "internalusers/eve", {"password": "a long password"}).status == 201
    assert ask(berth, "PUT", API + "internalusers/mel", {"password": "a long password"}).status == 201
    assert ask(berth, "DELETE", API + "internalusers/mel").status == 200
    berth.stop()
    berth = start()
    assert status(berth, "alice") == 401 and status(berth, "alice", "another one") == 200
    assert status(berth, "bob") == 401 and status(berth, "mel", "a long password") == 401
    assert status(berth, "eve", "a long password") == 403
    assert ask(berth, "POST", "/_berth/security/_reload").status == 200
    assert status(berth, "bob") == 401
    # Deleted and made again, it is stored alone.
    assert ask(berth, "PUT", API + "internalusers/bob", {"password": "a long password"}).status == 201
    assert status(berth, "bob", "a long password") == 200
    assert {path: path.read_bytes() for path in files} == files


def test_what_is_reserved(start_berth, tmp_path):
    shutil.copytree(CONFIG.parent, tmp_path / "config")
    users = tmp_path / "config" / "users" / "internal_users.yml"
    users.write_text(users.read_text().replace("\nadmin:\n", "\nadmin:\n  reserved: true\n"))
    secured = start_berth(arguments=["--config", tmp_path / "config" / "berth.yml"])
    for method, path, body in (("PUT", "internalusers/admin", {"password": "mine all mine"}),
                               ("DELETE", "internalusers/admin", None),
                               ("PUT", "roles/all_access", {"cluster_permissions": []}),
                               ("DELETE", "roles/ml_full_access", None)):
        answer = ask(secured, method, API + path, body)
        assert answer.status == 403, path
        assert "reserved" in answer.json()["error"]["reason"]
    assert status(secured, "admin") == 200


@pytest.mark.parametrize("user", sorted(set(USERS) - {"admin"}))
def test_who_may(secured, user):
    for kind in ("internalusers", "roles", "rolesmapping"):
        for method, path in (("GET", kind), ("GET", kind + "/x"), ("PUT", kind + "/x"), ("DELETE", kind + "/x")):
            assert ask(secured, method, API + path, {} if method == "PUT" else None, user=user).status == 403


@pytest.mark.parametrize("path,body,word", [
    ("internalusers/x", b"", "body"),
    ("internalusers/x", b"[]", "object"),
    ("internalusers/x", b"{", "body"),
    ("internalusers/x", {}, "needs [password] or [hash]"),
    ("internalusers/x", {"password": "short"}, "at least 8"),
    ("internalusers/x", {"password": "x" * 73}, "1 to 72"),
    ("internalusers/x", {"password": 12345678}, "at least 8"),
    ("internalusers/x", {"password": "long enough", "hash": HASH}, "one too many"),
    ("internalusers/x", {"hash": "plain text"}, "no bcrypt hash"),
    ("internalusers/x", {"hash": HASH, "reserved": True}, "[reserved] is for files alone"),
    ("internalusers/x", {"hash": HASH, "backend_role": []}, "[backend_role]"),
    ("internalusers/x", {"hash": HASH, "backend_roles": [7]}, "[backend_roles]"),
    ("internalusers/x", {"hash": HASH, "backend_roles": ["a\nb"]}, "control characters"),
    ("internalusers/x", {"hash": HASH, "attributes": {"a": {}}}, "[attributes]"),
    ("internalusers/x%0Ay", {"hash": HASH}, "control characters"),
    ("internalusers/" + "x" * 257, {"hash": HASH}, "256"),
    ("internalusers/_meta", {"hash": HASH}, "_meta"),
    ("roles/x", {"cluster_permissions": {}}, "[cluster_permissions]"),
    ("roles/x", {"password": "long enough"}, "[password]"),
    ("rolesmapping/all_access", {"users": ["/.*/"]}, "expression"),
])
def test_bad_bodies(secured, path, body, word):
    before = [ask(secured, "GET", API + kind).json() for kind in ("internalusers", "roles", "rolesmapping")]
    answer = ask(secured, "PUT", API + path, body)
    assert answer.status == 400, answer.body
    assert word in answer.json()["error"]["reason"]
    assert "long enough" not in answer.text() and HASH not in answer.text()
    assert before == [ask(secured, "GET", API + kind).json() for kind in ("internalusers", "roles", "rolesmapping")]


def test_many_changes_at_once(secured):
    """Each is in force when it is acknowledged, whatever else is changed meanwhile."""
    wrong = []

    def manage(name):
        for number in range(10):
            if ask(secured, "PUT", API + f"internalusers/{name}", {"hash": HASH}).status != 201 - (number > 0):
                wrong.append((name, "put"))
            if status(secured, name, "U*U") != 403:
                wrong.append((name, "is not let in"))
        if ask(secured, "DELETE", API + f"internalusers/{name}").status != 200 or status(secured, name, "U*U") != 401:
            wrong.append((name, "is still there"))

    threads = [threading.Thread(target=manage, args=(f"user{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_no_password_is_kept(start_berth, tmp_path):
    berth = start_berth(data=tmp_path, arguments=["--config", CONFIG])
    assert ask(berth, "PUT", API + "internalusers/eve", {"password": "canary-of-passwords"}).status == 201
    assert ask(berth, "GET", API + "internalusers").status == 200
    berth.stop()
    assert "canary" not in berth.log
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"canary-of-passwords" not in path.read_bytes()


def test_opensearch_py(secured):
    security = secured.client(http_auth=("admin", "admin")).security
    assert security.create_user(username="eve", body={"password": "a long password"})["status"] == "CREATED"
    assert security.get_user(username="eve")["eve"]["backend_roles"] == []
    assert security.create_role(role="r", body={"cluster_permissions": ["cluster:monitor/*"]})["status"] == "CREATED"
    assert security.create_role_mapping(role="r", body={"users": ["eve"]})["status"] == "CREATED"
    assert send_as(secured, "eve", "a long password")("GET", "/_cluster/health")["status"] == "green"
    for call, name in ((security.delete_role_mapping, {"role": "r"}), (security.delete_role, {"role": "r"}),
                       (security.delete_user, {"username": "eve"})):
        assert call(**name)["status"] == "OK"
    assert "alice" in security.get_users()


def test_an_open_node_has_no_such_routes(start_berth):
    with Wire(start_berth()) as wire:
        assert wire.ask("GET", API + "internalusers").status == 400


def test_a_stored_entry_that_no_longer_fits(start_berth, tmp_path):
    """A group that a file makes hold itself is told at the start, with the rest of the users."""
    shutil.copytree(CONFIG.parent, tmp_path / "config")
    config = tmp_path / "config" / "berth.yml"
    berth = start_berth(data=tmp_path / "data", arguments=["--config", config])
    assert ask(berth, "PUT", API + "roles/r", {"cluster_permissions": ["mine"]}).status == 201
    berth.stop()
    (tmp_path / "config" / "users" / "action_groups.yml").write_text("mine: {allowed_actions: [mine]}\n")
    done = run("serve", "--config", config, "--data", tmp_path / "data", "-E", "http.port=0")
    assert done.returncode == 1 and "[mine] holds itself" in done.stderr
