"""How long a question may wait and what happens then: per question, and as a default.

Pure: the clock is given. Whoever asks (``questions/question.py`` and what is above it) merges what
was said for one question over what ``enable()`` was told; the server keeps the time.
"""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

import msgspec

from crewai_hitl_nb.protocol import arguments
from crewai_hitl_nb.protocol.arguments import Seconds
from crewai_hitl_nb.protocol.events import HumanInputRequired

OnExpiry: TypeAlias = Literal["fail", "default", "wait"]

_MOST_SECONDS: Final = 10 * 365 * 86_400.0


@dataclass(frozen=True)
class Terms:
    """What was said about time; None is "nothing was said".

    Attributes:
        timeout: Seconds until the deadline.
        remind_after: Seconds until those who look are told again.
        on_expiry: What happens at the deadline: the question fails (as it does when nothing
            is said), its default answers, or it keeps waiting.
        default: The explicit answer for ``on_expiry="default"``: an option, a text, a form's
            values, or an answer's body such as ``{"decision": "approve"}``.

    Raises:
        ValueError: A time that is none, or a policy without its default.
        WrongArgument: An unknown policy.
    """

    timeout: float | None = None
    remind_after: float | None = None
    on_expiry: OnExpiry | None = None
    default: Any = None

    def __post_init__(self) -> None:
        for name in ("timeout", "remind_after"):
            seconds = getattr(self, name)
            if seconds is not None and not 0 < seconds <= _MOST_SECONDS:
                raise ValueError(f"{name} is a number of seconds above 0, not {seconds!r}")
        if self.on_expiry not in (None, "fail", "default", "wait"):
            raise arguments.WrongArgument(
                "on_expiry", "'fail', 'default' or 'wait'", self.on_expiry
            )
        if self.on_expiry == "default" and self.default is None:
            raise ValueError("on_expiry='default' needs an explicit default=...")

    @classmethod
    def of(
        cls,
        timeout: Seconds | None,
        remind_after: Seconds | None,
        on_expiry: OnExpiry | None,
        default: Any,
    ) -> "Terms":
        """Return the terms of what a public function was given.

        Raises:
            ValueError: As the class.
            WrongArgument: A time that is neither a number nor a ``timedelta``.
        """
        return cls(
            arguments.seconds_or_none("timeout", timeout),
            arguments.seconds_or_none("remind_after", remind_after),
            on_expiry,
            default,
        )

    def over(self, other: "Terms") -> "Terms":
        """Return these terms, and the other's where nothing was said here.

        A default answer and its policy go together: saying one of them replaces both.
        """
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        policy = said["on_expiry"] is not None or said["default"] is not None
        return Terms(
            timeout=other.timeout if self.timeout is None else self.timeout,
            remind_after=other.remind_after if self.remind_after is None else self.remind_after,
            on_expiry=self.on_expiry if policy else other.on_expiry,
            default=self.default if policy else other.default,
        )

    def applied(self, question: HumanInputRequired) -> HumanInputRequired:
        """Return the question with its times, counted from when it was asked."""
        response = msgspec.structs.replace(
            question.response,
            default=self.default,
            on_expiry=self.on_expiry or ("fail" if self.default is None else "default"),
        )
        return msgspec.structs.replace(
            question,
            response=response,
            expires_at=_after(question.timestamp, self.timeout),
            remind_at=_after(question.timestamp, self.remind_after),
        )


NO_TERMS: Final = Terms()
"""Nothing was said about time: a question waits until it is answered."""


def _after(instant: datetime, seconds: float | None) -> datetime | None:
    return None if seconds is None else instant + timedelta(seconds=seconds)
