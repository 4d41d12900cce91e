"""The state of a trainer: everything that the next step depends on, as arrays and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pygan import _core
from pygan._version import __version__
from pygan.errors import CheckpointError
from pygan.train.checkpoint import Checkpoint
from pygan.train.config import fixed_part

if TYPE_CHECKING:
    from pygan.train.trainer import Trainer

__all__ = ["facts", "restore", "tensors"]

Array = NDArray[Any]


def tensors(trainer: Trainer) -> dict[str, Array]:
    """Every array of the state by its name in a checkpoint.

    ``net/G/..``, ``net/D/..`` weights and statistics; ``opt/G/..``, ``opt/D/..``; ``ema/..``;
    ``rng/<stream>`` draws so far; ``data/order`` epoch and cursor.
    """
    parts = {
        "net/G/": trainer.G.state_dict(),
        "net/D/": trainer.D.state_dict(),
        "opt/G/": trainer.opt_g.state_dict(),
        "opt/D/": trainer.opt_d.state_dict(),
        "ema/": trainer.ema.state_dict(),
    }
    arrays = {
        prefix + name: tensor.numpy()
        for prefix, part in parts.items()
        for name, tensor in part.items()
    }
    for name, stream in trainer.streams.items():
        arrays[f"rng/{name}"] = np.array([stream.draw], np.int64)
    arrays["data/order"] = np.array([trainer.order.epoch, trainer.order.cursor], np.int64)
    return arrays


def facts(trainer: Trainer) -> dict[str, Any]:
    """The rest, as plain values: what the arrays mean, and what they must be continued with."""
    return {
        "pygan": __version__,
        "cpu_isa": _core.cpu_isa(),
        "device": trainer.device,
        "step": trainer.step,
        "losses": None if trainer.losses is None else list(trainer.losses),
        "real_scores": trainer.scores.known,
        "features": trainer.scores.digest,
        "data": trainer.fingerprint,
        "trainer": _settings(trainer),
        "config": None if trainer.config is None else fixed_part(trainer.config),
    }


def _settings(trainer: Trainer) -> dict[str, Any]:
    settings = {
        "batch_size": trainer.batch_size,
        "seed": trainer.seed,
        "ema_decay": trainer.ema.decay,
        "latent": trainer.latent,
        "game": {"name": trainer.game.name, **trainer.game.settings()},
    }
    return dict(json.loads(json.dumps(settings)))


def restore(trainer: Trainer, loaded: Checkpoint, where: str) -> list[str]:
    """Put ``loaded`` into ``trainer``; warnings to show. All is checked before anything changes.

    Raises CheckpointError: other names, shapes or dtypes, other settings, other data.
    """
    state, new = loaded.state, loaded.tensors
    _check_arrays(tensors(trainer), new, where)
    _check_values(state, new, where)
    step, losses = state["step"], state.get("losses")
    own = _settings(trainer)
    saved = state.get("trainer")
    for key, value in own.items():
        theirs = saved.get(key) if isinstance(saved, dict) else None
        if theirs != value:
            raise CheckpointError(
                f"checkpoint {where} was trained with {key} {theirs}, not {value}"
            )
    if state.get("data") != trainer.fingerprint:
        raise CheckpointError(
            f"checkpoint {where} was trained on other {trainer.data.unit}; "
            "resume with the same data"
        )
    epoch, cursor = (int(v) for v in new["data/order"])
    order = {**trainer.order.state_dict(), "epoch": epoch, "cursor": cursor}
    draws = {name: int(new[f"rng/{name}"][0]) for name in trainer.streams}
    if not all(0 <= draw < 2**32 for draw in draws.values()):
        raise CheckpointError(f"checkpoint {where} has impossible random counters {draws}")
    warnings = []
    for key, here in (("cpu_isa", _core.cpu_isa()), ("device", trainer.device)):
        if state.get(key) != here:
            warnings.append(
                f"checkpoint {where} was made with {key} {state.get(key)}, this is {here}: "
                "training goes on, but not to the bit as it would have there"
            )
    known = state.get("real_scores")
    if known is not None and state.get("features") != trainer.scores.digest:
        known = None
        warnings.append(
            f"checkpoint {where} was scored with another feature network: "
            "scores before and after it cannot be compared"
        )
    # The only step that can still refuse comes first; it changes nothing when it does.
    trainer.order.load_state_dict(order)
    trainer.G.load_state_dict(_part(new, "net/G/"))
    trainer.D.load_state_dict(_part(new, "net/D/"))
    trainer.opt_g.load_state_dict(_part(new, "opt/G/"))
    trainer.opt_d.load_state_dict(_part(new, "opt/D/"))
    trainer.ema.load_state_dict(_part(new, "ema/"))
    for name, draw in draws.items():
        trainer.streams[name].draw = draw
    trainer.step = step
    trainer.losses = None if losses is None else (float(losses[0]), float(losses[1]))
    trainer.scores.known = known
    return warnings


def _check_arrays(own: dict[str, Array], new: dict[str, Array], where: str) -> None:
    wrong = [f"missing {name}" for name in own if name not in new]
    wrong += [f"unexpected {name}" for name in new if name not in own]
    for name in own.keys() & new.keys():
        mine, theirs = own[name], new[name]
        if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
            wrong.append(
                f"{name} is {theirs.dtype} {theirs.shape}, expected {mine.dtype} {mine.shape}"
            )
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise CheckpointError(
            f"checkpoint {where} does not fit: {'; '.join(sorted(wrong)[:3])}{more}"
        )


def _check_values(state: dict[str, Any], arrays: dict[str, Array], where: str) -> None:
    """Refuses values that no training leaves; those that load_state_dict would refuse included."""

    def impossible(name: str, value: object) -> CheckpointError:
        return CheckpointError(f"checkpoint {where} has an impossible {name}: {value!r:.60}")

    step, losses, real = state.get("step"), state.get("losses"), state.get("real_scores")
    if type(step) is not int or not 0 <= step < 2**63:
        raise impossible("step", step)
    if losses is not None and not (
        isinstance(losses, list) and len(losses) == 2 and all(map(_is_finite, losses))
    ):
        raise impossible("losses", losses)
    if real is not None and not (
        isinstance(real, dict) and all(_is_finite(v) and v >= 0 for v in real.values())
    ):
        raise impossible("real_scores", real)
    for name, array in arrays.items():
        rate = name.startswith("opt/") and name.endswith("/lr")
        if rate and not (np.isfinite(array).all() and (array >= 0).all()):
            raise impossible(name, array.tolist())
        # Every whole number of the state counts something.
        if array.dtype.kind == "i" and (array < 0).any():
            raise impossible(name, array.tolist())


def _is_finite(value: object) -> bool:
    return type(value) in (int, float) and abs(value) <= 1e300  # type: ignore[operator, arg-type]


def _part(arrays: dict[str, Array], prefix: str) -> dict[str, Array]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
