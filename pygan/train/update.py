"""One update of one network, as a transaction: it happens whole, or it changes nothing.

Forward and backward write nothing that lasts: running statistics wait as pending values
(:mod:`pygan.nn.pending`), and gradients come from ``pg.grad``, not from ``.grad``. One fused pass
then looks whether the loss, every gradient and every pending value are finite. Only after that are
the statistics and the weights written, in place. Otherwise everything is dropped, and the same
update runs once more under ``pg.check_finite()``, to name the first operation that made a NaN or an
infinity.

Everything that differs from step to step (images, latents, coefficients of penalties) comes in as
an argument; these functions draw nothing and count nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

import pygan as pg
from pygan import Tensor, _core
from pygan.errors import NonFiniteError
from pygan.games import Game, Penalty
from pygan.nn import Module, batches, pending
from pygan.optim import Optimizer, clip_
from pygan.recording import Recorder

__all__ = ["Due", "d_loss", "discriminator_update", "g_loss", "generator_update"]

#: A penalty that an update of D has, and what it draws: arguments of `Penalty.__call__`.
Due = tuple[Penalty, Mapping[str, Tensor]]


#: Told which way a penalty ran.
Report = Callable[[Penalty, str], None]


def d_loss(
    game: Game,
    G: Module,
    D: Module,
    real: Tensor,
    z: Tensor,
    penalties: Sequence[Due],
    report: Report = lambda penalty, way: None,
) -> Tensor:
    """What D minimises on ``real`` (N, H, W, C) and latents ``z`` (N, latent): a scalar.

    ``penalties``: those of the game that are due in this update, each with its draws. One that is
    taken at the real samples or the fakes themselves shares D's pass over them with the loss.
    Otherwise real samples and fakes go through D as one batch, where its layers allow it
    (`pygan.nn.batches`); batch normalisation keeps their statistics apart.
    """
    # The fakes are constants here, and this update is D's alone: what the forward would write into
    # G's running statistics is dropped.
    with pg.no_grad(), pending.transaction():
        fake = G(z).detach()
    terms: dict[int, Tensor] = {}  # of penalties that came with an output, by position

    def output(samples: Tensor, name: str) -> Tensor:
        for i, (penalty, _) in enumerate(penalties):
            if penalty.shares == name:
                out, terms[i] = penalty.with_output(D, samples, partial(report, penalty))
                return out
        return D(samples)

    shared = any(penalty.shares for penalty, _ in penalties)
    if not shared and real.shape == fake.shape and batches.joins_batches(D):
        with batches.in_parts(2):
            both = D(pg.ops.concat([real, fake]))
        d_real, d_fake = pg.ops.split(both, 2)
    else:
        d_real, d_fake = output(real, "real"), output(fake, "fake")
    loss = game.d_loss(d_real, d_fake)
    for i, (penalty, draws) in enumerate(penalties):
        if i not in terms:
            terms[i] = penalty(D, real, fake, report=partial(report, penalty), **draws)
        loss = loss + terms[i]
    return loss


def g_loss(game: Game, G: Module, D: Module, z: Tensor) -> Tensor:
    """What G minimises on latents ``z`` (N, latent): a scalar. D's statistics stay as they are."""
    fake = G(z)
    with pending.transaction(), _constant(D, beside=G):
        verdict = D(fake)
    return game.g_loss(verdict)


@contextmanager
def _constant(network: Module, beside: Module) -> Iterator[None]:
    """Its weights have no gradients within, so nothing is kept for them; shared ones have."""
    shared = {id(p) for p in beside.parameters()}
    frozen = [p for p in network.parameters() if p.requires_grad and id(p) not in shared]
    for p in frozen:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in frozen:
            p.requires_grad_(True)


