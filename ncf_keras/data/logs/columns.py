"""Which column of a raw log is the user, the item, and so on; and whether a line is a header."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import listed, shown
from ncf_keras.data.logs.options import ROLES, LogOptions
from ncf_keras.data.reading import number_in
from ncf_keras.data.tidy_columns import MISSING_MARKS

# A column that is counted from 1.
COLUMN_NUMBER = re.compile("[1-9][0-9]{0,5}")
BEGINS_A_NUMBER = re.compile(r"\s*[-+.]*[0-9]")
# Header names that need no flag, as letters and digits only: `User_ID` and `userId` are both `userid`.
KNOWN_NAMES = {
    "user": {"user", "userid", "uid", "customer", "customerid", "visitor", "visitorid", "member", "memberid",
             "reviewerid"},
    "item": {"item", "itemid", "iid", "movie", "movieid", "product", "productid", "book", "bookid", "isbn",
             "track", "trackid", "song", "songid", "article", "articleid", "asin", "parentasin"},
    "rating": {"rating", "ratings", "score", "stars", "overall"},
    "timestamp": {"timestamp", "time", "ts", "date", "datetime", "unixreviewtime"},
}  # fmt: skip
# Those that count where none of the above is there.
RARER_NAMES = {
    "user": {"username", "account", "accountid", "client", "clientid", "buyer", "buyerid"},
    "item": {"business", "businessid", "video", "videoid", "news", "newsid", "game", "gameid", "artist",
             "artistid", "recipe", "recipeid", "venue", "venueid", "sku"},
    "rating": set(),
    "timestamp": {"eventdate", "orderdate", "purchasedate", "ratingdate", "reviewdate", "transactiondate",
                  "viewdate"},
}  # fmt: skip
# The last words of a name that tell as much: `Book-Rating`, `view_time`, `homeUserId`.
LAST_WORDS = {
    "user": {"userid", "customerid", "visitorid"},
    "item": {"itemid", "movieid", "productid", "bookid", "trackid"},
    "rating": {"rating", "ratings", "score", "stars"},
    "timestamp": {"time", "timestamp", "datetime"},
}
# The words of a name that ends so and means another thing: `avg_rating`, `watch_time`, `release_date_time`.
OTHER_WORDS = {
    "user": set(),
    "item": set(),
    "rating": {"avg", "average", "mean", "median", "predicted"},
    "timestamp": {"birth", "elapsed", "listen", "load", "play", "release", "watch"},
}
WORD = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


class Found(NamedTuple):
    """The column of each role that a log has, counted from 0, and the roles that were guessed by place."""

    positions: Mapping[str, int]
    by_place: frozenset[str]


def letters_of(name: str) -> str:
    """Return the letters and digits of a column name, in lower case and without its type: `userid`."""
    return re.sub(r"[^a-z0-9]", "", _without_type(name).lower())


def are_names(fields: Sequence[str], options: LogOptions) -> bool:
    """Tell whether one of these is a column that the user names, or two are names known for their role."""
    plain = {_without_type(field) for field in fields} | set(fields)
    if any(name in plain and name != "none" and not name.isdigit() for name in options.by_role().values()):
        return True
    letters = {letters_of(field) for field in fields}
    known = [role for role in ROLES if letters & (KNOWN_NAMES[role] | RARER_NAMES[role])]
    return len(known) >= 2 and any(letters & KNOWN_NAMES[role] for role in known)


def has_header(first: Sequence[str], second: Sequence[str], options: LogOptions) -> bool:
    """Tell whether the fields `first` of the first line are names, given those of the line after it.

    They are if `are_names` says so, or if there is a word and no number where the second line has its rating
    and timestamp. A word does not begin with a digit, as a rating or timestamp does, such as 3,5 or 1.12.2024.
    """
    if are_names(first, options):
        return True
    said = options.by_role()
    places = [(said.get(role, ""), default) for default, role in ((2, "rating"), (3, "timestamp"))]
    numeric = [int(column) - 1 if COLUMN_NUMBER.fullmatch(column) else default for column, default in places]
    pairs = [(first[at], second[at]) for at in numeric if 0 <= at < min(len(first), len(second))]
    names_are_numbers = [number_in(name) is not None for name, _ in pairs]
    words = [_is_word(name) and BEGINS_A_NUMBER.match(value) is not None for name, value in pairs]
    return any(words) and not any(names_are_numbers)


def find_columns(
    file: str, names: Sequence[str] | None, width: int, options: LogOptions, how: str = "text"
) -> Found:
    """Return the column of each role; rating and timestamp may be absent.

    What the user names comes first. Else, with a header, the column whose name is known for the role; without
    one, the order of MovieLens and of the authors' files: user, item, rating, timestamp.

    Args:
        file: its name, for errors.
        names: those of the columns, in JSON the keys; None without a header.
        width: how many columns there are.
        options: what the user says.
        how: how the file is read, for errors.
    """
    said = options.by_role()
    named = {role: column for role, column in said.items() if column != "none"}
    found = {role: _said_column(file, role, column, names, width, how) for role, column in named.items()}
    taken = set(found.values())
    by_place = set()
    for default, role in enumerate(ROLES):
        if role in said or (role == "timestamp" and options.no_timestamps):
            continue
        position = default if names is None else _known_column(file, role, names, taken)
        if position is not None and position < width and position not in taken:
            found[role] = position
            if names is None:
                by_place.add(role)
    for role in ("user", "item"):
        if role not in found:
            has = f"the columns {listed(names)}" if names else f"{width} column(s) and no header"
            separated = " (or `delimiter` what separates its columns)" if how.startswith("text") else ""
            raise InputError(
                f"`{role}` must name the column of {file} with the {role} ids{separated}. "
                f"Received: a file with {has}, read as {how}"
            )
    if len(set(found.values())) < len(found):
        pairs = ", ".join(f"{role} {position + 1}" for role, position in found.items())
        raise InputError(f"The columns of {file} must each have one role. Received: {pairs}")
    if options.no_timestamps:
        found.pop("timestamp", None)
    return Found({role: found[role] for role in ROLES if role in found}, frozenset(by_place))


def _said_column(file: str, role: str, wanted: str, names: Sequence[str] | None, width: int, how: str) -> int:
    if names is not None:
        for candidates in (list(names), [_without_type(name) for name in names]):
            if (count := candidates.count(wanted)) > 1:
                raise InputError(
                    f"`{role}` must name one column of {file}. Received: {shown(wanted)}, the name of {count} "
                    "columns; give its number"
                )
            if wanted in candidates:
                return candidates.index(wanted)
    if how.startswith("JSON"):
        raise InputError(
            f"`{role}` must be a key of the first records of {file}: one of {listed(names or ())}. "
            f"Received: {shown(wanted)}"
        )
    if COLUMN_NUMBER.fullmatch(wanted) and int(wanted) <= width:
        return int(wanted) - 1
    choice = f"one of {listed(names)} or " if names is not None else ""
    raise InputError(
        f"`{role}` must be {choice}a column number of {file} from 1 to {width}. Received: {shown(wanted)}, "
        f"where the file is read as {how}"
    )


def _known_column(file: str, role: str, names: Sequence[str], taken: set[int]) -> int | None:
    free = [position for position in range(len(names)) if position not in taken]
    for is_known in (_is_known, _is_known_by_last_words):
        matches = [position for position in free if is_known(role, names[position])]
        if len(matches) > 1:
            called = listed([names[position] for position in matches])
            raise InputError(f"`{role}` must say which column of {file} it is. Received: no flag, and {called}")
        if matches:
            return matches[0]
    return None


def _is_known(role: str, name: str) -> bool:
    return letters_of(name) in KNOWN_NAMES[role]


def _is_known_by_last_words(role: str, name: str) -> bool:
    words = [word.lower() for word in WORD.findall(_without_type(name))]
    endings = {"".join(words[-count:]) for count in (1, 2)}
    means_it = bool(endings & LAST_WORDS[role]) and OTHER_WORDS[role].isdisjoint(words)
    return letters_of(name) in RARER_NAMES[role] or means_it


def _is_word(name: str) -> bool:
    return name.strip().lower() not in MISSING_MARKS and not BEGINS_A_NUMBER.match(name)


def _without_type(name: str) -> str:
    """Drop the type that some formats append to a column name, as in `user_id:token`."""
    return name.split(":")[0].strip()
