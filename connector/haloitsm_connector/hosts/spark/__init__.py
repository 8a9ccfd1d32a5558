"""Spark 4: the data source ``haloitsm`` (read, stream, write), and routes run on a cluster (extra ``spark``).

`told`, `opened`, `reading` and `writing` know no Spark; what they do happens in Spark's workers.
"""
