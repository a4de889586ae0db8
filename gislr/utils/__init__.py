"""What every layer uses: errors, logging, paths, registries and settings."""
