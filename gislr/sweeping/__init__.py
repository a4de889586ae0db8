"""Records sweeps and cross-validations in MLflow."""
