from __future__ import annotations

import json
from pathlib import Path

from tests.reports.example import summary, write_run
from tests.reports.shape import page_of


def test_collapse_is_shown_as_a_warning(tmp_path: Path) -> None:
    run = write_run(tmp_path / "ut")
    changed = summary(words=["The encoder collapsed: vectors vary along one line."])
    (run / "summary.json").write_text(json.dumps(changed))
    assert '<p class="warn">The encoder collapsed' in page_of(run)
