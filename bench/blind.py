"""A server that hears nothing and answers: what the clients of a model cost is then not hidden by the server's work.

python -m bench.blind --latency 0.05 [--requests-per-minute 1200]

Gemini's and OpenAI's wire formats, one constant answer after `--latency`, any key. Prints its URL, serves until killed.
`GET /seen` tells what came: seconds since the start, status and body's size of each call.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from typing import Any

import click

_ANSWER = json.dumps({"angry": 0.1, "happy": 0.2, "neutral": 0.6, "sad": 0.1})
_TOKENS = {"prompt": 228, "completion": 24, "total": 252}
_GEMINI = {
    "candidates": [
        {"content": {"parts": [{"text": _ANSWER}], "role": "model"}, "finishReason": "STOP", "index": 0},
    ],
    "usageMetadata": {"promptTokenCount": 228, "candidatesTokenCount": 24, "totalTokenCount": 252},
    "modelVersion": "blind-1",
    "responseId": "blind",
}
_OPENAI = {
    "id": "blind",
    "object": "chat.completion",
    "created": 0,
    "model": "blind-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": _ANSWER}, "finish_reason": "stop"}],
    "usage": {f"{name}_tokens": count for name, count in _TOKENS.items()},
}
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


class _Counter:
    """What came, and how much of it any 60 seconds may hold; calls turned away do not count."""

    def __init__(self, latency_s: float, per_minute: int | None) -> None:
        self.latency_s = latency_s
        self.seen: list[tuple[float, int, int]] = []
        self._per_minute = per_minute
        self._let_through: deque[float] = deque()

    def wait_s(self, now: float) -> float:
        """0 when the call is let through, else how long until one would be."""
        if self._per_minute is None:
            return 0.0
        while self._let_through and now - self._let_through[0] >= 60:
            self._let_through.popleft()
        if len(self._let_through) >= self._per_minute:
            return 60 - (now - self._let_through[0])
        self._let_through.append(now)
        return 0.0


class _Connection(asyncio.BufferedProtocol):
    """One client's connection, one call after the other. Bodies are counted and thrown away."""

    def __init__(self, counter: _Counter) -> None:
        self._counter = counter
        self._loop = asyncio.get_running_loop()
        self._buffer = memoryview(bytearray(1 << 18))
        self._filled = 0
        self._head: bytes | None = None
        self._size = self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer[self._filled :]

    def buffer_updated(self, count: int) -> None:
        if self._head is None:
            self._filled += count
            head, found, body = bytes(self._buffer[: self._filled]).partition(b"\r\n\r\n")
            if not found:
                return
            size = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            self._head, self._filled, count = head, 0, len(body)
            self._size = self._left = int(size[1]) if size else 0
        self._left -= count
        if self._left <= 0:
            self._answer(self._head)
            self._head = None

    def _answer(self, head: bytes) -> None:
        if head.startswith(b"GET /seen"):
            return self._write(200, self._counter.seen)
        if not head.startswith(b"POST"):
            return self._write(404, {"error": {"code": 404, "message": "only POST is answered", "status": "NOT_FOUND"}})
        now = self._loop.time()
        wait_s = self._counter.wait_s(now)
        self._counter.seen.append((now, 429 if wait_s else 200, self._size))
        if wait_s:
            details = [{"@type": _RETRY_INFO, "retryDelay": f"{wait_s:.3f}s"}]
            error = {"code": 429, "message": "slower", "status": "RESOURCE_EXHAUSTED", "details": details}
            return self._write(429, {"error": error})
        reply = _OPENAI if b"/chat/completions" in head[:200] else _GEMINI
        self._loop.call_later(self._counter.latency_s, self._write, 200, reply)
        return None

    def _write(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        if not self._transport.is_closing():
            self._transport.write(head.encode() + body)


@click.command(help=__doc__)
@click.option("--latency", default=0.05, show_default=True, help="Seconds before each answer.")
@click.option("--requests-per-minute", type=int, help="More get a 429 with Gemini's RetryInfo.")
def main(latency: float, requests_per_minute: int | None) -> None:
    asyncio.run(_serve(_Counter(latency, requests_per_minute)))


async def _serve(counter: _Counter) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(counter), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    main()
