#!/usr/bin/env python3
"""Load on `rag serve` from a second process on loopback: throughput, latency, memory.

python -m scripts.measure.load                      1, 8 and 64 clients, then 20,000 requests while memory is watched
python -m scripts.measure.load --requests 500 --memory-requests 0 --clients 1,8

Asks the development questions of the seeds, over a store made of the seeds in a temporary folder. A refusal by one of
the service's limits (429, 503) is counted apart and not timed. Exit code 1: a request failed, two answers to one
question differ, or memory grew.
"""

import argparse
import json
import random
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from scripts.measure.service import ROOT, Client, Service, development_questions, rag, running

REFUSED = (429, 503)
MOST_GROWTH = 0.05  # of resident memory, between the first quarter and the end
SAMPLES = 20


@dataclass
class Outcome:
    """What the clients of one run saw."""

    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    differing: int = 0
    seconds: float = 0.0

    @property
    def failed(self) -> int:
        return sum(n for status, n in self.statuses.items() if status not in ("200", *map(str, REFUSED)))

    def row(self, clients: int) -> str:
        times = sorted(self.milliseconds) or [0.0]
        p50, p95, p99 = (times[min(int(len(times) * share), len(times) - 1)] for share in (0.50, 0.95, 0.99))
        refused = sum(self.statuses[str(status)] for status in REFUSED)
        rate = len(self.milliseconds) / self.seconds
        counts = f"{refused:>8} {self.failed:>7} {self.differing:>7}"
        spread = f"{p50:>8.1f} {p95:>8.1f} {p99:>8.1f} {times[-1]:>8.1f}"
        return f"{clients:>7} {len(self.milliseconds):>8} {rate:>8.1f} {spread} {counts}"


HEADER = " ".join(
    f"{name:>{width}}"
    for name, width in zip(
        ("clients", "answers", "per s", "p50 ms", "p95 ms", "p99 ms", "max ms", "refused", "failed", "differ"),
        (7, 8, 8, 8, 8, 8, 8, 8, 7, 7),
        strict=True,
    )
)


class Load:
    """Asks questions with many clients at once and holds every answer to the first one given to its question."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._questions = development_questions()
        self._first: dict[str, object] = {}
        self._lock = threading.Lock()

    def run(self, clients: int, requests: int) -> Outcome:
        outcome, chance = Outcome(), random.Random(clients)
        todo = [chance.choice(self._questions) for _ in range(requests)]
        threads = [threading.Thread(target=self._work, args=(todo, outcome)) for _ in range(clients)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        outcome.seconds = time.perf_counter() - started
        return outcome

    def _work(self, todo: list[str], outcome: Outcome) -> None:
        with Client(self._service.port) as client:
            while True:
                with self._lock:
                    if not todo:
                        return
                    question = todo.pop()
                started = time.perf_counter()
                try:
                    status, body = client.ask(question)
                except (OSError, HTTPException) as error:
                    with self._lock:
                        outcome.statuses[type(error).__name__] += 1
                    continue
                spent = (time.perf_counter() - started) * 1000
                with self._lock:
                    outcome.statuses[str(status)] += 1
                    if status == 200:
                        outcome.milliseconds.append(spent)
                        answer = json.loads(body)
                        answer.pop("timings_ms", None)
                        outcome.differing += self._first.setdefault(question, answer) != answer
                if status in REFUSED:
                    time.sleep(0.05)


def watch_memory(load: Load, service: Service, requests: int) -> bool:
    """Resident memory along `requests` requests of 8 clients; whether it stayed."""
    print(f"\n{'requests':>8} {'RSS MB':>8}")
    resident = []
    for step in range(1, SAMPLES + 1):
        outcome = load.run(8, requests // SAMPLES)
        resident.append(service.resident())
        print(f"{step * (requests // SAMPLES):>8} {resident[-1]:>8.1f}", flush=True)
        if outcome.failed or outcome.differing:
            print(f"failed: {dict(outcome.statuses)}, differing: {outcome.differing}")
            return False
    early, late = resident[SAMPLES // 4], resident[-1]
    print(f"from a quarter on: {early:.1f} -> {late:.1f} MB ({(late - early) / max(early, 1):+.1%})")
    return late <= early * (1 + MOST_GROWTH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", default="1,8,64", help="numbers of clients (default 1,8,64)")
    parser.add_argument("--requests", type=int, default=2000, help="requests for each number of clients (2000)")
    parser.add_argument("--memory-requests", type=int, default=20_000, help="requests while memory is watched (20000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store, log = Path(folder, "vectorstore"), Path(folder, "serve.log")
        ingested = rag("ingest", "--quiet", ROOT / "seeds", store=store)
        if ingested.returncode:
            raise SystemExit(ingested.stderr)
        sound = True
        with running(store, log) as service:
            load = Load(service)
            load.run(1, 100)  # so that no figure holds what happens only once
            print(f"RSS after 100 requests: {service.resident():.1f} MB\n\n{HEADER}", flush=True)
            for clients in map(int, options.clients.split(",")):
                outcome = load.run(clients, options.requests)
                print(outcome.row(clients), flush=True)
                if outcome.failed:
                    print(f"        {dict(outcome.statuses)}")
                sound = sound and not outcome.failed and not outcome.differing
            if options.memory_requests:
                sound = watch_memory(load, service, options.memory_requests) and sound
            code = service.stop()
            print(f"\nSIGTERM: exit code {code}")
            sound = sound and code == 0
    raise SystemExit(not sound)


if __name__ == "__main__":
    main()
