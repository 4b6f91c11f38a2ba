"""Former names in recipes and saved models of version 0.1.0, and their current names."""

from __future__ import annotations

from typing import Any

# Former module paths of classes that a recipe or a saved model can name.
MOVED_MODULES = {
    "selfvid.data.crops": "selfvid.data.clips.crops",
    "selfvid.data.digit_stream": "selfvid.data.digits.stream",
    "selfvid.data.faults": "selfvid.data.clips.faults",
    "selfvid.data.learnt_flow": "selfvid.data.flow.learnt",
    "selfvid.data.sampling": "selfvid.data.clips.sampling",
    "selfvid.data.transforms": "selfvid.data.clips.augmentation",
    "selfvid.engine.also": "selfvid.finetuning.second_set",
    "selfvid.engine.coherence": "selfvid.finetuning.coherence",
    "selfvid.engine.lanes": "selfvid.detecting.streams",
    "selfvid.engine.schedule": "selfvid.training.schedule",
    "selfvid.evaluation.floors": "selfvid.probing.baselines.metadata",
    "selfvid.evaluation.flow_histograms": "selfvid.probing.baselines.flow_histograms",
    "selfvid.recurrent.bottom_up_gru": "selfvid.recurrent.conv_gru",
}
# Classes with a new name, by their current module and former name.
_RENAMED_CLASSES = {
    "selfvid.detecting.streams.Lanes": "selfvid.detecting.streams.ParallelStreams",
    "selfvid.finetuning.second_set.Also": "selfvid.finetuning.second_set.SecondData",
}
PRECISIONS = {"32-true": "float32", "bf16-mixed": "bfloat16"}
DEVICES = {"gpu": "cuda"}
_OPTIONS = {"also": "second", "lanes": "streams"}
_TRAINING = {"look_every": "preview_every"}


def current_class_path(path: str) -> str:
    """Return the current dotted path of a class, given its current or former path."""
    module, dot, name = path.rpartition(".")
    moved = f"{MOVED_MODULES.get(module, module)}{dot}{name}"
    return _RENAMED_CLASSES.get(moved, moved)


def current_precision(name: str) -> str:
    """Return the current name of a precision, given its current or former name."""
    return PRECISIONS.get(name, name)


def current_recipe(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe with the current class paths and options.

    The device and the precision, which were part of ``training``, become options of their own. A
    recipe without former names is returned unchanged.
    """
    plain: dict[str, Any] = _with_current_paths(recipe)
    training = plain.get("training")
    if isinstance(training, dict):
        if "accelerator" in training:
            device = training.pop("accelerator")
            plain.setdefault("device", DEVICES.get(device, device))
        if "precision" in training:
            plain.setdefault("precision", current_precision(training.pop("precision")))
        plain["training"] = {_TRAINING.get(name, name): each for name, each in training.items()}
    return {_OPTIONS.get(name, name): value for name, value in plain.items()}


def _with_current_paths(plain: Any) -> Any:
    """Return plain data with the current path in every ``class_path``."""
    if isinstance(plain, dict):
        return {
            key: current_class_path(value)
            if key == "class_path" and isinstance(value, str)
            else _with_current_paths(value)
            for key, value in plain.items()
        }
    return [_with_current_paths(item) for item in plain] if isinstance(plain, list) else plain
