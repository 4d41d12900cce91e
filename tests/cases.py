"""All cases, one an operation: what test_ops.py checks and the benchmarks time.

A room's cases stand in ops/<room>_cases.py; a new operation adds one line there. The test run fails
when a registered operation has no case, or a case no registered operation.
"""

from __future__ import annotations

from ops import (
    arrange_cases,
    elementwise_cases,
    gemm_cases,
    image_cases,
    index_cases,
    norm_cases,
    penalty_cases,
    random_cases,
    reduce_cases,
    select_cases,
    softmax_cases,
)
from ops.case import Case, Example

__all__ = ["CASES", "Case", "Example"]

ROOMS = (
    elementwise_cases,
    select_cases,
    reduce_cases,
    arrange_cases,
    index_cases,
    gemm_cases,
    norm_cases,
    image_cases,
    softmax_cases,
    penalty_cases,
    random_cases,
)
CASES: dict[str, Case] = {case.name: case for room in ROOMS for case in room.CASES}
