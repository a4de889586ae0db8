"""The page to try a model with: its files, its server over real HTTP, what npm fetches."""

import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from gislr.config.composition import compose
from gislr.data.label_map import LABEL_MAP, write_label_map
from gislr.demo.demo_page import demo_page
from gislr.inference.litert_recognizer import LiteRTRecognizer
from gislr.utils.errors import GislrError, SettingError
from gislr.web import npm_packages
from gislr.web.npm_packages import PACKAGES, Package, fetch
from gislr.web.page_files import write_page
from gislr.web.page_server import PageServer
from gislr.workflows.export import export
from tests.conftest import clip_table, landmarks_of
from tests.faults.fuzz_seeds import SIGNS, kept
from tests.serving import serving

HOSTILE = "<img src=x onerror=alert(1)>"
needs_packages = pytest.mark.skipif(
    not npm_packages.is_fetched(*PACKAGES), reason="needs the packages that gislr demo fetches"
)

pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture(scope="module")
def recognizer():
    return LiteRTRecognizer(kept("export/model.tflite"), [HOSTILE, *SIGNS[1:]], 0.3)


@pytest.fixture(scope="module")
def files(recognizer):
    clips = {"long": landmarks_of(300), HOSTILE: landmarks_of(3, hand=None)}
    return demo_page(recognizer, "a model", clips, packages={})


@pytest.fixture(scope="module")
def server(files):
    with serving(PageServer(("127.0.0.1", 0), files)) as found:
        yield found


def ask(server, method, path, body=None, **headers):
    connection = http.client.HTTPConnection(*server.server_address, timeout=60)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    is_json = answer.headers["Content-Type"] == "application/json"
    return answer.status, json.loads(content) if is_json else content, answer.headers


def test_every_file_that_the_page_names_is_there(files):
    names = {package.folder for package in PACKAGES}
    for name, file in files.items():
        if name.endswith((".html", ".js")):
            named = re.findall(
                r'(?:from |href=|src=|import\(|download\()"(\./[^"]+)"', file.read_text()
            )
            for path in named:
                assert path[2:] in files or path[2:].split("/")[0] in names, (name, path)
    texts = [file.read_text() for file in files.values() if isinstance(file, Path)]
    assert not any(re.search(r'["\'(](https?:)?//(?!localhost)', text) for text in texts)


def test_texts_stand_out_from_their_ground(files):
    """Contrast as WCAG 2 defines it, of every text color on every ground, light and dark."""
    light, dark = re.findall(r":root \{([^}]+)\}", files["page.css"].read_text())
    pairs = [
        (text, ground) for text in ("text", "faint", "accent") for ground in ("card", "ground")
    ]
    for scheme in (light, dark):
        colors = dict(re.findall(r"--([\w-]+): (#\w{6})", scheme))
        for text, ground in [*pairs, ("warn", "warn-ground")]:
            bright, dim = sorted((luminance(colors[name]) for name in (text, ground)), reverse=True)
            assert (bright + 0.05) / (dim + 0.05) >= 4.5, (text, ground)


def luminance(color):
    parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_the_page_knows_signs_threshold_and_clips(files, recognizer):
    about = json.loads(files["about.json"])
    assert about["signs"] == recognizer.signs
    assert (about["title"], about["rejection_threshold"], about["frames"]) == ("a model", 0.3, 256)
    assert [sample["name"] for sample in about["samples"]] == ["long", HOSTILE]
    rows = pq.read_table(io.BytesIO(files[about["samples"][0]["file"]])).to_pandas()
    np.testing.assert_array_equal(
        rows[["x", "y", "z"]].to_numpy(np.float32).reshape(300, 543, 3), landmarks_of(300)
    )
    drawn = max(k for chains in about["chains"].values() for chain in chains for k in chain)
    assert drawn < len(about["rows"])
    assert files["model.tflite"] == recognizer.content


def test_a_model_of_an_older_gislr_is_refused(recognizer, monkeypatch):
    monkeypatch.setattr(recognizer, "fixed_length", False)
    with pytest.raises(GislrError, match="export the model once more"):
        demo_page(recognizer, "old", {}, packages={})


def test_the_page_and_its_files_are_served_with_a_strict_policy(server, files):
    status, page, headers = ask(server, "GET", "/")
    assert status == 200
    assert b"<script>" not in page
    policy = headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    [same] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page.decode())
    assert policy == f"{same}; frame-ancestors 'none'", "other servers send no policy"
    assert headers["X-Content-Type-Options"] == "nosniff"
    for name in files:
        assert ask(server, "GET", f"/{name}")[0] == 200
    assert ask(server, "GET", "/about.json")[1]["signs"][0] == HOSTILE


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/elsewhere"),
        ("GET", "/samples"),
        ("GET", "/../demo_page.py"),
        ("GET", "/%2e%2e/demo_page.py"),
        ("GET", "/samples/../../demo_page.py"),
        ("GET", "/mediapipe/%2e%2e%2fpage_server.py"),
        ("GET", "//etc/passwd"),
    ],
)
def test_errors_are_one_sentence(server, method, path):
    body = b"" if method == "POST" else None
    status, answer, _ = ask(server, method, path, body)
    assert (status, answer) == (404, {"error": "There is no such page."})


