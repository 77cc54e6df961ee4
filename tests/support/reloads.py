# SPDX-License-Identifier: Apache-2.0
"""Files that take ml_remote's place, and asking for it."""
import json
import os
import pathlib
import subprocess

from berth_process import BUILD
from wire import Wire, request

ROOT = pathlib.Path(__file__).resolve().parents[2]
CANDIDATE = ROOT / "tests" / "reload" / "candidate.c"
OTHER_VERSION = "9.1.0"


def compile_candidate(folder, *options):
    made = folder / "candidate.so"
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu17", "-shared", "-fPIC", "-fvisibility=hidden", "-I",
                    ROOT / "abi" / "include", "-Wl,--version-script=" + str(ROOT / "abi/cmake/plugin.map"),
                    "-Wl,-z,defs", "-Wl,-z,now", *options, "-o", made, CANDIDATE], check=True)
    return made


# What the other version writes at the beginning and at the end of an answer.
MARKS = [(b'"name":"response"', b'"name":"RESPONSE"'), (b'"status_code":', b'"STATUS_code":'),
         (b"\0" b"0.1.0\0", b"\0" b"9.1.0\0")]


def other_version(folder):
    """The plugin as it is, but for the version that it names, and how it writes two names."""
    made = folder / "ml_remote_other.so"
    code = (BUILD / "ml_remote.so").read_bytes()
    for mark, other in MARKS:
        # The first characters differ: the linker lets texts share their ends.
        assert mark in code
        code = code.replace(mark, other)
    made.write_bytes(code)
    made.chmod(0o755)
    return made


def reload(berth, **query):
    with Wire(berth) as wire:
        text = "&".join(f"{key}={value}" for key, value in query.items())
        return wire.ask("POST", "/_berth/plugins/ml_remote/_reload" + ("?" + text if text else ""))


def generations(berth):
    with Wire(berth) as wire:
        return [(p["generation"], p["version"], p["state"]) for p in wire.ask("GET", "/_berth/plugins").json()["plugins"]]


def predict(model, text="hi"):
    body = json.dumps({"parameters": {"text": text}}).encode()
    return request("POST", f"/_plugins/_ml/models/{model}/_predict", body)


def ask(berth, model, text="hi"):
    """A prediction, by a client that takes what either version writes: (status, dataAsMap)."""
    with Wire(berth) as wire:
        wire.send(predict(model, text))
        answer = wire.read()
    results = answer.json().get("inference_results")
    return answer.status, results and results[0]["output"][0]["dataAsMap"]
