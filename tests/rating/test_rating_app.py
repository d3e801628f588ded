"""The app tells raters nothing of methods or of each other, and nobody anything without the address."""

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx2")

from starlette.testclient import TestClient

from efface.rating.app import build_app
from efface.rating.images import Pictures
from efface.rating.store import standing

WHO = {"rater": "A", "form": "outcome"}


@pytest.fixture
def client(desk, store):
    pictures = Pictures()
    app = build_app(
        desk, store, pictures, rater_token="raters", organiser_token="organiser", hosts=["127.0.0.1", "localhost"]
    )
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client
    pictures.close()


def place(client, where="raters", **who):
    return client.get(f"/{where}/api/place", params=WHO | who).json()


def confirm(client, answers, where="raters", **who):
    who = WHO | who
    return client.post(
        f"/{where}/api/confirm", json={**who, "id": place(client, where, **who)["id"], "answers": answers}
    )


@pytest.mark.parametrize("path", ["/", "/api/place", "/wrong/", "/static/rate.js", "/raters", "/raters/ratings.tsv",
                                  "/raters/api/progress", "/raters/static/../app.py", "/raters/../"])  # fmt: skip
def test_nothing_is_found_without_the_address(client, path):
    assert client.get(path, params=WHO, follow_redirects=False).status_code in (307, 404)


def test_another_host_name_leads_nowhere(client):
    assert client.get("/raters/", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("path", ["/raters/", "/raters/rate?rater=A&form=outcome", "/organiser/", "/nothing",
                                  "/raters/static/rate.js", "/organiser/ratings.tsv"])  # fmt: skip
def test_every_answer_forbids_requests_to_others(client, path):
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "http" not in headers["content-security-policy"]
    assert (headers["referrer-policy"], headers["cache-control"]) == ("no-referrer", "no-store")


def test_raters_are_told_neither_scan_nor_method(client):
    said = place(client)
    pages = [
        client.get("/raters/").text,
        client.get("/raters/rate", params=WHO).text,
        str(said),
        client.get("/raters/api/item", params={**WHO, "id": said["id"]}).text,
    ]
    for word in ("anatomy", "quickshear", "sub-0", "person-", "cut.nii", "scans.tsv"):
        assert not any(word in page for page in pages), word


def test_a_rating_is_kept_and_can_be_undone(client, store):
    first = place(client)
    assert (first["done"], first["total"], first["break"]) == (0, 20, False)
    assert confirm(client, {"outcome": "failure I"}).json() == {"kept": True}
    assert [one.answers for one in standing(store.events())] == [{"outcome": "failure I"}]
    assert place(client)["done"] == 1
    assert client.post("/raters/api/undo", json=WHO).json() == {"answers": {"outcome": "failure I"}}
    assert place(client)["id"] == first["id"]


@pytest.mark.parametrize("answers", [{"outcome": "superb"}, {"outcome": 1}, ["success"], None])
def test_a_wrong_answer_is_said_to_be_wrong(client, store, answers):
    answer = confirm(client, answers)
    assert answer.status_code == 400
    assert "answer" in answer.json()["error"]
    assert standing(store.events()) == []


@pytest.mark.parametrize(
    "sent", [{"content": b"{"}, {"data": {"rater": "A"}}, {"content": b'"' + b"x" * 200_000 + b'"'}]
)
def test_what_a_page_does_not_send_is_refused(client, sent):
    assert client.post("/raters/api/confirm", **sent).status_code == 400


@pytest.mark.parametrize("name", ["consensus", "Consensus ", "<script>", ""])
def test_raters_cannot_take_part_in_the_consensus_or_break_the_page(client, name):
    answer = client.get("/raters/rate", params={"rater": name, "form": "outcome"})
    assert answer.status_code == 400
    assert "give a name or initials" in answer.text
    assert "<script>" not in answer.text
    assert client.get("/raters/api/place", params={"rater": name, "form": "outcome"}).status_code == 400


def test_pictures_are_png_and_only_of_what_is_shown(client):
    shown = {**WHO, "id": place(client)["id"]}
    counts = client.get("/raters/api/item", params=shown).json()
    assert counts["original"] is True
    middle = counts["planes"]["axial"] // 2
    for path in (f"slice/defaced/axial/{middle}", f"slice/original/axial/{middle}", "view/defaced/6"):
        answer = client.get(f"/raters/{path}.png", params=shown)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), path
        assert answer.content.startswith(b"\x89PNG")
    for path in ("slice/defaced/axial/9999", "slice/defaced/oblique/1", "view/defaced/99"):
        assert client.get(f"/raters/{path}.png", params=shown).status_code == 400, path
    assert client.get("/raters/view/defaced/6.png", params={**WHO, "id": "sub-00"}).status_code == 400


def test_a_form_without_originals_shows_none(client):
    who = {"rater": "A", "form": "two-criterion"}
    shown = {**who, "id": place(client, **who)["id"]}
    assert client.get("/raters/api/item", params=shown).json()["original"] is False
    assert client.get("/raters/slice/original/axial/1.png", params=shown).status_code == 400


def test_photographs_are_shown_by_number(client):
    assert client.get("/raters/photograph/2.png").content.startswith(b"\x89PNG")
    assert client.get("/raters/photograph/3.png").status_code == 400


def test_the_organiser_sees_agreement_settles_and_exports(client):
    for rater, answer in (("A", "success"), ("B", "failure I")):
        while "id" in place(client, rater=rater):
            confirm(client, {"outcome": answer}, rater=rater)
    said = client.get("/organiser/api/progress").json()
    assert [row["done"] for row in said["raters"]] == [20, 20]
    assert next(row for row in said["agreement"] if row["raters"] == "all raters")["kappa"] == pytest.approx(-0.5)
    assert said["disagreements"]["outcome"] == 18
    assert place(client, "organiser")["said"] == {"outcome": ["failure I", "success"]}
    assert confirm(client, {"outcome": "failure I"}, "organiser").json() == {"kept": True}
    assert client.get("/organiser/api/progress").json()["disagreements"]["outcome"] == 17
    lines = client.get("/organiser/ratings.tsv").text.splitlines()
    assert lines[0].split("\t")[:4] == ["rating_id", "rater", "form", "question"]
    assert len(lines) == 1 + 20 + 20 + 1
    assert lines[-1].split("\t")[1] == "consensus"


def test_a_scan_that_cannot_be_read_is_said_to_be_so_and_can_be_skipped(client, rated):
    (rated / "cut.nii.gz").unlink()
    (rated / "cut.nii.gz").write_bytes(b"no image")
    answer = client.get("/raters/api/item", params={**WHO, "id": place(client)["id"]})
    assert answer.status_code == 500
    assert answer.json() == {"error": "This scan cannot be shown. Skip it; the organiser can see why."}
    assert confirm(client, {}).json() == {"kept": True}
    assert place(client)["done"] == 1
