"""The owner of what a program starts: stops it in reverse order, whatever happens."""

import contextlib
from typing import Protocol, TypeVar


class Stoppable(Protocol):
    """Something that runs until it is stopped."""

    def stop(self) -> None:
        """End it; it does not matter whether it still runs."""


S = TypeVar("S", bound=Stoppable)


class Scope(contextlib.ExitStack):
    """An exit stack for things that are stopped."""

    def owns(self, thing: S) -> S:
        """Stop it when the scope ends."""
        self.callback(thing.stop)
        return thing
