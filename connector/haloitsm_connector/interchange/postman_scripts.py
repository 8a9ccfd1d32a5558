"""The scripts of an exported collection: sign in, keep writes back until they are wanted, test every answer."""

from __future__ import annotations

import json

from haloitsm_connector.catalogue import Operation

MARK = "// haloitsm:"
"""How every script of an exported collection begins."""

SIGN_IN = f"""\
{MARK} what must not be sent yet is left out of a run; a token is fetched where there is none, or an old one.
const isOpen = (text) => text === "" || pm.variables.replaceIn(text).includes("{{{{");
const holes = pm.request.url.variables.filter((one) => isOpen(String(one.value || ""))).map((one) => ":" + one.key);
if (isOpen(pm.request.url.getPath({{ unresolved: true }}) || "/")) {{
    holes.push(pm.request.url.getPath({{ unresolved: true }}));
}}
if (pm.request.method !== "GET" && pm.variables.get("writes") !== "send") {{
    console.warn(pm.info.requestName + ": not sent. Set the variable writes to send to let writes through.");
    pm.execution.skipRequest();
}} else if (holes.length) {{
    console.warn(pm.info.requestName + ": not sent. Fill in " + holes[0] + ".");
    pm.execution.skipRequest();
}} else if (GRANT && !(Number(pm.environment.get("access_token_until")) > Date.now() + 60000)) {{
    const tenant = pm.variables.get("tenant");
    const form = Object.entries(GRANT).map(([key, value]) => ({{ key, value: pm.variables.replaceIn(value) }}));
    pm.sendRequest({{
        url: pm.variables.replaceIn("{{{{auth_uri}}}}/token") + (tenant ? "?tenant=" + encodeURIComponent(tenant) : ""),
        method: "POST",
        header: {{
            "Content-Type": "application/x-www-form-urlencoded",
            Authorization: "Basic " + btoa(["client_id", "client_secret"]
                .map((name) => encodeURIComponent(pm.variables.get(name) || "")).join(":")),
        }},
        body: {{ mode: "urlencoded", urlencoded: form }},
    }}, (error, answer) => {{
        if (error || answer.code !== 200) {{
            pm.test("No token: " + (error || answer.code + " " + answer.text()), () => pm.expect.fail());
            return;
        }}
        const token = answer.json();
        pm.environment.set("access_token", token.access_token);
        pm.environment.set("access_token_until", Date.now() + 1000 * (token.expires_in || 3600));
    }});
}}"""


def before_requests(grant: dict[str, str] | None) -> list[str]:
    """Return the lines that run before every request; ``grant`` is the form of a token request, None without tokens."""
    return [f"const GRANT = {json.dumps(grant)};" if grant else "const GRANT = null;", *SIGN_IN.split("\n")]


def test(operation: Operation, remembers: bool) -> list[str]:
    """Return the lines that test an answer; ``remembers`` keeps the first id of a list for the request of one record.

    How lists and writes answer: halo-api-facts 2.2, 4.1 and 4.7.
    """
    if operation.binary:
        return _lines(operation, "answers a file", "pm.response.to.have.status(200);")
    if operation.method == "DELETE":
        return _lines(operation, "deletes", "pm.expect(pm.response.code).to.be.oneOf([200, 201, 202, 204]);")
    if operation.method == "POST":
        return _lines(operation, "is accepted", "pm.expect(pm.response.code).to.be.oneOf([200, 201, 202, 204]);")
    if operation.listing is None:
        return _lines(operation, "answers JSON", "pm.response.to.have.status(200);", "pm.response.json();")
    key = json.dumps(operation.listing.key) if operation.listing.key else None
    rows = f"body[{key}]" if key and operation.listing.sure else "Object.values(body).find(Array.isArray)"
    keep = f"if (rows.length) pm.collectionVariables.set({json.dumps(first_id(operation))}, rows[0].id);"
    return _lines(
        operation,
        "answers a list",
        "pm.response.to.have.status(200);",
        "const body = pm.response.json();",
        f"const rows = Array.isArray(body) ? body : {rows};",
        'pm.expect(rows).to.be.an("array");',
        *([keep] if remembers else []),
    )


def first_id(operation: Operation) -> str:
    """Return the variable that holds the id of a list's first row: ``first.Client`` of ``GET /Client``."""
    return f"first.{operation.path.strip('/').replace('/', '.')}"


def _lines(operation: Operation, claim: str, *body: str) -> list[str]:
    return [
        f"{MARK} {operation.label}",
        f"pm.test({json.dumps(f'{operation.name} {claim}')}, () => {{",
        *(f"    {line}" for line in body),
        "});",
    ]
