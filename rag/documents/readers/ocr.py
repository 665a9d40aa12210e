"""Pictures of text -> pieces with their places, with RapidOCR: PP-OCR on ONNX Runtime, its models within the package.

The extra `rag[ocr]`. Everything behind the pieces is the same as for a page that has its text.
"""

import os
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.documents.readers.layout import Piece
from rag.documents.readers.part import tidy

LONGEST_SIDE = 2400
"""Pixels that the longer side of a picture is read with: A4 at 205 dots an inch."""

_DETECTED_SIDE = 1280  # lines are found in a smaller picture, in a third of the time, and read in the larger one
_ALIKE = (0.8, 1.25)  # times the usual height: measured, not meant
_WIDE = 3  # times as wide as high: what tells how a page is turned
_MOST_THREADS = 4


def installed() -> bool:
    """Whether the extra is. Nothing is imported."""
    return find_spec("rapidocr") is not None


def pieces_of_picture(picture: Any, points_a_pixel: float) -> tuple[list[Piece], float]:
    """(the lines of a PIL image, set upright, in points from its top left corner; the angle in radians, clockwise, that
    they were turned back by, round that corner). Heights that differ by no more than measuring does are one height."""
    pixels = np.asarray(picture.convert("RGB"))[..., ::-1]
    found = _engine()(np.ascontiguousarray(pixels))
    if found.boxes is None or found.txts is None:
        return [], 0.0
    boxes = np.asarray(found.boxes, dtype=np.float64) * points_a_pixel
    angle = _angle(boxes)
    turned = boxes @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return _pieces(turned, found.txts), angle


@cache
def _engine() -> Any:
    import cv2
    from rapidocr import RapidOCR

    cv2.setNumThreads(1)
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.max_side_len": LONGEST_SIDE,
            "Global.use_cls": False,  # turns single lines round, not pages
            "Det.limit_type": "max",
            "Det.limit_side_len": _DETECTED_SIDE,
            "EngineConfig.onnxruntime.intra_op_num_threads": min(_MOST_THREADS, _cores()),
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pieces(boxes: NDArray[np.float64], texts: Sequence[str]) -> list[Piece]:
    """`boxes` [n, 4, 2]: the corners of each line, clockwise from its beginning."""
    heights = (_length(boxes[:, 3] - boxes[:, 0]) + _length(boxes[:, 2] - boxes[:, 1])) / 2
    usual = float(np.median(heights))
    pieces = []
    for box, height, text in zip(boxes, heights.tolist(), texts, strict=True):
        size = usual if _ALIKE[0] * usual < height < _ALIKE[1] * usual else height
        left, middle, right = float(box[:, 0].min()), float(box[:, 1].mean()), float(box[:, 0].max())
        if said := tidy(text):
            pieces.append(Piece(left, middle - size / 2, right, middle + size / 2, size, said))
    return pieces


def _angle(boxes: NDArray[np.float64]) -> float:
    """The angle that most lines have: a sheet never lies quite straight."""
    across, down = boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 0]
    wide = _length(across) > _WIDE * _length(down)
    return float(np.median(np.arctan2(across[wide, 1], across[wide, 0]))) if wide.any() else 0.0


def _length(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hypot(vectors[:, 0], vectors[:, 1])
