"""The OpenAPI document of `/api/v1` and `/sim/v1`; a test holds it against the routes."""

from typing import Any

CONNECTOR = {"type": "integer", "minimum": 1, "description": "connector id"}
BOOLEAN, NUMBER, TEXT = {"type": "boolean"}, {"type": "number"}, {"type": "string"}
ID_TAG = {"type": "string", "minLength": 1, "maxLength": 20}
CONNECTORS = {"type": "array", "items": CONNECTOR}
THREE = {"type": "array", "items": NUMBER, "minItems": 3, "maxItems": 3}
EV = {"type": "object", "additionalProperties": False, "properties": {
    "auto": BOOLEAN, "request_after_s": NUMBER, "current_a": NUMBER, "phases": {"type": "integer"}}}

LABEL = {"type": "string", "maxLength": 60}
WHEN = {"type": "string", "description": "2026-03-01 or 2026-03-01T12:00:00Z; UTC unless it says otherwise"}
NAME = {"type": "string", "description": "local id, the beginning of it, or transaction id"}


def _count(most: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": most, "default": default}


QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "/api/v1/sessions": (
        "Sessions, running and over, the newest first; `next` is the `after` of the next page.",
        {"since": WHEN, "until": WHEN, "connector": CONNECTOR, "id_tag": ID_TAG, "limit": _count(1000, 100),
         "after": {"type": "string", "description": "`next` of an earlier page"}}),
    "/api/v1/sessions/{local_id}": ("One session.", {"local_id": NAME}),
    "/api/v1/ocpp/status": ("The connection to the central system.", {}),
    "/api/v1/ocpp/queue": ("Messages that the central system is owed, the oldest first, and those that were given up, the newest first.",
                           {"limit": _count(10_000, 100)}),
    "/api/v1/ocpp/trace": ("The last frames, without passwords, the oldest first.",
                           {"limit": _count(10_000, 100), "after": {"type": "integer", "description": "only frames behind this number"}}),
    "/api/v1/ocpp/config": ("Every configuration key with its value and meaning; write-only ones without their value.", {}),
}
"""What is asked with parameters: in the path where it has their name, else in the query."""

GETS: dict[str, str] = {
    "/api/v1/status": "What the charge point is doing.",
    "/api/v1/tags": "Every card that is known: the charge point's own, the Local Authorization List's, the cache's.",
    "/api/v1/openapi.json": "This document.",
    "/sim/v1/state": "What is in the simulated world, and what the daemon makes of it.",
}
POSTS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "/api/v1/swipe": ("A card, as if held to the reader that serves these connectors.",
                      {"id_tag": ID_TAG, "connectors": CONNECTORS}, ["id_tag"]),
    "/api/v1/service/reset": ("Reset the latched faults of a connector; they clear once their cause is gone.",
                              {"connector": CONNECTOR}, ["connector"]),
    "/api/v1/service/erase": ("Forget sessions that ended longer ago, or those of a card; what is owed stays. Repeat while some are `left`.",
                              {"older_than_days": {"type": "integer", "minimum": 0, "maximum": 36_500}, "id_tag": ID_TAG}, []),
    "/api/v1/tags/learn": ("Take the next card at a reader as one of the charge point's own; answers when it came, `tag` null when none did.",
                           {"within_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 600}, "label": LABEL}, []),
    "/api/v1/tags/label": ("Give one of the charge point's own cards a label.", {"id_tag": ID_TAG, "label": LABEL}, ["id_tag", "label"]),
    "/api/v1/tags/block": ("Refuse a card here, whatever the central system says of it.", {"id_tag": ID_TAG, "label": LABEL}, ["id_tag"]),
    "/api/v1/tags/remove": ("Forget one of the charge point's own cards, accepted or blocked.", {"id_tag": ID_TAG}, ["id_tag"]),
    "/sim/v1/plug": ("Plug a car in.", {"connector": CONNECTOR, "ev": EV}, ["connector"]),
    "/sim/v1/unplug": ("Pull the cable at the vehicle.", {"connector": CONNECTOR}, ["connector"]),
    "/sim/v1/ev_state": ("Force the vehicle's state.",
                         {"connector": CONNECTOR, "state": {"type": "string", "enum": list("ABCDEF")}},
                         ["connector", "state"]),
    "/sim/v1/swipe": ("Hold a card to a simulated reader.", {"id_tag": ID_TAG, "connectors": CONNECTORS}, ["id_tag"]),
    "/sim/v1/fault": ("Break or mend something.", {"connector": CONNECTOR, "kind": TEXT, "active": BOOLEAN},
                      ["connector", "kind", "active"]),
    "/sim/v1/site": ("What else the building draws.", {"current_a": THREE, "fail": BOOLEAN}, []),
    "/sim/v1/link": ("Cut or mend the network.", {"up": BOOLEAN}, ["up"]),
    "/sim/v1/meter": ("Set or break the simulated meter.",
                      {"connector": CONNECTOR, "energy_wh": NUMBER, "voltage_v": NUMBER, "fail": BOOLEAN}, ["connector"]),
}
_ERROR = {"type": "object", "properties": {"error": TEXT}, "required": ["error"]}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _responses(*errors: int) -> dict[str, Any]:
    meanings = {400: "bad body; nothing changed", 404: "there is none", 409: "refused by an interlock", 413: "body over 64 KiB",
                503: "the storage does not answer"}
    answers: dict[str, Any] = {"200": {"description": "done", "content": _content({"type": "object"})}}
    for status in errors:
        answers[str(status)] = {"description": meanings[status], "content": _content(_ERROR)}
    return answers


def _question(path: str, summary: str, parameters: dict[str, Any]) -> dict[str, Any]:
    told = [{"name": name, "in": "path" if f"{{{name}}}" in path else "query", "required": f"{{{name}}}" in path, "schema": schema}
            for name, schema in parameters.items()]
    stored = (503,) if path.startswith("/api/v1/sessions") else ()
    errors = (400, *((404,) if "{" in path else ()), *stored)
    return {"get": {"summary": summary, "parameters": told, "responses": _responses(*errors)}}


def _post(path: str, summary: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"post": {"summary": summary, "requestBody": {"required": True, "content": _content(schema)},
                     "responses": _responses(400, 409, 413, *([503] if path == "/api/v1/service/erase" else []))}}


def document(version: str, *, simulated: bool) -> dict[str, Any]:
    """The document; `/sim/v1` is in it only when something is simulated."""
    paths: dict[str, Any] = {path: {"get": {"summary": summary, "responses": _responses()}}
                             for path, summary in GETS.items()}
    paths |= {path: _question(path, *row) for path, row in QUESTIONS.items()}
    paths |= {path: _post(path, *row) for path, row in POSTS.items()}
    shown = {path: row for path, row in paths.items() if simulated or not path.startswith("/sim/")}
    return {"openapi": "3.1.0", "info": {"title": "evcp", "version": version}, "paths": shown}
