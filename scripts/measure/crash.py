#!/usr/bin/env python3
"""Kill `rag serve` under load, again and again: what it acknowledged must be there when it is back.

python -m scripts.measure.crash [--rounds 20]       SIGTERM and SIGKILL in turn

In each round some clients ask, one adds documents and removes some, and the signal comes at a random moment. After the
restart `rag verify` must be clean, every document whose addition was acknowledged must be there, word for word, and
none whose removal was. A change that was under way may have been made or not. After SIGTERM the exit code must be 0
and no client may have been left with half an answer. Exit code 1 where any of this does not hold.
"""

import argparse
import http.client
import json
import random
import signal
import tempfile
import threading
import time
from pathlib import Path

from scripts.measure.service import ROOT, Client, Service, development_questions, rag, verified

ASKING = 4
BOUNDARY = "rag-crash-boundary"
STEADY = 3  # documents below which none is removed


def text_of(number: int) -> str:
    """A document of its own: some sentences that no other holds."""
    lines = [f"第{number}号通报第{n}条：本期登记车辆{number * 100 + n}辆，比上期增加{n}辆。" for n in range(1, 9)]
    return "\n\n".join([f"第{number}号通报", *lines])


class Writer:
    """Adds and removes documents, and keeps account of what the service acknowledged."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._next = 0
        self.there: dict[str, str] = {}  # name -> text, of documents that must be there
        self.gone: set[str] = set()  # names of documents that must not be there
        self.lost: list[str] = []
        self.acknowledged = 0

    def work(self, service: Service, stopped: threading.Event) -> None:
        """Change after change until the service is stopped, or a change is not acknowledged: then it counts as open."""
        while not stopped.is_set():
            try:
                with Client(service.port) as client:
                    if len(self.there) > STEADY and self._chance.random() < 0.4:
                        self._remove(client)
                    else:
                        self._add(client)
                self.acknowledged += 1
            except (OSError, http.client.HTTPException, RefusedError):
                time.sleep(0.02)

    def _add(self, client: Client) -> None:
        self._next += 1
        name = f"notice-{self._next:05d}.txt"
        text = text_of(self._next)
        body = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
            f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--{BOUNDARY}--\r\n"
        )
        status, reply = client.request("POST", "/documents", body.encode(), f"multipart/form-data; boundary={BOUNDARY}")
        if status != 200 or not any(path.endswith(name) for path in json.loads(reply)["added"]):
            raise RefusedError(status)
        self.there[name] = text

    def _remove(self, client: Client) -> None:
        name = self._chance.choice(sorted(self.there))
        ids = [one["id"] for one in listed(client) if one["path"].endswith(name)]
        if not ids:
            self.lost.append(f"{name}: acknowledged, and not listed while it served")
        del self.there[name]  # from here on it may be there or not
        status, _ = client.request("DELETE", f"/documents/{ids[0] if ids else name}")
        if status != 200:
            raise RefusedError(status)
        self.gone.add(name)


class RefusedError(Exception):
    """The service answered that it did not do it; such a change counts as open."""


def listed(client: Client) -> list[dict[str, str]]:
    """All documents, page by page."""
    found: list[dict[str, str]] = []
    while True:
        status, body = client.request("GET", f"/documents?limit=1000&offset={len(found)}")
        if status != 200:
            raise RefusedError(status)
        page = json.loads(body)
        found += page["documents"]
        if not page["documents"] or len(found) >= page["total"]:
            return found


class Askers:
    """Clients that ask until they are stopped."""

    def __init__(self) -> None:
        self.answers = 0
        self.broken: list[str] = []  # answers that began and did not end

    def work(self, service: Service, stopped: threading.Event) -> None:
        questions = development_questions()
        for question in random.Random(0).choices(questions, k=100_000):
            if stopped.is_set():
                return
            try:
                with Client(service.port) as client:
                    status, _ = client.ask(question)
                self.answers += status == 200
            except http.client.IncompleteRead as error:
                self.broken.append(repr(error))
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)


def load(service: Service, writer: Writer, how: signal.Signals, seconds: float) -> tuple[int, Askers]:
    """Some seconds of load, then the signal; its exit code and what the askers saw."""
    askers, stopped = Askers(), threading.Event()
    threads = [threading.Thread(target=askers.work, args=(service, stopped)) for _ in range(ASKING)]
    threads.append(threading.Thread(target=writer.work, args=(service, stopped)))
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    code = service.stop(how)
    stopped.set()
    for thread in threads:
        thread.join()
    return code, askers


def faults(service: Service, writer: Writer, store: Path) -> list[str]:
    """What does not hold of the service that was started again."""
    found, writer.lost = writer.lost + verified(store), []
    with Client(service.port) as client:
        ids = {Path(one["path"]).name: one["id"] for one in listed(client)}
        found += [f"{name}: acknowledged, and missing" for name in sorted(writer.there.keys() - ids.keys())]
        found += [f"{name}: removal acknowledged, and there" for name in sorted(writer.gone & ids.keys())]
        for name in sorted(writer.there.keys() & ids.keys()):
            status, body = client.request("GET", f"/documents/{ids[name]}")
            text = json.loads(body).get("text", "") if status == 200 else ""
            if [line for line in writer.there[name].splitlines() if line and line not in text]:
                found.append(f"{name}: its text is not the one that was sent")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="how often it is ended (20)")
    parser.add_argument("--seed", type=int, default=7, help="of the moments and changes (7)")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    writer, bad = Writer(chance), 0
    with tempfile.TemporaryDirectory() as folder:
        store, log = Path(folder, "vectorstore"), Path(folder, "serve.log")
        ingested = rag("ingest", "--quiet", ROOT / "seeds", store=store)
        if ingested.returncode:
            raise SystemExit(ingested.stderr)
        service = Service(store, log)
        service.wait_ready()
        try:
            for number in range(1, options.rounds + 1):
                how = signal.SIGKILL if number % 2 else signal.SIGTERM
                code, askers = load(service, writer, how, chance.uniform(0.5, 4.0))
                service = Service(store, log)
                ready = service.wait_ready()
                found = faults(service, writer, store)
                if how == signal.SIGTERM:
                    found += [f"exit code {code}"] if code else []
                    found += askers.broken
                bad += bool(found)
                print(
                    f"{number:>3} {how.name} {askers.answers:>5} answers, {writer.acknowledged:>4} changes so far, "
                    f"{len(writer.there):>4} documents; ready again in {ready:.1f} s: {'; '.join(found) or 'all well'}",
                    flush=True,
                )
        finally:
            service.stop(signal.SIGKILL)
        if bad:
            lines = [line for line in log.read_text("utf-8").splitlines() if '"event": "request"' not in line]
            print("\n".join(lines[-40:]))
    raise SystemExit(bool(bad))


if __name__ == "__main__":
    main()
