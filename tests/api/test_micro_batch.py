# SPDX-License-Identifier: Apache-2.0
"""Predictions of one text each are joined into one question, and its answer is split again."""
import contextlib
import json
import re

import pytest
from remote_service import Remote, RemoteService
from wire import Wire, request

WAIT = "1000"  # longer than any of these tests takes to send what is to be joined


def embed(came):
    """A vector of each text: its length."""
    texts = json.loads(came.body)["input"]
    return 200, {}, {"data": [{"index": i, "embedding": [len(text), i]} for i, text in enumerate(texts)]}


def embedder(remote, url, post="connector.post_process.openai.embedding", more=(), **parameters):
    body = remote.body(url, parameters=parameters)
    body["actions"][0].update(request_body='{"input": ${parameters.input}}', post_process_function=post,
                              pre_process_function="connector.pre_process.openai.embedding", **dict(more))
    made = remote.send("POST", "/_plugins/_ml/connectors/_create", body=body)
    return remote.deploy(made["connector_id"])


@pytest.fixture
def remote(start_berth):
    with Remote(start_berth({"http.loops": "1"})) as remote:
        yield remote


@pytest.fixture
def service():
    with RemoteService() as service:
        service.otherwise = embed
        yield service


def predict(model, body):
    return request("POST", f"/_plugins/_ml/_predict/text_embedding/{model}", json.dumps(body).encode())


class Asked(contextlib.ExitStack):
    """Predictions that are sent at the same time, each on a connection of its own."""

    def __init__(self, remote, model, bodies):
        super().__init__()
        self.wires = [self.enter_context(Wire(remote.berth)) for _ in bodies]
        for wire, body in zip(self.wires, bodies):
            wire.send(predict(model, body))

    def answers(self):
        return [wire.read() for wire in self.wires]


def docs(*texts):
    return [{"text_docs": [text]} for text in texts]


def vector(answer):
    assert answer.status == 200, answer.body
    output = answer.json()["inference_results"]
    assert len(output) == 1 and output[0]["status_code"] == 200 and len(output[0]["output"]) == 1
    tensor = output[0]["output"][0]
    assert tensor["name"] == "sentence_embedding" and tensor["shape"] == [2]
    return tensor["data"]


def questions(service, count):
    return [json.loads(service.requests.get(timeout=60).body)["input"] for _ in range(count)]


def test_joined(remote, service):
    model = embedder(remote, service.url + "/", micro_batch_max_size="4", micro_batch_max_wait_ms=WAIT)
    texts = ["a", "bb", "cc\"c\\", "d\u00e9dd"]
    with Asked(remote, model, docs(*texts)) as asked:
        vectors = [vector(answer) for answer in asked.answers()]
    (question,) = questions(service, 1)
    assert sorted(question) == sorted(texts)
    assert vectors == [[len(text), question.index(text)] for text in texts]
    profile = remote.send("GET", f"/_plugins/_ml/profile/models/{model}")
    assert "4" in json.dumps(profile)


def test_the_first_does_not_wait_for_ever(remote, service):
    model = embedder(remote, service.url + "/", micro_batch_max_size="100", micro_batch_max_wait_ms="1")
    with Asked(remote, model, docs("alone")) as asked:
        assert vector(asked.answers()[0]) == [5, 0]
    assert questions(service, 1) == [["alone"]]


def test_off_by_default(remote, service):
    model = embedder(remote, service.url + "/")
    with Asked(remote, model, docs("a", "b")) as asked:
        assert [vector(answer)[1] for answer in asked.answers()] == [0, 0]
    assert sorted(questions(service, 2)) == [["a"], ["b"]]


def test_what_is_not_joined(remote, service):
    model = embedder(remote, service.url + "/", micro_batch_max_size="2", micro_batch_max_wait_ms=WAIT)
    several = {"text_docs": ["x", "y"]}
    given = {"text_docs": ["z"], "parameters": {"input": ["given"]}}
    with Asked(remote, model, [several, given]) as asked:
        first, second = asked.answers()
    assert len(first.json()["inference_results"][0]["output"]) == 2
    assert vector(second) == [5, 0]
    assert sorted(questions(service, 2)) == [["given"], ["x", "y"]]


def test_failure_is_everybodys(remote, service):
    model = embedder(remote, service.url + "/", micro_batch_max_size="2", micro_batch_max_wait_ms=WAIT)
    service.script.append((429, {}, b'{"slow": "down"}'))
    with Asked(remote, model, docs("a", "b")) as asked:
        for answer in asked.answers():
            assert answer.status == 429 and "down" in answer.json()["error"]["reason"]


@pytest.mark.parametrize("data", [
    [{"embedding": [1, 2]}],
    [{"embedding": [1, 2]}] * 3,
    [{"embedding": "none"}] * 2,
])
def test_answer_that_cannot_be_split(remote, service, data):
    model = embedder(remote, service.url + "/", micro_batch_max_size="2", micro_batch_max_wait_ms=WAIT)
    service.script.append((200, {}, {"data": data}))
    with Asked(remote, model, docs("a", "b")) as asked:
        assert [answer.status for answer in asked.answers()] == [502, 502]


def test_client_that_leaves(remote):
    """Its text may be asked about; the others' answers are theirs."""
    with RemoteService(is_open=False) as service:
        service.otherwise = embed
        model = embedder(remote, service.url + "/", micro_batch_max_size="3", micro_batch_max_wait_ms=WAIT)
        with Asked(remote, model, docs("a", "bb", "ccc")) as asked:
            (question,) = questions(service, 1)
            asked.wires[1].close()
            service.gate.release()
            for i, text in ((0, "a"), (2, "ccc")):
                assert vector(asked.wires[i].read()) == [len(text), question.index(text)]
        service.gate.release(10)
        with Asked(remote, model, docs("d", "e", "f")) as asked:
            assert all(vector(answer) for answer in asked.answers())


def test_all_clients_leave(remote):
    with RemoteService(is_open=False) as service:
        service.otherwise = embed
        model = embedder(remote, service.url + "/", micro_batch_max_size="2", micro_batch_max_wait_ms=WAIT)
        with Asked(remote, model, docs("a", "b")):
            questions(service, 1)
        with Asked(remote, model, docs("waits")):
            pass
        service.gate.release(10)
        with Asked(remote, model, docs("c", "d")) as asked:
            assert all(vector(answer) for answer in asked.answers())


@pytest.mark.parametrize("parameters", [
    {"micro_batch_max_size": "many"}, {"micro_batch_max_size": "0"}, {"micro_batch_max_size": "1001"},
    {"micro_batch_max_size": "4", "micro_batch_max_wait_ms": "-1"},
    {"micro_batch_max_size": "4", "micro_batch_max_wait_ms": "1001"},
])
def test_parameters_that_are_refused(remote, service, parameters):
    """With the deployment, whose task tells why."""
    model = embedder(remote, service.url + "/", **parameters)
    with Asked(remote, model, docs("a")) as asked:
        answer = asked.answers()[0]
    assert answer.status == 400
    task = re.search(r"task \[(.*?)\]", answer.json()["error"]["reason"])[1]
    assert list(parameters)[-1] in remote.send("GET", f"/_plugins/_ml/tasks/{task}")["error"]
