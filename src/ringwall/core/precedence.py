"""Precedence: how urgent a statement is, and the lane it travels in (design, decision 5)."""

from enum import StrEnum


class Precedence(StrEnum):
    """FLASH before IMMEDIATE before PRIORITY before ROUTINE; BULK beside them for feeds."""

    FLASH = "FLASH"
    IMMEDIATE = "IMMEDIATE"
    PRIORITY = "PRIORITY"
    ROUTINE = "ROUTINE"
    BULK = "BULK"


LANES: tuple[Precedence, ...] = tuple(Precedence)
"""The lanes of statements, most urgent first: one hub stream and one consumer per lane."""
