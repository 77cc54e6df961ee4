# SPDX-License-Identifier: Apache-2.0
"""client_config: how a connector's service is reached."""
import json
import re
import threading

import pytest
from certificates import PASSWORD, Certificates
from opensearchpy.exceptions import TransportError
from remote_service import Proxy, Remote, RemoteService
from wire import Wire, request


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def remote(berth):
    with Remote(berth) as remote:
        yield remote


def refused(function, *arguments, status=400, **options):
    """The reason with which something is refused."""
    with pytest.raises(TransportError) as error:
        function(*arguments, **options)
    assert error.value.status_code == status, error.value.info
    return error.value.info["error"]["reason"]


# ---- what is kept and shown ----

SENT = {"skip_ssl_verification": False, "mutual_tls_enabled": False, "keystore_type": "pkcs12",
        "proxy_url": "http://127.0.0.1:3128", "retry_status_codes": [429, 529]}


def test_shown_only_where_sent(remote):
    old = {"max_connection": 30, "connection_timeout": 30000, "read_timeout": 30000,
           "retry_backoff_millis": 200, "retry_timeout_seconds": 30, "max_retry_times": 0,
           "retry_backoff_policy": "constant"}
    connector = remote.create("http://127.0.0.1:1/", client_config={})
    assert remote.get(connector)["client_config"] == old
    connector = remote.create("http://127.0.0.1:1/", client_config=SENT)
    assert remote.get(connector)["client_config"] == {**old, **SENT, "keystore_type": "PKCS12"}
    remote.send("PUT", f"/_plugins/_ml/connectors/{connector}", body={"client_config": {}})
    assert remote.get(connector)["client_config"] == old


