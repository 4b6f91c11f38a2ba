"""Find what is wrong with annotations; each problem stops the command or is repaired."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from selfvid.data.annotations.annotations import Activity, AnnotatedVideo, Annotations, Assume
from selfvid.data.video.streaming import Length
from selfvid.errors import InputError

logger = logging.getLogger(__name__)

Policy = Literal["stop", "repair"]

# Seconds: annotations are rounded to about a tenth of a second, and the length of a container may
# differ from that of its video stream.
_ROUNDING = 0.5
# Share of a video's length by which the length in the annotations may differ from the file's.
_TOLERANCE = 0.02
_SHARED = 1e-3  # seconds that two activities may share without an overlap: less than a frame


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with the annotations.

    Attributes:
        kind: the kind of problem in a few words, for counting.
        words: what is wrong and where.
        repair: what is done about it if it may be repaired.
    """

    kind: str
    words: str
    repair: str

    def __str__(self) -> str:
        return f"{self.words}; {self.repair}"


@dataclass(frozen=True)
class Rules:
    """The rules that annotations are checked against.

    Attributes:
        clip: frames of a clip.
        assume: what is assumed of the activities of a video.
        labels: the labels that are allowed; empty for any.
    """

    clip: int
    assume: Assume
    labels: frozenset[str] = frozenset()


def checked(
    annotations: Annotations, lengths: Mapping[str, Length], rules: Rules
) -> tuple[Annotations, tuple[Problem, ...]]:
    """Return the repaired annotations, and the problems that were repaired.

    Args:
        annotations: the annotations as they were read.
        lengths: length of each video, by name.
        rules: the rules that they must follow.
    """
    problems: list[Problem] = []
    kept = []
    some_split = any(video.split for video in annotations.videos)
    for video in annotations.videos:
        if some_split and not video.split:
            words = f"{video.place}: {video.name} has no split, but other videos have one"
            problems.append(Problem("without a split", words, "left out"))
            continue
        repaired = _checked_video(video, lengths[video.name], rules, problems)
        if repaired is not None:
            kept.append(repaired)
    return replace(annotations, videos=tuple(kept)), tuple(problems)


def settle(problems: Sequence[Problem], policy: Policy, *, source: str) -> None:
    """Raise an error if there are problems, or log each of them if they may be repaired.

    Args:
        problems: the problems that were found.
        policy: "stop" or "repair".
        source: name of what has the problems, for the message.

    Raises:
        InputError: If there are problems and the policy is "stop".
    """
    if policy not in ("stop", "repair"):
        raise InputError(f"problems is {policy!r}; expected stop or repair")
    if not problems:
        return
    if policy == "stop":
        raise InputError(
            f"{counted(problems)} in {source}; the first: {problems[0].words}; expected none, or "
            "--problems repair, which prints what it does about each"
        )
    logger.warning("%s in %s:", counted(problems), source)
    for problem in problems:
        logger.warning("  %s", problem)


def counted(problems: Sequence[Problem]) -> str:
    """Return how many problems there are of each kind, in words."""
    kinds = Counter(problem.kind for problem in problems)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return f"{len(problems)} problem{'s' * (len(problems) != 1)} ({counts})"


def _checked_video(
    video: AnnotatedVideo, length: Length, rules: Rules, problems: list[Problem]
) -> AnnotatedVideo | None:
    """Return the repaired video, or None if it must be left out; add to `problems`."""
    fault = _fault(video, length, rules)
    if fault is not None:
        problems.append(fault)
        return None
    problems += _other_length(video, length.seconds)
    kept = []
    for activity in _each_once(video.activities, problems):
        repaired = _checked_activity(activity, length.seconds, rules, problems)
        if repaired is not None:
            kept.append(repaired)
    if rules.assume == "one_per_video":
        kept = _of_one_label(video, kept, problems)
    if rules.assume != "overlapping":
        problems += _overlaps(kept)
    if not kept:
        words = f"{video.place}: {video.name} has no annotation that can be used"
        problems.append(Problem("without annotation", words, "left out"))
        return None
    return replace(video, activities=tuple(kept))


