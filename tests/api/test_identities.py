# SPDX-License-Identifier: Apache-2.0
"""Users by certificate and by bearer token."""
import base64
import hashlib
import hmac
import json
import ssl
import time

import berth_process
import certificates
import pytest
from users import CONFIG, basic
from wire import Wire

SECRET = "a secret of the tests, long enough for HS256"
WHO = "/_plugins/_security/authinfo"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("identities")
    certificates.make(folder)
    for name in ("alice", "boss", "nick"):
        certificates.make_certificate(folder, name, "ca")
    certificates.make_authority(folder, "other-ca")
    certificates.make_certificate(folder, "mallory", "other-ca")
    (folder / "secret").write_text(SECRET + "\n")
    return folder


def header(user, password=None):
    return "Authorization: " + basic(f"{user}:{password or user}")


def settings(folder, **more):
    tls = "plugins.security.ssl.http."
    return {tls + "enabled": "true", tls + "pemcert_filepath": folder / "server.pem",
            tls + "pemkey_filepath": folder / "server.key", tls + "pemtrustedcas_filepath": folder / "ca.pem",
            "plugins.security.authcz.admin_dn": "[cn = boss]", **more}


def ask(berth, folder, path=WHO, client=None, headers=()):
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    if client:
        context.load_cert_chain(folder / f"{client}.pem", folder / f"{client}.key")
    with Wire(berth, lambda plain: context.wrap_socket(plain, server_hostname="127.0.0.1")) as wire:
        first = wire.ask("GET", path, headers=headers)
        assert wire.ask("GET", path, headers=headers).status == first.status
        return first


def who(answer):
    assert answer.status == 200, answer.body
    return answer.json()["user_name"], answer.json()["roles"]


@pytest.fixture(scope="module")
def by_cn(start_module_berth, folder):
    attribute = {"plugins.security.clientcert.username_attribute": "cn"}
    return start_module_berth(settings(folder, **attribute), arguments=["--config", CONFIG])


def test_a_certificate_makes_a_user(by_cn, folder):
    answer = ask(by_cn, folder, client="alice")
    assert who(answer) == ("alice", ["ml_full_access", "own_index"])
    assert answer.json()["backend_roles"] == ["eng"]
    assert ask(by_cn, folder, "/", client="nick").status == 403
    assert who(ask(by_cn, folder, client="client")) == ("client", ["own_index"])


def test_credentials_count_before_a_users_certificate(by_cn, folder):
    assert who(ask(by_cn, folder, client="alice", headers=[header("rita")]))[0] == "rita"
    assert ask(by_cn, folder, client="alice", headers=[header("rita", "wrong")]).status == 401
    assert ask(by_cn, folder).status == 401


def test_the_administrators_certificate_counts_before_all(by_cn, folder):
    for headers in ([], [header("rita")], [header("rita", "wrong")]):
        assert who(ask(by_cn, folder, client="boss", headers=headers)) == ("CN=boss", ["own_index", "all_access"])
    assert ask(by_cn, folder, "/_berth/metrics", client="boss").status == 200


def test_a_certificate_of_another_authority_is_refused(by_cn, folder):
    with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError, AssertionError)):
        ask(by_cn, folder, client="mallory")


def test_certificates_make_no_users_unless_told_to(start_berth, folder):
    berth = start_berth(settings(folder), arguments=["--config", CONFIG])
    assert ask(berth, folder, client="alice").status == 401
    assert who(ask(berth, folder, client="alice", headers=[header("bob")]))[0] == "bob"
    assert who(ask(berth, folder, client="boss"))[0] == "CN=boss"


def test_a_certificates_whole_name(start_berth, folder):
    attribute = {"plugins.security.clientcert.username_attribute": "dn"}
    berth = start_berth(settings(folder, **attribute), arguments=["--config", CONFIG])
    assert who(ask(berth, folder, client="alice")) == ("CN=alice", ["own_index"])


# ---- tokens ----

def part(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(secret=SECRET, alg="HS256", **claims):
    text = part({"alg": alg}) + "." + part({"sub": "tom", "exp": time.time() + 600, **claims})
    return text + "." + part(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def bearer(*arguments, **claims):
    return ["Authorization: Bearer " + token(*arguments, **claims)]


@pytest.fixture(scope="module")
def with_tokens(start_module_berth, folder):
    return start_module_berth({"plugins.security.jwt.signing_key_filepath": folder / "secret",
                               "plugins.security.jwt.clock_skew_tolerance": "0"},
                              arguments=["--config", CONFIG])


def get(berth, path, headers):
    with Wire(berth) as wire:
        return wire.ask("GET", path, headers=headers)


def test_a_token_makes_a_user(with_tokens):
    answer = get(with_tokens, WHO, bearer(roles=["admin", "eng"]))
    assert who(answer) == ("tom", ["own_index", "all_access"])
    assert sorted(answer.json()["backend_roles"]) == ["admin", "eng"]
    assert not answer.json()["is_internal_user"]
    assert get(with_tokens, "/", bearer(roles="admin")).status == 200
    assert get(with_tokens, "/", bearer()).status == 403
    assert get(with_tokens, WHO, [header("alice")]).json()["is_internal_user"]


@pytest.mark.parametrize("headers", [
    ["Authorization: Bearer"],
    ["Authorization: Bearer x.y.z"],
    bearer(exp=time.time() - 1),
    bearer(nbf=time.time() + 600),
    bearer(secret="another secret of the tests, as long as it"),
    bearer(alg="none"),
    ["Authorization: Bearer " + token(alg="none").rsplit(".", 1)[0] + "."],
], ids=["empty", "garbage", "expired", "early", "forged", "none", "unsigned"])
def test_tokens_that_are_refused(with_tokens, headers):
    answer = get(with_tokens, "/", headers)
    assert answer.status == 401 and "www-authenticate" in answer.headers


def test_a_kept_token_expires(with_tokens):
    headers = bearer(exp=time.time() + 2)
    with Wire(with_tokens) as wire:
        seen = {wire.ask("GET", WHO, headers=headers).status}
        deadline = time.monotonic() + berth_process.PATIENCE_S
        while 401 not in seen and time.monotonic() < deadline:
            seen.add(wire.ask("GET", WHO, headers=headers).status)
    assert seen == {200, 401}


@pytest.mark.parametrize("text,word", [("short", "at least 32"), ("-----BEGIN PUBLIC KEY-----", "no public key")])
def test_keys_that_are_refused(tmp_path, text, word):
    (tmp_path / "key").write_text(text)
    done = berth_process.run("check-config", "--config", CONFIG,
                             "-E", f"plugins.security.jwt.signing_key_filepath={tmp_path / 'key'}")
    assert done.returncode == 1 and word in done.stderr


def test_what_names_users_in_certificates_is_checked():
    done = berth_process.run("check-config", "--config", CONFIG,
                             "-E", "plugins.security.clientcert.username_attribute=uid")
    assert done.returncode == 1 and "cn, dn" in done.stderr
