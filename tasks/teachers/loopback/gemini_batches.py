"""Gemini's batches: `models/NAME:batchGenerateContent` with inlined requests, and `batches/ID` to follow them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tasks.teachers.loopback.answering import guarded, read_body
from tasks.teachers.loopback.batches import Batches, Item, Job
from tasks.teachers.loopback.bodies import as_mapping, get, get_list
from tasks.teachers.loopback.gemini_errors import write_refusal
from tasks.teachers.loopback.wire import Body, RefusedError, Reply

# inside a batch an error is a google.rpc.Status, whose codes are gRPC's
RPC_CODES = {400: 3, 403: 7, 404: 5, 429: 8, 500: 13, 503: 14}
NO_FILE = "only inlined requests are served here, no file of them"


def batch_routes(batches: Batches) -> list[Route]:
    """The paths that they are served on. The more special one must come first."""

    async def create(request: Request) -> Response:
        body = as_mapping(await read_body(batches.wire, request), "the request body")
        batch = as_mapping(get(body, "batch"), "batch")
        job = batches.submit(_read_items(batch), get(batch, "displayName"))
        return JSONResponse(await _describe(batches, job))

    async def look(request: Request) -> Response:
        job = batches.find(request.path_params["id"])
        if request.method == "DELETE":
            del batches.jobs[job.id]
            return JSONResponse({})
        return JSONResponse(await _describe(batches, job, with_results=True))

    async def cancel(request: Request) -> Response:
        batches.find(request.path_params["id"]).cancel(batches.now())
        return JSONResponse({})

    async def show_all(request: Request) -> Response:
        """Newest first, a page at a time."""
        jobs = list(reversed(batches.jobs.values()))
        start, size = int(request.query_params.get("pageToken") or 0), int(request.query_params.get("pageSize") or 50)
        page: Body = {"operations": [await _describe(batches, job) for job in jobs[start : start + size]]}
        return JSONResponse(page | ({"nextPageToken": str(start + size)} if start + size < len(jobs) else {}))

    return [
        Route("/{version}/models/{model}:batchGenerateContent", guarded(batches.wire, create), methods=["POST"]),
        Route("/{version}/batches/{id}:cancel", guarded(batches.wire, cancel), methods=["POST"]),
        Route("/{version}/batches/{id}", guarded(batches.wire, look), methods=["GET", "DELETE"]),
        Route("/{version}/batches", guarded(batches.wire, show_all)),
    ]


def _read_items(batch: Any) -> list[Item]:
    source = as_mapping(get(batch, "inputConfig", {}), "inputConfig")
    if get(source, "fileName") is not None:
        raise ValueError(NO_FILE)
    requests = get_list(as_mapping(get(source, "requests", {}), "requests"), "requests", "requests")
    if not requests:
        raise ValueError("batch.inputConfig.requests is empty")
    return [Item(each.get("metadata"), each.get("request")) for each in requests]


async def _describe(batches: Batches, job: Job, *, with_results: bool = False) -> Body:
    """A long-running operation, whose metadata is all that the SDK reads."""
    state = job.state(batches.now())
    total, done = len(job.items), job.done(batches.now())
    metadata: Body = {
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
        "name": f"batches/{job.id}",
        "displayName": job.name,
        "state": f"BATCH_STATE_{state.upper()}",
        "createTime": job.created_at,
        "updateTime": job.created_at,
        "batchStats": {"requestCount": str(total), "pendingRequestCount": str(total - done)},
    }
    if with_results and state == "succeeded":  # a job that was stopped gives nothing back
        results = await batches.results(job)
        written = [_write_result(batches, *each) for each in zip(job.items, results, strict=True)]
        metadata["output"] = {"inlinedResponses": {"inlinedResponses": written}}
    return {"name": f"batches/{job.id}", "metadata": metadata, "done": job.has_ended(batches.now())}


def _write_result(batches: Batches, item: Item, result: Reply | RefusedError) -> Body:
    metadata = {"metadata": item.key} if item.key is not None else {}
    if isinstance(result, Reply):
        return metadata | {"response": batches.wire.write_reply(result)}
    refusal = write_refusal(result)
    return metadata | {"error": {"code": RPC_CODES[refusal.status], "message": refusal.body["error"]["message"]}}
