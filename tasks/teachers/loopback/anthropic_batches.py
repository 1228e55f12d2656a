"""Anthropic's message batches: created, followed, cancelled, and their results as lines of JSON by `custom_id`."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tasks.teachers.loopback.answering import guarded, read_body
from tasks.teachers.loopback.batches import Batches, Item, Job
from tasks.teachers.loopback.bodies import as_mapping, get_list
from tasks.teachers.loopback.wire import Body, RefusedError, Reply

MOST_BYTES = 256 * 2**20
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
WITHOUT_ANSWER = {"cancelled": "canceled", "expired": "expired", "failed": "expired"}  # there is no failed batch here


def batch_routes(batches: Batches) -> list[Route]:
    """The paths that they are served on."""

    async def create(request: Request) -> Response:
        body = await read_body(batches.wire, request, MOST_BYTES)
        return JSONResponse(await _describe(batches, batches.submit(_read_items(body), prefix="msgbatch_"), request))

    async def look(request: Request) -> Response:
        job = batches.find(request.path_params["id"])
        if request.method == "DELETE":
            del batches.jobs[job.id]
            return JSONResponse({"id": job.id, "type": "message_batch_deleted"})
        return JSONResponse(await _describe(batches, job, request))

    async def cancel(request: Request) -> Response:
        job = batches.find(request.path_params["id"])
        job.cancel(batches.now())
        return JSONResponse(await _describe(batches, job, request))

    async def show_all(request: Request) -> Response:
        """Newest first, a page at a time."""
        jobs, ids = list(reversed(batches.jobs.values())), [*reversed(batches.jobs)]
        after = request.query_params.get("after_id")
        start = ids.index(after) + 1 if after in ids else 0
        page = jobs[start : start + int(request.query_params.get("limit") or 20)]
        ends = {"first_id": page[0].id, "last_id": page[-1].id} if page else {"first_id": None, "last_id": None}
        has_more = start + len(page) < len(jobs)
        return JSONResponse(
            {"data": [await _describe(batches, job, request) for job in page], "has_more": has_more} | ends
        )

    async def results(request: Request) -> Response:
        job = batches.find(request.path_params["id"])
        if not job.has_ended(batches.now()):
            raise RefusedError("not_found", f"batch {job.id} is still in progress")
        lines = [json.dumps(line) + "\n" for line in await _write_results(batches, job)]
        return Response("".join(lines), media_type="application/x-jsonl")

    return [
        Route("/v1/messages/batches", guarded(batches.wire, create), methods=["POST"]),
        Route("/v1/messages/batches", guarded(batches.wire, show_all)),
        Route("/v1/messages/batches/{id}", guarded(batches.wire, look), methods=["GET", "DELETE"]),
        Route("/v1/messages/batches/{id}/cancel", guarded(batches.wire, cancel), methods=["POST"]),
        Route("/v1/messages/batches/{id}/results", guarded(batches.wire, results)),
    ]


def _read_items(body: object) -> list[Item]:
    requests = get_list(as_mapping(body, "the request body"), "requests", "the request body")
    ids = [str(each.get("custom_id")) for each in requests]
    if not ids:
        raise ValueError("requests: at least one request is required")
    for place, custom_id in enumerate(ids):
        if not CUSTOM_ID.fullmatch(custom_id):
            raise ValueError(f"requests.{place}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
    if len(set(ids)) < len(ids):
        raise ValueError("requests: custom_id values must be unique")
    return [Item(custom_id, each.get("params")) for custom_id, each in zip(ids, requests, strict=True)]


async def _describe(batches: Batches, job: Job, request: Request) -> Body:
    has_ended = job.has_ended(batches.now())
    lines = await _write_results(batches, job) if has_ended else []
    counts = Counter(line["result"]["type"] for line in lines)
    kinds = ("succeeded", "errored", "canceled", "expired")
    url = f"{str(request.base_url).rstrip('/')}/v1/messages/batches/{job.id}/results"
    return {
        "id": job.id,
        "type": "message_batch",
        "processing_status": "ended" if has_ended else "in_progress",
        # all count as processing until the whole batch has ended
        "request_counts": {kind: counts[kind] for kind in kinds} | {"processing": 0 if has_ended else len(job.items)},
        "created_at": job.created_at,
        "expires_at": (datetime.fromisoformat(job.created_at) + timedelta(hours=24)).isoformat(),
        "ended_at": job.created_at if has_ended else None,
        "cancel_initiated_at": job.created_at if job.cancelled_after is not None else None,
        "archived_at": None,
        "results_url": url if has_ended else None,
    }


async def _write_results(batches: Batches, job: Job) -> list[Body]:
    """One line per request, answered or not; those that were answered before the end are kept."""
    results = await batches.results(job)
    rest = {"type": WITHOUT_ANSWER.get(job.state(batches.now()), "expired")}
    written = [_write_result(batches, each) for each in results] + [rest] * (len(job.items) - len(results))
    return [{"custom_id": item.key, "result": result} for item, result in zip(job.items, written, strict=True)]


def _write_result(batches: Batches, result: Reply | RefusedError) -> Body:
    if isinstance(result, Reply):
        return {"type": "succeeded", "message": batches.wire.write_reply(result)}
    return {"type": "errored", "error": batches.wire.write_refusal(result).body}
