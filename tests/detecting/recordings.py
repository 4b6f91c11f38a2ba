"""Two annotated videos of 20 seconds, for tests of what is measured on them."""

from __future__ import annotations

from selfvid.data.annotations.annotations import Activity, AnnotatedVideo
from selfvid.detecting.corpus import Recording


def recordings() -> list[Recording]:
    shown = [
        [Activity(0, 4, "sit"), Activity(4, 10, "walk")],
        [Activity(1, 9, "walk"), Activity(10, 12, "walk")],
    ]
    return [
        Recording(AnnotatedVideo(f"v{at}", None, tuple(activities)), 20.0, f"id{at}")  # type: ignore[arg-type]
        for at, activities in enumerate(shown)
    ]
