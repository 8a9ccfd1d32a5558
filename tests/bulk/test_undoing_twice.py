"""What is undone already is not undone once more: later runs may have written the same."""

from __future__ import annotations


def test_a_run_that_is_undone_leaves_alone_what_later_runs_wrote(bulk, sandbox, folder, writes):
    (folder / "in.csv").write_text("id,ref\n12,X\n")
    command = ("update", "Client", "--from", "in.csv", "--yes")
    bulk(*command)
    assert bulk("undo", 1, "--yes").status == 0
    bulk(*command)
    sent = len(writes())
    again = bulk("undo", 1, "--yes")
    assert "Run 1 is undone already. Nothing was sent." in again.err
    assert (again.status, len(writes())) == (0, sent)
    assert sandbox.tables["Client"][12]["ref"] == "X"


def test_what_an_undo_has_left_can_be_put_back_later(bulk, sandbox, folder):
    (folder / "in.csv").write_text("id,ref\n12,X\n13,X\n")
    before = sandbox.tables["Client"][12]["ref"]
    bulk("update", "Client", "--from", "in.csv", "--yes")
    sandbox.tables["Client"][12]["ref"] = "of somebody else"
    bulk("undo", 1, "--yes")
    sandbox.tables["Client"][12]["ref"] = "X"
    bulk("undo", 1, "--yes")
    assert sandbox.tables["Client"][12]["ref"] == before
