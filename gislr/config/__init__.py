"""Settings: composed by Hydra, checked by pydantic."""
