"""What training changed: packed and unpacked, and put in the place of what it changed."""

from pathlib import Path

import numpy as np
import pytest

from rag.models.layout import READER_WEIGHTS_FILE
from rag.models.trained import HEAD, put_in_place, read_trained, write_trained

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


def _graph(path: Path, tensors: dict[str, np.ndarray]) -> None:
    import onnx
    from onnx import helper, numpy_helper

    initializers = [numpy_helper.from_array(np.ascontiguousarray(values), name) for name, values in tensors.items()]
    onnx.save(helper.make_model(helper.make_graph([], "g", [], [], initializers)), path)


def _exported(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """As an exporter leaves them: renamed, transposed, query, key and value joined."""
    layer = "encoder.layer.0.attention."
    parts = [f"{layer}self.{part}" for part in ("query", "key", "value")]
    return {
        "joined": np.concatenate([tensors[f"{part}.weight"].T for part in parts], axis=1),
        "joined_bias": np.concatenate([tensors[f"{part}.bias"] for part in parts]),
        "MatMul_7": tensors[f"{layer}output.dense.weight"].T,
        "MatMul_7_bias": tensors[f"{layer}output.dense.bias"],
        "something_else": np.arange(3, dtype=np.float32),
    }


def test_numbers_are_put_where_the_graph_has_the_old_ones(tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    old, new = _layer(), _layer()
    _graph(tmp_path / "old.onnx", _exported(old))
    put_in_place(tmp_path / "old.onnx", old, new, tmp_path / "new.onnx")
    found = {one.name: numpy_helper.to_array(one) for one in onnx.load(tmp_path / "new.onnx").graph.initializer}
    assert all(np.array_equal(found[name], values) for name, values in _exported(new).items())


def test_a_number_without_a_place_is_an_error(tmp_path: Path) -> None:
    old, new = _layer(), _layer()
    _graph(tmp_path / "old.onnx", {"nothing": np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match=r"no place in the exported graph for encoder\.layer\.0"):
        put_in_place(tmp_path / "old.onnx", old, new, tmp_path / "new.onnx")


def test_the_package_carries_a_reader() -> None:
    trained = read_trained()
    assert trained[HEAD[0]].shape == (3, 384)
    assert trained[HEAD[1]].shape == (3,)
    size = (Path(__file__).parents[2] / "rag" / "models" / READER_WEIGHTS_FILE).stat().st_size
    assert size <= 25_000_000
