"""`selfvid export`: write an encoder in one of four formats and compare it with PyTorch."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from selfvid.encoders.base import Encoder, encoder_folder, load_encoder
from selfvid.errors import InputError
from selfvid.export.card import CARD, card
from selfvid.export.parity import SNIPPET, Parity, Plan
from selfvid.saving.whole import replacing

Format = Literal["onnx", "program", "weights", "native"]
Writer = Callable[[Encoder, Path, Plan], Parity]


@dataclass(frozen=True)
class Export:
    """An exported encoder.

    Attributes:
        format: the format.
        folder: the folder of the export, with ``encoder.json`` and ``use_encoder.py``.
        plan: the clips that it takes.
        parity: the comparison with PyTorch.
        reason: why T is fixed, if the exporter could not keep it free; else empty.
    """

    format: Format
    folder: Path
    plan: Plan
    parity: Parity
    reason: str = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file of the export."""
        return tuple(sorted(path for path in self.folder.rglob("*") if path.is_file()))

    @property
    def words(self) -> str:
        """A summary of one to three lines."""
        plan = self.plan
        time = (
            f"any T from {plan.shortest}" if plan.any_length else f"time fixed at T={plan.frames}"
        )
        checked = ", ".join(f"{check.shape[0]}×{check.shape[1]}" for check in self.parity.checks)
        what = "flow" if plan.takes_flow else "clips"
        line = (
            f"{self.format}: {self.folder} takes {what} "
            f"(B, T, {plan.channels}, {plan.size[0]}, {plan.size[1]}), {time}; "
            f"largest difference from PyTorch {self.parity.difference:.1g} "
            f"(on B×T = {checked}); run it with {self.folder / SNIPPET}"
        )
        asides = (self.parity.growth(), self.reason and f"time is fixed: {self.reason}")
        return "\n".join([line, *filter(None, asides)])


def export(
    encoder: Path | str,
    *,
    format: Format = "onnx",
    out: Path | str | None = None,
    frames: int | None = None,
    size: int | tuple[int, int] | None = None,
    tolerance: float = 1e-4,
    overwrite: bool = False,
    allow: list[str] | None = None,
    quiet: bool = False,
) -> Export:
    """Export an encoder, and compare the export with PyTorch on clips of several lengths.

    Args:
        encoder: folder of a run or of an encoder.
        format: onnx (for onnxruntime), program (torch.export, for PyTorch without selfvid),
            weights (a state dict, for torchvision's own class if the network is torchvision's) or
            native (for selfvid).
        out: a new folder; by default export/FORMAT in the run.
        frames: T of the clip that is traced; by default that of pretraining.
        size: height and width of every clip, one number for a square; by default that of
            pretraining.
        tolerance: largest difference from PyTorch that is accepted.
        overwrite: whether an earlier export in the output folder may be replaced.
        allow: prefixes of class paths, besides those of this package, whose classes may be built.
        quiet: print nothing.

    Returns:
        The files of the export, and their difference from PyTorch.

    Raises:
        InputError: If there is no encoder, its clips are unknown or do not fit it, the output
            exists, or the export differs from the encoder.
    """
    if not tolerance > 0:
        raise InputError(f"tolerance must be positive, got {tolerance}")
    source = encoder_folder(encoder)
    folder = _default_output(source) / format if out is None else Path(out)
    _check_output(folder, overwrite)
    loaded = load_encoder(source, allow=allow or ()).float().requires_grad_(False)
    # torch.export warns about weights with another memory layout, as if they were views.
    loaded.to(memory_format=torch.contiguous_format)
    plan = _plan(loaded, frames, size, tolerance)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing(folder) as draft:
        final, parity, reason = _write(_writer(format), loaded, draft, plan)
        about = {"format": format} | card(loaded, final, parity)
        (draft / CARD).write_text(json.dumps(about, indent=2) + "\n")
    exported = Export(format, folder, final, parity, reason)
    if not quiet:
        print(exported.words)
    return exported


def _writer(format: Format) -> Writer:
    """Return the function that writes a format.

    Only its module is imported: the import of onnx takes a second.
    """
    if format == "onnx":
        from selfvid.export.onnx import write_onnx

        return write_onnx
    if format == "program":
        from selfvid.export.program import write_program

        return write_program
    if format == "weights":
        from selfvid.export.weights import write_weights

        return write_weights
    if format == "native":
        from selfvid.export.card import write_native

        return write_native
    raise InputError(f"format must be onnx, program, weights or native, got {format!r}")


def _write(write: Writer, encoder: Encoder, folder: Path, plan: Plan) -> tuple[Plan, Parity, str]:
    """Write the export for clips of any length or, if this fails, for clips of a fixed T.

    Returns:
        The plan that was used, the comparison with PyTorch, and why T is fixed (or "").
    """
    fixed = dataclasses.replace(plan, any_length=False)
    reason = ""
    for attempt in (plan, fixed) if plan.any_length else (plan,):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            return attempt, write(encoder, folder, attempt), reason
        except InputError:
            raise
        except Exception as error:
            # Exporters raise exceptions of many types, and do not document them.
            cause = error
            reason = f"with any T the exporter failed ({_first_line(error)})"
    raise InputError(
        f"{type(encoder).__name__} cannot be exported: {_first_line(cause)}"
    ) from cause


def _plan(
    encoder: Encoder,
    frames: int | None,
    size: int | tuple[int, int] | None,
    tolerance: float,
) -> Plan:
    """Return the clips to trace and to compare, after one of them went through the encoder."""
    provenance = encoder.provenance
    if frames is None and provenance.frames is not None:
        # Two steps are needed to be traced with a free T; clips of pretraining may have one.
        fewest = provenance.frames if encoder.one_length else encoder.frames_for(2)
        frames = max(provenance.frames, fewest)
    size = provenance.size if size is None else size
    for name, value in (("frames", frames), ("size", size)):
        if value is None:
            raise InputError(f"{name} is None and the encoder does not say; expected --{name}")
    assert frames is not None
    assert size is not None
    height, width = (size, size) if isinstance(size, int) else size
    if min(frames, height, width) < 1:
        raise InputError(f"frames and size must be positive, got {frames} and {height}×{width}")
    any_length = not encoder.one_length
    plan = Plan(
        frames,
        (height, width),
        1,
        1,
        any_length=any_length,
        tolerance=tolerance,
        channels=encoder.in_channels,
    )
    try:
        with torch.no_grad():
            features = encoder(plan.clip(2, frames))
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"a clip of {frames} frames of {height}×{width} does not go through "
            f"{type(encoder).__name__}: {_first_line(error)}"
        ) from error
    plan = dataclasses.replace(plan, window=features.window, stride=features.stride)
    if frames < plan.shortest:
        raise InputError(f"frames must be at least {plan.shortest} to be traced, got {frames}")
    return plan


def _default_output(source: Path) -> Path:
    """Return ``export/`` in a run, next to its ``encoder/``; for other encoders NAME-export."""
    name = "export" if source.name == "encoder" else f"{source.name}-export"
    return source.parent / name


def _check_output(folder: Path, overwrite: bool) -> None:
    """Refuse an existing folder, unless it is an earlier export that may be replaced."""
    if not folder.exists():
        return
    if not overwrite:
        raise InputError(f"out {str(folder)!r} exists; expected a new folder, or --overwrite true")
    if not (folder / CARD).is_file():
        raise InputError(
            f"out {str(folder)!r} contains no earlier export ({CARD}) and is not overwritten"
        )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
