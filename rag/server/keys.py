"""API keys: a file of digests. A key itself is shown once, when it is made, and stored nowhere.

A key holds 256 random bits, so a fast digest is enough: there is nothing to guess (a slow one is for passwords).
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from rag.errors import KeyFileError, KeyTakenError, KeyUnknownError

Scope = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    scope: Scope  # write includes read
    sha256: str
    created: str  # ISO 8601, UTC
    revoked: str | None = None


class KeyFile:
    """The keys of one server. What another process changes is seen at the next call. Raises KeyFileError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._keys: tuple[Key, ...] = ()

    def all(self) -> tuple[Key, ...]:
        """Every key, revoked ones too; none where there is no file."""
        with self._errors():
            stamp = self._stamp_now()
            if stamp != self._stamp:
                self._keys = _KEYS.validate_json(self._path.read_bytes()) if stamp else ()
                self._stamp = stamp
        return self._keys

    def find(self, secret: str) -> Key | None:
        """The key that `secret` is, unless revoked. Every key is compared, each in constant time."""
        digest = _digest(secret)
        found = None
        for key in self.all():
            if hmac.compare_digest(key.sha256, digest) and key.revoked is None:
                found = key
        return found

    def add(self, name: str, scope: Scope) -> str:
        """Make a key and return it. Raises KeyTakenError."""
        secret = "rag_" + secrets.token_urlsafe(32)
        with self._changing():
            if any(key.name == name and key.revoked is None for key in self.all()):
                raise KeyTakenError(name=name)
            self._write([*self.all(), Key(name, scope, _digest(secret), _now())])
        return secret

    def revoke(self, name: str) -> None:
        """Raises KeyUnknownError."""
        with self._changing():
            keys = self.all()
            if not any(key.name == name and key.revoked is None for key in keys):
                raise KeyUnknownError(name=name)
            self._write([replace(key, revoked=key.revoked or _now()) if key.name == name else key for key in keys])

    def _write(self, keys: list[Key]) -> None:
        beside = self._path.with_name(self._path.name + ".new")
        beside.touch(0o600)
        with beside.open("w", encoding="utf-8") as file:
            json.dump([asdict(key) for key in keys], file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._errors():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._path.with_name(self._path.name + ".lock")):
                yield

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise KeyFileError(path=self._path, reason=error.strerror or error) from error
        except ValidationError as error:
            raise KeyFileError(path=self._path, reason=error.errors()[0]["msg"]) from error

    def _stamp_now(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


_KEYS = TypeAdapter(tuple[Key, ...])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
