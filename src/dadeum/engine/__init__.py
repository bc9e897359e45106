"""Where steps run: units of work on disk (unit), what a step did to a shard (delta), the way through (flow), processes (local)."""
