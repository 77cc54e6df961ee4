# SPDX-License-Identifier: Apache-2.0
"""The model server itself, as the command that quickstart and the guides start."""
import json
import math
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import model_server
import pytest

KEY = "sk-command"


@pytest.fixture(scope="module")
def url():
    command = [sys.executable, pathlib.Path(model_server.__file__), "--port", "0", "--key", KEY]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    words, where = process.stdout.readline().rsplit(" ", 1)
    assert words == "listening on" and where.startswith("http://127.0.0.1:")
    yield where.strip()
    process.terminate()
    rest = process.communicate(timeout=60)
    assert (process.returncode, rest) == (0, ("", ""))


def ask(url, body=None, key=KEY):
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def messages(text):
    return {"model": "any", "messages": [{"role": "system", "content": "be brief"},
                                         {"role": "user", "content": text}]}


def test_health_needs_no_key(url):
    assert ask(f"{url}/healthz", key=None) == (200, {"status": "ok"})


def test_chat_quotes_the_question(url):
    status, first = ask(f"{url}/v1/chat/completions", messages('why "quotes"? ⚓'))
    assert status == 200 and first["model"] == "any"
    choice, = first["choices"]
    assert 'why "quotes"? ⚓' in choice["message"]["content"]
    assert ask(f"{url}/v1/chat/completions", messages('why "quotes"? ⚓')) == (200, first)
    assert ask(f"{url}/v1/chat/completions", messages("else"))[1] != first


def test_embeddings_are_unit_vectors(url):
    status, answer = ask(f"{url}/v1/embeddings", {"input": ["one", "two", "one"]})
    vectors = [entry["embedding"] for entry in answer["data"]]
    assert status == 200 and vectors[0] == vectors[2] != vectors[1]
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-4) for vector in vectors)
    assert ask(f"{url}/v1/embeddings", {"input": "one"})[1]["data"][0]["embedding"] == vectors[0]


@pytest.mark.parametrize("path,body,key,status", [
    ("/v1/chat/completions", messages("x"), None, 401),
    ("/v1/chat/completions", messages("x"), "sk-other", 401),
    ("/v1/embeddings", {"input": "x"}, KEY + "x", 401),
    ("/v1/chat/completions", {"messages": []}, KEY, 400),
    ("/v1/chat/completions", {"messages": [{"role": "system", "content": "x"}]}, KEY, 400),
    ("/v1/chat/completions", b"[]", KEY, 400),
    ("/v1/chat/completions", b"{", KEY, 400),
    ("/v1/embeddings", {"input": [1]}, KEY, 400),
    ("/v1/nothing", {}, KEY, 404),
    ("/v1/chat/completions", None, KEY, 404),
])
def test_refusals(url, path, body, key, status):
    code, answer = ask(url + path, body, key)
    assert code == status
    assert answer["error"]["message"] and KEY not in json.dumps(answer)
