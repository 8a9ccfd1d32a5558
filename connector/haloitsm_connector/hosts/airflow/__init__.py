"""Apache Airflow: a provider with a connection type, a hook, operators and a sensor (extra ``airflow``).

Import from `hook`, `operators`, `sensors` and `triggers`; `provider` is what Airflow finds by itself.
"""
