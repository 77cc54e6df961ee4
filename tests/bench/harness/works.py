# SPDX-License-Identifier: Apache-2.0
"""What is measured: requests, and how many at a time."""

import dataclasses
import json

MESSAGES = [{"role": "user", "content": "What does a request through this server cost?"}]
TEXTS = [f"Text number {i}, of a length that a sentence has." for i in range(16)]


@dataclasses.dataclass(frozen=True)
class Call:
    """A request to the remote service, and the parameters of a prediction that becomes it."""

    name: str
    path: str
    parameters: dict
    template: str  # the connector's request_body
    marker: str  # stands in every right answer

    def remote_body(self):
        return json.dumps({"model": "mock", **self.parameters}).encode()

    def predict_body(self):
        return json.dumps({"parameters": self.parameters}).encode()


CHAT_TEMPLATE = '{"model": "${parameters.model}", "messages": ${parameters.messages}}'
CALLS = {
    call.name: call
    for call in (
        Call("chat", "/v1/chat", {"messages": MESSAGES}, CHAT_TEMPLATE, '"finish_reason"'),
        Call("slow", "/delay/50/chat", {"messages": MESSAGES}, CHAT_TEMPLATE, '"finish_reason"'),
        Call("embeddings", "/v1/embeddings", {"input": TEXTS},
             '{"model": "${parameters.model}", "input": ${parameters.input}}', '"embedding"'),
    )
}


@dataclasses.dataclass(frozen=True)
class Work:
    name: str
    title: str
    call: str
    connections: int
    rate: int = 0  # requests a second at fixed moments; 0: as fast as answers come


WORKS = (
    Work("chat-1", "chat, 1 connection", "chat", 1),
    Work("chat-16", "chat, 16 connections", "chat", 16),
    Work("chat-64", "chat, 64 connections", "chat", 64),
    Work("chat-256", "chat, 256 connections", "chat", 256),
    Work("embeddings-16", "embeddings, 100 KB, 16 connections", "embeddings", 16),
    Work("slow-512", "chat, 50 ms remote, 512 in flight", "slow", 512),
    Work("open-64", "chat, 5,000 a second at fixed moments, 64 connections", "chat", 64, 5000),
)
# Of this work the memory in flight is taken.
IN_FLIGHT = "slow-512"
