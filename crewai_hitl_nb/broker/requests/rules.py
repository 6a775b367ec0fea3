"""Finds the rules that people made for tools, applies them, and revokes them.

``protocol/rules.py`` says what a rule allows. The rule itself is in the log, in the answer that
made it; a note in the store's metadata says where, so that no start has to read the whole log. A
note is written before its answer, and proves nothing: a rule counts only if the log has its answer
and not its revocation, which the commit of each answer by a rule checks again. Servers that share a
log share the notes, too.

The server that stored a question applies rules to it. If that fails in any way, the question stays
open for a person.

Above are the broker and ``lifecycle.py``; below is the store.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import msgspec

from crewai_hitl_nb.broker.event_names import StableEventIds
from crewai_hitl_nb.broker.trusted_clock import TrustedClock
from crewai_hitl_nb.protocol import ids, limits, rules
from crewai_hitl_nb.protocol.errors import (
    EventExists,
    HitlError,
    OutcomeUnknown,
    Settled,
    TooMany,
)
from crewai_hitl_nb.protocol.events import (
    AnsweredBy,
    HumanInputCompleted,
    HumanInputRequired,
    about,
)
from crewai_hitl_nb.protocol.log_lines import logger, note, note_fault
from crewai_hitl_nb.protocol.rules import Standing
from crewai_hitl_nb.store.base import Appended, Condition, ConditionFailed
from crewai_hitl_nb.store.metadata import MetadataStore

_log = logger(__name__)

_NOTES: Final = "rule:"

_REVOCATIONS: Final = uuid.UUID("5a3c3c1e-54a4-4e0b-9d3f-2b1f0a7c6d10")


class _Note(msgspec.Struct, frozen=True):
    """Where to find a rule: in the answer to this request, if the answer has the note's name.

    ``maker`` is the caller who made it, which the log does not say. ``epoch`` is the log's then:
    with another one history was lost, maybe a revocation, and the rule does not count any more.
    """

    request_id: str
    tool: str
    until: datetime
    maker: str = ""
    epoch: str = ""


MayAnswer: TypeAlias = Callable[[str, HumanInputRequired], bool]


def anybody(caller: str, required: HumanInputRequired) -> bool:
    """Let every caller answer every question, where nobody's key is limited."""
    return True


