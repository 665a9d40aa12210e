"""A real Milvus server for the tests that need one; the package `milvus` brings its program."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import filelock
import pytest

_SERVE = """
import hashlib, pathlib, sys
import milvus
from milvus import MilvusServer, MilvusServerConfig
fixed = {"proxy_port": int(sys.argv[2])} if int(sys.argv[2]) else {}
server = MilvusServer(MilvusServerConfig(data_dir=sys.argv[1], **fixed), wait_for_started=False)
server.start()
server.wait_started(90_000)
for packed in (pathlib.Path(milvus.__file__).parent / "data" / "bin").glob("*.lzma"):  # or each start unpacks it anew
    md5 = hashlib.md5(packed.read_bytes()).hexdigest()
    (pathlib.Path(sys.argv[1]) / "bin" / (packed.name + ".md5")).write_text(md5)
print(server.listen_port, server.server_proc.pid, flush=True)
server.server_proc.wait()
"""


class RunningMilvus:
    """Milvus 2.3, standalone; `kill` and `start` again find the same data at the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = 0

    def start(self) -> None:
        command = [sys.executable, "-c", _SERVE, str(self._folder), str(self._port)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline().split()
        if not said:
            self.kill()
            pytest.skip("Milvus did not start; another one may hold its ports (2379, 2380)")
        self._port = int(said[0])

    def kill(self) -> None:
        """As the power would: nothing is written that was not."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def address(self, name: str = "rag", **settings: object) -> str:
        query = "&".join(f"{key}={value}" for key, value in settings.items())
        return f"milvus://127.0.0.1:{self._port}/{name}{'?' if query else ''}{query}"

    def wipe(self, name: str = "rag") -> None:
        """As if no store of this name had ever been; the collections, three seconds each to make, stay."""
        from pymilvus import MilvusClient

        client = MilvusClient(f"http://127.0.0.1:{self._port}")
        own = [one for one in client.list_collections() if one.startswith(f"{name}_")]
        with ThreadPoolExecutor(len(own) or 1) as pool:  # each waits a quarter of a second
            for done in [pool.submit(client.delete, one, filter="key != 0", consistency_level="Strong") for one in own]:
                done.result()
        client.close()


@pytest.fixture(scope="module")
def milvus() -> Iterator[RunningMilvus]:
    for package in ("milvus", "pymilvus"):
        if find_spec(package) is None:
            pytest.skip(f"the package {package} is not installed: pip install '.[milvus]' 'milvus==2.3.*'")
    # Two of them cannot run on one machine: both would have their etcd at the same port.
    with filelock.FileLock(Path(tempfile.gettempdir()) / "rag-tests-milvus.lock"):
        folder = Path(tempfile.mkdtemp(prefix="rag-milvus-"))
        server = RunningMilvus(folder)
        server.start()
        yield server
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
