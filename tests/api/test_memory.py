# SPDX-License-Identifier: Apache-2.0
"""A core dump holds no credential that was put in; nor is there one, unless it was asked for.

The memory of a loaded process is read as the kernel dumps it: all that is its own but what is
marked as not to be dumped. The numbers of private keys are left out, which OpenSSL keeps on its
heap for as long as they are in use.
"""
import contextlib
import json
import os
import pathlib
import re
import resource
import signal

import certificates
import pytest
from remote_service import RemoteService
from test_secrets import forms
from test_tls import settings as tls_settings
from test_tls import wrapper
from users import ACCESS_CONTROL, CONFIG, basic, connector
from wire import Wire, request

ML = "/_plugins/_ml"
KEY = 'sk-Very+Secret/0123456789="abc'
NEXT = "sk-The+Next/Secret-9876543210"
PASSWORD = "Pass-of-Eve/9753102468+Long"
WRONG = "Guessed-for-Eve/1357908642"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJldmUiLCJleHAiOjk5OTk5OTk5OTl9.c2lnbmF0dXJlLW9mLWV2ZQ"
MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$")


def mappings(pid):
    """[name, start, end, rights, flags] of each."""
    found = []
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if match := MAPPING.match(line):
                found.append([match[4], int(match[1], 16), int(match[2], 16), match[3], []])
            elif line.startswith("VmFlags:"):
                found[-1][4] = line.split()[1:]
    return found


def dumped(pid):
    """(name, bytes) of each mapping that a core dump holds."""
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for name, start, end, rights, flags in mappings(pid):
            if rights.startswith("r") and "dd" not in flags and not name.startswith("[v"):
                memory.seek(start)
                with contextlib.suppress(OSError):  # gone since, or shadow that none touched
                    yield name or "anonymous", memory.read(end - start)


def places(pid, texts):
    """Where they are, with what stands around."""
    return [(name, data[max(0, match.start() - 60):match.end() + 20])
            for name, data in dumped(pid) for text in texts
            for match in re.finditer(re.escape(text), data)]


def authorization(user, password):
    return ["Authorization: " + basic(f"{user}:{password}")]


class Asker:
    def __init__(self, berth, wrap):
        self.berth = berth
        self.wrap = wrap

    def connect(self):
        return Wire(self.berth, self.wrap)

    def ask(self, method, path, body=None, headers=None):
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        with self.connect() as wire:
            return wire.ask(method, path, data, headers or authorization("eve", PASSWORD))

    def get(self, status, *arguments, **options):
        answer = self.ask(*arguments, **options)
        assert answer.status == status, answer.body
        return answer.json()


def load(node, remote):
    """Puts each secret in by each way; returns the id of a model."""
    escaped = json.dumps(remote).replace("/", "\\/").encode()
    node.get(200, "POST", ML + "/connectors/_create", escaped)
    chat = node.get(200, "POST", ML + "/connectors/_create", remote)["connector_id"]
    model = node.get(200, "POST", ML + "/models/_register?deploy=true", {
        "name": "m", "function_name": "remote", "connector_id": chat})["model_id"]
    node.get(200, "POST", ML + "/models/_register?deploy=true", {
        "name": "inner", "function_name": "remote", "connector": remote})
    for _ in range(20):
        node.get(200, "POST", f"{ML}/models/{model}/_predict", {"parameters": {"text": "hi"}})
    node.get(400, "POST", ML + "/connectors/_create", {**remote, "protocol": "pigeon"})
    node.get(400, "POST", ML + "/connectors/_create", escaped[:-1])
    other = node.get(200, "POST", ML + "/connectors/_create", remote)["connector_id"]
    node.get(200, "PUT", ML + "/connectors/" + other, {"credential": {"key": NEXT}})
    node.get(401, "GET", "/", headers=authorization("eve", WRONG))
    node.get(401, "GET", "/", headers=["Authorization: Bearer " + TOKEN])
    return model


@pytest.fixture(params=["plain", "tls"])
def node(request, start_berth, tmp_path):
    files = certificates.Certificates(tmp_path)
    is_tls = request.param == "tls"
    node = Asker(start_berth(tls_settings(tmp_path) if is_tls else {}, arguments=["--config", CONFIG]),
                 wrapper(tmp_path) if is_tls else None)
    node.files = files
    node.context = files.context() if is_tls else None
    admin = authorization("admin", "admin")
    node.get(200, "PUT", "/_cluster/settings", {"persistent": ACCESS_CONTROL}, admin)
    node.get(201, "PUT", "/_plugins/_security/api/internalusers/eve", {
        "password": PASSWORD, "opendistro_security_roles": ["ml_full_access"]}, admin)
    return node


def test_memory(node):
    pid = node.berth.process.pid
    secrets = {form for secret in (KEY, NEXT, PASSWORD, WRONG, TOKEN) for form in forms(secret)}
    with RemoteService(node.context, is_open=False) as service:
        remote = connector(service.url + "/", credential={"key": KEY})
        remote["actions"][0]["headers"] = {"Authorization": "Bearer ${credential.key}"}
        if node.context:
            remote["credential"].update(ca_cert_pem=node.files.text("ca.pem"),
                                        client_cert_pem=node.files.text("client.pem"),
                                        client_key_pem=node.files.text("client.key"))
            remote["client_config"] = {"mutual_tls_enabled": True}
            secrets.update(node.files.text(name).splitlines()[1].encode()
                           for name in ("client.key", "server.key"))
        service.gate.release(20)
        model = load(node, remote)
        for x in places(pid, secrets): print("HIT", x)
        assert places(pid, secrets) == []
        body = json.dumps({"parameters": {"text": "this-is-not-secret"}}).encode()
        held = request("POST", f"{ML}/models/{model}/_predict", body, authorization("eve", PASSWORD))
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(node.connect()) for _ in range(20)]
            for client in clients:
                client.send(held)
            for _ in range(40):
                service.requests.get(timeout=60)
            assert places(pid, [b"this-is-not-secret"]) != []
            assert places(pid, secrets) == [], "with predicts in flight"
            service.gate.release(20)
            for client in clients:
                assert client.read().status == 200


@pytest.mark.parametrize("wanted", [False, True])
def test_core_dump(start_berth, tmp_path, monkeypatch, wanted):
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text(encoding="utf-8").strip()
    if wanted and (not pattern or pattern[0] in "|/"):
        pytest.skip("this machine's core dumps go elsewhere")
    monkeypatch.setenv("ASAN_OPTIONS", os.environ.get("ASAN_OPTIONS", "") + ":disable_coredump=0")
    limit = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limit[1], limit[1]))
    try:
        berth = start_berth({"process.core_dumps": "true"} if wanted else {}, cwd=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limit)
    pid = berth.process.pid
    pathlib.Path(f"/proc/{pid}/coredump_filter").write_text("0", encoding="ascii")  # a small one
    berth.process.send_signal(signal.SIGABRT)
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert ended.si_code == (os.CLD_DUMPED if wanted else os.CLD_KILLED)
    berth.kill()
