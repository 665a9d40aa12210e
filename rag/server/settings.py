"""The knobs of the server, beside those that every command has."""

from ipaddress import ip_address
from pathlib import Path

from pydantic import Field

from rag.settings import Settings


class ServerSettings(Settings):
    """Environment variable: RAG_ and the name in capitals."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)  # 0: any free one
    public_url: str = ""  # how others reach this server, "https://docs.example.org"; "": as the request named it
    cors_origins: str = ""  # pages of other origins that may call it, separated by commas; "": none
    keys: Path | None = None  # file of the API keys; None: beside the store
    sources: bool = True  # whether a chat answer ends with its list of sources, where the request does not say
    log_questions: bool = False

    max_body_kb: int = Field(1024, ge=1)  # of a request that uploads nothing
    max_upload_mb: int = Field(100, ge=1)  # of an upload, all its files together
    max_files: int = Field(100, ge=1)  # of an upload
    body_seconds: float = Field(20.0, gt=0)  # for a request to arrive, and one more for every 50 kB
    max_history: int = Field(100, ge=0)  # earlier messages
    max_history_chars: int = Field(100_000, ge=0)  # of all of them
    max_requests: int = Field(512, ge=1)  # handled at once
    max_questions: int = Field(256, ge=1)  # waiting to be answered
    max_ingests: int = Field(8, ge=1)  # uploads and removals waiting
    requests_per_minute: int = Field(600, ge=1)  # of one API key
    shutdown_seconds: int = Field(30, ge=1)  # for what is running to finish

    @property
    def uploads(self) -> Path:
        """Folder of the files that came in by upload: beside the store, so that `rag ingest` of it cites the same."""
        return _beside(self.store, "files")

    @property
    def key_file(self) -> Path:
        return self.keys or _beside(self.store, "keys.json")

    @property
    def origins(self) -> list[str]:
        return [origin.strip().rstrip("/") for origin in self.cors_origins.split(",") if origin.strip()]

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def _beside(store: Path, what: str) -> Path:
    store = store.resolve()
    return store.with_name(f"{store.name}-{what}")
