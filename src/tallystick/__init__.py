"""Tallystick: an open-source consumer credit line that a lender can run, read and prove."""

from importlib.metadata import version

__version__ = version("tallystick")
