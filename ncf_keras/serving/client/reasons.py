"""Why a REST request had no answer, in words for whoever asked."""

import http.client
import ssl
from collections.abc import Iterator


def reason(error: BaseException) -> str:
    """Return the words for an error of `requests`: it wraps urllib3's, which wraps Python's or the system's."""
    chain = list(_wrapped(error))
    for one in chain:
        if words := _known(one):
            return words
    last = chain[-1]
    return getattr(last, "strerror", None) or str(last) or "the connection failed"


def _wrapped(error: BaseException) -> Iterator[BaseException]:
    while True:
        yield error
        inner = getattr(error, "reason", None) or error.__cause__ or error.__context__
        if not isinstance(inner, BaseException) or isinstance(inner, TimeoutError):
            return
        error = inner


def _known(error: BaseException) -> str | None:
    """Return the words for an error whose own are Python's, None for any other."""
    if isinstance(error, http.client.IncompleteRead):
        # urllib3's InvalidChunkLength is one; Python's own comes of a number that it can't read.
        if isinstance(error.__context__, ValueError):
            return "an answer in chunks, one of them without its length"
        return "an answer that ends too soon"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(error, http.client.BadStatusLine | http.client.UnknownProtocol):
        return f"an answer that is not HTTP/1: {error.args[0]!r}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"no certificate that this machine trusts: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return f"no TLS: {error.reason.replace('_', ' ').lower()}"
    return None
