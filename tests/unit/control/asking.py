"""Asks the control socket's application without a server: one request in, one answer out."""

import asyncio
import json
from typing import Any

from starlette.applications import Starlette


def ask(application: Starlette, method: str, path: str, *chunks: bytes, leaves: bool = False) -> tuple[int, Any, dict[str, str]]:
    """Status, decoded JSON and headers; the body comes in as many chunks as are given, or the client leaves after them."""
    sent: list[dict[str, Any]] = []
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting.append({"type": "http.disconnect"} if leaves else {"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(dict(message))

    path, _, query = path.partition("?")
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(), "headers": [],
             "http_version": "1.1", "scheme": "http", "root_path": "", "server": None, "client": None}
    asyncio.run(application(scope, receive, send))
    content = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(content), {name.decode(): value.decode() for name, value in sent[0]["headers"]}
