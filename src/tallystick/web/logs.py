"""Logs as JSON lines, with named fields only: what has no name here is not logged, so no body and no person ever is."""

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, TextIO

import msgspec
import structlog

FIELDS: Final = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "request_id",
        "method",
        "route",
        "answer_code",
        "latency_ms",
        "api_key_id",
        "fault",
        "traceback",
        "delivery_id",
        "endpoint_id",
        "count",
        "port",
    }
)


def keep_named_fields(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Drop every field that is not named, whoever logs it.

    >>> keep_named_fields(None, "info", {"event": "request", "full_name": "王小明"})
    {'event': 'request'}
    """
    return {name: told for name, told in entry.items() if name in FIELDS}


def _as_json(entry: object, **_: object) -> str:
    return msgspec.json.encode(entry).decode()


def set_up_logs(stream: TextIO) -> None:
    """Log to a stream, as a rule standard error, as JSON lines."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            keep_named_fields,
            structlog.processors.JSONRenderer(serializer=_as_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [*(one for one in root.handlers if not isinstance(one, _OfLibraries)), _OfLibraries()]


class _OfLibraries(logging.Handler):
    """What libraries log, as lines like ours: by whom and where. What they say is left out: it could be anything."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        fault = record.exc_info[1] if record.exc_info else None
        structlog.get_logger().log(
            record.levelno,
            record.name,
            fault=None if fault is None else type(fault).__name__,
            traceback=[f"{record.pathname.rpartition('/site-packages/')[2]}:{record.lineno} {record.funcName}"]
            + ([] if fault is None else frames_of(fault)),
        )


def frames_of(fault: BaseException) -> list[str]:
    """Where a defect happened, file and line by file and line; never what it said, which could be somebody's name."""
    found: list[str] = []
    trace = fault.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{code.co_filename.rpartition('/src/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return found[-12:]
