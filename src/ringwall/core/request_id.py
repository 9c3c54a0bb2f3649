"""The id of the request that is being answered: what logs and traces of one request share."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("ringwall_request_id", default="")
"""16 hex digits while a request is answered, "" otherwise."""
