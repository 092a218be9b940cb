"""Writes apps for Synod: see README.md.

A call is one transaction: all that it wrote is kept, or nothing. What the host offers stands in `app.wit`.
"""

from . import keys, random, values
from .app import App
from .claims import bind_claim, bind_claim_of
from .log import log
from .map import Page, StoredMap
from .request import Request
from .response import Problem, Response
from .transaction import Caller, caller, keep_writes, ledger_time, transaction_id

__all__ = [
    "App",
    "Caller",
    "Page",
    "Problem",
    "Request",
    "Response",
    "StoredMap",
    "bind_claim",
    "bind_claim_of",
    "caller",
    "keep_writes",
    "keys",
    "ledger_time",
    "log",
    "random",
    "transaction_id",
    "values",
]
