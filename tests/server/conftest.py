"""One server for each module: over a few documents with the fake embedder, or over the seeds with the real model."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.server.settings import ServerSettings
from rag.settings import Settings
from tests.conftest import FakeEmbedder
from tests.server.running import Running, put_in, served, serving

SALES = "智新科技去年的销量是多少?"
SENTENCE = "智新科技去年销量达到53万套。"
EVIL = '<script>alert(1)</script><img src=x onerror="alert(2)"> & "quoted" [link](javascript:alert(3))'

FILES = {
    "智新.txt": f"智新科技召开年会\n{SENTENCE}\n今年目标是85万套。\n武汉有650家人工智能企业。\n",
    "evil.md": f"# 坏标题{EVIL.replace('<', '&lt;')}\n\n坏文档说{EVIL.replace('<', '&lt;')}共有七千个。\n",
    "several.txt": "".join(
        f"第{n}篇新闻的标题\n2024-01-0{n}\n第{n}篇新闻的正文说，{n}号车间去年一共生产了{n}00万套产品，比上一年增长了许多，"
        "得到了各方面的好评，今年还要继续扩大生产规模，争取更好的成绩。\n"
        for n in range(1, 5)
    ),
}


def make_settings(folder: Path, **options: object) -> ServerSettings:
    """A store with FILES; whatever is asked is answered."""
    documents = folder / "documents"
    documents.mkdir()
    for name, text in FILES.items():
        (documents / name).write_text(text, "utf-8")
    settings = ServerSettings(store=folder / "vectorstore", min_confidence=0.0, **options)  # type: ignore[arg-type]
    put_in(settings, FakeEmbedder(), documents)
    return settings


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Without keys, for this machine alone."""
    settings = make_settings(tmp_path_factory.mktemp("fake"))
    with serving(settings, FakeEmbedder()) as running:
        yield running


@pytest.fixture(scope="session")
def seeded(filled: Settings) -> Iterator[Running]:
    """`rag serve` over the seeds."""
    with served(filled.store) as (running, _):
        yield running
