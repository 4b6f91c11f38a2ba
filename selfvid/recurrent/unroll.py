"""The loop over time, for cells and stacks of cells.

Time goes from left to right::

    unroll            x_0   x_1   x_2            unroll_free     (none)  y_0   y_1
                       |     |     |                               |    /  |  /  |
            state -> step  step  step -> state          state -> step  step  step -> state
                       |     |     |                               |  /    |  /  |
                      h_0   h_1   h_2                             y_0     y_1   y_2
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

# With this operator, a loop stays a loop in an exported program. It is not public yet, but
# unchanged since PyTorch 2.11.
from torch._higher_order_ops.scan import scan

from selfvid.errors import InputError
from selfvid.recurrent.cell import Cell, State, Step
from selfvid.recurrent.stack import Stack

Feedback = Callable[[int, Tensor | None], Tensor | None]
"""From the number of a step and the output before it to the step's input (B, C, ...) or None."""


def unroll(
    cell: Cell,
    x: Tensor,
    state: State | None = None,
    *,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, State]:
    """Run `cell` along given inputs.

    Args:
        cell: a cell, or a stack, which runs layer by layer.
        x: inputs, (B, T, C, ...).
        state: the state to start with; None starts from zeros.
        lengths: true number of steps of each sequence, int (B,); None if all have T steps. After
            its last step, a sequence keeps its state and its outputs are zeros.
        reverse: whether to start at the last step of each sequence and end at its first.

    Returns:
        Outputs (B, T, D, ...), each at the place of its input, and the state after the last step.

    Raises:
        InputError: If x, the state or the lengths do not fit the cell or one another.
    """
    cell.check_input(x)
    _check_state(cell, state, x)
    _check_lengths(lengths, x)
    x = _turned(x, lengths) if reverse else x
    layers, states = (
        (cell.cells, cell.split(state)) if isinstance(cell, Stack) else ([cell], [state])
    )
    finals: list[State] = []
    for layer, before in zip(layers, states, strict=True):
        if layer.observer is not None:
            layer.observer(x, before, reverse)
        x, final = _along(layer, x, before, lengths)
        finals.append(final)
    return _turned(x, lengths) if reverse else x, Stack.join(finals)


def unroll_free(
    cell: Cell,
    state: State | None = None,
    *,
    steps: int,
    feedback: Feedback | None = None,
    readout: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, State]:
    """Run `cell` freely: the input of a step can depend on the output of the step before.

    Args:
        cell: a cell or a stack.
        state: the state to start with; None starts from zeros and needs an input at step 0.
        steps: T, at least 1.
        feedback: called before each step with its number and the output of the step before (None
            at step 0); returns the step's input (B, C, ...), or None for no input.
            ``lambda t, y: y`` feeds each output back; scheduled sampling chooses between y and
            the true frame. None is a decoder without inputs.
        readout: computes the output y from h (B, D, ...); None puts out h itself.

    Returns:
        Outputs (B, T, ...) and the state after the last step.

    Raises:
        InputError: If there are no steps, or neither a state nor an input to start with.
    """
    if steps < 1:
        raise InputError(f"steps must be at least 1, got {steps}")
    step = cell.stepping(steps)
    outputs: list[Tensor] = []
    for time in range(steps):
        given = feedback(time, outputs[-1] if outputs else None) if feedback else None
        if given is not None:
            projected = cell.project(given.unsqueeze(1), fresh=state is None).squeeze(1)
        elif state is not None:
            projected = cell.blank()
        else:
            raise InputError("a free run needs a state or an input at step 0, got neither")
        state = step(projected, state)
        outputs.append(state[0] if readout is None else readout(state[0]))
    assert state is not None
    return _joined(outputs), state


def _along(
    cell: Cell, x: Tensor, state: State | None, lengths: Tensor | None
) -> tuple[Tensor, State]:
    """Run one layer along all steps."""
    projected = cell.project(x, fresh=state is None)
    if lengths is None and not _exporting():
        return _looped(cell, projected, state, [None] * projected.shape[1])
    # With lengths, or in an exported loop, the first step needs a state before it too.
    state = cell.initial(projected) if state is None else state
    masks = None if lengths is None else _within(lengths, x)
    if _exporting():
        return _scanned(cell, projected, state, masks)
    assert masks is not None
    return _looped(cell, projected, state, masks.unbind(1))


