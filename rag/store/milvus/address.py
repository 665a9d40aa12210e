"""Where a store in Milvus is, and how it is to be searched: milvus://[USER:PASSWORD@]HOST:PORT[/NAME][?SETTING=...].

milvus://127.0.0.1:19530                       a server; the store's collections begin with "rag"
milvus://db.local:19530/news?index=HNSW        another store on a server, searched by an approximate index
milvus:///srv/store.db                         in this process, in one file: the package milvus-lite
"""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from rag.errors import SettingError

SCHEME = "milvus://"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

IndexKind = Literal["FLAT", "HNSW", "IVF_FLAT"]


@dataclass(frozen=True, slots=True)
class MilvusAddress:
    """`str()` of it names the store in messages; it never holds the password."""

    uri: str  # as pymilvus takes it
    token: str
    name: str  # what the names of the store's collections begin with
    index: IndexKind  # of passages' vectors, where the store is made; FLAT is exact
    patience: float  # seconds that a call goes on trying while the server does not answer
    shown: str

    def __str__(self) -> str:
        return self.shown

    @property
    def embedded(self) -> bool:
        """Whether it is milvus-lite, in this process."""
        return not self.uri.startswith("http")


def is_address(text: str) -> bool:
    return text.startswith(SCHEME)


def parse_address(text: str) -> MilvusAddress:
    """Raises SettingError."""
    try:
        parts = urlsplit(text)
        settings = {
            name: values[-1] for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()
        }
        tls = settings.pop("tls", "0")
        index = settings.pop("index", "FLAT").upper()
        patience = float(settings.pop("patience", "30"))
        if settings or tls not in ("0", "1") or index not in ("FLAT", "HNSW", "IVF_FLAT") or not 0 <= patience < 3600:
            raise ValueError
        if not parts.hostname:
            if not parts.path.endswith(".db"):
                raise ValueError
            return MilvusAddress(unquote(parts.path), "", "rag", "FLAT", patience, f"{SCHEME}{parts.path}")
        name = parts.path.strip("/") or "rag"
        if not _NAME.fullmatch(name):
            raise ValueError
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        where = f"{host}:{parts.port or 19530}"
    except ValueError:
        shown, secret = _without_password(text), "@" in text
        raise SettingError(
            name="RAG_STORE",
            problem_en=f"{shown} is no address of a store; write milvus://HOST:PORT, or the path of a folder. "
            f"{'In a password / is written %2F and @ is written %40. ' if secret else ''}"
            "docs/scaling.md has the settings that may follow.",
            problem_zh=f"{shown} 不是库的地址；请写作 milvus://主机:端口，或文件夹路径。"
            f"{'密码中的 / 写作 %2F，@ 写作 %40。' if secret else ''}可用的参数见 docs/scaling.md。",
        ) from None
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
    return MilvusAddress(
        uri=f"{'https' if tls == '1' else 'http'}://{where}",
        token=user,
        name=name,
        index=index,  # type: ignore[arg-type]  # one of the three, as was asked above
        patience=patience,
        shown=f"{SCHEME}{where}/{name}",
    )


def _without_password(text: str) -> str:
    return re.sub(r"//.*@", "//***@", text)  # also of a password with "/" or "@" in it, which is what is wrong then
