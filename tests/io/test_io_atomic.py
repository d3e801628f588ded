"""Outputs appear whole or not at all, and an input is never the output."""

import errno
import os
import resource
import stat
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from efface.errors import OutputError, OutputExistsError, UsageError
from efface.io import read_scan, write_scan
from efface.io.atomic import check_output, write_all, write_whole


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def failing(number, *, after=0):
    """A stand-in for a system call that fails, at first or after some calls that work."""
    calls = []

    def fail(*args, real=None, **kwargs):
        calls.append(args)
        if real is not None and len(calls) <= after:
            return real(*args, **kwargs)
        raise OSError(number, os.strerror(number))

    return fail


def one_line(error):
    assert "\n" not in str(error.value)
    assert "; " in str(error.value)


@pytest.fixture
def scan(tmp_path_factory):
    path = tmp_path_factory.mktemp("input") / "in.nii"
    voxels = np.random.default_rng(0).integers(0, 1000, (16, 16, 16)).astype(np.int16)
    nib.Nifti1Image(voxels, np.eye(4)).to_filename(path)
    return read_scan(path)


def test_file_is_there_whole_and_alone(tmp_path):
    write_whole(tmp_path / "a", b"new", overwrite=False)
    assert contents(tmp_path) == {"a": b"new"}


def test_overwriting_replaces_only_when_asked(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(OutputExistsError, match="--overwrite") as error:
        write_whole(tmp_path / "a", b"new", overwrite=False)
    one_line(error)
    assert contents(tmp_path) == {"a": b"old"}
    write_whole(tmp_path / "a", b"new", overwrite=True)
    assert contents(tmp_path) == {"a": b"new"}


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_ordinary(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "a", b"new", overwrite=False)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


@pytest.mark.parametrize("overwrite", [False, True])
def test_nothing_has_the_final_name_before_all_is_written(tmp_path, monkeypatch, overwrite):
    seen = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (seen.append(contents(tmp_path)), real(fd)))
    write_whole(tmp_path / "a.nii.gz", b"new", overwrite=overwrite)
    [(temporary, data)] = seen[0].items()
    assert temporary.startswith(".")
    assert not temporary.endswith((".nii.gz", ".nii"))
    assert data == b"new"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_failure_leaves_nothing(tmp_path, monkeypatch, call, number, overwrite):
    monkeypatch.setattr(os, call, failing(number))
    if call == "replace":
        monkeypatch.setattr(os, "link", failing(errno.EPERM))
    with pytest.raises(OutputError, match=os.strerror(number)) as error:
        write_whole(tmp_path / "a", b"new", overwrite=overwrite)
    one_line(error)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_failure_keeps_what_was_there(tmp_path, monkeypatch, call):
    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(os, call, failing(errno.ENOSPC))
    with pytest.raises(OutputError):
        write_whole(tmp_path / "a", b"new", overwrite=True)
    assert contents(tmp_path) == {"a": b"old"}


def test_interrupt_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a", b"new", overwrite=False)
    assert contents(tmp_path) == {}


