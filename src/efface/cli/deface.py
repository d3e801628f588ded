"""``efface deface``: the main job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efface.cli import also as session
from efface.cli import answers, dicom, folder, options, progress
from efface.cli.logs import LOG
from efface.errors import UsageError, VerificationError

if TYPE_CHECKING:
    from efface.deface_plan import DefacePlan
    from efface.outputs import Outputs
    from efface.pipeline import Defaced


def run(
    source: options.Source,
    output: options.Output,
    method: options.Method = options.DEFAULT_METHOD,
    fill: options.FillWith = None,
    extent: options.Extent = None,
    keep: options.Keep = None,
    clearance_mm: options.ClearanceMm = None,
    param: options.Parameters = None,
    template: options.Template = None,
    mask_template: options.MaskTemplate = None,
    also: options.Also = None,
    mask: options.MaskFile = None,
    plan: options.PlanFile = None,
    report: options.Report = None,
    private_report: options.PrivateReport = None,
    clean_headers: options.CleanHeaders = False,
    as_json: options.AsJson = False,
    dry_run: options.DryRun = False,
    overwrite: options.Overwrite = False,
    write_failed: options.WriteFailed = False,
    workers: options.Workers = None,
    scheduler: options.Scheduler = None,
    queue: options.BatchSystem = None,
    memory: options.Memory = options.DEFAULT_MEMORY,
    time_limit: options.TimeLimit = options.DEFAULT_TIME_LIMIT,
    work_dir: options.WorkDir = None,
    verbose: options.Verbose = False,  # noqa: ARG001 - its callback acts
) -> int:
    """Remove the face from a head MRI, verify the result, and write it with a JSON sidecar.

    Outside the removed region every stored voxel and every header field stays as it was. A result that fails
    verification is not written.

    \b
    efface deface T1w.nii.gz T1w_defaced.nii.gz
    efface deface T1w.nii.gz T1w_defaced.nii.gz --mask mask.nii.gz --report qc
    efface deface T1w.nii.gz T1w_defaced.nii.gz --also T2w.nii.gz T2w_defaced.nii.gz
    efface deface scans/ defaced/ --workers 4
    efface deface series/ series_defaced --clean-headers
    """  # noqa: D301 - \b keeps typer from joining the examples' lines
    from efface.cli.deface_choices import choices as chosen
    from efface.outputs import Outputs
    from efface.pipeline import private_outputs

    asked = {
        "extent": extent and extent.value,
        "keep": tuple(part.value for part in keep) if keep else None,
        "clearance_mm": clearance_mm,
        "template": template,
        "mask_template": mask_template,
    }
    choices = chosen(method, fill and fill.value, asked, param or ())
    folders = {"report": report, "private_report": private_report}
    spread = {"workers": workers, "scheduler": scheduler, "queue": queue and queue.value}
    if source.is_dir() and not dicom.holds_series(source):
        where = {**spread, "memory": memory, "time_limit_min": time_limit}
        only_one = {"--also": also, "--mask": mask, "--plan": plan, "--write-failed": write_failed,
                    "--clean-headers": clean_headers}  # fmt: skip
        return folder.run(source, output, folders, choices, folder.Asked(only_one, where, work_dir),
                          as_json=as_json, dry_run=dry_run, overwrite=overwrite)  # fmt: skip
    folder.refuse_options_of_folders({**spread, "work-dir": work_dir}, source)
    if also and clean_headers:
        message = "--clean-headers is for one series or a folder of studies; leave it out with --also"
        raise UsageError(message)
    if also:
        images = session.pairs(source, output, also, mask, plan)
        session.run(images, folders, choices, as_json=as_json, dry_run=dry_run, overwrite=overwrite,
                    write_failed=write_failed)  # fmt: skip
        return 0
    if dicom.holds_several_series(source):
        unfit = {"--mask": mask, "--plan": plan, "--report": report, "--private-report": private_report,
                 "--write-failed": write_failed}  # fmt: skip
        return dicom.run(source, output, choices, unfit, clean_headers=clean_headers, as_json=as_json,
                         dry_run=dry_run, overwrite=overwrite)  # fmt: skip
    wanted = Outputs.at(output, mask, plan, source=source, clean_headers=clean_headers)
    outputs = private_outputs(wanted, method, private_report)
    if dry_run:
        made = outputs == wanted or (private_report is not None and private_report.is_dir())
        checked = outputs if made else replace(outputs, mask=None, plan=None)  # nothing lies in a folder to be made
        _say_plan(_planned(source, checked, choices, overwrite=overwrite), as_json=as_json)
        return 0
    result = _defaced(source, outputs, folders, choices, overwrite=overwrite, write_failed=write_failed)
    _say_result(result, outputs, folders, as_json=as_json)
    return 0


def _defaced(
    source: Path,
    outputs: Outputs,
    folders: dict[str, Path | None],
    choices: dict[str, Any],
    *,
    overwrite: bool,
    write_failed: bool,
) -> Defaced:
    from efface.pipeline import deface

    try:
        with progress.shown() as show:
            result: Defaced = deface(
                source, outputs.scan, mask=outputs.mask, plan_file=outputs.plan,
                clean_headers=outputs.clean_headers, overwrite=overwrite, write_failed=write_failed, progress=show,
                **folders, **choices,
            )  # fmt: skip
    except VerificationError as error:
        if write_failed and error.verdict is not None:
            LOG.warning("the refused scan was written as %s; do not share it", outputs.failed.scan)
        raise
    return result


def _planned(source: Path, outputs: Outputs, choices: dict[str, Any], *, overwrite: bool) -> DefacePlan:
    """Do all that a run does before it changes a voxel, the checks of its outputs included."""
    from efface.anatomy import locate
    from efface.io import header_warnings, read_scan
    from efface.planning import plan

    outputs.check(source, overwrite=overwrite)
    with progress.shown() as show:
        show("read")
        scan = read_scan(source)
        outputs.check_format(scan)
        for warning in header_warnings(scan, clean_headers=outputs.clean_headers):
            LOG.warning("%s", warning)
        show("locate")
        anatomy = locate(scan)
        show("plan")
        return plan(scan, anatomy, **choices)


def _say_plan(plan: DefacePlan, *, as_json: bool) -> None:
    described = answers.describe(plan)
    if as_json:
        answers.say_json(0, None, dry_run=True, **described)
        return
    parameters = ", ".join(f"{key} = {value}" for key, value in plan.parameters.items())
    answers.say(f"plan: method {plan.method} ({parameters}), fill {plan.fill}; would remove")
    for name, volume in described["removed_ml"].items():
        answers.say(f"{volume:10.1f} ml  {name.replace('_', ' ')}")
    answers.say(f"{sum(described['removed_ml'].values()):10.1f} ml  in all")
    answers.say("dry run: nothing was written")


def _say_result(result: Defaced, outputs: Outputs, folders: dict[str, Path | None], *, as_json: bool) -> None:
    files = {"output": outputs.scan, "sidecar": outputs.sidecar, "mask": outputs.mask, "plan": outputs.plan}
    if as_json:
        more: dict[str, Any] = {**files, **folders, **answers.describe(result.plan)}
        answers.say_json(0, result.verdict, **more)
        return
    answers.say(result.verdict.summary())
    answers.say(f"wrote {', '.join(str(path) for path in files.values() if path)}")
    answers.say_folders(folders)
