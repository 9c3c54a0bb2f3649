"""How TAXII answers one reader: which version of TLP the reader's client understands.

A setting of the reader, not a second API root or a second set of collections: every tool has a
reader of its own, and some clients can be told nothing but the address of the discovery.
"""

from typing import Literal

import msgspec

from ringwall.core import InvalidInput, format_timestamp
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.negotiation import JSON
from ringwall.server.operations import Body, declare

KIND = "taxii-settings"
_KEY = "taxii"
Tlp = Literal["1.0", "2.0"]


class TaxiiSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``tlp``: the TLP version of the markings; with 1.0, AMBER+STRICT leaves as RED."""

    tlp: Tlp = "2.0"


_DECODER = msgspec.json.Decoder(TaxiiSettings)


def tlp_of(call: Call) -> Tlp:
    """Return the version of TLP that the reader chose."""
    at = format_timestamp(call.context.clock.now())
    with call.context.store.read() as snapshot:
        kept = snapshot.document(KIND, call.reader.id, _KEY, at)
    return _DECODER.decode(kept).tlp if kept is not None else "2.0"


@declare({200: TaxiiSettings})
def show(call: Call) -> Answer:
    """GET /taxii-settings: How TAXII answers this reader."""
    return json_answer(TaxiiSettings(tlp_of(call)))


@declare({200: TaxiiSettings}, body=Body((JSON,), TaxiiSettings))
def change(call: Call) -> Answer:
    """POST /taxii-settings: Replace them."""
    try:
        wanted = _DECODER.decode(call.document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(str(error), field="/tlp", rule="taxii-settings") from error
    owner, body = call.reader.id, msgspec.json.encode(wanted)
    at = format_timestamp(call.context.clock.now())
    call.context.store.write(lambda tx: tx.put_document(KIND, owner, _KEY, body, at)).result()
    return json_answer(wanted)
