"""What the JSON of a run must hold, by kind of run: rules for values, put together to one for each kind.

A rule is a function of a value and of where it stands, such as `best.iteration`; it raises ValueError, which
says what is wrong.
"""

import reprlib
import sys
from collections.abc import Callable

Rule = Callable[[object, str], None]

TOP_KS = tuple(range(1, 11))
LARGEST_COUNT = 2**53
LARGEST_NUMBER = sys.float_info.max


def check_document(document: object) -> None:
    """Check the JSON of a run, network or baseline, as `document_of` makes it; more keys may stand in it.

    Raises:
        ValueError: something is missing or wrong; says what.
    """
    _fields(run=_fields())(document, "")
    kind = document["run"].get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise _wrong("run.kind", kind, f"one of {', '.join(KINDS)}")
    KINDS[kind](document, "")
    if kind == "network":
        _check_best(document)


def _check_best(document: dict) -> None:
    best = document["best"]["iteration"]
    # -1 is the model before training.
    if best not in (-1, *(row[0] for row in document["iterations"])):
        raise _wrong("best.iteration", best, "an iteration of the run")


def _wrong(where: str, value: object, rule: str) -> ValueError:
    return ValueError(f"{f'`{where}`' if where else 'the whole'} is {reprlib.repr(value)}, not {rule}")


def _text(value: object, where: str) -> None:
    if not isinstance(value, str):
        raise _wrong(where, value, "a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        # A lone surrogate, which JSON can escape and no page can hold.
        raise _wrong(where, value, "a text of whole characters") from None


def _whole(minimum: int) -> Rule:
    """Return the rule of a count of at least `minimum`."""

    def check(value: object, where: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= LARGEST_COUNT:
            raise _wrong(where, value, f"a whole number of at least {minimum}")

    return check


def _number(minimum: float = -LARGEST_NUMBER, maximum: float = LARGEST_NUMBER) -> Rule:
    """Return the rule of a finite number within bounds."""
    bounds = f" of at least {minimum:g}" if minimum > -LARGEST_NUMBER else ""
    bounds += f" and at most {maximum:g}" if maximum < LARGEST_NUMBER else ""

    def check(value: object, where: str) -> None:
        # Of NaN, no comparison is true; of a whole number too large for a float, comparisons still are exact.
        if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= maximum:
            raise _wrong(where, value, f"a finite number{bounds}")

    return check


def _fields(**rules: Rule) -> Rule:
    """Return the rule of an object with at least these keys."""

    def check(value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise _wrong(where, value, "an object")
        for name, rule in rules.items():
            inner = f"{where}.{name}" if where else name
            if name not in value:
                raise ValueError(f"no `{inner}`")
            rule(value[name], inner)

    return check


def _named(rule: Rule) -> Rule:
    """Return the rule of an object with any keys and all values by `rule`."""

    def check(value: object, where: str) -> None:
        _fields()(value, where)
        for name, inner in value.items():
            _text(name, where)
            rule(inner, f"{where}.{name}")

    return check


def _many(rule: Rule, count: int | None = None) -> Rule:
    """Return the rule of a list of `count` values, or of any number of them."""

    def check(value: object, where: str) -> None:
        if not isinstance(value, list | tuple) or count not in (None, len(value)):
            raise _wrong(where, value, "a list" if count is None else f"a list of {count}")
        for place, inner in enumerate(value):
            rule(inner, f"{where}[{place}]")

    return check


def _row(**rules: Rule) -> Rule:
    """Return the rule of a list of exactly these values, in this order."""

    def check(value: object, where: str) -> None:
        _many(lambda inner, place: None, len(rules))(value, where)
        for inner, (name, rule) in zip(value, rules.items(), strict=True):
            rule(inner, f"{where}, {name}")

    return check


SHARE = _number(0, 1)
SECONDS = _number(0)
METRICS = {"hr": SHARE, "ndcg": SHARE}
SETTINGS = _named(_number())
DATASET = _fields(
    name=_text,
    users=_whole(1),
    items=_whole(1),
    train=_whole(0),
    tests=_whole(1),
    negatives=_whole(0),
    digest=_text,
)
# The fields of `ncf_keras.training.Iteration`.
ITERATION = _row(number=_whole(0), **METRICS, loss=_number(), train_seconds=SECONDS, evaluation_seconds=SECONDS)
COMMON = {
    "name": _text,
    "command": _text,
    "dataset": DATASET,
    "versions": _named(_text),
    "machine": _text,
    "test": _fields(hr=_many(SHARE, len(TOP_KS)), ndcg=_many(SHARE, len(TOP_KS))),
    "positions": _text,
    "seconds": SECONDS,
}
KINDS = {
    "network": _fields(
        **COMMON,
        initial=_fields(**METRICS),
        iterations=_many(ITERATION),
        best=_fields(iteration=_whole(-1), **METRICS),
    ),
    "baseline": _fields(
        **COMMON,
        chosen=SETTINGS,
        tried=_many(_fields(settings=SETTINGS, **METRICS)),
        fit_seconds=SECONDS,
    ),
}
