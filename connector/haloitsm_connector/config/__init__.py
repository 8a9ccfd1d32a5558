"""The configuration: YAML files in, a checked ``Config`` or every problem at once out."""
