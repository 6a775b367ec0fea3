"""How long a question may wait and what happens then, for one question or as a default.

Pure: the caller gives the time. The code that asks (``questions/question.py`` and its users)
merges the terms of one question over those of ``enable()``. The server enforces them.
"""

from dataclasses import dataclass
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
    """How long a question may wait, and what happens then; None means "not specified".

    Attributes:
        timeout: Seconds until the deadline.
        remind_after: Seconds until a reminder is sent.
        on_expiry: What happens at the deadline: the question fails (also if not specified), its
            default is used as the answer, or it keeps waiting.
        default: The explicit answer for ``on_expiry="default"``: an option, a text, a form's
            values, or an answer's body such as ``{"decision": "approve"}``.

    Raises:
        ValueError: A time is not valid, or the policy ``default`` has no default.
        WrongArgument: The policy is unknown.
    """

    timeout: float | None = None
    remind_after: float | None = None
    on_expiry: OnExpiry | None = None
    default: Any = None

    def __post_init__(self) -> None:
        for name in ("timeout", "remind_after"):
            seconds = getattr(self, name)
            if seconds is not None and not 0 < seconds <= _MOST_SECONDS:
                raise ValueError(
                    f"{name} must be a number of seconds above 0 (and at most 10 years),"
                    f" not {seconds!r}"
                )
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
        """Return the terms from the arguments of a public function.

        Raises:
            ValueError: As the class.
            WrongArgument: A time is neither a number nor a ``timedelta``.
        """
        return cls(
            arguments.seconds_or_none("timeout", timeout),
            arguments.seconds_or_none("remind_after", remind_after),
            on_expiry,
            default,
        )

    def over(self, other: "Terms") -> "Terms":
        """Return these terms, with the other's where nothing is specified here.

        A default answer and its policy belong together: specifying one of them replaces both.
        """
        policy = self.on_expiry is not None or self.default is not None
        return Terms(
            timeout=other.timeout if self.timeout is None else self.timeout,
            remind_after=other.remind_after if self.remind_after is None else self.remind_after,
            on_expiry=self.on_expiry if policy else other.on_expiry,
            default=self.default if policy else other.default,
        )

    def applied(self, question: HumanInputRequired) -> HumanInputRequired:
        """Return the question with its deadline and reminder, counted from when it was asked."""
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
"""Nothing is specified: a question waits until it is answered."""


def _after(instant: datetime, seconds: float | None) -> datetime | None:
    return None if seconds is None else instant + timedelta(seconds=seconds)
