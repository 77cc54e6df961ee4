# SPDX-License-Identifier: Apache-2.0
"""Requests signed by AWS Signature Version 4, against botocore, which computes the same."""
import http.server
import queue
import threading

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from freezegun import freeze_time
from six_steps import PREFIX

KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzE//example/token+with/slashes=="


class Recorder(http.server.BaseHTTPRequestHandler):
    """Notes each request and answers it with an empty object."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.put((self.command, self.path, dict(self.headers.items()), body))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET = do_PUT = do_DELETE = answer


@pytest.fixture(scope="module")
def service():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        server.seen = queue.Queue()
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def deployed(client, service, action, token):
    client.cluster.put_settings(body={"persistent": {
        PREFIX + "trusted_connector_endpoints_regex": ["^http://127\\.0\\.0\\.1:.*$"],
        PREFIX + "connector.private_ip_enabled": True}})
    credential = {"access_key": KEY, "secret_key": SECRET, **({"session_token": TOKEN} if token else {})}
    made = client.plugins.ml.create_connector(body={
        "name": "aws", "version": "1", "protocol": "aws_sigv4", "credential": credential,
        "parameters": {"region": "eu-central-1", "service_name": "bedrock"},
        "actions": [{"action_type": "predict", "method": "POST", "headers": {"content-type": "application/json"},
                     **action, "url": service.url + action["url"]}]})
    return client.plugins.ml.register_model(body={
        "name": "aws", "function_name": "remote", "connector_id": made["connector_id"]})["model_id"]


def signed_by_botocore(method, url, headers, body, token):
    """The Authorization that botocore makes of the same request at the same time."""
    date = headers["X-Amz-Date"]
    signed = ("content-type", "x-amz-content-sha256", "x-amz-meta-a")
    ours = {name: value for name, value in headers.items() if name.lower() in signed}
    request = AWSRequest(method=method, url=url, data=body, headers=ours)
    moment = f"{date[:4]}-{date[4:6]}-{date[6:8]}T{date[9:11]}:{date[11:13]}:{date[13:15]}Z"
    with freeze_time(moment):
        SigV4Auth(Credentials(KEY, SECRET, TOKEN if token else None), "bedrock", "eu-central-1").add_auth(request)
    assert request.headers["X-Amz-Date"] == date
    return request.headers["Authorization"]


@pytest.mark.parametrize("token", [False, True])
@pytest.mark.parametrize("action", [
    {"url": "/model/titan/invoke", "request_body": '{"text": "${parameters.text}"}'},
    {"url": "/model/anthropic.claude-v2:1/invoke", "request_body": "{}"},
    {"url": "/model/arn%3Aaws%3Abedrock%2Fx/invoke", "request_body": "[]"},
    {"url": "/a/b~c_d-e.f/!$&'()*+,;=@", "request_body": "{}"},
    {"url": "/q?b=2&a=1&a=%20x&c&d=%2F%3A", "request_body": "{}"},
    {"url": "/", "request_body": "{}"},
    {"url": "/get?x=y", "method": "GET"},
    {"url": "/put", "method": "PUT", "request_body": "{}"},
    {"url": "/hash", "request_body": "{}", "headers": {"content-type": "application/json",
                                                       "x-amz-content-sha256": "required"}},
    {"url": "/meta", "request_body": "{}", "headers": {"Content-Type": "application/json",
                                                       "x-amz-meta-a": "two   spaces"}},
], ids=lambda action: action["url"] + action.get("method", ""))
def test_the_signature_is_botocores(berth, service, action, token):
    with berth.client() as client:
        model = deployed(client, service, action, token)
        client.plugins.ml.predict_model(model_id=model, body={"parameters": {"text": 'h\u00e9llo "\u4e16\u754c"'}})
    method, path, headers, body = service.seen.get(timeout=60)
    assert method == action.get("method", "POST")
    assert headers.get("X-Amz-Security-Token") == (TOKEN if token else None)
    assert headers["Authorization"] == signed_by_botocore(method, service.url + path, headers, body, token)
