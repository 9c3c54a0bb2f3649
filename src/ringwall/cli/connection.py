"""Where the node is and who is asking: environment, or flags that name no secret."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from ringwall.client import Client
from ringwall.core import BadConfiguration, Unauthenticated


def connect(options: argparse.Namespace) -> Client:
    """Return a client for ``--url``/``--token-file`` or their environment variables.

    Raises BadConfiguration (rule ``url``) and Unauthenticated (rule ``token``) when neither says.
    """
    url = options.url or os.environ.get("RINGWALL_URL", "")
    if not url.startswith(("http://", "https://")):
        raise BadConfiguration(
            "where is the node? set RINGWALL_URL or give --url", field="url", rule="url"
        )
    return Client(url, read_token(options.token_file, os.environ))


def read_token(flag: str | None, environment: Mapping[str, str]) -> str:
    """Return the token from ``--token-file``, RINGWALL_TOKEN_FILE or RINGWALL_TOKEN, in this order.

    Raises Unauthenticated (rule ``token``) without any, BadConfiguration for an unreadable file.
    """
    path = flag or environment.get("RINGWALL_TOKEN_FILE")
    if path:
        try:
            token = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadConfiguration(
                f"token file {path}: {error}", field="token-file", rule="unreadable"
            ) from error
    else:
        token = environment.get("RINGWALL_TOKEN", "").strip()
    if not token:
        raise Unauthenticated(
            "who is asking? set RINGWALL_TOKEN_FILE or give --token-file",
            field="token-file",
            rule="token",
        )
    return token
