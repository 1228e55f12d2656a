"""Audio that is uploaded through the official SDK is judged like audio in the request."""

import asyncio
import io

import pytest
from google import genai
from google.genai import errors, types

from tasks.teachers.loopback.server import running_server


@pytest.fixture
def with_client(server):
    """Runs something with an asynchronous client."""

    def run(function):
        async def go():
            async with genai.Client(api_key="k", http_options=types.HttpOptions(base_url=server.url)).aio as client:
                return await function(client)

        return asyncio.run(go())

    return run


async def upload(client, content, mime_type="audio/flac"):
    return await client.files.upload(file=io.BytesIO(content), config=types.UploadFileConfig(mime_type=mime_type))


def test_an_uploaded_clip_is_judged_like_one_in_the_request(server, with_client, ask, make_config, flac):
    async def ask_about_upload(client):
        contents = [await upload(client, flac), "How does the speaker feel?"]
        return await client.models.generate_content(model="m", contents=contents, config=make_config(seed=3))

    assert with_client(ask_about_upload).text == ask(server, flac, seed=3).text


def test_an_upload_in_pieces_arrives_whole(with_client):
    content = bytes(9_000_000)  # the SDK sends 8 MiB at once

    async def go(client):
        return await upload(client, content)

    file = with_client(go)
    assert (file.size_bytes, file.state, file.mime_type) == (9_000_000, types.FileState.ACTIVE, "audio/flac")


def test_a_file_can_be_looked_up_and_deleted(with_client, flac):
    async def go(client):
        file = await upload(client, flac)
        found = await client.files.get(name=file.name)
        await client.files.delete(name=file.name)
        with pytest.raises(errors.ClientError, match="404 NOT_FOUND"):
            await client.files.get(name=file.name)
        return file, found

    file, found = with_client(go)
    assert (found.uri, found.name) == (file.uri, file.name)


def test_an_unknown_uri_gets_a_400(with_client, make_config):
    part = types.Part.from_uri(file_uri="https://example.org/v1/files/gone", mime_type="audio/flac")

    async def go(client):
        return await client.models.generate_content(model="m", contents=[part, "?"], config=make_config())

    with pytest.raises(errors.ClientError, match=r"400 .*files/gone: no such file\. Upload it first"):
        with_client(go)


def test_an_upload_does_not_count_as_a_request(flac):
    async def go(url):
        async with genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url)).aio as client:
            await upload(client, flac)

    with running_server() as server:
        asyncio.run(go(server.url))
        assert server.requests == 0


def test_an_upload_without_a_key_gets_a_403(server, post):
    code, _ = post(f"{server.url}/upload/v1/files", b"{}", {"X-Goog-Upload-Command": "start"})
    assert code == 403


def test_a_piece_at_the_wrong_place_gets_a_400(server, post):
    headers = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "7"}
    code, error = post(f"{server.url}/upload/v1/files?upload_id=none", b"x", headers)
    assert (code, error["message"]) == (400, "no such upload, or not at this offset")
