"""MLflow's registry: final models as versions of `gislr`, the best of them as `champion`."""

from __future__ import annotations

from typing import Any

from gislr.tracking.evidence import Evidence

NAME, CHAMPION = "gislr", "champion"
_RUN, _PROTOCOL, _FINGERPRINT, _SCORE = (
    f"evidence.{name}" for name in ("run_id", "protocol", "fingerprint", "weighted_f1")
)
_LONGEST_TAG = 4000


def register(client: Any, model_uri: str, run_id: str, evidence: Evidence) -> str:
    """Registers a logged model and returns its version.

    Args:
        client: An `mlflow.MlflowClient`.
        model_uri: The logged model.
        run_id: The final run.
        evidence: What it rests on.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

    try:
        client.create_registered_model(NAME, description="Signs from MediaPipe landmarks.")
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise
    tags = {
        _RUN: evidence.run_id,
        _PROTOCOL: evidence.protocol[:_LONGEST_TAG],
        _FINGERPRINT: evidence.fingerprint,
        _SCORE: repr(evidence.weighted_f1),
    }
    created = client.create_model_version(NAME, model_uri, run_id, tags=tags)
    return str(created.version)


def registered_version(client: Any, run_id: str) -> str | None:
    """Returns the version that a final run was registered as, or `None`."""
    found = client.search_model_versions(f"name = '{NAME}'")
    return next((str(v.version) for v in found if v.run_id == run_id), None)


def promote(client: Any, version: str) -> str:
    """Makes a version the champion if its evidence is better than the champion's.

    Returns:
        What was done and why, one sentence.
    """
    from mlflow.exceptions import MlflowException

    new = client.get_model_version(NAME, version).tags
    label = f"version {version}"
    try:
        champion = client.get_model_version_by_alias(NAME, CHAMPION)
    except MlflowException:
        champion = None
    if champion is not None:
        old = champion.tags
        than = f"the champion, version {champion.version}"
        if str(champion.version) == version:
            return f"{label} is the champion already"
        for what, key in (("data", _FINGERPRINT), ("signers held out", _PROTOCOL)):
            if new.get(key) != old.get(key):
                return (
                    f"{label} is not promoted: its evidence and that of {than}, are of different "
                    f"{what}, so neither is better; move the alias by hand in MLflow's pages"
                )
        before, now = float(old.get(_SCORE, "nan")), float(new.get(_SCORE, "nan"))
        if not now > before:
            return (
                f"{label} is not promoted: its weighted F1 on held-out signers, {now:.4f}, is not "
                f"above {before:.4f} of {than}"
            )
        label += f", weighted F1 {now:.4f} after {before:.4f},"
    client.set_registered_model_alias(NAME, CHAMPION, version)
    return f"{label} is the champion now: models:/{NAME}@{CHAMPION}"
