"""Measurements, as ratios to a baseline on the same machine in the same minute: `make bench`."""
