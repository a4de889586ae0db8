"""What every training imports: the process that a sweep's trials are forked from imports it once.

No thread is started and no GPU is touched.
"""

from gislr.utils.quiet import quiet_libraries

with quiet_libraries():
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow  # noqa: F401

import mlflow.keras
import mlflow.pyfunc
import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
import sklearn.model_selection  # noqa: F401
from mlflow.utils.requirements_utils import warn_dependency_requirement_mismatches

import gislr.evaluation.reports.drawing_libraries
import gislr.training.prediction
import gislr.workflows.factory
import gislr.workflows.train  # noqa: F401

warn_dependency_requirement_mismatches(["mlflow"])  # reads every installed package, and keeps them
