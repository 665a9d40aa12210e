"""A `rag serve` of one's own on loopback, and a plain client for it. Used by load.py, crash.py and scale.py."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"


class Client:
    """One connection, kept open from request to request. Not to be shared between threads."""

    def __init__(self, port: int, timeout: float = 120.0) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=timeout)

    def request(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, bytes]:
        """Status and whole body. Raises OSError or http.client.HTTPException where the connection ends before that."""
        try:
            self._connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            response = self._connection.getresponse()
            return response.status, response.read()
        except BaseException:
            self._connection.close()
            raise

    def ask(self, question: str) -> tuple[int, bytes]:
        return self.request("POST", "/ask", json.dumps({"question": question}).encode(), "application/json")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


class Service:
    """A `rag serve` process over the store in the folder `store`; its log goes to the file `log`."""

    def __init__(self, store: Path, log: Path) -> None:
        self.port = _free_port()
        command = [sys.executable, "-m", "rag", "serve", "--host", HOST, "--port", str(self.port)]
        environment = os.environ | {"RAG_STORE": str(store), "RAG_ANSWERS_CACHED": "0"}  # each one is to be worked out
        with log.open("ab") as file:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)

    def wait_ready(self, seconds: float = 60.0) -> float:
        """Seconds until /readyz said yes. Raises SystemExit where the process ends first or takes too long."""
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            if self.process.poll() is not None:
                raise SystemExit(f"rag serve ended with exit code {self.process.returncode} before it was ready.")
            try:
                with Client(self.port, timeout=5) as client:
                    if client.request("GET", "/readyz")[0] == 200:
                        return time.monotonic() - started
            except OSError:
                pass
            time.sleep(0.05)
        raise SystemExit(f"rag serve was not ready after {seconds:.0f} s.")

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 60.0) -> int:
        """Send the signal, wait for the end, return the exit code; kills what does not end in time."""
        self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise SystemExit(f"rag serve did not end within {seconds:.0f} s of {how.name}.") from None

    def resident(self) -> float:
        """Resident memory in MB, from /proc; 0 where there is none."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        except OSError:
            return 0.0
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def running(store: Path, log: Path) -> Iterator[Service]:
    service = Service(store, log)
    try:
        service.wait_ready()
        yield service
    finally:
        if service.process.poll() is None:
            service.stop()


def rag(*arguments: str | Path, store: Path) -> "subprocess.CompletedProcess[str]":
    """The command line on the same store."""
    return subprocess.run(
        [sys.executable, "-m", "rag", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"RAG_STORE": str(store)},
        capture_output=True,
        text=True,
        check=False,
    )


def verified(store: Path) -> list[str]:
    """What `rag verify` has to say against a store; nothing where all is well."""
    result = rag("verify", store=store)
    return [f"rag verify: {result.stdout.strip()} {result.stderr.strip()}"] if result.returncode else []


def development_questions() -> list[str]:
    """Questions of the development half of the seeds' Q&A set."""
    lines = (ROOT / "seeds" / "qa.jsonl").read_text("utf-8").splitlines()
    found: list[dict[str, Any]] = [json.loads(line) for line in lines if '"split": "dev"' in line]
    return [one["question"] for one in found]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])
