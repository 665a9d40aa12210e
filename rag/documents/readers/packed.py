"""Zip files, opened with limits: what Office files, EPUBs and archives are made of."""

import io
import zipfile
import zlib

from rag.documents.readers.part import Source
from rag.errors import ProtectedFileError

_RATIO = 200  # deflate reaches 1,000; text reaches 20, an empty spreadsheet 100
_SMALL = 10_000_000  # bytes that may be packed as tightly as they like
_ENCRYPTED = 0x1


def open_packed(source: Source) -> zipfile.ZipFile:
    """The zip file, its sizes within the limits. Raises DamagedFileError, ProtectedFileError, LimitError.

    The sizes are those that it says; `zipfile` never reads more of a member than that.
    """
    try:
        packed = zipfile.ZipFile(io.BytesIO(source.data))
        infos = packed.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        source.damaged(error)
    if any(info.flag_bits & _ENCRYPTED for info in infos):
        raise ProtectedFileError(path=source.path)
    limits = source.limits
    if len(infos) > limits.members:
        source.over("files", "所含文件数", f"{limits.members:,}")
    size = sum(info.file_size for info in infos)
    if size > limits.unpacked_megabytes * 1e6:
        source.over("space when unpacked", "解压后大小", f"{limits.unpacked_megabytes} MB")
    if size > _SMALL and size > _RATIO * len(source.data):
        source.over("space for its size when unpacked", "压缩比", f"{_RATIO} : 1")
    return packed


def member(source: Source, packed: zipfile.ZipFile, name: str | zipfile.ZipInfo) -> bytes:
    """The bytes of a member; b"" where there is none of this name. Raises DamagedFileError."""
    try:
        return packed.read(name)
    except KeyError:
        return b""
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        source.damaged(error)
