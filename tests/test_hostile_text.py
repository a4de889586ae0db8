"""Names that are formulas, subtitles, paths, mathematics or links: text they stay."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gislr.evaluation.figures import clip_figures
from gislr.evaluation.figures.confusion_figure import confusion_chart
from gislr.evaluation.metrics.confusion import confusion_matrix
from gislr.evaluation.reports.page import POLICY, Page, Section, png
from gislr.inference.streaming import SignEvent
from gislr.record.recordings import file_name
from gislr.utils.errors import GislrError
from gislr.utils.spreadsheet import write_csv
from gislr.workflows.export import folder_name
from gislr.workflows.prediction_output import WRITERS
from gislr.workflows.view import view_clip
from tests.browser import browser, needs_browser
from tests.conftest import landmarks_of
from tests.test_figures import clip_predictions

FORMULA = '=HYPERLINK("http://evil.example";"bee")'
LINK = "[bee](http://evil.example) <img src=http://evil.example>"
ORDERS = "bee\n\n2\n00:00:00,000 --> 00:00:09,000\nwasp\x1b[2J\x9b2J\u202e"


def written(kind, sign):
    event = SignEvent([sign, FORMULA], [0.9, 0.1], has_hand=True, sure=True, start=1.0, end=2.0)
    output = io.StringIO()
    WRITERS[kind]([(Path("-clip.npy"), event)], output)
    return output.getvalue()


def test_a_message_escapes_control_characters_and_cuts_long_words():
    message = str(GislrError(f"Expected\nsigns; got \x1b[2J and {'é' * 10_000}."))
    assert message == f"Expected\nsigns; got \\x1b[2J and {'é' * 100}…"


@pytest.mark.parametrize("kind", ["text", "srt", "vtt"])
def test_a_sign_stays_on_its_line(kind):
    shown, usual = written(kind, ORDERS), written(kind, "bee")
    assert len(shown.splitlines()) == len(usual.splitlines())
    assert all(each.isprintable() for each in shown.replace("\n", ""))


def test_json_of_predictions_obeys_nothing_and_keeps_names():
    shown = written("json", ORDERS + "grün")
    assert json.loads(shown)["signs"] == [ORDERS + "grün", FORMULA]
    assert shown.rstrip("\n").isprintable()
    assert "grün" in shown


def test_a_spreadsheet_calculates_no_name(tmp_path):
    [_, row] = csv.reader(io.StringIO(written("csv", ORDERS)))
    assert row[0] == "'-clip.npy"
    assert FORMULA not in row
    assert f"'{FORMULA}" in row
    assert all(value.isprintable() for value in row)
    table = pd.DataFrame({"sign": [FORMULA, "bee"], "f1": [-0.5, 1.0], "@n": [1, 2]})
    write_csv(table, tmp_path / "table.csv", index=False)
    lines = list(csv.reader((tmp_path / "table.csv").read_text().splitlines()))
    assert lines == [["sign", "f1", "'@n"], [f"'{FORMULA}", "-0.5", "1"], ["bee", "1.0", "2"]]
    matrix = pd.DataFrame([[1, 0], [0, 1]], index=[FORMULA, "b"], columns=[FORMULA, "b"])
    write_csv(matrix, tmp_path / "matrix.csv")
    assert "\n=" not in (tmp_path / "matrix.csv").read_text().replace(',"', "\n").replace('"', "")


@pytest.mark.parametrize("name", ["../../.ssh", "/etc", "a/b", "..", "", "a\\b", "C:x", "a\0", "~"])
def test_the_name_of_a_run_is_no_path(name, tmp_path):
    assert (tmp_path / folder_name(name)).resolve().parent == tmp_path.resolve()
    assert folder_name(name) != name


@pytest.mark.parametrize("name", ["CON", "nul", "Com1", "lpt9"])
def test_devices_of_windows_are_no_file_names(name):
    assert file_name(name) != name
    assert file_name("console") == "console"


def test_dollars_are_no_mathematics():
    assert png(clip_figures.strip({r"$\no$": landmarks_of(2)}, r"$\frac{1}$", frames=1))


def test_links_in_names_are_text():
    table = pd.DataFrame({"model": [LINK], LINK: [0.5]})
    text = Page(LINK, LINK, [Section(LINK, tables=[table])]).markdown()
    assert "](" not in text
    assert "<img" not in text


def test_a_served_model_opens_no_files(tmp_path, monkeypatch):
    from mlflow.exceptions import MlflowException

    from gislr.inference.served_model import RawLandmarksModel

    np.save(tmp_path / "clip.npy", landmarks_of(2))
    monkeypatch.setenv("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", "true")
    for name in ("clip.npy", "none.npy"):
        with pytest.raises(MlflowException, match="it opens no files"):
            RawLandmarksModel().predict(None, [str(tmp_path / name)])


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A report with a chart, and the animation of a clip."""
    folder = tmp_path_factory.mktemp("pages")
    names = [f"<a href='http://evil.example'>{k}</a>" for k in range(3)]
    labels = np.arange(3, dtype=np.int32)
    matrix = confusion_matrix(clip_predictions(labels, np.eye(3, dtype=np.float32), names))
    report = folder / "report.html"
    report.write_text(Page(LINK, "", [Section("c", charts=[confusion_chart(matrix)])]).html())
    np.save(folder / "clip.npy", landmarks_of(2))
    return report, view_clip(folder / "clip.npy", folder)[1]


@pytest.mark.slow
def test_pages_name_no_outside_address(pages):
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert POLICY in text
        assert not re.search(
            r"<(?:link|script|img|i)\b[^>]*(?:href|src|class)=[\"']?(?:http|fa )", text
        )


@pytest.mark.slow
@needs_browser
def test_a_browser_draws_pages_and_asks_nobody(pages):
    report, animation = pages
    with browser("--allow-file-access-from-files") as page:
        page.open(report.as_uri())
        page.wait("document.querySelectorAll('.xtick text').length == 3")
        assert page.run("return document.querySelector('.main-svg a')") is None
        assert "<a href=" in page.run("return document.querySelector('.xtick text').textContent")
        blocked = "fetch('http://127.0.0.1:9/').catch((error) => { window.failed = true; })"
        page.run("addEventListener('securitypolicyviolation', () => { window.blocked = true; })")
        page.run(blocked)
        page.wait("window.failed && window.blocked")
        page.open(animation.as_uri())
        page.wait("document.querySelector('img').naturalWidth > 0")
        page.run("document.querySelector('[title=\"Next frame\"]').click()")
        assert page.run("return document.querySelector('input[type=range]').value") == "1"
        outside = [url for url in page.requested() if url.startswith("http")]
        assert outside in ([], ["http://127.0.0.1:9/"])
