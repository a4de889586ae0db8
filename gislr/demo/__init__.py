"""A page to try a model, which needs no server: everything is computed in it."""
