"""`rag store copy`. Heavy imports wait until a command needs them."""

from typing import Annotated

import typer

from rag.commands.options import QuietOption, language_of, screen_of
from rag.errors import OptionError
from rag.settings import load_settings

store = typer.Typer(no_args_is_help=True, help="Copy a store to another place.")

_Place = Annotated[str, typer.Argument(help="A folder, or milvus://HOST:PORT.")]


@store.callback()
def _group() -> None:
    """A group, also while it has one command."""


@store.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="A folder, or milvus://HOST:PORT.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The same; made where there is none.")],
    quiet: QuietOption = False,
) -> None:
    """Copy a store from a folder to Milvus or back, passage by passage compared; run again, it goes on."""
    from rag.progress import shown
    from rag.store import open_store
    from rag.store.copy import copy_store

    if source == target:
        raise OptionError(
            name=target,
            problem_en="is the store itself; name another place.",
            problem_zh="就是这个库本身，请另选位置。",
        )
    with (
        open_store(source, None) as opened,
        open_store(target, opened.fingerprint, write=True) as made,
        shown(quiet, language_of()) as progress,
    ):
        done = copy_store(opened, made, lambda count, of: progress("copying", count, of))
    if not quiet:
        screen_of(load_settings()).say(
            f"{done.copied} files copied, {done.there} there already; {done.passages} passages compared, all the same.",
            f"已复制 {done.copied} 个文件，{done.there} 个原已存在；逐段核对 {done.passages} 个段落，全部一致。",
        )
