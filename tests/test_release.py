"""From a validated run to a served model, as a person does it: real processes, real HTTP."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.commands import TINY, artifacts, free_port, gislr, only_run, start_gislr, wait_for_epoch
from tests.conftest import clip_table, landmarks_of

pytestmark = [pytest.mark.release, pytest.mark.xdist_group("release")]


@pytest.fixture(scope="module")
def released(workplace, client):
    """A validated run, and a final run of two seeds that rests on it and is the champion."""
    uri = workplace[-1]
    done = gislr(*workplace, *TINY, "+experiments=quick", "training.epochs=2")
    assert done.returncode == 0, done.stderr
    done = gislr(
        "+experiments=quick", uri, "seeds=2", "promote=true", "tracking.run_name=two",
        module="final",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "version 1 is the champion now" in done.stdout
    [experiment] = [e for e in client.search_experiments() if e.name == "gislr"]
    runs = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])
    return runs


def test_a_final_run_of_two_seeds_holds_evidence_and_models(released, client, tmp_path):
    validated, first, second, final = released
    assert final.data.tags["members"] == f"{first.info.run_id},{second.info.run_id}"
    assert final.data.tags["evidence.run_id"] == validated.info.run_id
    assert final.data.tags["held_out"] == "none"
    assert [r.data.params["seed"] for r in (first, second)] == ["42", "43"]
    root = artifacts(client, final, tmp_path)
    evidence = json.loads((root / "evidence.json").read_text())
    assert evidence["scores"]["val_weighted_f1"] == validated.data.metrics["val_weighted_f1"]
    expected = {"model.keras", "config.yaml", "sign_to_prediction_index_map.json"}
    assert expected <= {path.name for path in root.iterdir()}
    assert len(list((root / "statistics").glob("*.npy"))) == 6


def test_a_registered_model_has_the_threshold_and_the_card(released, client, tmp_path):
    import mlflow

    validated = released[0]
    mlflow.artifacts.download_artifacts("models:/gislr@champion", dst_path=str(tmp_path))
    [model] = tmp_path.rglob("model.tflite")
    threshold = json.loads((model.parent / "rejection.json").read_text())["rejection_threshold"]
    assert threshold == pytest.approx(validated.data.metrics["rejection_threshold"])
    assert threshold > 0
    card = (model.parent / "README.md").read_text()
    assert f"rests on the scores of the validated run `{validated.info.run_id}`" in card
    assert f"| accuracy | {validated.data.metrics['val_acc']:.3f} |" in card
    assert client.get_model_version_by_alias("gislr", "champion").description == card


def test_one_of_its_seeds_is_reproduced_to_the_last_digit(released, workplace):
    done = gislr(
        f"run={released[2].info.run_id}", workplace[-1], "tracking.experiment=again",
        module="reproduce",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "metrics of every epoch are the same" in done.stdout


def test_the_champion_moves_for_better_evidence_only(released, workplace, client):
    final = released[3]
    done = gislr(f"run={final.info.run_id}", workplace[-1], "promote=true", module="final")
    assert "version 1 is the champion already" in done.stdout
    done = gislr(f"run={final.info.run_id}", workplace[-1], module="final")
    assert done.returncode == 2
    assert "is a final run already" in done.stderr


def test_an_interrupted_final_run_is_resumed_and_registered(released, workplace, client):
    uri, experiment = workplace[-1], "tracking.experiment=cut_off"
    run = f"run={released[0].info.run_id}"
    process = start_gislr(run, uri, experiment, "epochs=200", module="final")
    wait_for_epoch(process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    run = only_run(client, "cut_off")
    run_id = run.info.run_id
    assert run.info.status == "KILLED"
    assert f"gislr train resume={run_id}" in errors
    assert "gislr final run=RUN_ID" in errors
    done = gislr(f"run={run_id}", uri, module="final")
    assert done.returncode == 2
    assert f"gislr train resume={run_id}" in done.stderr
    done = gislr(f"resume={run_id}", uri, workplace[2])
    assert done.returncode == 0, done.stderr
    done = gislr(f"run={run_id}", uri, experiment, module="final")
    assert done.returncode == 0, done.stderr
    assert "registered as models:/gislr/" in done.stdout
    assert "evidence.json" in {entry.path for entry in client.list_artifacts(run_id)}
    assert [v.run_id for v in client.search_model_versions("name = 'gislr'")].count(run_id) == 1


def test_an_interrupted_final_run_reuses_its_trained_seeds(released, workplace, client):
    command = [f"run={released[0].info.run_id}", workplace[-1], "tracking.experiment=seeds"]
    process = start_gislr(*command, "seeds=2", "register_model=false", module="final")
    finished = []
    while not finished and process.poll() is None:
        time.sleep(0.1)
        found = client.get_experiment_by_name("seeds")
        runs = client.search_runs([found.experiment_id]) if found else []
        finished = [run for run in runs if run.info.status == "FINISHED"]
    process.kill()
    process.communicate()
    done = gislr(*command, "seeds=2", "register_model=false", module="final")
    assert done.returncode == 0, done.stderr
    assert "seed 42 is trained already" in done.stdout


PLAIN = """
import sys
import mlflow, numpy as np
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/gislr@champion")
landmarks = np.load(sys.argv[2])
print(model.predict(landmarks), model.predict([sys.argv[3]] * 2), sep="\\n")
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""


