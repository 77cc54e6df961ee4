# SPDX-License-Identifier: Apache-2.0
"""HTTPS to a remote service: authorities of a connector's own, certificates shown, checks left out."""
import http.server
import ssl
import threading

import certificates
import pytest
from opensearchpy import OpenSearchException
from six_steps import PREFIX


class Answer(http.server.BaseHTTPRequestHandler):
    """Tells whom it was asked by, as the client's certificate says."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        shown = self.connection.getpeercert() or {}
        names = [value for part in shown.get("subject", ()) for key, value in part if key == "commonName"]
        body = b'{"client": "%s"}' % ",".join(names).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Service(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, files, required):
        super().__init__(("127.0.0.1", 0), Answer)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files / "server.pem", files / "server.key")
        context.load_verify_locations(files / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_NONE
        self.context = context
        self.url = f"https://127.0.0.1:{self.server_port}/"

    def get_request(self):
        plain, address = super().get_request()
        return self.context.wrap_socket(plain, server_side=True), address

    def handle_error(self, *_):
        pass


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return certificates.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=[False, True], ids=["open", "mutual"])
def service(request, files):
    with Service(files, request.param) as server:
        server.required = request.param
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(berth, service, config, credential):
    """What the service says of a prediction, or the status that it ends with."""
    with berth.client() as client:
        client.cluster.put_settings(body={"persistent": {
            PREFIX + "trusted_connector_endpoints_regex": ["^https://127\\.0\\.0\\.1:.*$"],
            PREFIX + "connector.private_ip_enabled": True}})
        made = client.plugins.ml.create_connector(body={
            "name": "tls", "version": "1", "protocol": "http", "parameters": {}, "client_config": config,
            "credential": {"key": "k", **credential},
            "actions": [{"action_type": "predict", "method": "POST", "url": service.url, "request_body": "{}"}]})
        model = client.plugins.ml.register_model(body={
            "name": "tls", "function_name": "remote", "connector_id": made["connector_id"]})["model_id"]
        try:
            answer = client.plugins.ml.predict_model(model_id=model, body={"parameters": {}})
        except OpenSearchException as refused:
            return refused.status_code
        return answer["inference_results"][0]["output"][0]["dataAsMap"]["client"]


def texts(files, **names):
    return {name: (files / path).read_text() for name, path in names.items()}


def test_an_unknown_authority_is_refused(berth, service):
    assert ask(berth, service, {}, {}) == 502


def test_a_connector_may_bring_its_authority(berth, service, files):
    assert ask(berth, service, {}, texts(files, ca_cert_pem="ca.pem")) == (502 if service.required else "")


def test_a_connector_may_leave_out_the_check(berth, service):
    assert ask(berth, service, {"skip_ssl_verification": True}, {}) == (502 if service.required else "")


def test_a_connector_may_show_a_certificate(berth, service, files):
    credential = texts(files, ca_cert_pem="ca.pem", client_cert_pem="client.pem", client_key_pem="client.key")
    expected = "client" if service.required else ""
    assert ask(berth, service, {"mutual_tls_enabled": True}, credential) == expected
    # The connection with the certificate serves nobody who does not show it.
    assert ask(berth, service, {}, texts(files, ca_cert_pem="ca.pem")) == (502 if service.required else "")


@pytest.mark.parametrize("config,credential,reason", [
    ({"mutual_tls_enabled": True}, {}, "client_cert_pem"),
    ({"mutual_tls_enabled": True}, {"client_cert_pem": "x"}, "client_key_pem"),
    ({"mutual_tls_enabled": True, "skip_ssl_verification": True}, {}, "exclude"),
])
def test_what_does_not_go_together_is_refused(berth, service, config, credential, reason):
    with pytest.raises(OpenSearchException) as refused:
        ask(berth, service, config, credential)
    assert refused.value.status_code == 400 and reason in str(refused.value)
