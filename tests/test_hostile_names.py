"""Signs and signers named in markup: no page that gislr writes runs it."""

import pytest

from tests.browser import browser, needs_browser
from tests.commands import TINY, gislr
from tests.conftest import separable_clips, write_folder

SIGN = "<img src=x onerror='window.ran=1'>"
SIGNER = "</script><script>window.ran=1</script>"
MARKUP = ("<img src=x", "<script>window.ran")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Every page and every table in Markdown that is written of such data."""
    folder = tmp_path_factory.mktemp("hostile")
    clips = [
        (signer.replace("103", SIGNER), sign.replace("sign0", SIGN), landmarks)
        for signer, sign, landmarks in separable_clips()
    ]
    root = write_folder(folder / "clips", clips)
    data = ["data=asl_signs", f"data.root={root}", f"preparation.cache={folder / 'cache'}"]
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    tracked = [*data, *TINY, f"tracking.uri={uri}", "training.epochs=1"]
    done = [
        gislr(*tracked, module="describe", cwd=folder),
        gislr(*tracked, "tracking.experiment=one"),
        gislr(*tracked, "tracking.experiment=one", "seed=1"),
        gislr("experiment=one", f"tracking.uri={uri}", module="compare"),
        gislr(str(next(root.rglob("*.parquet"))), f"root={root}", module="view", cwd=folder),
    ]
    assert [process.returncode for process in done] == [0] * len(done), done
    written = [*folder.rglob("*.html"), *folder.rglob("*.md"), *folder.rglob("*.svg")]
    return sorted(written), SIGN in done[1].stdout


@pytest.mark.release
def test_names_are_escaped_in_every_page(pages):
    written, shown = pages
    names = {path.name for path in written}
    assert {"description.html", "report.html"} <= names, names
    assert shown
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert not any(markup in text for markup in MARKUP), path


@pytest.mark.release
@needs_browser
def test_a_browser_runs_none_of_them(pages):
    with browser("--allow-file-access-from-files") as page:
        for path in pages[0]:
            if path.suffix == ".html":
                page.open(path.as_uri())
                page.wait("document.readyState == 'complete'")
                assert page.run("return window.ran === undefined"), path
