"""Preloaded by tests whose trials do not trace graphs."""

import tensorflow as tf

tf.config.run_functions_eagerly(True)
