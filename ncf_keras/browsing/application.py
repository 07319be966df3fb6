"""The ASGI application: the page's files, and its questions answered in JSON. Only GET, and nothing is kept."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import shown
from ncf_keras.browsing.answers import Answers
from ncf_keras.browsing.guard import Guard, error

LONGEST_LIST = 100
MOST_LIKED = 100
LONGEST_SEARCH = 100
# Named here, because on some machines files of these suffixes are said to be something else.
PAGE = {
    "/": ("index.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/ask.js": ("ask.js", "text/javascript"),
    "/combobox.js": ("combobox.js", "text/javascript"),
    "/element.js": ("element.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}

# What is asked, as texts by name -> the answer.
Question = Callable[[Answers, dict[str, str]], dict[str, Any]]


def make_application(answers: Answers, port: int) -> ASGIApp:
    """Return the application, for a server that listens on `port`.

    The model is asked by one thread, a question at a time; names are searched by another, so that typing is not
    kept waiting.
    """
    model, names = (ThreadPoolExecutor(1, name) for name in ("model", "names"))
    questions: dict[str, tuple[Question, ThreadPoolExecutor]] = {
        "dataset": (lambda ask, _: ask.dataset(), names),
        "users": (lambda ask, given: ask.users(_typed(given)), names),
        "items": (lambda ask, given: ask.items(_typed(given)), names),
        "user": (lambda ask, given: ask.for_user(_number(given, "user"), _length(given)), model),
        "liked": (lambda ask, given: ask.for_liked(_liked(given), _length(given)), model),
        "similar": (lambda ask, given: ask.similar(_number(given, "item"), _length(given)), model),
    }
    routes = [_file_route(path, *file) for path, file in PAGE.items()]
    routes += [_question_route(f"/api/{name}", answers, *each) for name, each in questions.items()]
    handlers: Any = {InputError: _input_error, HTTPException: _http_error}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), port)


def _file_route(path: str, name: str, media_type: str) -> Route:
    content = (Path(__file__).with_name("page") / name).read_bytes()

    async def answer(request: Request) -> Response:
        return Response(content, media_type=media_type)

    return Route(path, answer, methods=["GET"])


def _question_route(path: str, answers: Answers, question: Question, thread: ThreadPoolExecutor) -> Route:
    async def answer(request: Request) -> Response:
        given = dict(request.query_params)
        found = await asyncio.get_running_loop().run_in_executor(thread, question, answers, given)
        return JSONResponse(found)

    return Route(path, answer, methods=["GET"])


async def _input_error(request: Request, problem: Exception) -> Response:
    return error(400, str(problem))


async def _http_error(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    sentences = {404: "There is no such page", 405: "Requests must be GET"}
    sentence = sentences.get(problem.status_code, problem.detail)
    return error(problem.status_code, sentence, dict(problem.headers or {}))


def _typed(given: dict[str, str]) -> str:
    typed = given.get("search", "")
    if len(typed) > LONGEST_SEARCH:
        raise InputError(f"`search` must have at most {LONGEST_SEARCH} characters. Received: {len(typed)}")
    return typed


def _number(given: dict[str, str], name: str, default: str = "") -> int:
    text = given.get(name, default)
    if not re.fullmatch("[0-9]{1,10}", text):
        raise InputError(f"`{name}` must be a whole number. Received: {shown(text)!r}")
    return int(text)


def _length(given: dict[str, str]) -> int:
    k = _number(given, "k", "10")
    if not 1 <= k <= LONGEST_LIST:
        raise InputError(f"`k` must be a whole number from 1 to {LONGEST_LIST}. Received: {k}")
    return k


def _liked(given: dict[str, str]) -> list[int]:
    texts = [text for text in given.get("items", "").split(",") if text]
    if len(texts) > MOST_LIKED:
        raise InputError(f"`items` must be at most {MOST_LIKED} items. Received: {len(texts)}")
    return [_number({"items": text}, "items") for text in texts]
