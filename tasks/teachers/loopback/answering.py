"""The way of one HTTP request through the loopback model: read it, ask, and write the answer or the refusal."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tasks.teachers.loopback.model import Asked, Loopback
from tasks.teachers.loopback.resetting import ResetResponse
from tasks.teachers.loopback.wire import RefusedError, Wire

Endpoint = Callable[[Request], Awaitable[Response]]


async def answer(loopback: Loopback, wire: Wire, request: Request) -> Response:
    """One question, one answer."""
    asked = loopback.note(request.url.path)
    try:
        question = wire.read_question(await read_body(wire, request))
        reply = await loopback.answer(question, asked)
    except (RefusedError, ValueError) as error:
        return refuse(wire, error, asked)
    loopback.answered += 1
    asked.status = 200
    body = JSONResponse(wire.write_reply(reply))
    return ResetResponse(body.body, media_type=body.media_type) if asked.fault == "reset" else body


async def read_body(wire: Wire, request: Request, most_bytes: int | None = None) -> object:
    """The decoded body of a request that names a key.

    Raises:
        RefusedError: No key, or too much.
        ValueError: No JSON.
    """
    if not wire.has_key(request.headers):
        raise RefusedError("missing_key")
    body, most_bytes = await request.body(), most_bytes or wire.MOST_BYTES
    if len(body) > most_bytes:
        raise RefusedError("too_large", f"Request payload size exceeds the limit: {most_bytes} bytes.")
    return json.loads(body)


def refuse(wire: Wire, error: RefusedError | ValueError, asked: Asked | None = None) -> Response:
    """The response that says so in the wire's shape. A ValueError is a mistake in the request."""
    refused = error if isinstance(error, RefusedError) else RefusedError("bad_request", str(error))
    refusal = wire.write_refusal(refused)
    if asked:
        asked.status = refusal.status
    return JSONResponse(refusal.body, refusal.status, refusal.headers)


def guarded(wire: Wire, endpoint: Endpoint) -> Endpoint:
    """The endpoint for requests that name a key, whose errors take the wire's shape."""

    async def respond(request: Request) -> Response:
        try:
            if not wire.has_key(request.headers):
                raise RefusedError("missing_key")
            return await endpoint(request)
        except (RefusedError, ValueError) as error:
            return refuse(wire, error)

    return respond
