"""Nothing that can be shared leads to the person; the private log does."""

import gzip
import hashlib
import json
import re
import zipfile

import pytest

from efface.provenance import json_bytes

SECRETS = ("mustermann", "erika", "1964")


def contents(path):
    """A file's bytes, also unpacked."""
    raw = path.read_bytes()
    if path.suffix == ".gz":
        return raw + gzip.decompress(raw)
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            return raw + b"".join(archive.read(name) for name in archive.namelist())
    return raw


@pytest.mark.parametrize("secret", [*SECRETS, "path", "sha256"])
def test_shareable_files_do_not_lead_to_the_input(written, secret):
    if secret == "path":
        secret = str(written.source.parent)
    elif secret == "sha256":
        secret = hashlib.sha256(written.source.read_bytes()).hexdigest()
    files = written.shareable()
    assert len(files) == 6
    for path in files:
        assert secret not in path.name.lower()
        assert secret.lower().encode() not in contents(path).lower(), path


def test_gzip_header_has_no_name_and_no_time(written):
    header = written.paths["output"].read_bytes()[:10]
    assert header[3] == 0
    assert header[4:8] == bytes(4)


def test_private_log_leads_to_the_input(written):
    log = json.loads((written.paths["private_report"] / "head_private.json").read_text("utf-8"))
    assert log["input"] == str(written.source.resolve())
    assert log["input_sha256"] == hashlib.sha256(written.source.read_bytes()).hexdigest()


def test_pages_load_nothing_from_elsewhere(written):
    for page in written.folder.rglob("*.html"):
        text = page.read_text("utf-8").lower()
        for word in ("http://", "https://", "<script", "@import"):
            assert word not in text
        addresses = re.findall(r"(?:href|src|url)\s*[=(]\s*[\"']?([^\"'\s>)]*)", text)
        assert all(address.startswith(("data:", "#")) for address in addresses)


def test_private_log_takes_any_path():
    assert json.loads(json_bytes({"input": "M\udcfcller.nii"}))["input"].startswith("M")
