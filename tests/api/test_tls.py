# SPDX-License-Identifier: Apache-2.0
"""HTTPS, with certificates that the openssl command makes for the test."""
import socket
import ssl

import berth_process
import certificates
import pytest
from six_steps import Steps, answer_of
from wire import Wire, chunked, request

TLS = "plugins.security.ssl.http."


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return certificates.make(tmp_path_factory.mktemp("tls"))


def settings(files, **more):
    return {TLS + "enabled": "true", TLS + "pemcert_filepath": files / "server.pem",
            TLS + "pemkey_filepath": files / "server.key",
            **{TLS + key: value for key, value in more.items()}}


def wrapper(files, client=False):
    context = ssl.create_default_context(cafile=files / "ca.pem")
    if client:
        context.load_cert_chain(files / "client.pem", files / "client.key")
    return lambda plain: context.wrap_socket(plain, server_hostname="127.0.0.1")


@pytest.fixture(scope="module")
def tls_berth(start_module_berth, files):
    return start_module_berth(settings(files))


def test_six_steps(tls_berth, files, model_server):
    with Steps(tls_berth, model_server, ca_certs=str(files / "ca.pem"), http_compress=True,
               http_auth=("admin", "admin")) as steps:
        model = steps.deployed_model()
        assert tls_berth.scheme == "https"
        for text in ("over TLS", "x" * 50000):
            assert text in answer_of(steps.ask(model, text))


def test_connection(tls_berth, files):
    with Wire(tls_berth, wrapper(files)) as wire:
        assert wire.socket.version() in ("TLSv1.2", "TLSv1.3")
        paths = ["/", "/_cluster/settings", "/_nodes"] * 50
        wire.send(b"".join(request("GET", path) for path in paths))
        assert all(wire.read().status == 200 for _ in paths)
        head = ["Transfer-Encoding: chunked", "Content-Type: application/json"]
        wire.send(request("POST", "/_cluster/settings", headers=head) + chunked([b"{", b"}"] * 9))
        assert wire.read().status == 405
        # Bytes that are no request: the answer comes before the session ends, in good order.
        wire.send(b"GET / HTTP/3\r\n\r\n")
        assert wire.read().status in (400, 505)
        assert wire.rest() == b""


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_are_refused(tls_berth, files):
    context = ssl.create_default_context(cafile=files / "ca.pem")
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        Wire(tls_berth, lambda plain: context.wrap_socket(plain, server_hostname="127.0.0.1"))


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x00\x05hello",
                                  b"\x00" * 4096])
def test_what_is_no_tls_is_refused(tls_berth, files, data):
    with Wire(tls_berth) as wire:
        wire.send(data)
        assert not wire.rest().startswith(b"HTTP/")
    with Wire(tls_berth, wrapper(files)) as wire:
        assert wire.ask("GET", "/").status == 200


def test_client_that_leaves_within_the_handshake(tls_berth, files):
    with socket.create_connection((tls_berth.host, tls_berth.port)) as plain:
        plain.sendall(b"\x16\x03\x01")
    with Wire(tls_berth, wrapper(files)) as wire:
        assert wire.ask("GET", "/").status == 200


def test_sealed_key(start_berth, files):
    berth = start_berth(settings(files, pemkey_filepath=files / "sealed.key",
                                 pemkey_password="open sesame"))
    with Wire(berth, wrapper(files)) as wire:
        answer = wire.ask("GET", "/_cluster/settings?include_defaults=true&flat_settings=true")
        assert answer.status == 200
        assert b"open sesame" not in answer.body
    assert "open sesame" not in berth.log


def test_client_certificate(start_berth, files):
    berth = start_berth(settings(files, pemtrustedcas_filepath=files / "ca.pem",
                                 clientauth_mode="REQUIRE"))
    with Wire(berth, wrapper(files, client=True)) as wire:
        assert wire.ask("GET", "/").status == 200
    # With TLS 1.3 the client learns of it with its first read.
    with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError, AssertionError)):
        with Wire(berth, wrapper(files)) as wire:
            wire.ask("GET", "/")


@pytest.mark.parametrize("change,word", [
    ({"pemcert_filepath": "missing.pem"}, "missing.pem"),
    ({"pemkey_filepath": "client.key"}, "key"),
    ({"pemkey_filepath": "sealed.key", "pemkey_password": "wrong"}, "sealed.key"),
    ({"pemcert_filepath": "names"}, "names"),
    ({"clientauth_mode": "REQUIRE"}, "pemtrustedcas_filepath"),
])
def test_files_that_do_not_fit(files, tmp_path, change, word):
    change = {key: files / value if "filepath" in key else value for key, value in change.items()}
    arguments = [part for key, value in settings(files, **change).items()
                 for part in ("-E", f"{key}={value}")]
    done = berth_process.run("serve", "--data", tmp_path, "-E", "http.port=0", *arguments)
    assert done.returncode == 1
    assert word in done.stderr and "wrong" not in done.stderr
