# SPDX-License-Identifier: Apache-2.0
"""The users of tests/api/security, and a node that has them."""
import base64
import pathlib

CONFIG = pathlib.Path(__file__).resolve().parents[1] / "api" / "security" / "berth.yml"
ML = "plugins.ml_commons."
ACCESS_CONTROL = {ML + "connector_access_control_enabled": True,
                  ML + "model_access_control_enabled": True,
                  ML + "connector.private_ip_enabled": True,
                  ML + "trusted_connector_endpoints_regex": [".*"],
                  ML + "only_run_on_ml_node": False}

# name: backend roles
USERS = {"admin": ["admin"], "alice": ["eng"], "bob": ["sales"], "carol": ["eng", "sales"],
         "dave": [], "rita": ["eng"], "nick": ["eng"]}
READERS = {"rita"}
WITHOUT_ROLE = {"nick"}


def basic(text):
    """What stands in the Authorization header for name:password."""
    return "Basic " + base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def client_of(berth, user, password=None, **options):
    """opensearch-py as a user; the password is the user's name unless another is given."""
    return berth.client(http_auth=(user, user if password is None else password), **options)


def send_as(berth, user, password=None):
    """perform_request of a client of that user."""
    return client_of(berth, user, password).transport.perform_request


def connector(url, **members):
    return {"name": "c", "version": "1", "protocol": "http", "credential": {"key": "k"},
            "actions": [{"action_type": "predict", "method": "POST", "url": url,
                         "request_body": '{"text": "${parameters.text}"}'}], **members}
