"""Which connections are made: to checked addresses only, with the name kept for TLS."""

import datetime
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from crewai_hitl_nb.broker.broker import utc_now
from crewai_hitl_nb.broker.webhooks.call import Resolve, SignedPost, resolve
from crewai_hitl_nb.broker.webhooks.config import WebhookSettings
from crewai_hitl_nb.broker.webhooks.retries import Attempt
from crewai_hitl_nb.store.base import Record
from tests.broker.webhooks.receiver import SECRET, Receiver

pytestmark = pytest.mark.asyncio

RECORD = Record(1, "e1", "note", None, None, b'{"type":"note","event_id":"e1","offset":1}')


async def post_once(url: str, *, allow_private: bool = True, resolve: Resolve = resolve) -> Attempt:
    signers = WebhookSettings(secrets=(SECRET,)).signers()
    post = SignedPost(signers, allow_private=allow_private, resolve=resolve)
    try:
        return await post(url, RECORD, utc_now())
    finally:
        await post.close()


def names(*addresses: str) -> Resolve:
    """Return a name server that knows these addresses for every name, and only once."""
    answers = [addresses]

    async def look_up(host: str, port: int) -> Sequence[str]:
        return answers.pop()

    return look_up


@pytest.mark.parametrize("host", ["localhost", "0x7f.1", "2130706433", "127.1", "[::1]"])
async def test_a_name_that_leads_to_this_machine_is_not_called(
    receiver: Receiver, host: str
) -> None:
    attempt = await post_once(receiver.url(host=host), allow_private=False)
    assert attempt.status is None
    assert "no public address" in attempt.error
    assert receiver.calls == []


async def test_the_address_that_was_checked_is_the_one_that_is_called(receiver: Receiver) -> None:
    attempt = await post_once(receiver.url(host="hooks.example"), resolve=names("127.0.0.1"))
    assert attempt.status == 204
    assert receiver.calls[0].headers["Host"] == f"hooks.example:{receiver.port}"
    receiver.calls[0].verify()


async def test_the_next_address_is_tried_when_one_cannot_be_reached(receiver: Receiver) -> None:
    found = names("127.0.0.9", "127.0.0.1")
    attempt = await post_once(receiver.url(host="hooks.example"), resolve=found)
    assert attempt.status == 204
    assert len(receiver.calls) == 1


async def test_a_receiver_that_is_down_is_a_failed_attempt(receiver: Receiver) -> None:
    await receiver.stop()
    attempt = await post_once(receiver.url())
    assert attempt.status is None
    assert "ConnectError" in attempt.error


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".example", "a..b"])
async def test_a_name_that_nobody_knows_is_a_failed_attempt(host: str) -> None:
    attempt = await post_once(f"http://{host}/")
    assert attempt.status is None
    assert attempt.error


async def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await post_once(receiver.url())).status == 204


@pytest_asyncio.fixture
async def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    """Return a receiver with a certificate for hooks.example that this process trusts."""
    certificate = _certificate(tmp_path, "hooks.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    receiver = Receiver()
    await receiver.start(context)
    yield receiver
    await receiver.stop()


async def test_tls_is_checked_against_the_name_though_the_address_is_called(
    secure: Receiver,
) -> None:
    url = secure.url(host="hooks.example", scheme="https")
    assert (await post_once(url, resolve=names("127.0.0.1"))).status == 204


async def test_a_certificate_for_another_name_is_refused(secure: Receiver) -> None:
    url = secure.url(host="evil.example", scheme="https")
    attempt = await post_once(url, resolve=names("127.0.0.1"))
    assert attempt.status is None
    assert "certificate" in attempt.error.lower()
    assert secure.calls == []


def _certificate(folder: Path, name: str) -> Path:
    """Write a self-signed certificate and its key into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = utc_now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    file = folder / "certificate.pem"
    file.write_bytes(
        certificate.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file