def _fault(video: AnnotatedVideo, length: Length, rules: Rules) -> Problem | None:
    """Return what makes a whole video useless, if anything does."""
    if length.fault:
        words = f"{video.place}: {video.path} cannot be read ({length.fault})"
        return Problem("unreadable", words, "left out")
    if length.frames < rules.clip:
        words = f"{video.place}: {video.name} has {length.frames} frames, a clip has {rules.clip}"
        return Problem("shorter than a clip", words, "left out")
    return None


def _other_length(video: AnnotatedVideo, seconds: float) -> list[Problem]:
    """Report a file of another length than annotated: it may be cut off, or another video."""
    annotated = video.duration
    if annotated is None or abs(annotated - seconds) <= max(_ROUNDING, _TOLERANCE * annotated):
        return []
    words = (
        f"{video.place}: {video.path} lasts {seconds:.1f} s, according to its annotations "
        f"{annotated:g} s"
    )
    return [Problem("of another length", words, "the file's own length is used")]


def _each_once(activities: Sequence[Activity], problems: list[Problem]) -> list[Activity]:
    """Return the activities without repetitions."""
    once: dict[tuple[float, float, str], Activity] = {}
    for activity in activities:
        key = (activity.start, activity.end, activity.label)
        if once.setdefault(key, activity) is not activity:
            words = f"{activity.place}: {activity.label!r} from {activity.start:g} s occurs twice"
            problems.append(Problem("twice", words, "used once"))
    return list(once.values())


def _checked_activity(
    activity: Activity, seconds: float, rules: Rules, problems: list[Problem]
) -> Activity | None:
    """Return the repaired activity, or None if it must be left out; add to `problems`."""
    start, end, label, place = activity.start, activity.end, activity.label, activity.place
    span = f"{place}: {label!r} from {start:g} to {end:g} s"
    if not label or (rules.labels and label not in rules.labels):
        problems.append(
            Problem("with an unknown label", f"{span} has an unknown label", "left out")
        )
        return None
    if end <= start:
        problems.append(Problem("ending before the start", f"{span} ends too early", "left out"))
        return None
    if start >= seconds or end <= 0:
        words = f"{span} is outside the video of {seconds:.2f} s"
        problems.append(Problem("outside the video", words, "left out"))
        return None
    if start < -_ROUNDING or end > seconds + _ROUNDING:
        words = f"{span} reaches beyond the video of {seconds:.2f} s"
        problems.append(Problem("outside the video", words, "cut to the video"))
    return replace(activity, start=max(start, 0.0), end=min(end, seconds))


def _of_one_label(
    video: AnnotatedVideo, activities: list[Activity], problems: list[Problem]
) -> list[Activity]:
    """Return the activities of the label that lasts longest in total."""
    seconds: dict[str, float] = defaultdict(float)
    for activity in activities:
        seconds[activity.label] += activity.end - activity.start
    if len(seconds) < 2:
        return activities
    longest = max(seconds, key=seconds.__getitem__)  # the first of several that last equally long
    words = f"{video.place}: {video.name} shows {', '.join(map(repr, sorted(seconds)))}"
    problems.append(Problem("with several labels", words, f"only {longest!r} is kept"))
    return [activity for activity in activities if activity.label == longest]


def _overlaps(activities: list[Activity]) -> list[Problem]:
    """Return a problem for each activity that begins before an earlier one ends."""
    found = []
    latest: Activity | None = None
    for activity in activities:
        if latest is not None and activity.start < latest.end - _SHARED:
            words = (
                f"{activity.place}: {activity.label!r} from {activity.start:g} s begins before "
                f"{latest.label!r} ends at {latest.end:g} s"
            )
            repair = (
                "each clip goes to the activity that covers most of it"
                if activity.label != latest.label
                else "both are kept, although the same clips can be detected as one only"
            )
            found.append(Problem("overlapping", words, repair))
            if activity.end < latest.end:
                continue
        latest = activity
    return found
