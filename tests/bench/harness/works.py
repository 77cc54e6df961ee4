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
    tls: bool = False  # the remote service is asked by HTTPS
    stream: bool = False  # the answer is one of events
    post: str = ""  # the connector's post_process_function
    made: str = ""  # stands in what is made of the answer; empty: marker does

    def remote_body(self):
        return json.dumps({"model": "mock", **self.parameters}).encode()

    def predict_body(self):
        more = {"_llm_interface": "openai/v1/chat/completions"} if self.stream else {}
        return json.dumps({"parameters": {**self.parameters, **more}}).encode()


CHAT_TEMPLATE = '{"model": "${parameters.model}", "messages": ${parameters.messages}}'
STREAM_TEMPLATE = CHAT_TEMPLATE[:-1] + ', "stream": true}'
EMBEDDINGS_TEMPLATE = '{"model": "${parameters.model}", "input": ${parameters.input}}'
CALLS = {
    call.name: call
    for call in (
        Call("chat", "/v1/chat", {"messages": MESSAGES}, CHAT_TEMPLATE, '"finish_reason"'),
        Call("slow", "/delay/50/chat", {"messages": MESSAGES}, CHAT_TEMPLATE, '"finish_reason"'),
        Call("embeddings", "/v1/embeddings", {"input": TEXTS},
             EMBEDDINGS_TEMPLATE, '"embedding"'),
        Call("tensors", "/v1/embeddings", {"input": TEXTS}, EMBEDDINGS_TEMPLATE, '"embedding"',
             post="connector.post_process.openai.embedding", made='"FLOAT32"'),
        Call("chat-tls", "/v1/chat", {"messages": MESSAGES}, CHAT_TEMPLATE, '"finish_reason"',
             tls=True),
        Call("stream", "/v1/stream", {"messages": MESSAGES}, STREAM_TEMPLATE, "word 19",
             stream=True),
        Call("crowd", "/delay/2000/chat", {"messages": MESSAGES}, CHAT_TEMPLATE,
             '"finish_reason"'),
    )
}


@dataclasses.dataclass(frozen=True)
class Work:
    name: str
    title: str
    call: str
    connections: int
    rate: int = 0  # requests a second at fixed moments; 0: as fast as answers come
    peers: tuple = ("direct", "nginx", "haproxy", "berth")
    seconds: int = 0  # of a run; 0: as all others


WORKS = (
    Work("chat-1", "chat, 1 connection", "chat", 1),
    Work("chat-16", "chat, 16 connections", "chat", 16),
    Work("chat-64", "chat, 64 connections", "chat", 64),
    Work("chat-256", "chat, 256 connections", "chat", 256),
    Work("users-64", "chat with basic authentication and access control, 64 connections", "chat",
         64, peers=("nginx", "berth-users")),
    Work("tls-64", "chat, HTTPS remote, 64 connections", "chat-tls", 64, peers=("nginx", "berth")),
    Work("stream-64", "chat, 20 events, 64 connections", "stream", 64),
    Work("embeddings-16", "embeddings, 100 KB, 16 connections", "embeddings", 16),
    Work("tensors-16", "embeddings, 100 KB, made into tensors, 16 connections", "tensors", 16,
         peers=("nginx", "berth")),
    Work("slow-512", "chat, 50 ms remote, 512 in flight", "slow", 512),
    Work("spread-400", "chat, 50 ms remote, 8,000 a second at fixed moments", "slow", 1024, 8000),
    Work("crowd-5000", "chat, 2 s remote, 5,000 in flight", "crowd", 5000,
         peers=("nginx", "berth"), seconds=8),
    Work("open-64", "chat, 5,000 a second at fixed moments, 64 connections", "chat", 64, 5000),
)
# Of these the memory in flight is taken.
IN_FLIGHT = ("slow-512", "crowd-5000")
