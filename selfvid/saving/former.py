"""Names that recipes and saved models of version 0.1.0 use, and what they are called today."""

from __future__ import annotations

from typing import Any

MOVED_MODULES = {
    "selfvid.data.crops": "selfvid.data.clips.crops",
    "selfvid.data.digit_stream": "selfvid.data.digits.stream",
    "selfvid.data.faults": "selfvid.data.clips.faults",
    "selfvid.data.learnt_flow": "selfvid.data.flow.learnt",
    "selfvid.data.sampling": "selfvid.data.clips.sampling",
    "selfvid.data.transforms": "selfvid.data.clips.augmentation",
    "selfvid.engine.coherence": "selfvid.finetuning.coherence",
    "selfvid.engine.lanes": "selfvid.detecting.streams",
    "selfvid.engine.schedule": "selfvid.training.schedule",
    "selfvid.evaluation.baselines": "selfvid.probing.baselines.metadata",
    "selfvid.evaluation.flow_histograms": "selfvid.probing.baselines.flow_histograms",
}
PRECISIONS = {"32-true": "float32", "bf16-mixed": "bfloat16"}
DEVICES = {"gpu": "cuda"}
_OPTIONS = {"also": "second", "lanes": "streams"}
_TRAINING = {"look_every": "preview_every"}


def current_class_path(path: str) -> str:
    """Where the class at a dotted path stands today."""
    module, dot, name = path.rpartition(".")
    return f"{MOVED_MODULES.get(module, module)}{dot}{name}"


def current_precision(name: str) -> str:
    """What a precision is called today."""
    return PRECISIONS.get(name, name)


def current_recipe(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe with today's class paths and options; one that has them already is unchanged."""
    plain: dict[str, Any] = _with_current_paths(recipe)
    training = plain.get("training")
    if isinstance(training, dict):
        training = dict(training)
        if "accelerator" in training:
            device = training.pop("accelerator")
            plain.setdefault("device", DEVICES.get(device, device))
        if "precision" in training:
            plain.setdefault("precision", current_precision(training.pop("precision")))
        plain["training"] = {_TRAINING.get(name, name): each for name, each in training.items()}
    return {_OPTIONS.get(name, name): value for name, value in plain.items()}


def _with_current_paths(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {
            key: current_class_path(value)
            if key == "class_path" and isinstance(value, str)
            else _with_current_paths(value)
            for key, value in plain.items()
        }
    return [_with_current_paths(item) for item in plain] if isinstance(plain, list) else plain
