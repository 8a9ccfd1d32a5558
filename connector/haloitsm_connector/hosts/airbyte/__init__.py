"""Airbyte: ``source-haloitsm`` and ``destination-haloitsm``, on Airbyte's Python CDK (extra ``airbyte``)."""
