"""Read, transform and write HaloITSM, declared in YAML or called from Python."""
