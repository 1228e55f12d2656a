"""Gemini's Files API: audio too large for a request is uploaded first, in pieces, and then asked about by its URI."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tasks.teachers.loopback import gemini
from tasks.teachers.loopback.answering import guarded, refuse
from tasks.teachers.loopback.bodies import as_mapping, get
from tasks.teachers.loopback.questions import Question
from tasks.teachers.loopback.wire import Body, RefusedError


@dataclass
class Upload:
    """A file, or the part of it that has arrived."""

    name: str  # files/…
    mime_type: str
    uri: str
    content: bytearray = field(default_factory=bytearray)
    is_whole: bool = False

    def describe(self) -> Body:
        """The resource as the API shows it."""
        return {
            "name": self.name,
            "mimeType": self.mime_type,
            "sizeBytes": str(len(self.content)),
            "sha256Hash": base64.b64encode(hashlib.sha256(self.content).hexdigest().encode()).decode(),
            "uri": self.uri,
            "state": "ACTIVE",
            "source": "UPLOADED",
        }


@dataclass
class Files:
    """What has been uploaded, and Gemini's wire format with it: keeps `Wire`."""

    uploads: dict[str, Upload] = field(default_factory=dict)
    MOST_BYTES: int = gemini.MOST_BYTES

    def has_key(self, headers: Mapping[str, str]) -> bool:
        """See `Wire`."""
        return gemini.has_key(headers)

    def read_question(self, body: object) -> Question:
        """See `Wire`. A `fileUri` stands for what was uploaded."""
        return gemini.read_question(body, self.fetch)

    def fetch(self, uri: str) -> bytes:
        """The content behind a URI. ValueError: there is none."""
        upload = self.uploads.get(f"files/{uri.rpartition('files/')[2]}")
        if upload is None or not upload.is_whole:
            raise ValueError(f"fileUri {uri}: no such file. Upload it first, or again.")
        return bytes(upload.content)

    write_reply = staticmethod(gemini.write_reply)
    write_refusal = staticmethod(gemini.write_refusal)

    def routes(self) -> list[Route]:
        """The paths that they are served on."""
        return [
            Route("/upload/{version}/files", self.upload, methods=["POST"]),
            Route("/{version}/files/{name}", guarded(gemini, self.look), methods=["GET", "DELETE"]),
        ]

    async def upload(self, request: Request) -> Response:
        """The resumable protocol: `start` names the place, `upload` brings a piece, `finalize` ends it."""
        commands = [each.strip() for each in request.headers.get("x-goog-upload-command", "").split(",")]
        body = await request.body()
        if "start" in commands:
            return self._start(request, body)
        upload = self.uploads.get(f"files/{request.query_params.get('upload_id')}")
        if upload is None or request.headers.get("x-goog-upload-offset") != str(len(upload.content)):
            return refuse(gemini, RefusedError("bad_request", "no such upload, or not at this offset"))
        upload.content += body
        upload.is_whole = "finalize" in commands
        status = {"X-Goog-Upload-Status": "final" if upload.is_whole else "active"}
        return JSONResponse({"file": upload.describe()} if upload.is_whole else {}, headers=status)

    def _start(self, request: Request, body: bytes) -> Response:
        if not gemini.has_key(request.headers):
            return refuse(gemini, RefusedError("missing_key"))
        wanted = as_mapping(get(as_mapping(json.loads(body or b"{}"), "the request body"), "file", {}), "file")
        name = str(wanted.get("name") or f"files/{secrets.token_hex(6)}")
        mime_type = request.headers.get("x-goog-upload-header-content-type", "application/octet-stream")
        base = str(request.base_url).rstrip("/")
        self.uploads[name] = Upload(name, mime_type, f"{base}/{request.path_params['version']}/{name}")
        place = f"{request.url.replace(query='')}?upload_id={name.removeprefix('files/')}"
        return JSONResponse({}, headers={"X-Goog-Upload-URL": place, "X-Goog-Upload-Status": "active"})

    async def look(self, request: Request) -> Response:
        """`GET` describes a file, `DELETE` forgets it."""
        name = f"files/{request.path_params['name']}"
        if (upload := self.uploads.get(name)) is None:
            raise RefusedError("not_found", f"{name} does not exist")
        if request.method == "DELETE":
            del self.uploads[name]
            return JSONResponse({})
        return JSONResponse(upload.describe())
