"""Write functions for weft in Python: activities, durable orchestrators, entities, HTTP functions."""

from . import blob, client, config, kv, log
from .client import Filter, Page, Status
from .context import Context, Lock
from .entity import Entity, EntityId, entity, signal, state
from .failure import Failure
from .function import Activity, Call, Orchestrator, activity, orchestrator
from .http import HttpError, Request, RequestFailed, Response, fetch, http
from .retry import Duration, Retry
from .tasks import Task, first, gather, spawn

__all__ = [
    "Activity",
    "Call",
    "Context",
    "Duration",
    "Entity",
    "EntityId",
    "Failure",
    "Filter",
    "HttpError",
    "Lock",
    "Orchestrator",
    "Page",
    "Request",
    "RequestFailed",
    "Response",
    "Retry",
    "Status",
    "Task",
    "activity",
    "blob",
    "client",
    "config",
    "entity",
    "fetch",
    "first",
    "gather",
    "http",
    "kv",
    "log",
    "orchestrator",
    "signal",
    "spawn",
    "state",
]
