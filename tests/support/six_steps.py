# SPDX-License-Identifier: Apache-2.0
"""The six steps of the ML API with opensearch-py, and pieces of them for other tests."""
import json
import re

from wire import request

PREFIX = "plugins.ml_commons."


def connector(model_server, name="chat"):
    """A connector to the model server's chat, as the API's users write it."""
    return {
        "name": name,
        "description": "the model server of the tests",
        "version": "1",
        "protocol": "http",
        "parameters": {"model": "echo-chat"},
        "credential": {"key": model_server.key},
        "actions": [{
            "action_type": "predict",
            "method": "POST",
            "url": f"{model_server.url}/v1/chat/completions",
            "headers": {"Authorization": "Bearer ${credential.key}"},
            "request_body": '{"model": "${parameters.model}", "messages": ${parameters.messages}}',
        }],
    }


def question(text):
    """The body of a predict that asks the chat."""
    return {"parameters": {"messages": [{"role": "user", "content": text}]}}


def answer_of(prediction):
    """What the chat said, from the envelope of a predict's answer."""
    output = prediction["inference_results"][0]["output"][0]
    return output["dataAsMap"]["choices"][0]["message"]["content"]


class Steps:
    """A client that takes the steps one by one; options are opensearch-py's."""

    def __init__(self, berth, model_server, **options):
        self.model_server = model_server
        self.client = berth.client(**options)
        self.ml = self.client.plugins.ml

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def trust(self):
        """Lets connectors call the model server, which has a private address."""
        return self.client.cluster.put_settings(body={"persistent": {
            PREFIX + "trusted_connector_endpoints_regex":
                ["^" + re.escape(self.model_server.url) + "/.*$"],
            PREFIX + "connector.private_ip_enabled": True,
        }})

    def register_group(self, name="group"):
        return self.ml.register_model_group(
            body={"name": name, "description": "models of the tests"})["model_group_id"]

    def create_connector(self, name="chat"):
        return self.ml.create_connector(
            body=connector(self.model_server, name))["connector_id"]

    def register_model(self, group, connector_id, name="model"):
        return self.ml.register_model(body={
            "name": name, "function_name": "remote", "model_group_id": group,
            "description": "a remote model", "connector_id": connector_id})

    def deploy(self, model):
        return self.ml.deploy_model(model_id=model)

    def ask(self, model, text):
        return self.ml.predict_model(model_id=model, body=question(text))

    def deployed_model(self):
        """All steps up to a model that can be asked."""
        self.trust()
        registered = self.register_model(self.register_group(), self.create_connector())
        self.deploy(registered["model_id"])
        return registered["model_id"]

    @staticmethod
    def predict_request(model, text):
        """A predict as bytes, for a test that wants its own socket."""
        return request("POST", f"/_plugins/_ml/models/{model}/_predict",
                       json.dumps(question(text)).encode())
