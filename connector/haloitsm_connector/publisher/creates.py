"""Send what must not be done twice: on record before it is sent, looked up where nobody knows what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from haloitsm_connector.client.drive import Pause
from haloitsm_connector.errors import AuthenticationError, ConnectorError, InputError, UnreachableError
from haloitsm_connector.publisher.answer import id_of
from haloitsm_connector.publisher.base import Outcome, Status
from haloitsm_connector.publisher.cut import Cut, Size
from haloitsm_connector.publisher.journal import Intent, Run, identity_of, identity_of_request
from haloitsm_connector.publisher.once import LookUp, Wanted
from haloitsm_connector.publisher.side_by_side import Exchange, Part, Task, together
from haloitsm_connector.publisher.updates import Settle, failed, named, settled
from haloitsm_connector.publisher.verdict import Verdict, exchanged
from haloitsm_connector.publisher.write import Write, joined
from haloitsm_transformers import Entity

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

LOOK_IT_UP = "It may have taken effect: look the record up before sending it again."
BLIND = "Halo stored it otherwise than it was sent, so `once` does not find it"
LOOKS = (0.0, 0.25, 0.75)
"""Parts of ``settle_seconds`` to wait before each look for a record whose answer was lost."""
MOST_SENDS = 3
"""How often a record is sent by itself that is not there after each time."""

Judge = Callable[["Case", list[Entity] | ConnectorError], None]
"""Is told the rows that are the record of a create, or why they are not known."""


@dataclass(slots=True)
class Case:
    """One create under way: its intent, how often it was sent by itself, and its outcome once that is known."""

    write: Write
    intent: Intent
    sends: int = 0
    outcome: Outcome | None = None

    @property
    def sought(self) -> Wanted:
        """What tells its record, with a look-up."""
        assert self.write.wanted is not None, "with a look-up every create says what to look for"
        return self.write.wanted

    def end(self, status: Status, reason: str, id_: Any = None, response: Any = None) -> None:
        """Give it its outcome."""
        request, intent = self.write.called, self.intent.number
        self.outcome = Outcome(self.write.entity, status, id_, reason, request, response, intent=intent)


@dataclass(slots=True)
class Creates:
    """What creating takes: a client, the journal's run, how to look up (None: not at all), how to read an answer.

    ``parallel`` look-ups are under way at a time; ``looks_first``: before anything is sent. ``blind``: an answer has
    shown that the look-up does not find what was created, so its word is not taken. ``keeps_answers``: something is
    made of an answer, so it stays on record until that is stored. ``began`` is when the run began, by
    the monotonic clock.
    """

    client: HttpClient
    run: Run
    look_up: LookUp | None
    settle: Settle
    key: Sequence[str]
    parallel: int = 1
    keeps_answers: bool = False
    looks_first: bool = True
    blind: bool = False
    began: float = field(default_factory=time.monotonic)

    def created(self, writes: Sequence[Write], size: Size) -> Exchange:
        """Create the records of writes, each at most once; several at a time only with a look-up."""
        cases = [self._case(write) for write in writes]
        yield from self._taken_up([case for case in cases if case.outcome is None])
        if self.looks_first:
            unsent = [case for case in cases if case.outcome is None and not case.intent.number]
            yield from self._look(unsent, self._there)
        cut = Cut(len(cases))
        while todo := [case for case in cases if case.outcome is None]:
            yield from self._send(todo[: min(cut.count(len(todo)), size.now)], cut, size)
        return [case.outcome for case in cases if case.outcome is not None]

    def _case(self, write: Write) -> Case:
        """Begin a create; one whose payload cannot be written as JSON is refused."""
        try:
            identity = write.wanted.identity if write.wanted else identity_of_request(write.request)
        except InputError as error:
            refused = Verdict("refused", str(error))
            return Case(write, Intent("", write.called), outcome=failed(write, refused))
        identity = identity_of(self.client.api_uri, identity)
        return Case(write, Intent(identity, write.called, write.request.payload))

    def _taken_up(self, cases: list[Case]) -> Part:
        """Settle what an earlier run left behind: it is done, is looked up, or waits for a person."""
        unknown = "an earlier run ended before the answer came"
        open_cases = []
        for case in cases:
            left = self.run.left_behind(case.intent.identity)
            case.intent = left or case.intent
            if left and left.done:
                answer = left.answer or {"status": "skipped", "response": None}
                reason = f"it was created on {left.when}, by a run that did not come to its end"
                case.end(answer["status"], reason, left.id, answer["response"])
            elif left and self.look_up is None:
                self._left_open([case], left.reason or unknown, None)
            elif left:
                open_cases.append(case)
        if open_cases and self.look_up:
            # Whatever was under way had left before this run began.
            seconds = self.began + self.look_up.once.settle_seconds - time.monotonic()
            yield from self._found(open_cases, max(0.0, seconds), unknown)

    def _look(self, cases: Sequence[Case], judge: Judge) -> Part:
        """Look for the records of cases, if there is a look-up; what is asked alike is asked once."""
        if self.look_up is None:
            return
        alike: dict[str, list[Case]] = {}
        for case in cases:
            alike.setdefault(case.sought.question, []).append(case)
        yield from together((Task(_asked(self.look_up, each, judge)) for each in alike.values()), self.parallel)

    def _there(self, case: Case, rows: list[Entity] | ConnectorError) -> None:
        """Settle a create that nobody has sent yet, where its record is there or cannot be looked up."""
        assert self.look_up is not None, "only with a look-up"
        if isinstance(rows, ConnectorError):
            reason = f"not sent, because it could not be looked up: {rows}"
            case.end("refused" if isinstance(rows, InputError) else "failed", reason)
        elif len(rows) > 1:
            case.end("refused", f"not sent, because {_several(self.look_up, rows)}")
        elif rows:
            case.end("skipped", "it is there already", self.look_up.id_of(rows[0]), rows[0])

    def _send(self, part: list[Case], cut: Cut, size: Size) -> Part:
        """Send records, one or an array, and settle what the answer tells."""
        for case, intent in zip(part, self.run.intend([case.intent for case in part]), strict=True):
            case.intent = intent
        request = joined([case.write for case in part], all_answers=True)
        try:
            verdict = yield from exchanged(self.client, request)
        except ConnectorError:  # it was not sent: nobody is there, or nobody lets us in
            self.run.forget([case.intent for case in part])
            raise
        if verdict.status == "done" and self._accepted(part, verdict):
            cut.passed(len(part))
            size.passed(len(part))
            return
        if verdict.heavy:
            size.heavy(len(part))
        if verdict.status in ("refused", "failed") and (len(part) == 1 or not verdict.divisible):
            self.run.forget([case.intent for case in part])
            for case in part:
                case.outcome = failed(case.write, verdict)
            cut.judged()
        elif self.look_up is None:
            self._left_open(part, verdict.reason, verdict.value)
        else:
            yield from self._sorted_out(part, verdict, self.look_up.once.settle_seconds, cut)

    def _accepted(self, part: list[Case], verdict: Verdict) -> bool:
        """Settle the records of an answer; False where it does not tell each of them."""
        answers = [verdict.value] if len(part) == 1 else verdict.value
        if len(part) > 1 and not _tells_all(answers, len(part), self.key):
            return False
        for case, answer in zip(part, _in_order(part, answers), strict=True):
            wanted, number = case.write.wanted, case.intent.number
            otherwise = wanted is not None and isinstance(answer, dict) and wanted.contradicts(answer)
            self.blind = self.blind or otherwise
            reason, status = BLIND if otherwise else "", verdict.http_status
            case.outcome = settled(self.settle, case.write, answer, status, reason=reason, intent=number)
        self._keep_done(part)
        return True

    def _sorted_out(self, part: list[Case], verdict: Verdict, settle_seconds: float, cut: Cut) -> Part:
        """Look up what an answer, or the lack of one, left open; what is not there will be sent again."""
        lost = verdict.status not in ("refused", "failed")
        part[0].sends += len(part) == 1
        reason = verdict.reason or "the answer does not tell what became of each record"
        yield from self._found(part, settle_seconds if lost else 0.0, reason)
        missing = [case for case in part if case.outcome is None]
        if lost and self.blind:
            self._left_open(missing, f"{reason}. {BLIND}", verdict.value)
            return
        self._given_up([case for case in missing if case.sends >= MOST_SENDS], verdict)
        cut.passed(len(part) - len(missing))
        if missing:
            index = named(verdict)
            blamed = part[index] if index is not None and index < len(part) else None
            cut.failed(len(missing), missing.index(blamed) if blamed in missing else None)

    def _found(self, part: list[Case], seconds: float, reason: str) -> Part:
        """Look for records that may be there, several times within ``seconds``; what is not found gets no outcome."""
        assert self.look_up is not None, "only with a look-up"
        for share in LOOKS if seconds else LOOKS[:1]:
            if share:
                yield Pause(share * seconds)
            yield from self._look([case for case in part if case.outcome is None], partial(self._find, reason))
            if all(case.outcome for case in part):
                return

    def _find(self, reason: str, case: Case, rows: list[Entity] | ConnectorError) -> None:
        """Settle a create whose answer was lost, where its record is there or cannot be looked up."""
        assert self.look_up is not None, "only with a look-up"
        if isinstance(rows, ConnectorError):
            self._left_open([case], f"{reason}. It could not be looked up: {rows.what}", None)
        elif len(rows) == 1:
            reason = f"no answer of its own came ({reason}), and `once` found it"
            case.end("created", reason, self.look_up.id_of(rows[0]), rows[0])
            self._keep_done([case])
        elif rows:
            self._left_open([case], f"{reason}. {_several(self.look_up, rows)}", None)

    def _keep_done(self, part: list[Case]) -> None:
        """Put on record that creates are done."""
        for case in part:
            assert case.outcome is not None, "what is done has its outcome"
            told = {"status": case.outcome.status, "response": case.outcome.response}
            answer = told if self.keeps_answers else None
            case.intent = replace(case.intent, done=True, id=case.outcome.id, answer=answer)
        self.run.keep([case.intent for case in part])

    def _left_open(self, part: list[Case], reason: str, response: Any) -> None:
        """Let creates wait for a person."""
        for case in part:
            case.intent = replace(case.intent, reason=reason)
            case.end("waiting", _doubt(reason, case.intent), response=response)
        self.run.keep([case.intent for case in part])

    def _given_up(self, part: list[Case], verdict: Verdict) -> None:
        """Give up what is certainly not there, however often it was sent."""
        for case in part:
            case.end("failed", f"sent {case.sends} times, and it is not there: {verdict.reason}", None, verdict.value)
        self.run.forget([case.intent for case in part])


def _asked(look_up: LookUp, alike: Sequence[Case], judge: Judge) -> Exchange:
    """Ask what tells whether the records of cases are there, and judge each."""
    try:
        rows = yield from look_up.rows(alike[0].sought)
    except ConnectorError as error:
        _raise_if_about_all(error)
        for case in alike:
            judge(case, error)
    else:
        for case in alike:
            judge(case, [row for row in rows if case.sought.is_in(row)])
    return []


def _doubt(reason: str, intent: Intent) -> str:
    kept = f" It was sent on {intent.when} and is kept as number {intent.number}; `haloitsm waiting` settles it."
    return f"{reason}. {LOOK_IT_UP}{kept if intent.number else ''}"


def _several(look_up: LookUp, rows: Sequence[Entity]) -> str:
    return f"{len(rows)} records match `once`: {', '.join(str(look_up.id_of(row)) for row in rows[:5])}"


def _tells_all(answers: Any, count: int, key: Sequence[str]) -> bool:
    if not isinstance(answers, list) or len(answers) != count:
        return False
    return all(isinstance(answer, dict) and id_of(answer, key) is not None for answer in answers)


def _in_order(part: Sequence[Case], answers: list[Any]) -> list[Any]:
    """Return answers in the order of the cases: as they came, unless they tell another one."""
    if len(part) == 1 or not any(
        case.write.wanted and case.write.wanted.contradicts(one) for case, one in zip(part, answers, strict=True)
    ):
        return answers
    found = [[one for one in answers if case.write.wanted and case.write.wanted.is_in(one)] for case in part]
    return [one for (one,) in found] if all(len(each) == 1 for each in found) else answers


def _raise_if_about_all(error: ConnectorError) -> None:
    """Raise what the next entity would fare no better with."""
    if isinstance(error, AuthenticationError) or (isinstance(error, UnreachableError) and not error.sent):
        raise error