def test_plain_mlflow_loads_the_champion(released, workplace, asl_signs, tmp_path):
    clip = sorted(asl_signs.rglob("*.parquet"))[3]
    np.save(tmp_path / "clip.npy", landmarks_of(20))
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, uri_of(workplace), tmp_path / "clip.npy", clip],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    one, two = done.stdout.splitlines()
    assert one.count("'signs': [") == 1
    assert two.count("'signs': [") == 2
    predicted = gislr(
        "model=models:/gislr@champion", clip, "format=json", workplace[-1], module="predict"
    )
    by_keras = gislr(
        f"model={released[3].info.run_id}", clip, "format=json", workplace[-1],
        module="predict",
    )  # fmt: skip
    entry, other = json.loads(predicted.stdout), json.loads(by_keras.stdout)
    assert entry["signs"] == other["signs"]
    np.testing.assert_allclose(entry["probabilities"], other["probabilities"], atol=1e-4)
    assert f"{entry['signs']}" in two


def test_mlflow_serves_the_champion_over_http(released, workplace, tmp_path):
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/gislr@champion",
         "--env-manager", "local", "-p", str(port)],
        env={
            **os.environ,
            "MLFLOW_TRACKING_URI": uri_of(workplace),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",  # noqa: PTH120
        },
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/ping")
        landmarks = landmarks_of(9)
        missing = [[[None if np.isnan(v) else float(v) for v in p] for p in f] for f in landmarks]
        [answer] = ask(port, {"inputs": missing})["predictions"]
        assert len(answer["signs"]) == 4, "the data has four signs"
        assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-4)
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(port, {"inputs": [[1.0, 2.0]]})
        assert "Landmarks must be numbers in the shape" in refused.value.read().decode()
    finally:
        os.killpg(server.pid, 15)
        server.wait(20)


def test_an_exported_run_is_what_the_competition_takes(released, workplace, client, tmp_path):
    run = released[0]
    done = gislr(
        f"run={run.info.run_id}", workplace[-1], f"output={tmp_path}", "onnx=true", module="export"
    )
    assert done.returncode == 0, done.stderr
    assert "accuracy drop" in done.stdout
    folder = tmp_path / run.info.run_name
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "model.tflite", "model_float16.tflite", "model_int8.tflite", "model.onnx", "measured.json",
        "rejection.json", "README.md",
        "submission.zip", "sign_to_prediction_index_map.json",
    }  # fmt: skip
    with zipfile.ZipFile(folder / "submission.zip") as archive:
        assert archive.namelist() == ["model.tflite"]
        assert archive.read("model.tflite") == (folder / "model.tflite").read_bytes()
    kept = json.loads((folder / "rejection.json").read_text())["rejection_threshold"]
    assert kept == run.data.metrics["rejection_threshold"] > 0
    measured = {
        entry["file"]: entry for entry in json.loads((folder / "measured.json").read_text())
    }
    assert measured["model.tflite"]["same_sign"] == measured["model.tflite"]["clips"] == 8
    assert "export/model.tflite" in {
        entry.path for entry in client.list_artifacts(run.info.run_id, "export")
    }
    for value, message in (("[int4]", "precisions must be one of"), ("[]", "at least one")):
        done = gislr(
            f"run={run.info.run_id}", workplace[-1], f"output={tmp_path / 'bad'}",
            f"precisions={value}", module="export",
        )  # fmt: skip
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert message in done.stderr
    assert not (tmp_path / "bad").exists()


def test_broken_clips_are_reported_and_the_others_predicted(released, workplace, tmp_path):
    exported = tmp_path / "export"
    done = gislr(
        f"run={released[0].info.run_id}", workplace[-1], f"output={exported}",
        "precisions=[float32]", module="export",
    )  # fmt: skip
    model = next(exported.rglob("model.tflite"))
    clips = tmp_path / "clips"
    clips.mkdir()
    good = clip_table(landmarks_of(4))
    pq.write_table(good, clips / "good.parquet")
    pq.write_table(good.slice(0, 600), clips / "rows.parquet")
    pq.write_table(good.slice(0, 0), clips / "empty.parquet")
    pq.write_table(good.drop_columns(["x"]), clips / "columns.parquet")
    pq.write_table(clip_table(np.full((4, 543, 3), np.nan)), clips / "missing.parquet")
    long = clip_table(np.zeros((1, 543, 3), np.float32))
    pq.write_table(pa.concat_tables([long] * 10_001), clips / "long.parquet")
    (clips / "text.parquet").write_text("no parquet file")
    (clips / "nothing.parquet").write_bytes(b"")
    done = gislr(f"model={model}", clips, f"output={tmp_path / 'signs.csv'}", module="predict")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 7, done.stderr
    assert all(line.startswith(f"error: {clips}") for line in lines)
    assert "Traceback" not in done.stderr
    assert (tmp_path / "signs.csv").read_text().count("good.parquet") == 1
    label_map = model.parent / "sign_to_prediction_index_map.json"
    label_map.write_text(json.dumps({"bee": 0}))
    done = gislr(f"model={model}", clips, f"output={tmp_path / 'other.csv'}", module="predict")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "it names 1, but the model gives probabilities of the shape [4]" in done.stderr
    assert not list(tmp_path.glob("other.csv*"))


def uri_of(workplace):
    return workplace[-1].removeprefix("tracking.uri=")


def wait_for(address, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise TimeoutError(address)


def ask(port, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