def _looped(
    cell: Cell, projected: Tensor, state: State | None, masks: Sequence[Tensor | None]
) -> tuple[Tensor, State]:
    """Run one layer along its projections in a Python loop."""
    step = cell.stepping(len(masks))
    outputs: list[Tensor] = []
    for now, mask in zip(_apart(projected), masks, strict=True):
        output, state = _advanced(step, now, state, mask)
        outputs.append(output)
    assert state is not None
    return _joined(outputs), tuple(map(_laying_out, state))


def _apart(sequence: Tensor) -> Sequence[Tensor]:
    """Split a sequence (B, T, ...) into its steps (B, ...).

    With indexing, the gradient of each step would be a tensor of zeros of full size. Splitting the
    axis of the batch, on which the steps follow one another, keeps the channels-last layout of
    maps, in the gradient too; stacking along a new axis would change it.
    """
    batch, steps = sequence.shape[:2]
    return sequence.transpose(0, 1).flatten(0, 1).split([batch] * steps)


def _joined(steps: Sequence[Tensor]) -> Tensor:
    """Join steps (B, ...) to a sequence (B, T, ...): the inverse of `_apart`."""
    joined = _laying_out(torch.cat(list(steps)))
    return joined.unflatten(0, (len(steps), -1)).transpose(0, 1)


def _laying_out(result: Tensor) -> Tensor:
    """Make the gradient of a result arrive in the memory layout that the run computes in.

    The gradient has the layout of the code that used the result. All elementwise operations of the
    loop would keep that layout, which takes twice the time. A compiler handles layouts itself.
    """
    if result.requires_grad and not torch.compiler.is_compiling():
        result.register_hook(_laid_out)
    return result


def _laid_out(gradient: Tensor | None) -> Tensor | None:
    """Convert a gradient to channels-last if it is of maps, else to contiguous."""
    if gradient is None:
        return None
    layout = torch.channels_last if gradient.ndim == 4 else torch.contiguous_format
    return gradient.contiguous(memory_format=layout)


def _scanned(
    cell: Cell, projected: Tensor, state: State, masks: Tensor | None
) -> tuple[Tensor, State]:
    """Run the loop of `_looped` as an operator, for exported programs with any number of steps."""
    along = [projected] if masks is None else [projected, masks]

    def one(before: State, now: list[Tensor]) -> tuple[State, Tensor]:
        output, after = _advanced(cell.step, now[0], before, now[1] if len(now) > 1 else None)
        return after, output.clone()  # the operator refuses results that share memory

    final, outputs = scan(one, state, [tensor.transpose(0, 1) for tensor in along])
    return outputs.transpose(0, 1), tuple(final)


def _advanced(
    step: Step, projected: Tensor, state: State | None, mask: Tensor | None
) -> tuple[Tensor, State]:
    """Take one step; sequences that `mask` marks as ended keep their state and put out zeros."""
    after = step(projected, state)
    if mask is None or state is None:
        return after[0], after
    held = tuple(new.where(mask, old) for new, old in zip(after, state, strict=True))
    return after[0].where(mask, 0), held


def _exporting() -> bool:
    # PyTorch 2.11 returns True for is_exporting while it compiles, too.
    return torch.compiler.is_exporting() and not torch.compiler.is_dynamo_compiling()


def _within(lengths: Tensor, x: Tensor) -> Tensor:
    """Mark the steps that are within their sequence, bool (B, T, 1, ...)."""
    times = torch.arange(x.shape[1], device=x.device)
    within = times < lengths.to(x.device)[:, None]
    return within.reshape(*within.shape, *[1] * (x.ndim - 2))


def _turned(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverse each sequence; the steps after its length stay in place."""
    if lengths is None:
        return x.flip(1)
    times = torch.arange(x.shape[1], device=x.device)
    last = lengths.to(x.device).clamp(max=x.shape[1])[:, None] - 1
    order = torch.where(times <= last, last - times, times)
    return x[torch.arange(x.shape[0], device=x.device)[:, None], order]


def _check_state(cell: Cell, state: State | None, x: Tensor) -> None:
    if state is None:
        return
    wanted = [(x.shape[0], width, *x.shape[3:]) for width in cell.widths]
    given = [tuple(tensor.shape) for tensor in state]
    if given != wanted:
        raise InputError(f"the state must be tensors of shapes {wanted}, got {given}")


def _check_lengths(lengths: Tensor | None, x: Tensor) -> None:
    if lengths is None:
        return
    if lengths.shape != x.shape[:1] or lengths.is_floating_point():
        raise InputError(
            f"lengths must be integers ({x.shape[0]},), got {lengths.dtype} {tuple(lengths.shape)}"
        )
