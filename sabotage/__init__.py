"""Faults planted on purpose: proof that the tests would notice. Touches only a copy of the tree."""
