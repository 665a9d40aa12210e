"""One JSON object a line on standard error. Question texts are logged only where RAG_LOG_QUESTIONS asks for it."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

logger = logging.getLogger("rag.server")


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def log(event: str, level: int = logging.INFO, **facts: object) -> None:
    logger.log(level, event, extra={"facts": facts})


def set_up() -> None:
    """Send what the server and uvicorn log to standard error. Uvicorn's own line a request is left out: ours says
    more."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name in ("rag.server", "uvicorn"):
        named = logging.getLogger(name)
        named.handlers, named.propagate = [handler], False
        named.setLevel(logging.INFO)
    logging.getLogger("uvicorn.access").disabled = True
