"""MLflow's page of an experiment's runs: its address, and the columns and charts that it shows.

MLflow keeps a view of that page in a tag of the experiment, by the name in the page's address. The
names in it are those of MLflow's own pages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from gislr.tracking.run import now
from gislr.tracking.training_record import INTERVAL, SWEEP

VIEW = "gislr"
"""Name of the view, also in the page's menu."""

_SCORES = ("val_weighted_f1", "best_val_weighted_f1", "cv_weighted_f1")
_CHARTS = (["val_weighted_f1"], ["loss", "val_loss"], ["acc", "val_acc"], ["clips_per_second"])
_BY_EPOCH = "epochs"
_SWEEPS, _KEYS = 20, 20
# So many of the newest sweeps choose so many columns: a tag holds 5,000 characters.

_WIDTH, _WIDTH_OF_COMMAND = 150, 500  # pixels


def runs_page(client: Any, experiment_id: str) -> str:
    """Records the view of an experiment's runs; returns the page's address on its server.

    The columns are the scores, the interval, the speed, the duration, the command and the keys
    that the newest sweeps sampled. MLflow folds the runs of a sweep. The charts by epoch come
    first.

    Args:
        client: An `mlflow.MlflowClient`.
        experiment_id: MLflow's id of the experiment.
    """
    state = json.dumps(view(_sampled_keys(client, experiment_id)))
    saved = {"name": VIEW, "createdAt": now(), "updatedAt": now(), "state": state}
    client.set_experiment_tag(experiment_id, f"mlflow.sharedViewState.{VIEW}", json.dumps(saved))
    query = urlencode({"workflowType": "machine_learning", "viewStateShareKey": VIEW})
    return f"#/experiments/{experiment_id}/runs?{query}"


def view(keys: list[str]) -> Mapping[str, Any]:
    """Returns what MLflow's page keeps of a view.

    Args:
        keys: The parameters that are columns.
    """
    scores = [*(_column("metrics", name) for name in _SCORES), _column("tags", INTERVAL)]
    speed, command = _column("metrics", "clips_per_second"), _column("attributes", "Description")
    rest = [*(_column("params", key) for key in keys), command]
    always = [_column("attributes", "Run Name"), "runDateAndNestInfo"]
    return {
        "selectedColumns": [*scores, speed, *rest],
        "columnOrder": [*always, *scores, speed, "duration", *rest],
        "columnWidths": {**dict.fromkeys([*scores, speed], _WIDTH), command: _WIDTH_OF_COMMAND},
        "compareRunCharts": [*_charts()],
        "compareRunSections": [
            {"uuid": _BY_EPOCH, "name": "By epoch", "display": True},
            {"uuid": "others", "name": "Model metrics", "display": False},
        ],
        "isAccordionReordered": True,  # otherwise MLflow sorts the sections by name
    }


def _sampled_keys(client: Any, experiment_id: str) -> list[str]:
    """Returns the keys that the newest sweeps of an experiment sampled, without repetition."""
    sweeps = client.search_runs([experiment_id], f"tags.{SWEEP} != ''", max_results=_SWEEPS)
    keys = (key for run in sweeps for key in sorted(run.data.params) if key.startswith("space."))
    return list(dict.fromkeys(key.removeprefix("space.") for key in keys))[:_KEYS]


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"


def _charts() -> Iterator[dict[str, Any]]:
    for metrics in _CHARTS:
        yield {
            "type": "LINE",
            "uuid": f"{_BY_EPOCH}-{metrics[0]}",
            "metricSectionId": _BY_EPOCH,
            "metricKey": metrics[0],
            "selectedMetricKeys": metrics,
            "xAxisKey": "step",
            "useGlobalXaxisKey": True,
            "useGlobalLineSmoothing": True,
            "runsCountToCompare": 10,
        }
