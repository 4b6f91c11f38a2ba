"""What was found in videos, in files: ActivityNet's JSON and a CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from selfvid.data.manifest.tables import Cell, write_table
from selfvid.detecting.segments import Segment
from selfvid.saving.whole import write_whole

JSON, CSV = "detections.json", "detections.csv"


def write_detections(found: Mapping[str, Sequence[Segment]], folder: Path, *, encoder: str) -> None:
    """Write both files, each whole or not at all.

    Args:
        found: segments by the name of their video.
        folder: which exists.
        encoder: what the vectors came from, in words.
    """
    plain = {
        "version": "VERSION 1.3",
        "results": {
            video: [
                {
                    "label": each.label,
                    "score": round(each.score, 6),
                    "segment": [round(each.start, 3), round(each.end, 3)],
                }
                for each in sorted(segments, key=lambda each: -each.score)
            ]
            for video, segments in found.items()
        },
        "external_data": {"used": True, "details": encoder},
    }
    write_whole(folder / JSON, json.dumps(plain, indent=1) + "\n")
    columns = ["video", "start", "end", "label", "score"]
    lines: list[dict[str, Cell]] = [
        {
            "video": video,
            "start": round(each.start, 3),
            "end": round(each.end, 3),
            "label": each.label,
            "score": round(each.score, 6),
        }
        for video, segments in found.items()
        for each in segments
    ]
    write_table(folder / CSV, columns, lines)
