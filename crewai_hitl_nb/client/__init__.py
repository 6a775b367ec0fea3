"""The clients of a server: every endpoint as typed Python, without Jupyter.

Below it is the protocol; above it are the kernel half, the command line and users'
scripts. It imports neither jupyter_server nor crewAI.
"""

from crewai_hitl_nb.client.async_client import AsyncClient
from crewai_hitl_nb.client.client import Client
from crewai_hitl_nb.client.discovery import Endpoint, find_endpoint
from crewai_hitl_nb.client.errors import NoServer, ServerAway, TransportUnusable
from crewai_hitl_nb.client.results import Health, Receipt, Request

__all__ = [
    "AsyncClient",
    "Client",
    "Endpoint",
    "Health",
    "NoServer",
    "Receipt",
    "Request",
    "ServerAway",
    "TransportUnusable",
    "find_endpoint",
]
