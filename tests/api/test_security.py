# SPDX-License-Identifier: Apache-2.0
"""Users: who is let in, what their roles allow, and how that changes while the node runs."""
import json
import os
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from berth_process import Berth, run
from opensearchpy.exceptions import AuthenticationException, AuthorizationException, TransportError
from remote_service import RemoteService
from users import ACCESS_CONTROL, CONFIG, USERS, basic, client_of, connector, send_as
from wire import Wire

# How often who may use a model changes under load; 10,000 by hand.
ROUNDS = int(os.environ.get("BERTH_ACCESS_ROUNDS", "300"))


@pytest.fixture(scope="module")
def secured(start_module_berth):
    return start_module_berth(arguments=["--config", CONFIG])


def ask(berth, path="/", **headers):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with Wire(berth) as wire:
        wire.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        return wire.read()


# ---- who is let in ----

WRONG = {
    "nothing": None,
    "another scheme": "Bearer abc",
    "no Base64": "Basic !!!!",
    "half of Base64": "Basic YWxpY2U6YWxpY2",
    "no colon": basic("alice"),
    "empty": "Basic ",
    "wrong password": basic("alice:not-it"),
    "empty password": basic("alice:"),
    "unknown user": basic("nobody:alice"),
    "no user": basic(":alice"),
    "a NUL behind the password": basic(b"alice:alice\0x"),
    "another case of the name": basic("Alice:alice"),
    "too long": basic("alice:" + "a" * 2000),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("path", ["/", "/_cluster/settings", "/no/such/route", "/%zz"])
def test_not_let_in(secured, case, path):
    answer = ask(secured, path, **({"Authorization": WRONG[case]} if WRONG[case] else {}))
    assert answer.status == 401
    assert answer.headers["www-authenticate"].lower().startswith("basic ")
    assert "security_exception" in answer.body.decode()


def test_let_in(secured):
    for user in USERS:
        assert ask(secured, "/_plugins/_security/authinfo",
                   Authorization=basic(f"{user}:{user}")).status == 200
    # The scheme's name in any case, blanks around the code; again from what is remembered.
    for header in ("bAsIC " + basic("alice:alice")[6:], basic("alice:alice") + " ") * 2:
        assert ask(secured, "/_plugins/_security/authinfo", Authorization=header).status == 200


def test_who_one_is(secured):
    for path in ("/_plugins/_security/authinfo", "/_plugins/_security/api/account"):
        seen = send_as(secured, "carol")("GET", path)
        assert seen["user_name"] == "carol" and sorted(seen["backend_roles"]) == ["eng", "sales"]
        assert seen["roles"] == ["ml_full_access", "own_index"]


def test_what_roles_allow(secured):
    assert send_as(secured, "alice")("GET", "/_cluster/settings") is not None
    with pytest.raises(AuthorizationException) as error:
        send_as(secured, "alice")("PUT", "/_cluster/settings", body={"persistent": {}})
    reason = error.value.info["error"]["reason"]
    assert "alice" in reason and "cluster:admin/settings/update" in reason
    with pytest.raises(AuthorizationException):
        send_as(secured, "nick")("GET", "/")
    with pytest.raises(AuthenticationException):
        client_of(secured, "alice", "wrong").info()


def test_many_at_once(secured):
    """More than there are workers, right ones and wrong ones, on connections of their own."""
    users = list(USERS) * 8
    answers = {}

    def one(number, user):
        header = basic(f"{user}:{user}" if number % 2 else f"{user}:wrong{number}")
        answers[number] = ask(secured, "/_plugins/_security/authinfo", Authorization=header).status

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: 200 if n % 2 else 401 for n in range(len(users))}


def test_client_leaves_while_its_password_is_checked(secured):
    for number in range(20):
        with Wire(secured) as wire:
            wire.send(f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(f'dave:{number}')}\r\n\r\n"
                      .encode())
    assert ask(secured, "/", Authorization=basic("admin:admin")).status == 200


def test_guessing(start_berth):
    """Stopped for this name from this address; others, and who is known already, go on."""
    berth = start_berth({"plugins.security.auth.allowed_tries": 3,
                         "plugins.security.auth.time_window": "1h"},
                        arguments=["--config", CONFIG])

    def status(text):
        return ask(berth, "/_plugins/_security/authinfo", Authorization=basic(text)).status

    assert status("alice:alice") == 200
    assert [status(f"alice:{n}") for n in range(3)] == [401] * 3
    assert status("alice:4") == 429 and status("bob:bob") == 200
    assert [status(f"nobody:{n}") for n in range(4)] == [401] * 3 + [429]
    # A right one forgets the wrong ones.
    assert [status(f"carol:{n}") for n in range(2)] == [401] * 2
    assert status("carol:carol") == 200
    assert [status(f"carol:x{n}") for n in range(4)] == [401] * 3 + [429]
    # Also a right one, when it is too late: it would tell that it was right.
    assert [status(f"dave:{n}") for n in range(3)] == [401] * 3
    assert status("dave:dave") == 429


