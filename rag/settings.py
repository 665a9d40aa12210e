"""One validated Settings, read from RAG_* environment variables, passed as an argument; never a global."""

from pathlib import Path
from typing import Any, Literal, TypeVar

import platformdirs
from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rag.errors import SettingError
from rag.validation import in_chinese


class Settings(BaseSettings):
    """Every knob a user may turn. Environment variable: RAG_ and the name in capitals."""

    model_config = SettingsConfigDict(env_prefix="RAG_", frozen=True, extra="ignore")

    store: Path = Path("vectorstore")  # with a store in Milvus: what is this machine's own, as keys and uploads
    milvus: str = ""  # address of a store in Milvus; RAG_STORE=milvus://HOST:PORT sets it, too
    cache: Path = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("rag"))
    )  # built models; safe to delete
    embedder: str = ""  # folder or hub name of a SentenceTransformer; "" is the bundled multilingual-e5-small
    threads: int = Field(0, ge=0, le=256)  # 0: all cores
    language: Literal["auto", "zh", "en"] = "auto"  # of messages
    top_k: int = Field(8, ge=1, le=100)  # passages found for an answer; the reader reads up to six of them
    max_sentences: int = Field(3, ge=1, le=10)
    mode: Literal["fast", "accurate"] = "accurate"  # without or with the trained reader
    max_risk: float = Field(0.15, ge=0.0, le=1.0)  # share of shown answers that may be wrong
    min_confidence: float | None = Field(None, ge=0.0, le=1.0)  # None: what max_risk asks for
    answers_cached: int = Field(256, ge=0)  # last answers that a server or `Assistant` gives again; 0: none
    max_question_chars: int = Field(2000, ge=1)
    max_file_mb: int = Field(20, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _address_is_no_folder(cls, given: dict[str, Any]) -> dict[str, Any]:
        if not str(given.get("store", "")).startswith("milvus://"):
            return given
        return {**{name: value for name, value in given.items() if name != "store"}, "milvus": given["store"]}

    @property
    def where(self) -> str | Path:
        """The store, as `rag.store.open_store` takes it."""
        return self.milvus or self.store


SomeSettings = TypeVar("SomeSettings", bound=Settings)


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment; an override that is None counts as not given.

    Raises SettingError, one line that names the variable, where a value is out of range.
    """
    return load_settings_of(Settings, **overrides)


def load_settings_of(kind: type[SomeSettings], **overrides: object) -> SomeSettings:
    """`load_settings` for a room that has settings of its own beside these.

    Raises SettingError, one line that names the variable, where a value is out of range.
    """
    try:
        return kind(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "RAG_" + str(first["loc"][0]).upper()
        raise SettingError(name=name, problem_en=first["msg"], problem_zh=in_chinese(first)) from None
