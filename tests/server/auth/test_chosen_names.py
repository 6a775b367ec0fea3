"""A host that lets people choose their names, as some hubs do: a name is nobody else's right."""

from typing import Any

import pytest
from jupyter_server.auth import IdentityProvider, User

from tests.server.callers import caller
from tests.server.door import Door, question


class Named(IdentityProvider):
    """Believes who a caller says that they are."""

    def get_user(self, handler: Any) -> User | None:
        name = handler.request.headers.get("X-Name")
        return User(username=name) if name else None

    def is_token_authenticated(self, handler: Any) -> bool:
        return True


@pytest.fixture
def host() -> dict[str, Any]:
    return {"ServerApp": {"identity_provider_class": Named}}


async def test_nobody_is_a_kernel_by_name(door: Door) -> None:
    async with caller(door, "kernel key") as crew:
        (await crew.post("events", json=question("q1"))).raise_for_status()
    kernel = door.services.kernel_identity.get_user(None)  # type: ignore[arg-type]
    said = {"human_feedback": "Yes", "via": "console"}
    async with caller(door, "nobody") as http:
        for name in (kernel.username, "ada"):
            reply = await http.post("requests/q1/answer", json=said, headers={"X-Name": name})
            assert (reply.status_code, reply.json()["field"]) == (422, "via")
    async with caller(door, "kernel key") as crew:
        assert (await crew.get("requests/q1")).json()["status"] == "pending"
