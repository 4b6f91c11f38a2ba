"""What is wrong with annotations: each problem named, counted, and either fatal or repaired."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from selfvid.data.annotations.annotations import Activity, AnnotatedVideo, Annotations, Assume
from selfvid.data.video.streaming import Length
from selfvid.errors import InputError

logger = logging.getLogger(__name__)

Policy = Literal["stop", "repair"]

# Lists round to a tenth of a second or so, and containers and streams differ in length.
ROUNDING = 0.5
# What a list says of a whole video's length is no closer than this share of it.
TOLERANCE = 0.02
_SHARED = 1e-3


@dataclass(frozen=True)
class Problem:
    """Something that annotations have and should not.

    Attributes:
        kind: in a few words, to be counted by.
        words: what is wrong and where.
        repair: what becomes of it if it may be repaired.
    """

    kind: str
    words: str
    repair: str

    def __str__(self) -> str:
        return f"{self.words}; {self.repair}"


@dataclass(frozen=True)
class Rules:
    """What annotations are held against.

    Attributes:
        clip: frames of a clip.
        assume: what may be taken for granted of activities.
        labels: those to be known; empty for any.
    """

    clip: int
    assume: Assume
    labels: frozenset[str] = frozenset()


def checked(
    annotations: Annotations, lengths: Mapping[str, Length], rules: Rules
) -> tuple[Annotations, tuple[Problem, ...]]:
    """The annotations repaired, and all that had to be.

    Args:
        annotations: as they were read.
        lengths: of each video, by name.
        rules: what they must keep to.
    """
    problems: list[Problem] = []
    kept = []
    parted = any(video.split for video in annotations.videos)
    for video in annotations.videos:
        if parted and not video.split:
            words = f"{video.place}: {video.name} has no split, and other videos have one"
            problems.append(Problem("without a split", words, "left out"))
            continue
        repaired = _checked_video(video, lengths[video.name], rules, problems)
        if repaired is not None:
            kept.append(repaired)
    return replace(annotations, videos=tuple(kept)), tuple(problems)


def settle(problems: Sequence[Problem], policy: Policy, *, source: str) -> None:
    """Stop because of problems, or name every one of them.

    Args:
        problems: what was found.
        policy: "stop" or "repair".
        source: whose problems they are.

    Raises:
        InputError: where there are problems that must not be repaired.
    """
    if policy not in ("stop", "repair"):
        raise InputError(f"problems is {policy!r}; expected stop or repair")
    if not problems:
        return
    if policy == "stop":
        raise InputError(
            f"{counted(problems)} in {source}; the first: {problems[0].words}; expected none, or "
            "--problems repair, which names what it does about each"
        )
    logger.warning("%s in %s:", counted(problems), source)
    for problem in problems:
        logger.warning("  %s", problem)


def counted(problems: Sequence[Problem]) -> str:
    """How many problems there are, and of which kinds."""
    kinds = Counter(problem.kind for problem in problems)
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return f"{len(problems)} problem{'s' * (len(problems) != 1)} ({told})"


def _checked_video(
    video: AnnotatedVideo, length: Length, rules: Rules, problems: list[Problem]
) -> AnnotatedVideo | None:
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
    """What makes a whole video useless."""
    if length.fault:
        words = f"{video.place}: {video.path} cannot be read ({length.fault})"
        return Problem("unreadable", words, "left out")
    if length.frames < rules.clip:
        words = f"{video.place}: {video.name} has {length.frames} frames and a clip {rules.clip}"
        return Problem("shorter than a clip", words, "left out")
    return None


def _other_length(video: AnnotatedVideo, seconds: float) -> list[Problem]:
    """A file that is not as long as its annotations say may be cut off, or another one."""
    told = video.duration
    if told is None or abs(told - seconds) <= max(ROUNDING, TOLERANCE * told):
        return []
    words = f"{video.place}: {video.path} lasts {seconds:.1f} s, by its annotations {told:g} s"
    return [Problem("of another length", words, "the file's own length counts")]


def _each_once(activities: Sequence[Activity], problems: list[Problem]) -> list[Activity]:
    """The activities without those that stand there twice."""
    once: dict[tuple[float, float, str], Activity] = {}
    for activity in activities:
        key = (activity.start, activity.end, activity.label)
        if once.setdefault(key, activity) is not activity:
            words = f"{activity.place}: {activity.label!r} from {activity.start:g} s is there twice"
            problems.append(Problem("twice", words, "taken once"))
    return list(once.values())


def _checked_activity(
    activity: Activity, seconds: float, rules: Rules, problems: list[Problem]
) -> Activity | None:
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
        words = f"{span} lies outside the video of {seconds:.2f} s"
        problems.append(Problem("outside the video", words, "left out"))
        return None
    if start < -ROUNDING or end > seconds + ROUNDING:
        words = f"{span} reaches beyond the video of {seconds:.2f} s"
        problems.append(Problem("outside the video", words, "cut to the video"))
    return replace(activity, start=max(start, 0.0), end=min(end, seconds))


def _of_one_label(
    video: AnnotatedVideo, activities: list[Activity], problems: list[Problem]
) -> list[Activity]:
    """The activities of the label that lasts longest."""
    lasting: Counter[str] = Counter()
    for activity in activities:
        lasting[activity.label] += activity.end - activity.start  # type: ignore[assignment]
    if len(lasting) < 2:
        return activities
    (longest, _), *_ = lasting.most_common()
    words = f"{video.place}: {video.name} shows {', '.join(map(repr, sorted(lasting)))}"
    problems.append(Problem("with several labels", words, f"only {longest!r} kept"))
    return [activity for activity in activities if activity.label == longest]


def _overlaps(activities: list[Activity]) -> list[Problem]:
    """Neighbours that go on at the same time."""
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
                else "both are looked for, though one run of clips can find one only"
            )
            found.append(Problem("overlapping", words, repair))
            if activity.end < latest.end:
                continue
        latest = activity
    return found