WRONG = {
    "keystore": ({"keystore_type": "JKS"}, "PEM, PKCS12"),
    "switch": ({"skip_ssl_verification": "yes"}, "true or false"),
    "statuses": ({"retry_status_codes": [200]}, "400 to 599"),
    "no statuses": ({"retry_status_codes": []}, "1 to 32"),
    "proxy, no scheme": ({"proxy_url": "127.0.0.1:3128"}, "http://host:port"),
    "proxy, another scheme": ({"proxy_url": "socks5://127.0.0.1:1"}, "http://host:port"),
    "proxy, user": ({"proxy_url": "http://me:secret-word@127.0.0.1:1"}, "credential.proxy_user"),
    "proxy, path": ({"proxy_url": "http://127.0.0.1:1/path"}, "http://host:port"),
    "proxy, line": ({"proxy_url": "http://127.0.0.1:1\r\nX: y"}, "http://host:port"),
    "proxy, nothing": ({"proxy_url": "http:///"}, "http://host:port"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_value(remote, case):
    config, words = WRONG[case]
    reason = refused(remote.create, "http://127.0.0.1:1/", client_config=config)
    assert words in reason and "secret-word" not in reason


# ---- how many at once ----

def post(berth, model, text, answers):
    with Wire(berth) as wire:
        body = json.dumps({"parameters": {"text": text}}).encode()
        wire.send(request("POST", f"/_plugins/_ml/models/{model}/_predict", body))
        answers[text] = wire.read().status


def test_max_connection(berth, remote):
    with RemoteService(is_open=False) as service:
        model = remote.model(service.url + "/", client_config={"max_connection": 1})
        answers, threads, order = {}, [], []
        threads.append(threading.Thread(target=post, args=(berth, model, "0", answers)))
        threads[0].start()
        first = service.requests.get(timeout=60)
        for number in range(1, 6):
            threads.append(threading.Thread(target=post, args=(berth, model, str(number), answers)))
            threads[-1].start()
        order.append(json.loads(first.body)["text"])
        for _ in range(5):
            service.gate.release()
            order.append(json.loads(service.requests.get(timeout=60).body)["text"])
        service.gate.release()
        for thread in threads:
            thread.join()
        assert service.most == 1
        assert sorted(order) == list("012345")
        assert answers == {text: 200 for text in order}


def test_max_connection_of_one_request(remote):
    """Documents of one prediction wait for one another as well."""
    with RemoteService() as service:
        connector = remote.body(service.url + "/", client_config={"max_connection": 2},
                                parameters={"input_docs_processed_step_size": "1"})
        connector["actions"][0]["request_body"] = '{"input": ${parameters.input}}'
        connector["actions"][0]["pre_process_function"] = "connector.pre_process.default.embedding"
        connector_id = remote.send("POST", "/_plugins/_ml/connectors/_create",
                                   body=connector)["connector_id"]
        model = remote.deploy(connector_id)
        answer = remote.send("POST", f"/_plugins/_ml/_predict/text_embedding/{model}",
                             body={"text_docs": [str(i) for i in range(12)]})
        assert len(answer["inference_results"]) == 12
        assert service.most <= 2


def test_without_client_config_unlimited(berth, remote):
    with RemoteService(is_open=False) as service:
        model = remote.model(service.url + "/")
        answers = {}
        threads = [threading.Thread(target=post, args=(berth, model, str(i), answers))
                   for i in range(40)]
        for thread in threads:
            thread.start()
        for _ in threads:
            service.requests.get(timeout=60)
        service.gate.release(len(threads))
        for thread in threads:
            thread.join()
        assert service.most == 40 and set(answers.values()) == {200}


def test_waiting_ends(berth, remote):
    """Takes the ten seconds that one waits."""
    with RemoteService(is_open=False) as service:
        model = remote.model(service.url + "/", client_config={"max_connection": 1})
        answers = {}
        first = threading.Thread(target=post, args=(berth, model, "first", answers))
        first.start()
        service.requests.get(timeout=60)
        assert "max_connection" in refused(remote.ask, model, "second", status=429)
        service.gate.release(2)
        first.join()
        assert answers == {"first": 200}
        assert remote.ask(model, "third") == {"ok": True}


def test_client_that_waits_and_leaves(berth, remote):
    with RemoteService(is_open=False) as service:
        model = remote.model(service.url + "/", client_config={"max_connection": 1})
        body = json.dumps({"parameters": {"text": "left"}}).encode()
        data = request("POST", f"/_plugins/_ml/models/{model}/_predict", body)
        with Wire(berth) as first, Wire(berth) as second:
            first.send(data)
            service.requests.get(timeout=60)
            second.send(data)
        service.gate.release(3)  # the second may have been sent on before it was seen to leave
        assert remote.ask(model, "next") == {"ok": True}


# ---- TLS ----

def test_own_authority(remote, files):
    with RemoteService(files.context()) as service:
        plain = remote.model(service.url + "/")
        assert "TLS" in refused(remote.ask, plain, status=502)
        for form in (files.text("ca.pem"), files.base64("ca.pem")):
            own = remote.model(service.url + "/", credential={"ca_cert_pem": form})
            assert remote.ask(own) == {"ok": True}
        other = remote.model(service.url + "/",
                             credential={"ca_cert_pem": files.text("other-ca.pem")})
        assert "TLS" in refused(remote.ask, other, status=502)
        assert "TLS" in refused(remote.ask, plain, status=502), "a kept connection was shared"


def test_skip_ssl_verification(remote, files):
    with RemoteService(files.context()) as service:
        skips = remote.model(service.url + "/", client_config={"skip_ssl_verification": True})
        assert remote.ask(skips) == {"ok": True}
        strict = remote.model(service.url + "/", client_config={"skip_ssl_verification": False})
        assert "TLS" in refused(remote.ask, strict, status=502)


def identities(files):
    """Each way to say who one is: the client_config and the credential."""
    pem = {"client_cert_pem": files.text("client.pem"), "client_key_pem": files.text("client.key")}
    return {
        "pem": ({}, pem),
        "base64": ({"keystore_type": "PEM"}, {"client_cert_pem": files.base64("client.pem"),
                                              "client_key_pem": files.base64("client.key")}),
        "sealed key": ({}, {**pem, "client_key_pem": files.text("sealed-client.key"),
                            "keystore_password": PASSWORD}),
        "pkcs12": ({"keystore_type": "PKCS12"}, {"client_cert_pkcs12": files.base64("client.p12"),
                                                 "keystore_password": PASSWORD}),
    }


@pytest.mark.parametrize("way", ("pem", "base64", "sealed key", "pkcs12"))
def test_mutual_tls(remote, files, way):
    config, credential = identities(files)[way]
    credential = {**credential, "ca_cert_pem": files.text("ca.pem")}
    with RemoteService(files.context(wants_client=True)) as service:
        model = remote.model(service.url + "/", credential=credential,
                             client_config={**config, "mutual_tls_enabled": True})
        assert remote.ask(model) == {"ok": True}
        assert (("commonName", "client"),) in service.requests.get(timeout=60).subject
        without = remote.model(service.url + "/", credential={"ca_cert_pem": files.text("ca.pem")})
        refused(remote.ask, without, status=502)


def test_mutual_tls_of_a_stranger(remote, files):
    with RemoteService(files.context(wants_client=True)) as service:
        model = remote.model(service.url + "/", client_config={"mutual_tls_enabled": True},
                             credential={"client_cert_pem": files.text("stranger.pem"),
                                         "client_key_pem": files.text("stranger.key"),
                                         "ca_cert_pem": files.text("ca.pem")})
        refused(remote.ask, model, status=502)


MUTUAL = {"mutual_tls_enabled": True}
PEM = {"client_cert_pem": "client.pem", "client_key_pem": "client.key"}

# What does not go together, or is not fit: client_config, credential (names of files, as text, or
# texts), other members, and what the reason names.
NOT_TOGETHER = {
    "not verified": ({**MUTUAL, "skip_ssl_verification": True}, PEM, {}, "skip_ssl_verification"),
    "key of an API": (MUTUAL, {**PEM, "api_key": "k"}, {}, "credential.api_key"),
    "no certificate": (MUTUAL, {"client_key_pem": "client.key"}, {}, "client_cert_pem"),
    "no key": (MUTUAL, {"client_cert_pem": "client.pem"}, {}, "client_key_pem"),
    "no keystore": ({**MUTUAL, "keystore_type": "PKCS12"}, PEM, {}, "client_cert_pkcs12"),
    "other's key": (MUTUAL, {**PEM, "client_key_pem": "stranger.key"}, {}, "belong together"),
    "no PEM": (MUTUAL, {**PEM, "client_cert_pem": "not a certificate"}, {}, "client_cert_pem"),
    "empty PEM": (MUTUAL, {**PEM, "client_cert_pem": "-----BEGIN CERTIFICATE-----"}, {},
                  "client_cert_pem"),
    "sealed key": (MUTUAL, {**PEM, "client_key_pem": "sealed-client.key"}, {}, "keystore_password"),
    "wrong password": (MUTUAL, {**PEM, "client_key_pem": "sealed-client.key",
                                "keystore_password": "wrong"}, {}, "keystore_password"),
    "not Base64": ({**MUTUAL, "keystore_type": "PKCS12"}, {"client_cert_pkcs12": "a*b"}, {},
                   "client_cert_pkcs12"),
    "not a keystore": ({**MUTUAL, "keystore_type": "PKCS12"}, {"client_cert_pkcs12": "YWJjZA=="},
                       {}, "client_cert_pkcs12"),
    "authority": ({}, {"ca_cert_pem": "-----BEGIN CERTIFICATE-----"}, {}, "ca_cert_pem"),
    "signed": (MUTUAL, {**PEM, "access_key": "a", "secret_key": "b"},
               {"protocol": "aws_sigv4", "parameters": {"region": "r", "service_name": "s"}},
               "aws_sigv4"),
}


@pytest.mark.parametrize("case", NOT_TOGETHER)
def test_refused_at_create(remote, files, case):
    config, credential, members, words = NOT_TOGETHER[case]
    credential = {name: files.text(value) if (files.folder / value).exists() else value
                  for name, value in credential.items()}
    reason = refused(remote.create, "https://127.0.0.1:1/", credential=credential,
                     client_config=config, **members)
    assert words in reason and "PRIVATE KEY" not in reason


def test_mutual_tls_needs_https(remote, files):
    credential = {name: files.text(file) for name, file in PEM.items()}
    reason = refused(remote.create, "http://127.0.0.1:1/", credential=credential,
                     client_config=MUTUAL)
    assert "https" in reason


def test_update_is_checked_with_what_is_sealed(remote, files):
    credential = {name: files.text(file) for name, file in PEM.items()}
    connector = remote.create("https://127.0.0.1:1/", credential=credential, client_config=MUTUAL)
    path = f"/_plugins/_ml/connectors/{connector}"
    reason = refused(remote.send, "PUT", path,
                     body={"credential": {"client_key_pem": files.text("stranger.key")}})
    assert "belong together" in reason
    remote.send("PUT", path, body={"credential": {
        "client_key_pem": files.text("stranger.key"),
        "client_cert_pem": files.text("stranger.pem")}})


# ---- proxies ----

def test_proxy(remote):
    with RemoteService() as service, Proxy() as proxy:
        model = remote.model(service.url + "/x", client_config={"proxy_url": proxy.url})
        assert remote.ask(model) == {"ok": True}
        method, target, headers = proxy.requests.get(timeout=60)
        assert (method, target) == ("POST", service.url + "/x")
        assert "Proxy-Authorization" not in headers
        assert service.requests.get(timeout=60).path == "/x"


def test_proxy_tunnel_with_user(remote, files):
    credential = {"ca_cert_pem": files.text("ca.pem"), "proxy_user": "me",
                  "proxy_password": PASSWORD, "key": "for the service alone"}
    with RemoteService(files.context()) as service, Proxy("me", PASSWORD) as proxy:
        config = {"proxy_url": proxy.url}
        connector = remote.body(service.url + "/", credential=credential, client_config=config)
        connector["actions"][0]["headers"] = {"Authorization": "Bearer ${credential.key}"}
        connector_id = remote.send("POST", "/_plugins/_ml/connectors/_create",
                                   body=connector)["connector_id"]
        model = remote.deploy(connector_id)
        for _ in range(2):
            assert remote.ask(model) == {"ok": True}
            method, target, headers = proxy.requests.get(timeout=60)
            assert (method, target) == ("CONNECT", service.url[len("https://"):])
            assert "Authorization" not in headers
            came = service.requests.get(timeout=60)
            assert came.headers["Authorization"] == "Bearer for the service alone"
            assert "Proxy-Authorization" not in came.headers
        for wrong in ({**credential, "proxy_password": "wrong"},
                      {"ca_cert_pem": files.text("ca.pem")}):
            other = remote.model(service.url + "/", credential=wrong, client_config=config)
            reason = refused(remote.ask, other, status=502)
            assert "proxy" in reason and "407" in reason


def test_proxy_over_tls(remote, files):
    with RemoteService() as service, Proxy(context=files.context()) as proxy:
        config = {"proxy_url": proxy.url}
        model = remote.model(service.url + "/", client_config=config,
                             credential={"ca_cert_pem": files.text("ca.pem")})
        assert remote.ask(model) == {"ok": True}
        untrusted = remote.model(service.url + "/", client_config=config)
        refused(remote.ask, untrusted, status=502)


def test_proxy_that_is_not_there(remote):
    with RemoteService() as service, Proxy() as proxy:
        url = proxy.url
        proxy.server_close()
        model = remote.model(service.url + "/", client_config={"proxy_url": url})
        refused(remote.ask, model, status=502)
        assert service.requests.empty()


def test_proxy_must_be_trusted(berth):
    with RemoteService() as service, Proxy() as proxy:
        only_service = "^" + re.escape(service.url) + "/.*$"
        config = {"proxy_url": proxy.url}
        with Remote(berth, [only_service]) as remote:
            assert "proxy" in refused(remote.create, service.url + "/", client_config=config)
        with Remote(berth, [only_service, "^" + re.escape(proxy.url) + "$"]) as remote:
            model = remote.model(service.url + "/", client_config=config)
            assert remote.ask(model) == {"ok": True}
        with Remote(berth, [only_service]) as remote:
            assert "proxy" in refused(remote.ask, model)


@pytest.mark.parametrize("host", ("127.0.0.1", "127.1", "0x7f000001", "2130706433", "[::1]",
                                  "[::ffff:10.0.0.1]", "localhost", "a.localhost", "LOCALHOST",
                                  "169.254.169.254", "127.0.0.1."))
def test_private_destination_behind_proxy(berth, host):
    """The proxy has a private address too, so what is not private is refused for that alone."""
    with Proxy() as proxy, Remote(berth, private=False) as remote:
        model = remote.model(f"http://{host}:9/", client_config={"proxy_url": proxy.url})
        assert "private" in refused(remote.ask, model)
        assert proxy.requests.empty()


def test_private_proxy(berth):
    with Proxy() as proxy, Remote(berth, private=False) as remote:
        model = remote.model("http://service.example/", client_config={"proxy_url": proxy.url})
        assert "private" in refused(remote.ask, model)
        assert proxy.requests.empty()
