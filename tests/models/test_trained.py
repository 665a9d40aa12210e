"""What training changed: packed and unpacked."""

from pathlib import Path

import numpy as np

from rag.models.layout import READER_WEIGHTS_FILE
from rag.models.trained import HEAD, read_trained, write_trained

DRAW = np.random.default_rng(1)


def _layer(size: int = 4) -> dict[str, np.ndarray]:
    names = [f"attention.self.{part}" for part in ("query", "key", "value")] + ["attention.output.dense"]
    tensors = {f"encoder.layer.0.{name}.weight": DRAW.normal(size=(size, size)) for name in names}
    tensors |= {f"encoder.layer.0.{name}.bias": DRAW.normal(size=size) for name in names}
    return {name: values.astype(np.float32) for name, values in tensors.items()}


def test_matrices_come_back_within_half_a_step(tmp_path: Path) -> None:
    tensors = _layer() | {HEAD[0]: DRAW.normal(size=(3, 4)).astype(np.float32), HEAD[1]: np.zeros(3, np.float32)}
    tensors["encoder.layer.0.output.dense.weight"] = np.zeros((2, 4), np.float32)
    write_trained(tensors, tmp_path / "reader.safetensors", {"seed": "1"})
    back = read_trained(tmp_path / "reader.safetensors")
    assert set(back) == set(tensors)
    for name, values in tensors.items():
        step = np.abs(values).max(axis=-1, keepdims=True) / 127 if values.ndim == 2 and name not in HEAD else 0
        assert np.all(np.abs(back[name] - values) <= step / 2 + 1e-6)


def test_kept_numbers_are_kept_exactly(tmp_path: Path) -> None:
    write_trained(_layer(), tmp_path / "one", {})
    write_trained(read_trained(tmp_path / "one"), tmp_path / "other", {})
    one, other = read_trained(tmp_path / "one"), read_trained(tmp_path / "other")
    assert all(np.allclose(one[name], other[name], rtol=1e-6) for name in one)


def test_the_package_carries_a_reader() -> None:
    trained = read_trained()
    assert trained[HEAD[0]].shape == (3, 384)
    assert trained[HEAD[1]].shape == (3,)
    size = (Path(__file__).parents[2] / "rag" / "models" / READER_WEIGHTS_FILE).stat().st_size
    assert size <= 25_000_000
