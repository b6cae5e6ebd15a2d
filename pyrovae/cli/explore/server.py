"""The application: an `Explorer`'s answers, and the files of the page."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pyrovae.cli.explore.guard import Guard, hosts_of
from pyrovae.cli.pages.style import STYLE
from pyrovae.cli.saying import say
from pyrovae.explorer import Explorer

__all__ = ["application"]

PAGE = Path(__file__).parent / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
MOST_JSON, MOST_IMAGE = 2**20, 8 * 2**20  # bytes

Handler = Callable[[Request], Awaitable[Response]]


class TooLarge(ValueError):
    """A request with more bytes than it may have."""


def application(explorer: Explorer, *, token: str, port: int) -> Guard:
    """Answers the page's questions about a model.

    Args:
        explorer: The model and its data.
        token: What the address of the page begins with.
        port: The port of this machine that it is served on.
    """
    about = explorer.about()
    routes = [
        _page("/", "index.html"),
        *(_page(f"/{file.name}", file.name) for file in sorted(PAGE.glob("*.*"))),
        Route("/style.css", _text(STYLE, "text/css")),
        Route("/about", _answering(lambda _: about)),
        Route("/plane", _asked(explorer.plane, site=str, axes=list), methods=["POST"]),
        Route("/thumbnails", _asked(explorer.thumbnails, which=list), methods=["POST"]),
        Route(
            "/decode",
            _asked(explorer.decode, knobs=dict, moved=str, condition=int),
            methods=["POST"],
        ),
        Route("/encode", _asked(explorer.encode, index=int), methods=["POST"]),
        Route(
            "/path",
            _asked(explorer.path, start=int, end=int, kind=str, steps=int),
            methods=["POST"],
        ),
        Route(
            "/sample", _asked(explorer.sample, n=int, seed=int, condition=int), methods=["POST"]
        ),
        Route("/draw", _drawn(explorer), methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes), token, hosts_of(port))


def _page(path: str, file: str) -> Route:
    found = PAGE / file
    return Route(path, _text(found.read_text(encoding="utf-8"), TYPES[found.suffix]))


def _text(text: str, kind: str) -> Handler:
    async def answer(_: Request) -> Response:
        return Response(text, media_type=kind)

    return answer


def _answering(function: Callable[[Request], Any]) -> Handler:
    async def answer(request: Request) -> Response:
        return JSONResponse(function(request))

    return answer


def _asked(method: Callable[..., Any], **kinds: type) -> Handler:
    """Calls a method of the explorer with what the body, an object of JSON, says."""

    async def answer(request: Request) -> Response:
        given = _arguments(await _body(request, MOST_JSON), kinds)
        return await _answer(partial(method, **given))

    return _saying_what_is_wrong(answer)


def _drawn(explorer: Explorer) -> Handler:
    decoding = asyncio.Semaphore()  # an image takes memory: one at a time

    async def answer(request: Request) -> Response:
        content = await _body(request, MOST_IMAGE)
        invert = request.query_params.get("invert") == "1"
        condition = _whole(request, "condition")
        async with decoding:
            return await _answer(
                partial(explorer.draw, content, invert=invert, condition=condition)
            )

    return _saying_what_is_wrong(answer)


def _saying_what_is_wrong(question: Handler) -> Handler:
    """Answers in JSON whatever happens; what is not the asker's fault is said in the terminal, too."""

    async def answer(request: Request) -> Response:
        try:
            return await question(request)
        except ClientDisconnect:
            return Response(status_code=400)  # which nobody reads
        except ValueError as error:
            return _refused(error)
        except Exception as error:  # noqa: BLE001
            reason = " ".join(str(error).split())[:300]
            told = f"pyrovae: {request.scope['path']}: {type(error).__name__}: {reason}"
            say(told, file=sys.stderr)
            return JSONResponse(
                {"error": "this could not be answered; the terminal says why"}, status_code=500
            )

    return answer


def _whole(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{name}: expected a whole number, got {text!r:.60}") from None


async def _answer(question: Callable[[], Any]) -> Response:
    # In a thread of its own, so that the page is served while the model thinks.
    return JSONResponse(await run_in_threadpool(question))


async def _body(request: Request, most: int) -> bytes:
    """The bytes of a request, no more of which are read than it may have."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise TooLarge(f"expected at most {most} bytes")
        parts.append(part)
    return b"".join(parts)


def _arguments(body: bytes, kinds: dict[str, type]) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("expected an object of JSON") from None
    if not isinstance(given, dict) or not given.keys() <= kinds.keys():
        raise ValueError(f"expected an object of JSON with {', '.join(kinds)}")
    for name, value in given.items():
        if type(value) is not kinds[name]:
            raise ValueError(f"{name}: expected {kinds[name].__name__}, got {value!r:.60}")
        _check_numbers(name, value)
    lacking = [n for n in ("site", "which", "knobs", "index", "start", "end") if n in kinds]
    if any(name not in given for name in lacking):
        raise ValueError(f"expected {', '.join(lacking)}")
    return given


def _check_numbers(name: str, value: Any) -> None:
    if isinstance(value, list) and not all(type(v) is int for v in value):
        raise ValueError(f"{name}: expected whole numbers")
    if isinstance(value, dict):
        for values in value.values():
            numbers = isinstance(values, list) and all(type(v) in (int, float) for v in values)
            if not numbers:
                raise ValueError(f"{name}: expected lists of numbers")


def _refused(error: ValueError) -> Response:
    status = 413 if isinstance(error, TooLarge) else 400
    return JSONResponse({"error": " ".join(str(error).split())}, status_code=status)
