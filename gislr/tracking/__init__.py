"""MLflow: where runs are kept and what is written into them."""
