"""The HTTP client: how to talk to one system."""
