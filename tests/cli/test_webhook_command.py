"""``haloitsm webhook``: created, listed and removed in the sandbox's Halo."""

from __future__ import annotations

from pathlib import Path

import pytest

WEBHOOK = """\
incoming:
  changes:
    subscriber:
      prototype: webhook
      path: /halo/tickets
      authentication: {type: hmac, secret: "a secret that both know"}
"""
PLACE = ("--url", "https://hooks.acme.example")


@pytest.fixture
def webhooks(project: Path) -> Path:
    (project / "webhook.yaml").write_text(WEBHOOK, "utf-8")
    return project


def test_a_webhook_is_shown_created_listed_and_removed(webhooks, haloitsm, sandbox):
    ended = haloitsm("webhook", "register", ".", "changes", *PLACE, "--event", 61, "--event", 3, "--yes")
    assert (ended.status, "a secret" in ended.err) == (0, False)
    assert '"basic_password":"***"' in ended.err
    number = ended.out.strip()
    made = sandbox.tables["Webhook"][number]
    assert made["url"] == "https://hooks.acme.example/halo/tickets"
    assert (made["authentication_type"], made["basic_password"]) == (3, "a secret that both know")
    listed = haloitsm("webhook", "list", ".")
    assert f"{number}  haloitsm changes" in listed.out
    assert listed.out.splitlines()[-1].endswith("yes     61, 3")
    assert "a secret" not in haloitsm("webhook", "list", ".", "--json").out
    again = haloitsm("webhook", "register", ".", "changes", *PLACE, "--yes")
    assert again.status == 1
    assert f"webhook {number} (haloitsm changes) delivers to" in again.err
    assert haloitsm("webhook", "remove", ".", number, "--yes").status == 0
    assert number not in sandbox.tables["Webhook"]
    assert not [rule for rule in sandbox.tables["Notification"].values() if rule.get("webhook_id") == number]


def test_without_a_yes_nothing_is_created(webhooks, haloitsm, sandbox):
    before = len(sandbox.tables["Webhook"])
    assert haloitsm("webhook", "register", ".", "changes", *PLACE).status == 1
    assert len(sandbox.tables["Webhook"]) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("register", ".", "change", *PLACE), "there is no incoming 'change'. Did you mean 'changes'?"),
        (("register", ".", "tickets", *PLACE), "incoming 'tickets' receives nothing"),
        (("register", ".", "changes", "--url", "http://acme.example"), "can be read on the way"),
        (
            ("register", ".", "changes", "--url", "acme.example"),
            "acme.example is no address that Halo could deliver to",
        ),
        (("register", ".", "changes", "--url", "https://u:p@acme.example"), "more than a host and a path"),
        (("remove", ".", "4711"), "there is no webhook 4711"),
    ],
)
def test_what_cannot_be_is_said(webhooks, haloitsm, arguments, said):
    ended = haloitsm("webhook", *arguments, "--yes")
    assert ended.status == 1
    assert said in ended.err


def test_a_signature_that_halo_is_not_known_to_make_is_said(webhooks, haloitsm):
    other = WEBHOOK.replace('know"}', 'know", encoding: hex}')
    (webhooks / "webhook.yaml").write_text(other, "utf-8")
    ended = haloitsm("webhook", "register", ".", "changes", *PLACE, "--yes")
    assert ended.status == 1
    assert "SHA-256 in base64" in ended.err


def test_two_webhooks_cannot_have_one_path(webhooks, haloitsm):
    (webhooks / "other.yaml").write_text(WEBHOOK.replace("changes:", "other:"), "utf-8")
    ended = haloitsm("check", ".")
    assert ended.status == 1
    assert "receives at /halo/tickets already" in ended.err + ended.out


@pytest.mark.parametrize(("path", "said"), [("/metrics", "answered by haloitsm serve"), ("halo", "is no path")])
def test_a_path_that_cannot_be_called_is_said(webhooks, haloitsm, path, said):
    (webhooks / "webhook.yaml").write_text(WEBHOOK.replace("/halo/tickets", path), "utf-8")
    ended = haloitsm("check", ".")
    assert ended.status == 1
    assert said in ended.err + ended.out
