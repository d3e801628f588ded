"""``efface methods``, and the options' own tables, which must not load the library."""

from efface import fill, methods
from efface.cli import options


def test_lists_every_method(efface):
    said = efface("methods")
    assert said.status == 0
    for key in methods.TABLE:
        assert f"{key} (default): " in said.out if key == methods.DEFAULT else f"{key}: " in said.out
    assert "clearance_mm = 4.0" in said.out


def test_json(efface):
    document = efface("methods", "--json").document
    assert [entry["name"] for entry in document["methods"]] == list(methods.TABLE)
    assert [entry["name"] for entry in document["methods"] if entry["default"]] == [methods.DEFAULT]
    for entry in document["methods"]:
        assert entry["what"]
        assert entry["citation"]
        assert entry["needs"]
        assert entry["sample"].startswith("efface deface ")
        assert entry["default"] or f"--method {entry['name']}" in entry["sample"]
        assert entry["ready"] or entry["remedy"]
        assert entry["fill"] in fill.FILLS
        assert entry["follows_face"] in (True, False)


def test_options_agree_with_the_library():
    assert methods.DEFAULT == options.DEFAULT_METHOD
    assert [choice.value for choice in options.Fill] == list(fill.FILLS)
    assert [choice.name for choice in options.Fill] == list(fill.FILLS)


def test_default_demo_folder_and_every_command_have_help(efface):
    for command in ("deface", "verify", "methods", "demo"):
        said = efface(command, "-h")
        assert said.status == 0
        assert said.out.startswith(f"Usage: efface {command} ")
        assert f"efface {command}" in said.out.split("Options:")[0].partition("\n")[2]  # an example
        assert said.err == ""
