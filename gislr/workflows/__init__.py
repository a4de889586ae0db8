"""What each command does: the function `NAME` takes `conf/NAME.yaml` as Hydra composed it."""
