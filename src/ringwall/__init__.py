"""Ringwall: open software for collective cyber defence.

The rooms and the arrows between them are drawn in docs/architecture.md.
"""

__version__ = "0.1.0"
