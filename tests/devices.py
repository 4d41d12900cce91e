"""The devices other than the CPU that this machine can run, as parameters of a test."""

from __future__ import annotations

import pytest

import pygan as pg

DEVICES = [
    pytest.param("emu", marks=pytest.mark.emu),
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.cuda,
            pytest.mark.skipif(
                not (hasattr(pg, "cuda") and pg.cuda.is_available()),
                reason="no GPU that pygan can use",
            ),
        ],
    ),
]
