"""Methods x scans: the published comparisons of defacing tools, on your own data, in one run (extra ``study``).

    from efface.study import load_config, run_study

    run_study(load_config("study.toml"), "results")

Units are measured in processes and kept as they come (`efface.study.runner`), gathered into tidy tables
(`efface.study.tables`), analysed as the papers did (`efface.study.analyses`), and shown on one page
(`efface.study.page`).
"""

from __future__ import annotations

from efface.study.config import StudyConfig
from efface.study.reading import load_config
from efface.study.studying import run_demo, run_study

__all__ = ["StudyConfig", "load_config", "run_demo", "run_study"]