def test_a_broken_address_is_answered(server):
    connection = http.client.HTTPConnection(*server.server_address, timeout=60)
    connection.putrequest("GET", "http://[", skip_host=True)
    connection.putheader("Host", f"127.0.0.1:{server.server_address[1]}")
    connection.endheaders()
    assert connection.getresponse().status == 404
    connection.close()


def test_only_pages_of_this_machine_are_answered(server):
    port = server.server_address[1]
    assert ask(server, "GET", "/", Host="evil.example")[0] == 403
    assert ask(server, "GET", "/", Host=f"evil.example:{port}")[0] == 403
    assert ask(server, "GET", "/", Origin="null")[0] == 403
    assert ask(server, "GET", "/", Origin=f"http://127.0.0.1:{port}")[0] == 200


def test_a_taken_port_is_an_error(server):
    with pytest.raises(GislrError, match="is taken; choose another, as port=PORT"):
        PageServer(server.server_address, {})
    with pytest.raises(GislrError, match="choose a port from 1024 to 65535"):
        PageServer(("127.0.0.1", 70_000), {})


def test_a_page_is_written_whole_or_not_at_all(files, tmp_path):
    size = write_page(files, tmp_path / "page")
    written = [path for path in (tmp_path / "page").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in written) == size
    assert {path.relative_to(tmp_path / "page").as_posix() for path in written} == {*files}
    with pytest.raises(FileNotFoundError):
        write_page({"a": b"new", "b": tmp_path / "none"}, tmp_path / "page")
    assert {path for path in (tmp_path / "page").rglob("*") if path.is_file()} == {*written}
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_a_page_needs_exact_weights():
    config = compose("export", "run=any", "page=true", "precisions=[int8]")
    with pytest.raises(SettingError, match="page=true needs float32 among precisions"):
        export(config)


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Puts an npm in place that packs a folder of one file, or fails."""
    monkeypatch.setattr(npm_packages, "_CACHE", str(tmp_path / "cache"))
    with tarfile.open(tmp_path / "packed.tgz", "w:gz") as archive:
        for name in ("index.js", "other.js"):
            archive.addfile(tarfile.TarInfo(f"package/{name}"))
    program = tmp_path / "bin/npm"
    program.parent.mkdir()
    packed = str(tmp_path / "packed.tgz")
    program.write_text(
        f"#!{sys.executable}\nimport shutil, sys\n"
        "if sys.argv[2] == 'gone@1': sys.exit('404 Not Found')\n"
        f"shutil.copy({packed!r}, 'packed.tgz')\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return tmp_path


def test_a_package_is_fetched_once_and_only_the_known_one(npm, monkeypatch):
    from hashlib import sha256

    known = sha256((npm / "packed.tgz").read_bytes()).hexdigest()
    for _ in range(2):
        found = fetch(Package("@some/thing@1", known, "thing", ("index.*",)))
        assert list(found) == ["thing/index.js"]
        monkeypatch.setenv("PATH", os.devnull)  # the second time needs no npm
    monkeypatch.setenv("PATH", str(npm / "bin"))
    with pytest.raises(GislrError, match="another else@1 than the known one; nothing is kept"):
        fetch(Package("else@1", "0" * 64, "thing", ("*",)))
    with pytest.raises(GislrError, match="could not fetch gone@1: 404 Not Found"):
        fetch(Package("gone@1", known, "thing", ("*",)))
    assert [path.name for path in (npm / "cache").iterdir()] == ["@some_thing@1"]
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(GislrError, match=r"npm is needed to fetch gone@1, once; install Node\.js"):
        fetch(Package("gone@1", known, "thing", ("*",)))


@needs_packages
def test_the_runtime_needs_no_map_of_imports():
    module = npm_packages.runtime()["litert/dist/index.js"]
    assert re.findall(rb'from "([^"]+)"', module) == [b"../../wasm-utils/dist/index.js"]


@pytest.mark.release
@needs_packages
def test_the_command_serves_a_model_and_ends_quietly(recognizer, tmp_path):
    (tmp_path / "model.tflite").write_bytes(recognizer.content)
    write_label_map(tmp_path / LABEL_MAP, SIGNS)
    pq.write_table(clip_table(landmarks_of(4)), tmp_path / "mine.parquet")
    command = [sys.executable, "-m", "gislr.demo", f"model={tmp_path / 'model.tflite'}"]
    process = subprocess.Popen(
        [*command, "port=0", str(tmp_path / "mine.parquet")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        lines = []
        while not (lines and "http://" in lines[-1]):
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        port = int(lines[-1].split("127.0.0.1:")[1].split()[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/about.json")
        about = json.load(connection.getresponse())
        connection.close()
        assert about["samples"][0] == {"name": "mine.parquet", "file": "samples/1.parquet"}
        assert len(about["samples"]) == 5
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read().splitlines()[-1] == "Interrupted."
    finally:
        process.kill()
    done = subprocess.run([*command, "none.parquet"], capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