def test_full_disk_leaves_nothing(tmp_path, scan):
    """The system itself refuses to write beyond 4 kB; the scan has 8."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError, match="free some space") as error:
            write_scan(scan, tmp_path / "out.nii")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    one_line(error)
    assert contents(tmp_path) == {}
    write_scan(scan, tmp_path / "out.nii")
    assert (tmp_path / "out.nii").stat().st_size == 352 + 2 * 16**3


def intruder(path):
    """Another program writes the output while ours is being synchronised."""

    def appear(_):
        path.write_bytes(b"theirs")

    return appear


@pytest.mark.parametrize("links", [True, False])
def test_file_that_appears_meanwhile_is_kept(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", failing(errno.EOPNOTSUPP))
    monkeypatch.setattr(os, "fsync", intruder(tmp_path / "a"))
    with pytest.raises(OutputExistsError):
        write_whole(tmp_path / "a", b"ours", overwrite=False)
    assert contents(tmp_path) == {"a": b"theirs"}


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_folder_without_hard_links(tmp_path, monkeypatch, number):
    monkeypatch.setattr(os, "link", failing(number))
    write_whole(tmp_path / "a", b"new", overwrite=False)
    assert contents(tmp_path) == {"a": b"new"}


def test_folder_that_cannot_be_synchronised(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "open", failing(errno.EACCES))
    write_whole(tmp_path / "a", b"new", overwrite=False)
    assert contents(tmp_path) == {"a": b"new"}


def test_group_appears_together(tmp_path):
    files = {tmp_path / name: name.encode() for name in ("image", "sidecar", "mask")}
    write_all(files)
    assert contents(tmp_path) == {name: name.encode() for name in ("image", "sidecar", "mask")}


def test_group_does_not_appear_when_one_cannot_be_staged(tmp_path):
    with pytest.raises(OutputError, match="no such folder"):
        write_all({tmp_path / "image": b"1", tmp_path / "missing" / "mask": b"2"})
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("good", [0, 1, 2])
def test_group_is_withdrawn_when_a_rename_fails(tmp_path, monkeypatch, good):
    real, fail = os.replace, failing(errno.EIO, after=good)
    monkeypatch.setattr(os, "replace", lambda *args: fail(*args, real=real))
    (tmp_path / "other").write_bytes(b"kept")
    with pytest.raises(OutputError, match="cannot be written"):
        write_all({tmp_path / name: b"new" for name in ("image", "sidecar", "mask")}, overwrite=True)
    assert contents(tmp_path) == {"other": b"kept"}


def test_group_is_withdrawn_when_one_exists(tmp_path):
    (tmp_path / "mask").write_bytes(b"old")
    with pytest.raises(OutputExistsError, match="mask"):
        write_all({tmp_path / name: b"new" for name in ("image", "sidecar", "mask")})
    assert contents(tmp_path) == {"mask": b"old"}


def test_withdrawing_never_removes_what_was_there(tmp_path, monkeypatch):
    (tmp_path / "image").write_bytes(b"old")
    real, fail = os.replace, failing(errno.EIO, after=1)
    monkeypatch.setattr(os, "replace", lambda *args: fail(*args, real=real))
    with pytest.raises(OutputError):
        write_all({tmp_path / "image": b"new", tmp_path / "mask": b"new"}, overwrite=True)
    assert contents(tmp_path) == {"image": b"new"}


def test_no_such_folder(tmp_path, scan):
    for write in (
        lambda path: write_whole(path, b"", overwrite=False),
        lambda path: write_scan(scan, path),
        lambda path: check_output(path, None),
    ):
        with pytest.raises(OutputError, match="no such folder") as error:
            write(tmp_path / "missing" / "out.nii")
        one_line(error)


@pytest.fixture
def locked_folder():
    """A folder in which this process may not write: its user is changed where it is root."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        if root:
            os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            if root:
                os.seteuid(0)
            Path(name).chmod(0o755)


def test_folder_without_permission(locked_folder):
    with pytest.raises(OutputError, match="Permission denied") as error:
        write_whole(locked_folder / "out.nii", b"new", overwrite=False)
    one_line(error)
    assert list(locked_folder.iterdir()) == []


def test_read_only_folder_is_seen_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: not (Path(path) == tmp_path and mode & os.W_OK))
    with pytest.raises(OutputError, match="cannot be written to") as error:
        check_output(tmp_path / "out.nii", None)
    one_line(error)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", ["same", "dots", "symlink", "hard link", "through a linked folder", "relative"])
def test_output_is_the_input(tmp_path, monkeypatch, kind, overwrite):
    folder = tmp_path / "data"
    folder.mkdir()
    source = folder / "in.nii"
    source.write_bytes(b"scan")
    other = folder / "out.nii"
    if kind == "symlink":
        other.symlink_to(source)
    elif kind == "hard link":
        other.hardlink_to(source)
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(folder)
    outputs = {"same": source, "dots": folder / ".." / "data" / "in.nii", "relative": Path("in.nii")}
    outputs["through a linked folder"] = tmp_path / "link" / "in.nii"
    with pytest.raises(UsageError, match="the output is the input") as error:
        check_output(outputs.get(kind, other), source, overwrite)
    one_line(error)
    assert not isinstance(error.value, OutputExistsError)


def test_output_exists(tmp_path):
    (tmp_path / "out.nii").write_bytes(b"old")
    (tmp_path / "dangling.nii").symlink_to(tmp_path / "nowhere")
    for name in ("out.nii", "dangling.nii"):
        with pytest.raises(OutputExistsError, match="already exists") as error:
            check_output(tmp_path / name, tmp_path / "in.nii", overwrite=False)
        one_line(error)
        check_output(tmp_path / name, tmp_path / "in.nii", overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_output_is_a_folder(tmp_path, overwrite):
    with pytest.raises(UsageError, match="is a folder") as error:
        check_output(tmp_path, None, overwrite)
    one_line(error)


def test_good_output_passes(tmp_path):
    (tmp_path / "in.nii").write_bytes(b"scan")
    assert check_output(tmp_path / "out.nii", tmp_path / "in.nii") is None


def test_write_scan_asks_before_replacing(tmp_path, scan):
    write_scan(scan, tmp_path / "out.nii.gz")
    first = (tmp_path / "out.nii.gz").read_bytes()
    with pytest.raises(OutputExistsError):
        write_scan(scan.with_stored(scan.stored + np.int16(1)), str(tmp_path / "out.nii.gz"))
    assert contents(tmp_path) == {"out.nii.gz": first}
    write_scan(scan, tmp_path / "out.nii.gz", overwrite=True)
    assert contents(tmp_path) == {"out.nii.gz": first}
