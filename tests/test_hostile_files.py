"""Files and settings from strangers: nothing in them is run, and none of it reaches a page raw."""

import io
import os
import tracemalloc
import zipfile

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from gislr.config.configuration import default_configuration
from gislr.data.clip_files import require_clip
from gislr.data.label_map import LABEL_MAP, read_label_map
from gislr.data.manifest_rows import read_rows
from gislr.data.raw_clips import ClipProblem, read_clip
from gislr.data.sources.arrays import prepare_arrays
from gislr.training.checkpoints import Checkpoints
from gislr.utils.errors import GislrError, SettingError
from gislr.utils.log import printable


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, place):
        self.place = str(place)

    def __reduce__(self):
        return os.mkdir, (self.place,)


def test_a_pickle_among_the_arrays_is_not_opened(tmp_path):
    ran = tmp_path / "ran"
    np.save(tmp_path / "X.npy", np.array([Hostile(ran)], object), allow_pickle=True)
    for name in ("y.npy", "NON_EMPTY_FRAME_IDXS.npy", "who.npy"):
        np.save(tmp_path / name, np.zeros(1))
    with pytest.raises(GislrError, match=r"must be a \.npy file of numbers"):
        prepare_arrays(tmp_path, "who.npy", axes="xy", cache=tmp_path / "cache")
    assert not ran.exists()
    with (tmp_path / "X.npy").open("wb") as file:
        np.savez(file, frames=np.zeros(1))
    with pytest.raises(GislrError, match="it is an archive"):
        prepare_arrays(tmp_path, "who.npy", axes="xy", cache=tmp_path / "cache")


def test_a_pickle_in_a_checkpoint_is_passed_over(tmp_path):
    ran = tmp_path / "ran"
    state = np.array([Hostile(ran)], object)
    np.savez(tmp_path / "000001.npz", state=state, history=np.array("{}"))
    assert Checkpoints(tmp_path).newest() is None
    assert not ran.exists()


def test_code_in_a_keras_file_is_not_run(tmp_path):
    ran = tmp_path / "ran"
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x, output_shape=(1,))(inputs))
    path = tmp_path / "model.keras"
    model.save(path)
    with pytest.raises(ValueError, match="safe_mode"):
        keras.saving.load_model(path)
    assert not ran.exists()


def test_gislr_never_turns_safe_mode_off():
    from gislr.utils.paths import PACKAGE

    for file in PACKAGE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert "safe_mode" not in text, file
        assert "enable_unsafe_deserialization" not in text, file
        assert "allow_pickle=True" not in text, file
        assert "instantiate(" not in text, file


