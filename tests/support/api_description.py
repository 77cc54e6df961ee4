# SPDX-License-Identifier: Apache-2.0
"""The API's description in docs/api/openapi.yaml, and whether an answer keeps it."""
import functools
import re
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from jsonschema import Draft202012Validator

PATH = Path(__file__).resolve().parents[2] / "docs" / "api" / "openapi.yaml"


@functools.cache
def load():
    return yaml.safe_load(PATH.read_text())


@functools.cache
def routes():
    """(pattern, template) of each path, those with the fewest placeholders first."""
    found = []
    for template in load()["paths"]:
        pattern = "/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in template.split("/"))
        found.append((template.count("{"), re.compile(pattern), template))
    return [(pattern, template) for _, pattern, template in sorted(found, key=lambda row: row[0])]


def find(method, url):
    """The operation that a request asks for; None for a route that is not described."""
    path = urlsplit(url).path.rstrip("/") or "/"
    for pattern, template in routes():
        operation = load()["paths"][template].get(method.lower())
        if operation and pattern.fullmatch(path):
            return operation
    return None


def resolve(node):
    while "$ref" in node:
        target = load()
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


@functools.cache
def validator(reference):
    """A validator of a schema, whose references lead into the description."""
    return Draft202012Validator({"$ref": reference, "components": load()["components"]})


def complaints(method, url, status, body):
    """What of an answer does not keep the description; [] where all is well."""
    operation = find(method, url)
    if operation is None:
        return []
    response = resolve(operation["responses"].get(str(status)) or operation["responses"]["default"])
    schema = response["content"].get("application/json", {}).get("schema")
    if schema is None:
        return []
    if "$ref" in schema:
        check = validator(schema["$ref"])
    else:
        check = Draft202012Validator({**schema, "components": load()["components"]})
    found = [f"{method} {url} {status}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
             for error in check.iter_errors(body)]
    if status >= 400 and isinstance(body, dict) and body.get("status", status) != status:
        found.append(f"{method} {url} {status}: the body says {body['status']}")
    return found
