"""A peer: nginx with the nchan module, both in C, messages in shared memory."""

import os
import shutil
from pathlib import Path
from typing import Literal

from benchmarks.processes import SERVER_CORE, Listening
from benchmarks.targets import wire
from benchmarks.targets.base import EXECUTION, Transport
from tests.jupyter_process import free_port

MISSING = "nginx with nchan is not installed (Debian: apt install nginx-light libnginx-mod-nchan)"
NGINX = "/usr/sbin/nginx"
_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
_CONFIG = """
load_module {module};
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 16000;
error_log {folder}/error.log warn;
pid {folder}/nginx.pid;
events {{ worker_connections 15000; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  nchan_shared_memory_size 512M;
  nchan_message_timeout 1h;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location ~ ^/publish/(.+)$ {{ nchan_publisher http; nchan_channel_id $1; {keep} }}
    location ~ ^/ws/(.+)$ {{ nchan_subscriber websocket; {newest} }}
    location ~ ^/sse/(.+)$ {{ nchan_subscriber eventsource; {newest} }}
    location ~ ^/poll/(.+)$ {{ nchan_subscriber longpoll; {newest} }}
    location ~ ^/replay/(.+)$ {{ nchan_subscriber eventsource; {oldest} }}
  }}
}}
"""
_FIRST = "nchan_channel_id $1; nchan_subscriber_first_message {};"


def installed() -> bool:
    """Say whether it can run here."""
    return _MODULE.exists() and shutil.which(NGINX) is not None


class Nchan(Listening):
    """One nginx with one worker, a child of the master whose process this is."""

    name = "nchan"
    publisher: Literal["ws", "http", "raw"] = "http"

    def __init__(self, scratch: Path, *, keep: int = 10) -> None:
        """Start it; `keep` messages are kept for each channel (10 is nchan's default)."""
        port = free_port()
        config = _CONFIG.format(
            module=_MODULE,
            user="user root;" if os.geteuid() == 0 else "",  # the folder is this user's alone
            folder=scratch,
            port=port,
            keep=f"nchan_message_buffer_length {keep};",
            newest=_FIRST.format("newest"),
            oldest=_FIRST.format("oldest"),
        )
        (scratch / "nginx.conf").write_text(config)
        command = [NGINX, "-p", str(scratch), "-c", str(scratch / "nginx.conf")]
        super().__init__(command, port, scratch / "log", SERVER_CORE)

    def subscribe(self, transport: Transport, execution: str) -> bytes:
        """Return the request of one subscriber."""
        path = f"/{transport}/{execution}"
        if transport == "ws":
            return wire.upgrade(path)
        return wire.get(path, {"Accept": "text/event-stream"} if transport == "sse" else {})

    def replay(self, execution: str) -> bytes:
        """Return the request of a subscriber that wants all there is."""
        return wire.get(f"/replay/{execution}", {"Accept": "text/event-stream"})

    def greeting(self) -> bytes:
        """HTTP needs none."""
        return b""

    def publish(self, mark: str, events: list[bytes]) -> bytes:
        """Publish; a batch is requests in a row."""
        return b"".join(wire.post(f"/publish/{EXECUTION}", event) for event in events)
