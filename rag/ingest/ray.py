"""Workers on a Ray cluster."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np

from rag.errors import (
    ClusterExtraMissingError,
    ClusterLostError,
    ClusterMismatchError,
    ClusterUnreachableError,
    RagError,
    SettingError,
)
from rag.ingest.cluster import Call, Cluster, WorkerDiedError
from rag.ingest.values import Progress
from rag.ingest.worker import PROBE, Worker, versions
from rag.settings import Settings
from rag.types import Embedder

_CONNECT_SECONDS = 5
_BEGIN_SECONDS = 600  # until all workers have the model, which each machine builds once
_TRIES = 3  # of a call whose worker dies of it
_SAME = 0.9995  # cosine: leaves two processors their rounding; int8 and float32 of one model are .997 apart
_OBJECT_BYTES = 200_000_000  # of a Ray in this process, for what is on its way


@contextmanager
def open_cluster(
    address: str,
    embedder: Embedder,
    settings: Settings,
    *,
    fields: Mapping[str, str],
    progress: Progress = lambda *_: None,
    kind: type[Worker] = Worker,
) -> Iterator[Cluster]:
    """A worker on each free processor of the cluster, RAG_THREADS of them at most, until the block ends.

    `address` as Ray knows it: ray://HOST:PORT, HOST:PORT, auto (the cluster of this machine), or local: one in this
    process. Raises SettingError, ClusterError; ModelError where a worker has no model.
    """
    _need_reachable(address)
    import ray

    mine = not ray.is_initialized()
    if mine:
        _connect(address, settings)
    actors: list[Any] = []
    try:
        free = int(ray.available_resources().get("CPU", 0)) or 1
        remote = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=_TRIES - 1)(kind)
        given = settings.embedder, settings.max_file_mb, dict(fields)
        actors.extend(remote.remote(*given) for _ in range(min(free, settings.threads or free)))
        calls = [_call(address, one) for one in actors]
        _begin(address, actors, embedder)
        with Cluster(calls, embedder.dim, limit_mb=settings.max_file_mb, fields=fields, progress=progress) as cluster:
            yield cluster
    finally:
        for one in actors:
            ray.kill(one)
        if mine:
            ray.shutdown()


def _need_reachable(address: str) -> None:
    """Ray itself waits long, and its own words fill a screen. Raises ClusterError, SettingError."""
    if find_spec("ray") is None:
        raise ClusterExtraMissingError(what="--ray", missing="ray")
    if address in ("auto", "local"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise SettingError(
            name="--ray",
            problem_en=f"{address}: give ray://HOST:PORT, HOST:PORT, auto or local.",
            problem_zh=f"{address}：请用 ray://主机:端口、主机:端口、auto 或 local。",
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except OSError as error:
        raise ClusterUnreachableError(address=address, reason=error.strerror or error) from None


def _connect(address: str, settings: Settings) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else a Ray that is started here reports over the network
    os.environ.setdefault("RAY_agent_register_timeout_ms", "300000")  # a busy machine starts slowly
    import ray

    own = {
        "include_dashboard": False,
        "object_store_memory": _OBJECT_BYTES,
        "num_cpus": settings.threads or None,
    }
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level="ERROR",
            **(own if address == "local" else {}),
        )
    except Exception as error:  # noqa: BLE001 - Ray raises what it likes, down to Exception itself
        raise ClusterUnreachableError(address=address, reason=_line(error)) from None


def _begin(address: str, actors: list[Any], embedder: Embedder) -> None:
    """Raises ClusterError where a worker is not of the same versions as this process; ModelError."""
    import ray

    here, vector = versions(embedder), embedder.embed_passages([PROBE])
    try:
        begun = ray.get([one.begin.remote() for one in actors], timeout=_BEGIN_SECONDS)
    except ray.exceptions.GetTimeoutError:
        facts = {
            "reason": f"no worker within {_BEGIN_SECONDS} seconds",
            "reason_zh": f"{_BEGIN_SECONDS} 秒内没有工作进程",
        }
        raise ClusterUnreachableError(address=address, **facts) from None
    except ray.exceptions.RayError as error:
        if "No module named 'rag'" in str(error):
            raise ClusterMismatchError(address=address, what="rag", here=here["rag"], there="none") from None
        raise ClusterLostError(address=address, reason=_line(error)) from None
    for told in begun:
        if isinstance(told, RagError):
            raise told
        there, probe = told
        for what, version in here.items():
            if there.get(what) != version:
                raise ClusterMismatchError(address=address, what=what, here=version, there=there.get(what, "none"))
        if float(np.vdot(vector, probe)) < _SAME:
            builds = {"here": "this build", "there": "another", "here_zh": "这个构建", "there_zh": "另一个构建"}
            raise ClusterMismatchError(address=address, what="embedder", what_zh="嵌入模型", **builds)


def _call(address: str, actor: Any) -> Call:
    import ray

    def call(method: str, *given: object) -> Any:
        try:
            return ray.get(getattr(actor, method).remote(*given))
        except ray.exceptions.ActorUnavailableError:
            raise WorkerDiedError(_TRIES) from None
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except ray.exceptions.RayError as error:
            raise ClusterLostError(address=address, reason=_line(error)) from None

    return call


def _line(error: Exception) -> str:
    """The first words of what Ray says."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
