"""Searches, each made once in a run: several checks ask about the same system."""

import functools
from typing import Any

from model.language import System
from model.search import Result, search


@functools.cache
def searched(system: System[Any, Any]) -> Result[Any, Any]:
    """The result of searching a system; equal systems are searched once."""
    return search(system)
