"""The reading process itself: ``python -m ringwall.reading``, slices in, what they hold out.

It ends with its standard input, so it never outlives the node.
"""

import gc
import sys

from ringwall.core.allocator import keep_memory
from ringwall.reading.frames import decode_pieces, frame_of, read_frame
from ringwall.stix import OBJECT_LIMITS, read_pieces


def main() -> None:
    """Read slice after slice until there are no more."""
    source, target = sys.stdin.buffer, sys.stdout.buffer
    keep_memory()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    while (frame := read_frame(source)) is not None:
        try:
            target.write(frame_of(read_pieces(decode_pieces(frame), OBJECT_LIMITS)))
            target.flush()
        except BrokenPipeError:
            break


if __name__ == "__main__":
    main()
