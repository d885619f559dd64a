"""The steps of an LSTM, and their gradients.

PyTorch would differentiate the product of each step by itself, and so add up as many gradients of
the weights as there are steps. Here they are one product over all steps.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class LSTMSteps(torch.autograd.Function):
    """Hochreiter and Schmidhuber 1997, with forget gates; the gates are i, f, o and g.

    Products are computed in the type of `inputs`, all else in that of the states.
    """

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, cont: Tensor, weight: Tensor, h: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The states h (time, n, size) of all steps, and the last cell (n, size).

        Args:
            ctx: keeps what the gradients need.
            inputs: what the inputs add to the gates, (time, n, 4 size).
            cont: (time, n); 0 begins a new sequence.
            weight: (4 size, size).
            h, cell: the states before the first step.
        """
        size, cast = weight.shape[1], weight.to(inputs.dtype)
        kept, whole = cont.unsqueeze(-1), (cont == 1).all(1).tolist()
        gates = torch.empty(inputs.shape, dtype=cell.dtype, device=inputs.device)
        before, cells = inputs.new_empty(*cont.shape, size), [cell]
        made = cell.new_empty(*cont.shape, size)
        for time, (each, given) in enumerate(zip(gates, inputs, strict=True)):
            if not whole[time]:
                h, cell = h * kept[time], cell * kept[time]
            before[time] = h
            each.copy_(torch.addmm(given, before[time], cast.t()))
            each[:, : 3 * size].sigmoid_()
            each[:, 3 * size :].tanh_()
            i, f, o, g = each.chunk(4, 1)
            cell = torch.addcmul(f * cell, i, g)
            cells.append(cell)
            h = torch.mul(o, cell.tanh(), out=made[time])
        ctx.save_for_backward(gates, cont, cast, before, *cells)
        ctx.whole = whole
        return made, cell

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, of_made: Tensor, of_cell: Tensor) -> tuple[Tensor | None, ...]:
        """Back through time."""
        gates, cont, weight, before, *cells = ctx.saved_tensors
        kept, size = cont.unsqueeze(-1), weight.shape[1]
        of_gates = before.new_empty(gates.shape)
        of_h = torch.zeros_like(of_cell)
        for time in reversed(range(len(cont))):
            i, f, o, g = gates[time].chunk(4, 1)
            shown, last = cells[time + 1].tanh(), cells[time]
            if not ctx.whole[time]:
                last = last * kept[time]
            of_h = of_h + of_made[time]
            of_cell = torch.addcmul(of_cell, of_h * o, 1 - shown * shown)
            raw = torch.cat([of_cell * g, of_cell * last, of_h * shown, of_cell * i], 1)
            sigmoid, tanh = gates[time][:, : 3 * size], g
            raw[:, : 3 * size] *= sigmoid * (1 - sigmoid)
            raw[:, 3 * size :] *= 1 - tanh * tanh
            of_gates[time] = raw
            of_h, of_cell = (of_gates[time] @ weight).to(of_cell.dtype), of_cell * f
            if not ctx.whole[time]:
                of_h, of_cell = of_h * kept[time], of_cell * kept[time]
        of_weight = of_gates.flatten(0, 1).t() @ before.flatten(0, 1)
        return of_gates, None, of_weight.to(of_cell.dtype), of_h, of_cell