@pytest.mark.parametrize(
    "override", ["+model._target_=os.mkdir", "+_target_=os.mkdir", "+data._target_=os.mkdir"]
)
def test_a_setting_that_names_a_function_is_not_called(override, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    configuration = None
    try:
        configuration = default_configuration(override, "+model.path=ran")
    except SettingError as error:
        assert "no setting" in str(error)
    assert configuration is None
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_a_logged_configuration_reads_no_environment(tmp_path, monkeypatch):
    from gislr.config.tracking_settings import TrackingSettings
    from gislr.tracking.run_search import find_run, newest_validated
    from gislr.tracking.tracking_store import connect

    monkeypatch.setenv("SECRET", "hunter2")
    settings = TrackingSettings(
        uri=f"sqlite:///{tmp_path / 'mlflow.db'}", experiment="strangers", run_name=None
    )
    client, experiment_id = connect(settings)
    run_id = client.create_run(experiment_id).info.run_id
    values = default_configuration().values | {"experiment": "${oc.env:SECRET}"}
    client.log_text(run_id, OmegaConf.to_yaml(OmegaConf.create(values)), "config.yaml")
    with pytest.raises(GislrError, match="must hold plain values"):
        find_run(settings, run_id).configuration()
    with pytest.raises(GislrError, match="must have been validated"):
        newest_validated(settings, "' or attributes.status != '")


@pytest.mark.release
def test_code_of_a_registered_model_is_not_run(tmp_path, monkeypatch):
    import mlflow

    from gislr.config.tracking_settings import TrackingSettings
    from gislr.inference.open_model import open_recognizer
    from gislr.tracking.tracking_store import connect

    monkeypatch.chdir(tmp_path)
    ran = tmp_path / "ran"
    (tmp_path / "code.py").write_text(
        "import mlflow, pathlib\n"
        f"pathlib.Path({str(ran)!r}).mkdir(exist_ok=True)\n"
        "class Model(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input):\n"
        "        return None\n"
        "mlflow.models.set_model(Model())\n"
    )
    settings = TrackingSettings(
        uri=f"sqlite:///{tmp_path / 'mlflow.db'}", experiment="strangers", run_name=None
    )
    _, experiment_id = connect(settings)
    with mlflow.start_run(experiment_id=experiment_id):
        mlflow.pyfunc.log_model(
            name="recognizer", python_model="code.py", registered_model_name="gislr"
        )
    assert ran.is_dir(), "MLflow runs it where it is logged, and would where it is loaded"
    ran.rmdir()
    with pytest.raises(GislrError, match=r"must hold model\.tflite"):
        open_recognizer(settings, "models:/gislr/1")
    assert not ran.exists()
    mlflow.pyfunc.load_model("models:/gislr/1")
    assert ran.is_dir()


def test_what_a_terminal_would_obey_is_shown_as_text():
    assert printable("sign\x1b]0;title\x07\u202e") == "sign\\x1b]0;title\\x07\\u202e"
    assert printable("ein Zeichen, 💃\nnext") == "ein Zeichen, 💃\nnext"


def test_a_parquet_file_that_claims_millions_of_rows_is_refused(tmp_path):
    table = pa.table({name: pa.nulls(10**7, pa.float32()) for name in "xyz"})
    table = table.append_column("landmark_index", pa.nulls(10**7, pa.int16()))
    pq.write_table(table, tmp_path / "clip.parquet", compression="zstd")
    assert (tmp_path / "clip.parquet").stat().st_size < 10**6
    with pytest.raises(GislrError, match=r"frames|multiple"):
        require_clip(tmp_path / "clip.parquet")


def test_markup_in_names_is_escaped_in_charts_too():
    import plotly.graph_objects

    from gislr.evaluation.reports.page import Page, Section

    hostile = "</script><script>alert(1)</script>"
    chart = plotly.graph_objects.Figure(plotly.graph_objects.Bar(x=[hostile], y=[1]))
    chart.update_layout(title=hostile)
    assert "<script>alert" not in Page("", "", [Section("", charts=[chart])]).html()


def header(shape, dtype="<f4"):
    content = io.BytesIO()
    values = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, values)
    return content.getvalue()


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (header((10**9, 543, 3)), "more than 10,000 frames"),
        (header((2, 543, 3), "<U100000000"), "another shape"),
        (header((9_000, 543, 3)), "unreadable arrays"),
        (b"no array", "unreadable arrays"),
    ],
)
def test_an_array_that_claims_to_be_large_takes_no_memory(suffix, claim, message, tmp_path):
    path = tmp_path / f"clip.{suffix}"
    if suffix == "npy":
        path.write_bytes(claim)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("landmarks.npy", claim)
    with pytest.raises(GislrError, match=message):
        require_clip(path)


def test_an_archive_that_unpacks_to_gigabytes_is_not_unpacked(tmp_path):
    path, frames = tmp_path / "clip.npz", 10_001
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("landmarks.npy", header((frames, 543, 3)) + bytes(frames * 543 * 3 * 4))
    assert path.stat().st_size < 10**6
    tracemalloc.start()
    try:
        with pytest.raises(GislrError, match="more than 10,000 frames"):
            require_clip(path)
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()


def test_columns_of_text_and_nested_columns_are_not_read(tmp_path):
    numbers = {name: pa.nulls(543, pa.float64()) for name in "yz"}
    numbers["landmark_index"] = pa.nulls(543, pa.int16())
    text = pa.DictionaryArray.from_arrays(np.zeros(543, np.int32), ["x" * 10**6])
    nested = pa.array([{"x": 0.0, "y": 0.0, "z": 0.0, "landmark_index": 0}] * 543)
    tables = {
        "columns of another type": pa.table({"x": text, **numbers}),
        "wrong columns": pa.table({"nested": nested}),
    }
    for message, table in tables.items():
        pq.write_table(table, tmp_path / "clip.parquet")
        with pytest.raises(GislrError, match=message):
            require_clip(tmp_path / "clip.parquet")
    twice = pa.table([numbers["y"]] * 4, names=["x", "x", "y", "z"])
    pq.write_table(twice.append_column("landmark_index", numbers["landmark_index"]), tmp_path / "c")
    with pytest.raises(ClipProblem, match="wrong columns"):
        read_clip(tmp_path / "c")


def test_lists_of_signs_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "manifest.csv").write_text(f"path,sign\na.npy,{'x' * 200_000}\n")
    with pytest.raises(GislrError, match="could not be read as a CSV file"):
        read_rows(tmp_path / "manifest.csv")
    (tmp_path / LABEL_MAP).write_text('{"\\ud800": 0}')
    with pytest.raises(GislrError, match="must be a JSON object"):
        read_label_map(tmp_path / LABEL_MAP)
