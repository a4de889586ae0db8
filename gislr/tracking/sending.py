"""How each kind of thing is sent into a run of MLflow."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_VALUES_AT_ONCE = 100

Content = Mapping[str, Any]


def _parameters(client: Any, run_id: str, content: Content, files: Path | None) -> None:
    from mlflow.entities import Param

    entries = [Param(key, value) for key, value in content.items()]
    for start in range(0, len(entries), _VALUES_AT_ONCE):
        client.log_batch(run_id, params=entries[start : start + _VALUES_AT_ONCE])


def _metrics(client: Any, run_id: str, content: Content, files: Path | None) -> None:
    from mlflow.entities import Metric

    client.log_batch(
        run_id,
        metrics=[
            Metric(name, value, content["time"], content["step"])
            for name, value in content["values"].items()
        ],
    )


def _tags(client: Any, run_id: str, content: Content, files: Path | None) -> None:
    from mlflow.entities import RunTag

    client.log_batch(run_id, tags=[RunTag(key, value) for key, value in content.items()])


def _dataset(client: Any, run_id: str, content: Content, files: Path | None) -> None:
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import DatasetInput, InputTag

    source = CodeDatasetSource({"path": content["source"]})
    dataset = MetaDataset(source, name=content["name"], digest=content["digest"])
    context = InputTag("mlflow.data.context", content["context"])
    client.log_inputs(run_id, [DatasetInput(dataset._to_mlflow_entity(), [context])])


def _artifacts(client: Any, run_id: str, content: Content, files: Path | None) -> None:
    client.log_artifacts(run_id, str(files), content["path"])


def _model(client: Any, run_id: str, content: Content, files: Path | None) -> None:
    from mlflow.models import Model

    run = client.get_run(run_id)
    outputs = run.outputs.model_outputs if run.outputs else []
    sent = [client.get_logged_model(output.model_id) for output in outputs]
    if any(model.name == content["name"] and model.status == "READY" for model in sent):
        return
    # MLflow warns of a missing input example; the signature says the same.
    logging.getLogger("mlflow.models.model").setLevel(logging.ERROR)
    made = client.create_logged_model(
        run.info.experiment_id, content["name"], run_id, params=dict(run.data.params)
    )
    Model.log(
        artifact_path=None,
        flavor=_Saved(files),
        run_id=run_id,
        model_id=made.model_id,
        metadata=content["metadata"],
    )


class _Saved:
    """What MLflow takes for a flavor: puts a model in place that was saved before."""

    __name__ = "gislr"

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def save_model(self, path: str, mlflow_model: Any) -> None:
        from mlflow.models import Model

        saved = Model.load(str(self._folder))
        shutil.copytree(str(self._folder), path)
        mlflow_model.flavors = saved.flavors
        mlflow_model.signature = saved.signature
        mlflow_model.model_size_bytes = saved.model_size_bytes
        mlflow_model.save(str(Path(path) / "MLmodel"))


def _end(client: Any, run_id: str, content: Content, files: Path | None) -> None:
    client.set_terminated(run_id, content["status"], content["time"])


Sender = Callable[[Any, str, Content, Path | None], None]

SENDERS: dict[str, Sender] = {
    "parameters": _parameters,
    "metrics": _metrics,
    "tags": _tags,
    "dataset": _dataset,
    "artifacts": _artifacts,
    "model": _model,
    "end": _end,
}
"""By kind: a function of the client, the run's id, the content and the folder of its files."""
