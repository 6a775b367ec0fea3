"""Runs one of a team's servers: ``python -m tests.team.replica OPTIONS``.

The options are JSON: those of ``HumanInputServer`` (the port is a free one unless they name it)
and, beside them, ``presence_grace``,
``prune_seconds``, ``clock_ahead`` (seconds by which its wall clock is wrong) and ``hurry`` (how
many times faster than in production leases end and are renewed). It writes its URL in a line when
it accepts connections, and runs until SIGTERM.
"""

import asyncio
import json
import signal
import sys
from datetime import datetime, timedelta, tzinfo
from typing import Any

import msgspec

from crewai_hitl_nb.broker import broker
from crewai_hitl_nb.server.host import retention
from crewai_hitl_nb.server.standalone import HumanInputServer
from crewai_hitl_nb.store.postgres import replicas, tail


def main(options: dict[str, Any]) -> None:
    hurry = options.pop("hurry", 5.0)
    for module, name in (
        (replicas, "LEASE_SECONDS"),
        (replicas, "_RENEW_SECONDS"),
        (replicas, "_RELIED_ON_SECONDS"),
        (tail, "_LOOK_SECONDS"),
    ):
        setattr(module, name, getattr(module, name) / hurry)
    setattr(retention, "_PRUNE_SECONDS", options.pop("prune_seconds", 3600.0))  # noqa: B010 - final
    ahead = timedelta(seconds=options.pop("clock_ahead", 0.0))

    class WrongClock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + ahead

    setattr(broker, "datetime", WrongClock)  # noqa: B010 - the module does not export it
    of_the_host = {name: options.pop(name) for name in ("presence_grace",) if name in options}
    server = HumanInputServer(**{"port": 0, **options})
    runtime = server._runtime
    runtime.settings = msgspec.structs.replace(runtime.settings, **of_the_host)
    asyncio.run(serve(server))


async def serve(server: HumanInputServer) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    await server.start_async()
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    await over.wait()
    await server.stop_async()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
