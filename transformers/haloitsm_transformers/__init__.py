"""Transformers: named verbs in chains, declared in YAML, compiled once."""
