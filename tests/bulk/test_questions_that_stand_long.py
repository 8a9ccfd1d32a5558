"""What somebody changes while the question stands is shown, kept, and not overwritten unseen."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def answered(monkeypatch) -> Callable[..., None]:
    """Let these answers be given, and something be done before the first of them."""

    def run(meanwhile: Callable[[], object], *answers: str) -> None:
        class Person(io.StringIO):
            asked = False

            def readline(self, size: int = -1) -> str:
                if not self.asked:
                    meanwhile()
                self.asked = True
                return super().readline(size)

        monkeypatch.setattr(sys, "stdin", Person("".join(f"{answer}\n" for answer in answers)))

    return run


@pytest.mark.parametrize("count", [2, 20], ids=["one by one", "by the list"])
def test_what_was_changed_while_the_question_stood_is_shown_and_put_back(bulk, sandbox, folder, answered, count):
    clients = sandbox.tables["Client"]
    (folder / "in.csv").write_text("id\n" + "".join(f"{n}\n" for n in range(3, 3 + count)))
    command = ("update", "Client", "--from", "in.csv", "--set", "ref=X")
    answered(lambda: clients[3].update(ref="of Ann"), "y", "n")
    ended = bulk(*command)
    assert "Somebody has changed it meanwhile; look again." in ended.err
    assert "of Ann" in ended.out
    assert clients[3]["ref"] == "of Ann"
    answered(lambda: clients[3].update(ref="of Bea"), "y", "y")
    assert bulk(*command).status == 0
    assert clients[3]["ref"] == "X"
    assert bulk("undo", 1, "--yes").status == 0
    assert clients[3]["ref"] == "of Bea"


def test_an_undo_leaves_what_was_changed_while_its_question_stood(bulk, sandbox, folder, answered):
    clients = sandbox.tables["Client"]
    (folder / "in.csv").write_text("id\n3\n4\n")
    bulk("update", "Client", "--from", "in.csv", "--set", "ref=X", "--yes")
    answered(lambda: clients[3].update(ref="of Ann"), "y")
    ended = bulk("undo", 1)
    assert ended.status == 4
    assert (clients[3]["ref"], clients[4]["ref"]) == ("of Ann", "C00004")


def test_nobody_is_asked_twice_where_nothing_was_changed(bulk, sandbox, folder, answered):
    (folder / "in.csv").write_text("id\n3\n4\n")
    answered(lambda: sandbox.tables["Client"].pop(4), "y")
    ended = bulk("update", "Client", "--from", "in.csv", "--set", "ref=X")
    assert (ended.status, sandbox.tables["Client"][3]["ref"]) == (4, "X")
    assert "1 updated" in ended.err