# ---- users change ----

@pytest.fixture
def changing(start_berth, tmp_path):
    """A node with a copy of the users, which a test may change."""
    shutil.copytree(CONFIG.parent, tmp_path / "node")
    berth = start_berth(arguments=["--config", tmp_path / "node" / "berth.yml"])
    return berth, tmp_path / "node" / "users"


def test_reload(changing):
    berth, folder = changing
    admin = send_as(berth, "admin")
    assert ask(berth, "/", Authorization=basic("alice:alice")).status == 200
    users = folder / "internal_users.yml"
    text = users.read_text()
    # Alice is gone: what was remembered of her does not count any more.
    users.write_text(text.replace("alice:", "eve:", 1))
    admin("POST", "/_berth/security/_reload")
    assert ask(berth, "/", Authorization=basic("alice:alice")).status == 401
    # A file that is wrong changes nothing, and says where.
    users.write_text(text + "broken:\n  hash: nonsense\n")
    with pytest.raises(TransportError) as error:
        admin("POST", "/_berth/security/_reload")
    assert error.value.status_code == 400
    assert "internal_users.yml:" in error.value.info["error"]["reason"]
    assert ask(berth, "/", Authorization=basic("alice:alice")).status == 401
    # By a signal.
    users.write_text(text)
    berth.process.send_signal(signal.SIGHUP)
    berth.wait_event("users_reloaded")
    assert ask(berth, "/", Authorization=basic("alice:alice")).status == 200
    with pytest.raises(AuthorizationException):
        send_as(berth, "alice")("POST", "/_berth/security/_reload")

def test_everybody_is_answered_while_users_are_read_again(start_berth):
    """A password that was checked against users of before is checked again."""
    berth = start_berth({"plugins.security.cache.ttl": "0"}, arguments=["--config", CONFIG])
    done = threading.Event()

    def client(user):
        statuses = set()
        with Wire(berth) as wire:
            while not done.is_set():
                statuses.add(wire.ask("GET", "/", headers=["Authorization: " + basic(f"{user}:{user}")]).status)
        return statuses

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, "alice") for _ in range(8)]
        try:
            reload = send_as(berth, "admin")
            for _ in range(100):
                assert reload("POST", "/_berth/security/_reload") == {"acknowledged": True}
        finally:
            done.set()
        assert {status for future in clients for status in future.result()} == {200}


def test_private_from_the_moment_that_it_is_said(changing):
    """The owner makes a group private while another asks its model: no answer begins behind that."""
    berth, _ = changing
    alice = send_as(berth, "alice")
    send_as(berth, "admin")("PUT", "/_cluster/settings", body={"persistent": ACCESS_CONTROL})
    with RemoteService() as service:
        group = alice("POST", "/_plugins/_ml/model_groups/_register",
                      body={"name": "g", "access_mode": "public"})["model_group_id"]
        made = alice("POST", "/_plugins/_ml/connectors/_create",
                     body=connector(service.url + "/"))["connector_id"]
        model = alice("POST", "/_plugins/_ml/models/_register?deploy=true",
                      body={"name": "m", "function_name": "remote", "connector_id": made,
                            "model_group_id": group})["model_id"]

        def predict(send):
            return send("POST", f"/_plugins/_ml/models/{model}/_predict",
                        body={"parameters": {"text": "x"}})

        said = ["public", 0]  # what was acknowledged last; "changing" from before a change is sent
        seen = {"served": 0, "refused": 0}

        def watch():
            send = send_as(berth, "bob")
            while said[0] != "over":
                before = list(said)
                try:
                    predict(send)
                    seen["served"] += 1
                    assert before != said or before[0] != "private", "served behind that"
                except AuthorizationException as error:
                    seen["refused"] += 1
                    assert error.info["error"]["type"] == "status_exception"
                    assert before != said or before[0] != "public", "refused behind that"

        with ThreadPoolExecutor(1) as pool:
            watching = pool.submit(watch)
            for number in range(ROUNDS):
                said[:] = ["changing", number]
                mode = "public" if number % 2 else "private"
                alice("PUT", f"/_plugins/_ml/model_groups/{group}",
                      body={"name": "g", "access_mode": mode})
                said[:] = [mode, number]
                predict(alice)
                if watching.done():
                    break
            said[0] = "over"
            watching.result()
        assert seen["served"] and seen["refused"]


