"""`rag serve` and `rag keys`. Heavy imports wait until a command needs them."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rag.errors import KeyNeededError
from rag.settings import load_settings, load_settings_of

if TYPE_CHECKING:
    from rag.console import Screen
    from rag.server.keys import KeyFile

StoreOption = Annotated[
    str | None,
    typer.Option("--store", help="Folder of the store, or milvus://HOST:PORT. [RAG_STORE, default vectorstore]"),
]

keys = typer.Typer(no_args_is_help=True, help="Make, list or revoke the API keys of `rag serve`.")


def serve(
    store: StoreOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. [RAG_HOST, default 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="[RAG_PORT, default 8000]")] = None,
) -> None:
    """Answer over HTTP: OpenAI's chat API, an API of our own and pages. Beyond this machine only with API keys."""
    from rag.console import message_language
    from rag.models import load_embedder, load_reader
    from rag.progress import shown
    from rag.server.app import make_app
    from rag.server.keys import KeyFile
    from rag.server.listen import bind, run
    from rag.server.settings import ServerSettings
    from rag.text import build_dictionary, use_dictionary

    settings = load_settings_of(ServerSettings, store=store, host=host, port=port)
    if not settings.loopback and not any(key.revoked is None for key in KeyFile(settings.key_file).all()):
        raise KeyNeededError(host=settings.host)
    bound = bind(settings)
    with shown(language=message_language(settings.language)) as progress:
        embedder, reader = load_embedder(settings, progress), load_reader(settings, progress)
    build_dictionary(settings.cache)
    use_dictionary(settings.cache)
    app = make_app(settings, embedder, reader)
    name, number, *_ = bound.getsockname()
    print(f"http://{f'[{name}]' if ':' in name else name}:{number}", flush=True)
    run(app, bound, settings)


@keys.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="Whose it is: shown in the list and the log.")],
    scope: Annotated[Literal["read", "write"], typer.Option(help="write may also add and remove documents.")] = "read",
    store: StoreOption = None,
) -> None:
    """Make a key and print it. It is shown this once."""
    print(_file(store).add(name, scope))


@keys.command("list")
def keys_list(
    store: StoreOption = None, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """The keys, without what is secret of them."""
    shown = [
        {"name": key.name, "scope": key.scope, "created": key.created, "revoked": key.revoked}
        for key in _file(store).all()
    ]
    if as_json:
        print(json.dumps(shown, ensure_ascii=False))
        return
    if not shown and sys.stdout.isatty():
        _screen().say("There are no API keys.", "没有 API 密钥。")
    for row in shown:
        print("\t".join(str(value or "-") for value in row.values()))


@keys.command("revoke")
def keys_revoke(name: Annotated[str, typer.Argument(help="Name of a key.")], store: StoreOption = None) -> None:
    """Refuse a key from now on; a running server heeds it at the next request."""
    _file(store).revoke(name)
    _screen().say(f"{name}: revoked.", f"{name}：已吊销。")


def _screen() -> "Screen":
    from rag.console import Screen, message_language

    return Screen(message_language(load_settings().language))


def _file(store: str | None) -> "KeyFile":
    from rag.server.keys import KeyFile
    from rag.server.settings import ServerSettings

    return KeyFile(load_settings_of(ServerSettings, store=store).key_file)