def discriminator_update(
    game: Game,
    G: Module,
    D: Module,
    optimizer: Optimizer,
    real: Tensor,
    z: Tensor,
    penalties: Sequence[Due],
    steps: Recorder | None = None,
    report: Report = lambda penalty, way: None,
) -> float:
    """Update D's weights and statistics; the loss. Raises NonFiniteError, nothing changed then.

    In a game with weight clipping the new weights are clipped at once. ``steps`` records the update
    and replays it.
    """

    def step(real: Tensor, z: Tensor, *flat: Tensor) -> Tensor:
        values = iter(flat)
        due = [(p, {name: next(values) for name in draws}) for p, draws in penalties]

        def loss_of() -> Tensor:
            return d_loss(game, G, D, real, z, due, report)

        loss = _update("discriminator", D, optimizer, loss_of)
        if game.d_clip is not None:
            trained = [p for p in optimizer.params if p.requires_grad]
            clip_(trained, -game.d_clip, game.d_clip)
        return loss

    inputs = [real, z, *(t for _, draws in penalties for t in draws.values())]
    if steps is None:
        return float(step(*inputs).item())
    parts = (game, G, D, optimizer)
    key = _key("discriminator", parts, optimizer) + tuple((p, *draws) for p, draws in penalties)
    return float(steps.run(key, inputs, step, keep=parts).item())


def generator_update(
    game: Game,
    G: Module,
    D: Module,
    optimizer: Optimizer,
    z: Tensor,
    steps: Recorder | None = None,
) -> float:
    """Update G's weights and statistics; the loss. Raises NonFiniteError, nothing changed then.

    D's weights get no gradients: only G's are asked for, so none of that work is done. ``steps``
    records the update and replays it.
    """

    def step(z: Tensor) -> Tensor:
        return _update("generator", G, optimizer, lambda: g_loss(game, G, D, z))

    if steps is None:
        return float(step(z).item())
    parts = (game, G, D, optimizer)
    key = _key("generator", parts, optimizer)
    return float(steps.run(key, [z], step, keep=parts).item())


def _key(name: str, parts: Sequence[object], optimizer: Optimizer) -> tuple[Hashable, ...]:
    """What tells recorded updates apart: who takes part, and which weights are trained."""
    trained = tuple([p.requires_grad for p in optimizer.params])
    return (name, *map(id, parts), trained)


def _update(
    name: str, network: Module, optimizer: Optimizer, loss_of: Callable[[], Tensor]
) -> Tensor:
    trained = [p for p in optimizer.params if p.requires_grad]
    with pending.transaction() as values:
        loss = loss_of()
        grads = pg.grad(loss, trained)
    waiting = [(buffer, value) for buffer, value in values if value.dtype.kind == "f"]
    if not _core.all_finite([loss, *grads, *(value for _, value in waiting)]):
        values.drop()
        raise _diagnosis(name, network, trained, loss, grads, waiting, loss_of)
    for parameter, gradient in zip(trained, grads, strict=True):
        parameter.grad = gradient
    values.commit()
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach()


def _diagnosis(
    name: str,
    network: Module,
    trained: Sequence[Tensor],
    loss: Tensor,
    grads: Sequence[Tensor],
    waiting: Sequence[tuple[Tensor, Tensor]],
    loss_of: Callable[[], Tensor],
) -> NonFiniteError:
    """The same update again, checked op by op; the error that tells what went wrong first."""
    bad_before = [key for key, t in network.state_dict().items() if not _finite(t)]
    names = {id(p): key for key, p in network.named_parameters()}
    found = [names.get(id(p), "?") for p, g in zip(trained, grads, strict=True) if not _finite(g)]
    large = [
        names.get(id(p), "?")
        for p, g in zip(trained, grads, strict=True)
        if not _core.all_finite([g])
    ]
    try:
        with pending.transaction(), pg.check_finite():
            pg.grad(loss_of(), trained)
        what = "no operation makes it when the update is repeated"
    except NonFiniteError as error:
        what = str(error)
    text = f"{name}: {what}"
    if bad_before:
        text += f"; {bad_before[0]} was not finite before the update"
    elif _finite(loss) and large and not found:
        text = (
            f"{name}: the square of the gradient of {large[0]} overflows, which its optimizer "
            "would never forget; lower the learning rates or scale the loss down"
        )
    elif _finite(loss) and found:
        text += f"; the loss is finite, the gradient of {found[0]} is not"
    elif _finite(loss):
        buffers = {id(b): key for key, b in network.named_buffers()}
        spoiled = [buffers.get(id(b), "?") for b, value in waiting if not _finite(value)]
        text += f"; loss and gradients are finite, the new {spoiled[0]} is not"
    return NonFiniteError(f"{text}; the update was not applied")


def _finite(tensor: Tensor) -> bool:
    return bool(np.isfinite(tensor.detach().numpy()).all())
