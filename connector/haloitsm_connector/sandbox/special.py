"""The few operations that answer in their own way: who am I, what is this server, reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haloitsm_connector.catalogue import Operation
from haloitsm_connector.sandbox.answers import flag
from haloitsm_connector.sandbox.reports import report_content
from haloitsm_connector.sandbox.seed.world import Record
from haloitsm_connector.sandbox.tables import Tables

ME = 2
"""The agent behind every token."""


def single(operation: Operation, base_uri: str, tenant: str, tables: Tables) -> Record | None:
    """Return the object of an operation such as ``GET /Agent/me``, None when it is not one of these."""
    make = _SINGLES.get(operation.path.casefold())
    return make(base_uri, tenant, tables) if make else None


def _auth_info(base_uri: str, tenant: str, tables: Tables) -> Record:
    return {"auth_url": f"{base_uri}/auth", "tenant_id": tenant}


def _instance_info(base_uri: str, tenant: str, tables: Tables) -> Record:
    agents = len(tables["Agent"])
    return {
        "dbid": 1, "app_version": "2.200.1", "database_version": "2.200.1", "agent_count": agents,
        "licensed_agent_count": agents, "online_agent_count": 0, "app_name": "Sandbox", "agent_url": base_uri,
        "portal_url": f"{base_uri}/portal", "auth_url": f"{base_uri}/auth", "mobileapp_enabled": False,
        "teamsbot_enabled": False, "nhserver_version": "", "using_event_service": False,
    }  # fmt: skip


def _me(base_uri: str, tenant: str, tables: Tables) -> Record:
    agents = tables["Agent"]
    return agents.get(ME) or next(iter(agents.values()), {"id": ME})


def _first_of(table: str) -> Callable[[str, str, Tables], Record]:
    return lambda base_uri, tenant, tables: next(iter(tables[table].values()), {"id": 0})


_SINGLES: dict[str, Callable[[str, str, Tables], Record]] = {
    "/authinfo": _auth_info,
    "/instanceinfo": _instance_info,
    "/agent/me": _me,
    "/client/me": _first_of("Client"),
    "/users/me": _first_of("Users"),
    "/timesheet/mine": _first_of("Timesheet"),
}


def by_path(operation: Operation, values: tuple[str, ...], tables: Tables) -> Any:
    """Return what a path means beyond its table: rows of a published report, the empty timesheet; None else."""
    path = operation.path.casefold()
    if path == "/reportdata/{publishedid}":
        reports = tables["Report"].values()
        found = next((row for row in reports if str(row.get("published_id")).casefold() == values[0].casefold()), None)
        return report_content(str(found["sql"]), tables)["report"]["rows"] if found else None
    if path == "/timesheet/{id}" and tables.find(tables.shapes["timesheet"], values[0]) is None:
        return {"id": 0}
    return None


def loaded(table: str, record: Record, query: Mapping[str, str], tables: Tables) -> Record:
    """Return the rows of a report that is asked for with ``loadreport=true``; SQL errors stay inside the 200."""
    if table != "Report" or not flag(query, "loadreport"):
        return {}
    return report_content(str(record.get("sql", "")), tables)


def ad_hoc(body: Any, tables: Tables) -> Record | None:
    """Run the SQL of a POST with ``_loadreportonly``, saving nothing; None when it is an ordinary POST."""
    report = body[-1] if isinstance(body, list) and body else None
    if not isinstance(report, dict) or not (report.get("_loadreportonly") or report.get("_testonly")):
        return None
    sql = str(report.get("sql") or "")
    return {"id": 0, "name": str(report.get("name") or ""), "sql": sql} | report_content(sql, tables)
