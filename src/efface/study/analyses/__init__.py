"""The analyses of the published comparisons, one file a paper."""

from __future__ import annotations

from efface.study.analyses import familiar, gao, privacy, theyers
from efface.study.analyses.drawing import plain_drawing
from efface.study.analyses.items import Section
from efface.study.tables import StudyTables


def analyse(tables: StudyTables) -> list[Section]:
    """Return every section of the report; what cannot be computed is in it, with the reason."""
    with plain_drawing():
        return [part.section(tables) for part in (gao, theyers, familiar, privacy)]
