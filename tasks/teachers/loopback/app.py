"""The loopback model as an ASGI application: the paths of three providers, and the way from request to answer."""

from __future__ import annotations

from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tasks.teachers.loopback import anthropic_batches, anthropic_messages, gemini, gemini_batches, openai_chat
from tasks.teachers.loopback.answering import answer, refuse
from tasks.teachers.loopback.batches import Batches
from tasks.teachers.loopback.gemini_files import Files
from tasks.teachers.loopback.model import Loopback, LoopbackSettings
from tasks.teachers.loopback.wire import RefusedError, Wire

KNOWN = "Known: POST /VERSION/models/MODEL:generateContent, POST /v1/chat/completions, POST /v1/messages."


def create_app(settings: LoopbackSettings | None = None) -> Starlette:
    """The application; its `state.loopback` holds the counts and the log.

    Raises:
        ValueError: `settings.faults` cannot be read.
    """
    loopback, files = Loopback(settings or LoopbackSettings()), Files()
    app = Starlette(
        routes=[
            Route("/v1/chat/completions", partial(answer, loopback, openai_chat), methods=["POST"]),
            Route("/v1/messages", partial(answer, loopback, anthropic_messages), methods=["POST"]),
            Route("/{version}/models/{model}:generateContent", partial(answer, loopback, files), methods=["POST"]),
            *gemini_batches.batch_routes(Batches(loopback, files)),
            *anthropic_batches.batch_routes(Batches(loopback, anthropic_messages)),
            *files.routes(),
            Route("/{version}/models/{model}", _describe_model),
        ],
        exception_handlers={404: _not_found, 405: _not_found},
    )
    app.state.loopback = loopback
    return app


async def _describe_model(request: Request) -> Response:
    return JSONResponse(gemini.write_model(request.path_params["model"]))


async def _not_found(request: Request, error: Exception) -> Response:
    """In the words of the provider whose path it resembles."""
    path = request.url.path
    wire: Wire = gemini
    if path.startswith("/v1/messages"):
        wire = anthropic_messages
    elif path.startswith("/v1/chat"):
        wire = openai_chat
    return refuse(wire, RefusedError("not_found", f"{path} is not served here. {KNOWN}"))
