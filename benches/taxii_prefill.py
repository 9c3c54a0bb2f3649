"""Fill the database of a stopped node: ``python -m benches.taxii_prefill DIRECTORY COUNT``.

Everything goes through the node's own intake: validated, labelled, decided, indexed for search
and correlation, audited. Only the recipients are left out, so nothing waits to be sent: it is a
store as it is long after everything in it has been delivered.
"""

import sys
from pathlib import Path

from benches.taxii_labels import LABELS
from benches.taxii_load import envelope, fresh
from ringwall.core.settings import load_node_settings
from ringwall.node import Node

SIZE = 1000


def main(directory: Path, count: int) -> None:
    node = Node(directory, load_node_settings(directory))
    if not node.intake.recipients:
        raise SystemExit("the intake has no recipients to leave out: this needs an update")
    node.intake.recipients = frozenset()
    reader = node.alliance.readers[f"{node.member}-tool"]
    try:
        for number in range(0, count, SIZE):
            body = envelope([fresh(marking="") for _ in range(min(SIZE, count - number))])
            result = node.intake.submit(reader, body, label=LABELS[number // SIZE % len(LABELS)])
            if result.refused:
                raise SystemExit(f"refused: {result.refused[0]}")
    finally:
        node.store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
