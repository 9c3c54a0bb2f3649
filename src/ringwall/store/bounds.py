"""Bounds that every backend keeps. Read through this module, so that a test can lower them."""

QUARANTINE_BYTES = 256 * 1024 * 1024
"""So much that could not be believed is kept; then the oldest goes."""
KEPT_RULE = "registry-number"
"""What waits for a newer registry is not bad and is never dropped for room."""
TOLD_AGAIN = 100
"""So many earlier refusals are repeated in each receipt: one that was lost is made good."""
