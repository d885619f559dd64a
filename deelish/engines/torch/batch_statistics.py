"""BatchNorm by the mean and variance of the images of all processes, in place of each one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

# The arguments of both functions by name, in their order.
_NAMES = {
    F.batch_norm: "input running_mean running_var weight bias training momentum eps",
    torch.batch_norm: "input weight bias running_mean running_var training momentum eps cudnn",
}


class Exchange(NamedTuple):
    """How processes exchange statistics.

    rank, world_size: which process this is, of how many.  counted: whether its images count; those
    of a substitute, which another process has too, do not.  images: of all processes.  all_reduce:
    sums a tensor over the processes, in place.
    """

    rank: int
    world_size: int
    counted: bool
    images: int
    all_reduce: Callable[[Tensor], None]


class BatchStatistics(TorchFunctionMode):
    """Within the block, BatchNorm in training takes its statistics from all processes.

    It replaces PyTorch's function and no module. So networks of rows and modules of others, with
    layers of their own around that function, go one way, and keep their classes.
    """

    current: BatchStatistics | None = None

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self._exchange = exchange

    def __enter__(self) -> BatchStatistics:
        BatchStatistics.current = self
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        BatchStatistics.current = None
        super().__exit__(*error)  # type: ignore[no-untyped-call]

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if func in _NAMES:
            # Defaults stand behind what was given: no weight, no bias, in evaluation.
            named = {**dict(zip(_NAMES[func].split(), args, strict=False)), **given}
            if named.get("training"):
                return self._normalised(named)
        return func(*args, **given)

    def _normalised(self, given: Mapping[str, Any]) -> Tensor:
        x, eps = given["input"], given.get("eps", 1e-5)
        count, mean, variance = _statistics(x.detach(), self._exchange)
        if given.get("running_mean") is not None:
            momentum = given.get("momentum", 0.1)
            given["running_mean"].lerp_(mean, momentum)
            # Of one value the unbiased variance is 0, as Caffe has it.
            given["running_var"].lerp_(variance * (count / max(count - 1, 1)), momentum)
        facts = count, mean, (variance + eps).rsqrt(), self._exchange
        made: Tensor = _Normalised.apply(x, given.get("weight"), given.get("bias"), facts)  # type: ignore[no-untyped-call]
        return made


def images_of_all(images: int) -> int:
    """How many images a layer's statistics are of, where a process has these."""
    current = BatchStatistics.current
    return images if current is None else current._exchange.images


def has_new_statistics(module: nn.Module) -> bool:
    """Whether a BatchNorm of PyTorch's own has its initial running mean and variance: 0 and 1."""
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    return any(
        part.running_mean is not None
        and part.running_var is not None
        and bool((part.running_mean == 0).all() and (part.running_var == 1).all())
        for part in norms
    )


def _axes(x: Tensor) -> list[int]:
    return [0, *range(2, x.dim())]


def _statistics(x: Tensor, exchange: Exchange) -> tuple[float, Tensor, Tensor]:
    """The values a channel, their mean and biased variance (channels,), over all processes.

    Chan, Golub and LeVeque 1983, equation 2.1: parts by their own means lose no digits.
    """
    channels = x.shape[1]
    parts = x.new_zeros((exchange.world_size, 1 + 2 * channels), dtype=torch.float64)
    if exchange.counted:
        variance, mean = torch.var_mean(x.float(), _axes(x), correction=0)
        count = x.numel() // channels
        parts[exchange.rank, 0] = count
        parts[exchange.rank, 1:] = torch.cat([mean, variance * count])
    exchange.all_reduce(parts)
    counts, means, squares = parts.split([1, channels, channels], 1)  # type: ignore[no-untyped-call]
    total = counts.sum()
    mean = (counts * means).sum(0) / total
    variance = (squares + counts * (means - mean).square()).sum(0) / total
    return float(total), mean.float(), variance.float()


class _Normalised(torch.autograd.Function):
    """(x - mean) / deviation, times a weight and plus a bias by channel.

    Ioffe and Szegedy 2015, section 3; the two sums of its gradient are over all processes, as its
    statistics are.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, facts: Any) -> Any:
        _, mean, inverse, _ = facts
        ctx.facts = facts
        ctx.save_for_backward(x, weight)
        ctx.set_materialize_grads(False)
        factor = inverse if weight is None else inverse * weight
        shift = -mean * factor if bias is None else bias - mean * factor
        return torch.addcmul(_along(shift, x), x.float(), _along(factor, x)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (x, weight), (count, mean, inverse, exchange) = ctx.saved_tensors, ctx.facts
        gradient = gradients[0].float()
        normal = (x.float() - _along(mean, x)) * _along(inverse, x)
        sums = torch.stack([gradient.sum(_axes(x)), (gradient * normal).sum(_axes(x))])
        of_all = sums.clone()
        exchange.all_reduce(of_all)
        if exchange.counted:
            shift, slope = (_along(each / count, x) for each in of_all)
            inner = gradient - shift - normal * slope
        else:
            inner = gradient
        factor = inverse if weight is None else inverse * weight
        own = inner * _along(factor, x)
        needed = ctx.needs_input_grad
        return (
            own.to(x.dtype) if needed[0] else None,
            sums[1] if needed[1] else None,
            sums[0] if needed[2] else None,
            None,
        )


def _along(values: Tensor, x: Tensor) -> Tensor:
    return values.reshape(1, -1, *(1,) * (x.dim() - 2))
