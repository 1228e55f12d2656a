"""Breaks a connection off in the middle of an answer, as a crashing proxy does: with a reset, not a polite end."""

from __future__ import annotations

import asyncio
import socket
import struct

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

DISCARD_UNSENT = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 seconds: closing then sends RST


class ResettableProtocol(H11Protocol):
    """uvicorn's own protocol, whose requests also know their connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Puts the connection where `ResetResponse` finds it."""
        super().connection_made(transport)
        answering = self.app

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            scope["transport"] = transport
            await answering(scope, receive, send)

        self.app = answer


class ResetResponse(Response):
    """Promises its whole body and sends half of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `Response`."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        transport: asyncio.Transport = scope["transport"]
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DISCARD_UNSENT)
        transport.abort()
