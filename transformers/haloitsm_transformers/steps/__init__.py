"""The built-in verbs, one file each; reached through the registry only."""