class Rules:
    """The rules of a log; see the module."""

    def __init__(
        self,
        store: MetadataStore,
        clock: Callable[[], datetime],
        names: StableEventIds,
        trusted: TrustedClock,
        may_answer: MayAnswer,
    ) -> None:
        """Take the broker's store, which the broker starts and closes.

        Args:
            store: Where events are kept.
            clock: The wall clock, aware.
            names: Makes what stands for callers.
            trusted: Knows whether the wall clock is trusted; no rule counts by one that is not.
            may_answer: Whether a caller may answer a question now. A rule allows only calls about
                which its maker may still decide.
        """
        self._store = store
        self._clock = clock
        self._names = names
        self._trusted = trusted
        self._may_answer = may_answer
        self._tasks: set[asyncio.Task[None]] = set()

    # ---- making one

    def asker(self, caller: str | None) -> str | None:
        """Return what stands for a caller in a rule."""
        return None if caller is None else self._names.of(f"asker:{caller}")

    async def stored(self, answer: HumanInputCompleted, caller: str) -> list[Appended]:
        """Store a person's answer, and note before where its rule is, if it makes one.

        Args:
            answer: The answer.
            caller: Who gives it, as the server knows them.

        Raises:
            TooMany: There are too many rules.
            HitlError: As the store's ``append``.
        """
        if answer.request_id is None or isinstance(answer.rule, msgspec.UnsetType):
            return await self._store.append([answer])
        until = answer.timestamp + timedelta(hours=answer.rule.hours)
        kept = _Note(answer.request_id, answer.rule.tool, until, caller, self._store.epoch)
        await self._announce(answer.event_id, kept)
        try:
            return await self._store.append([answer])
        except OutcomeUnknown:
            raise
        except HitlError:
            await self._forget(answer.event_id)
            raise

    async def _announce(self, rule_id: str, kept: _Note) -> None:
        notes = await self._notes()
        if rule_id in notes:
            return  # the same answer of the same person, sent again; maybe a rule that is over
        if len(notes) >= limits.MAX_RULES:
            await self._drop_ended(notes)
            if len(notes) >= limits.MAX_RULES:
                raise TooMany(
                    f"this log has {len(notes)} rules; revoke some, or answer without `rule`",
                    retry_after=5,
                )
        await self._store.put_metadata(_NOTES + rule_id, msgspec.json.encode(kept))

    async def _drop_ended(self, notes: dict[str, _Note]) -> None:
        for rule_id, kept in list(notes.items()):
            is_over = kept.until <= self._clock()
            if is_over or await self._found(rule_id, kept) is None:
                await self._store.delete_metadata(_NOTES + rule_id)
                del notes[rule_id]

    async def _forget(self, rule_id: str) -> None:
        """Drop the note of an answer that was refused."""
        try:
            if await self._store.offset_of(rule_id) is None:
                await self._store.delete_metadata(_NOTES + rule_id)
        except HitlError:
            _log.debug("the note of a rule was not dropped; it ends by itself")

    # ---- using them

    def asked(self, required: HumanInputRequired, caller: str | None) -> None:
        """Answer a question that this server has just stored, if a rule allows the call."""
        asker = self.asker(caller)
        if asker is None or not rules.scopes(required):
            return
        task = asyncio.ensure_future(self._apply(required, asker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _apply(self, required: HumanInputRequired, asker: str) -> None:
        try:
            call = required.call
            if isinstance(call, msgspec.UnsetType):
                return
            for rule_id, kept in (await self._notes()).items():
                one = await self._found(rule_id, kept) if kept.tool == call.tool else None
                if one is None or not self._may_answer(kept.maker, required):
                    continue
                if await self._allow(one, kept.epoch, required, asker):
                    return
        except HitlError as error:
            _log.warning("request %s: no rule was applied: %s", required.request_id, error)
        except Exception as error:  # noqa: BLE001 - whatever fails, the person is asked
            note_fault(_log, "rule_not_applied", error)

    async def _allow(
        self, one: Standing, epoch: str, required: HumanInputRequired, asker: str
    ) -> bool:
        """Answer a question by a rule; return whether nothing is left to do."""
        now = self._clock()
        if not self._trusted.is_trusted() or not rules.allows(one, required, asker, now):
            return False
        maker = one.made.answered_by
        event = HumanInputCompleted(
            event_id=ids.new_event_id(),
            timestamp=now,
            **about(required),
            decision="approve",
            answered_by=AnsweredBy(name=maker.name if maker else "", via=rules.VIA),
            by_rule=one.made.event_id,
        )
        condition = Condition(
            with_event=one.made.event_id,
            without_event=_revocation(one.made.event_id),
            not_after=one.expires_at,
            epoch=epoch,
        )
        try:
            await self._store.append([event], condition=condition)
        except ConditionFailed:
            return False
        except Settled:
            return True  # a person was faster
        return True

    async def standing(self) -> list[Standing]:
        """Return the rules that stand, oldest first."""
        now = self._clock()
        found = [
            one
            for rule_id, kept in (await self._notes()).items()
            if (one := await self._found(rule_id, kept)) is not None and now < one.expires_at
        ]
        return sorted(found, key=lambda one: one.made.timestamp)

    async def find(self, rule_id: str) -> Standing:
        """Return a rule, which may be revoked.

        Raises:
            NotFound: There is none with this id, or its time is over.
        """
        kept = (await self._notes()).get(rule_id)
        one = await self._made(rule_id, kept) if kept is not None else None
        if one is None:
            raise rules.unknown_rule(rule_id)
        return one

    async def revoke(self, one: Standing, name: str, via: str) -> None:
        """End a rule in the name of a person; nothing happens if it has ended."""
        rule_id = one.made.event_id
        by = AnsweredBy(name=name, via=via)
        event = rules.revoked(one, by, _revocation(rule_id), self._clock())
        try:
            await self._store.append([event])
        except EventExists:
            return  # another person revoked it
        note(_log, logging.INFO, "rule_revoked", request_id=one.required.request_id)

    async def close(self) -> None:
        """Finish what is being applied."""
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _notes(self) -> dict[str, _Note]:
        notes: Mapping[str, bytes] = await self._store.get_metadata(_NOTES)
        found = {name.removeprefix(_NOTES): _decoded(body) for name, body in notes.items()}
        return {rule_id: kept for rule_id, kept in found.items() if kept is not None}

    async def _found(self, rule_id: str, kept: _Note) -> Standing | None:
        """Return a rule that is in the log, not revoked, and still its maker's to make."""
        one = await self._made(rule_id, kept)
        if one is None or not self._may_answer(kept.maker, one.required):
            return None
        return one if await self._store.offset_of(_revocation(rule_id)) is None else None

    async def _made(self, rule_id: str, kept: _Note) -> Standing | None:
        if kept.epoch != self._store.epoch:
            return None
        request = await self._store.request(kept.request_id)
        if request is None or request.completion is None:
            return None
        if request.completion.event_id != rule_id:
            return None
        return rules.standing(request.required, request.completion)


def _revocation(rule_id: str) -> str:
    """Return the id of the event that revokes a rule.

    Anybody can compute it: a publisher who takes it first can only end the rule.
    """
    return str(uuid.uuid5(_REVOCATIONS, rule_id))


def _decoded(body: bytes) -> _Note | None:
    try:
        return msgspec.json.decode(body, type=_Note)
    except msgspec.MsgspecError:
        return None
