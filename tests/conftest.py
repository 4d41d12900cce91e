"""Settings of every test: hypothesis profiles, and the table of checked derivatives at the end.

``--hypothesis-profile=thorough`` draws 2,000 examples an op instead of 200; ``--long`` runs the
tests marked ``long`` as well, which take minutes.
"""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import HealthCheck, settings

CI = os.environ.get("CI", "").lower() in ("1", "true")
COMMON = {
    "deadline": None,
    "derandomize": CI,
    "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("pygan", max_examples=200, **COMMON)
settings.register_profile("thorough", max_examples=2000, **COMMON)
settings.load_profile("pygan")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests marked long as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--long"):
        chosen = [item for item in items if item.get_closest_marker("long") is None]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
        items[:] = chosen


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if not CI and config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(random.SystemRandom().randrange(10**9))


def pytest_report_header(config: pytest.Config) -> str:
    if CI:
        return "hypothesis: derandomised"
    return f"hypothesis: repeat this run with --hypothesis-seed={config.option.hypothesis_seed}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    try:
        from ops.compare import TABLES
    except ImportError:  # no compiled engine: the collection errors say so
        return
    for device, table in TABLES.items():
        if table.rows:
            terminalreporter.section(
                f"operations checked on {device}: examples, worst error over its bound"
            )
            for line in table.lines():
                terminalreporter.write_line(line)