# ---- the audit log ----

def test_audit_log(start_berth, tmp_path):
    file = tmp_path / "audit.json"
    berth = start_berth({"plugins.security.audit.file": file}, arguments=["--config", CONFIG])
    lines = lambda: [json.loads(line) for line in file.read_text().splitlines()]  # noqa: E731
    admin, alice = send_as(berth, "admin"), send_as(berth, "alice")
    admin("PUT", "/_cluster/settings", body={"persistent": ACCESS_CONTROL})
    made = alice("POST", "/_plugins/_ml/connectors/_create",
                 body=connector("http://127.0.0.1:1/", credential={"key": "sk-canary-1234"}))
    path = f"/_plugins/_ml/connectors/{made['connector_id']}"
    alice("GET", path)
    with pytest.raises(AuthorizationException):
        send_as(berth, "bob")("GET", path)
    assert ask(berth, "/?source=sk-canary-5678", Authorization=basic("eve:sk-canary-9")).status == 401
    seen = [(line["user"], line["method"], line["path"], line["action"], line["status"])
            for line in lines()]
    assert seen == [
        ("admin", "PUT", "/_cluster/settings", "cluster:admin/settings/update", "200"),
        ("alice", "POST", "/_plugins/_ml/connectors/_create",
         "cluster:admin/opensearch/ml/create_connector", "200"),
        ("bob", "GET", path, "cluster:admin/opensearch/ml/connectors/get", "403"),
        ("", "GET", "/", "", "401")]
    assert {line["address"] for line in lines()} == {"127.0.0.1"}
    assert "canary" not in file.read_text() and file.stat().st_mode & 0o777 == 0o600
    # Turned over while the node runs.
    file.rename(tmp_path / "old.json")
    berth.process.send_signal(signal.SIGHUP)
    berth.wait_event("users_reloaded")
    alice("DELETE", path)
    assert [line["method"] for line in lines()] == ["DELETE"]


# ---- starting ----

BAD_FILES = {
    "no hash": ("internal_users.yml", "x:\n  backend_roles: [a]\n", "x"),
    "twice": ("internal_users.yml", "alice:\n  hash: x\n", "twice"),
    "no YAML": ("internal_users.yml", "x: [\n", "internal_users.yml:"),
    "wrong type": ("roles_mapping.yml", "x:\n  users: {a: b}\n", "users"),
    "unknown field": ("roles.yml", "x:\n  cluster_permisions: []\n", "cluster_permisions"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_file(tmp_path, case):
    name, text, words = BAD_FILES[case]
    shutil.copytree(CONFIG.parent, tmp_path / "node")
    file = tmp_path / "node" / "users" / name
    file.write_text(file.read_text() + text)
    seen = run("check-config", "--config", tmp_path / "node" / "berth.yml")
    assert seen.returncode == 1
    assert f"{name}:" in seen.stderr and words in seen.stderr, seen.stderr


def test_not_open_to_others():
    for settings in ([], ["-E", f"plugins.security.config_dir={CONFIG.parent / 'users'}"]):
        seen = run("check-config", "-E", "http.host=0.0.0.0", *settings)
        assert seen.returncode == 1 and "plugins.security.disabled" in seen.stderr
    seen = run("check-config", "-E", "http.host=0.0.0.0", "-E", "plugins.security.disabled=true")
    assert seen.returncode == 0, seen.stderr


def test_without_users(start_berth):
    berth = start_berth()
    with pytest.raises(TransportError) as error:
        berth.client().transport.perform_request("GET", "/_plugins/_security/authinfo")
    assert error.value.status_code == 404


def test_hash_password(tmp_path):
    shutil.copytree(CONFIG.parent, tmp_path / "node")
    made = run("hash-password", input="a long pass phrase\n")
    assert made.returncode == 0 and made.stdout.startswith("$2y$12$")
    users = tmp_path / "node" / "users" / "internal_users.yml"
    users.write_text(users.read_text() + f'eve:\n  hash: "{made.stdout.strip()}"\n')
    (tmp_path / "data").mkdir()
    berth = Berth(tmp_path / "data", arguments=["--config", tmp_path / "node" / "berth.yml"])
    try:
        header = basic("eve:a long pass phrase")
        assert ask(berth, "/_plugins/_security/authinfo", Authorization=header).status == 200
    finally:
        berth.stop()
    for wrong in ("", "x" * 100 + "\n"):
        assert run("hash-password", input=wrong).returncode == 1
