"""The proxies of the comparison: is it installed, which version, and how is it told to do the same job as the others.

The same job means: HTTP/1.1 to the target, HTTP/1.1 and, by ALPN, HTTP/2 to clients, keep-alive to the target,
X-Forwarded-For and X-Forwarded-Proto added, TLS with the same P-256 certificate, one access log line per request into
a file, bodies streamed and not spooled to disk, one worker. `table()` at the end is the order of the run. edgeproxy's
own configuration is in `edgeproxy_config.py`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.edgeproxy_config import configuration, ten_rules

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What every proxy is told: where to listen, where the target is, the certificate, a folder to write into."""

    folder: Path
    target_port: int
    http_port: int
    https_port: int
    certificate: Path  # PEM: private key, then the chain


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """One proxy of the comparison. `command` writes the configuration and returns the command that runs it."""

    name: str
    version_command: list[str] | None  # None: not installed
    command: Callable[[Setup], list[str]]
    speaks_h2: bool = True

    @property
    def is_installed(self) -> bool:
        return self.version_command is not None

    @property
    def version(self) -> str:
        """The first x.y.z in what the version command prints."""
        assert self.version_command is not None
        done = subprocess.run(self.version_command, capture_output=True, text=True, timeout=20, check=False)
        found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
        return found[0] if found else ""


def _find(name: str, *more: Path) -> str | None:
    """A binary on the PATH, beside this Python, or at one of the given places."""
    scripts = Path(sysconfig.get_path("scripts"))
    for candidate in (scripts / name, *more, Path("/usr/sbin") / name):
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    return shutil.which(name)


def _envoy_binary() -> list[Path]:
    """The wheel's real binary: its start script would add a Python interpreter to the memory figures."""
    spec = importlib.util.find_spec("envoy")
    return [Path(place) / "_bin" / "envoy" for place in (spec.submodule_search_locations or [])] if spec else []


def _write(setup: Setup, name: str, text: str) -> str:
    path = setup.folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


NGINX = _find("nginx")
HAPROXY = _find("haproxy")
ENVOY = next((str(path) for path in _envoy_binary() if path.is_file()), None)
CADDY = _find("caddy")
TRAEFIK = _find("traefik")
COMPILED = Path.cwd() / "build" / "compiled"


def _nginx(setup: Setup) -> list[str]:
    folder = setup.folder
    temporary = "".join(
        f"  {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = f"""\
daemon off;
{"user root;" if os.geteuid() == 0 else ""}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 8192; }}
http {{
  access_log {folder}/access.log combined;
{temporary}
  client_max_body_size 0;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  upstream app {{
    server 127.0.0.1:{setup.target_port};
    keepalive 256;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{setup.http_port} backlog=4096;
    listen 127.0.0.1:{setup.https_port} ssl http2 backlog=4096;
    ssl_certificate {setup.certificate};
    ssl_certificate_key {setup.certificate};
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {{
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
    }}
  }}
}}
"""
    return [NGINX or "nginx", "-e", f"{folder}/nginx-error.log", "-c", _write(setup, "nginx.conf", text)]


def _haproxy(setup: Setup) -> list[str]:
    text = f"""\
global
  nbthread 1
  maxconn 8192
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 600s
  timeout server 600s
frontend web
  bind 127.0.0.1:{setup.http_port} backlog 4096
  bind 127.0.0.1:{setup.https_port} ssl crt {setup.certificate} alpn h2,http/1.1 backlog 4096
  http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
  http-request set-header X-Forwarded-Proto http unless {{ ssl_fc }}
  default_backend app
backend app
  server target 127.0.0.1:{setup.target_port}
"""
    return [HAPROXY or "haproxy", "-f", _write(setup, "haproxy.cfg", text)]


def _envoy_listener(setup: Setup, name: str, port: int, *, tls: bool) -> dict[str, object]:
    types = "type.googleapis.com/envoy.extensions"
    manager = {
        "@type": f"{types}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "codec_type": "AUTO",
        "use_remote_address": True,
        "access_log": [
            {
                "name": "file",
                "typed_config": {
                    "@type": f"{types}.access_loggers.file.v3.FileAccessLog",
                    "path": f"{setup.folder}/access.log",
                },
            }
        ],
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{types}.filters.http.router.v3.Router"}},
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "app", "timeout": "0s"}}],
                }
            ]
        },
    }
    chain: dict[str, object] = {"filters": [{"name": "http", "typed_config": manager}]}
    if tls:
        file = {"filename": str(setup.certificate)}
        chain["transport_socket"] = {
            "name": "tls",
            "typed_config": {
                "@type": f"{types}.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_certificates": [{"certificate_chain": file, "private_key": file}],
                },
            },
        }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {"name": name, "address": address, "filter_chains": [chain]}


def _envoy(setup: Setup) -> list[str]:
    target = {"socket_address": {"address": "127.0.0.1", "port_value": setup.target_port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": target}}]}]
    cluster = {"name": "app", "type": "STATIC", "load_assignment": {"cluster_name": "app", "endpoints": endpoints}}
    listeners = [
        _envoy_listener(setup, "http", setup.http_port, tls=False),
        _envoy_listener(setup, "https", setup.https_port, tls=True),
    ]
    text = json.dumps({"static_resources": {"listeners": listeners, "clusters": [cluster]}}, indent=1)
    options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    return [ENVOY or "envoy", "-c", _write(setup, "envoy.json", text), *options]


def _caddy(setup: Setup) -> list[str]:
    text = f"""\
{{
  admin off
  auto_https off
  persist_config off
  default_sni localhost
  servers {{
    protocols h1 h2
  }}
}}
(app) {{
  log {{
    output file {setup.folder}/access.log {{
      roll_disabled
    }}
  }}
  reverse_proxy 127.0.0.1:{setup.target_port} {{
    transport http {{
      compression off
      keepalive_idle_conns_per_host 256
    }}
  }}
}}
:{setup.http_port} {{
  bind 127.0.0.1
  import app
}}
:{setup.https_port} {{
  bind 127.0.0.1
  tls {setup.certificate} {setup.certificate}
  import app
}}
"""
    return [CADDY or "caddy", "run", "--adapter", "caddyfile", "--config", _write(setup, "Caddyfile", text)]


def _traefik(setup: Setup) -> list[str]:
    file = str(setup.certificate)
    pair = {"certFile": file, "keyFile": file}
    routers = {
        "http": {"entryPoints": ["http"], "rule": "PathPrefix(`/`)", "service": "app"},
        "https": {"entryPoints": ["https"], "rule": "PathPrefix(`/`)", "service": "app", "tls": {}},
    }
    server = {"url": f"http://127.0.0.1:{setup.target_port}"}
    dynamic = {
        "http": {"routers": routers, "services": {"app": {"loadBalancer": {"servers": [server]}}}},
        "tls": {"certificates": [pair], "stores": {"default": {"defaultCertificate": pair}}},
    }
    static = {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "ERROR"},
        "accessLog": {"filePath": f"{setup.folder}/access.log"},
        "entryPoints": {
            "http": {"address": f"127.0.0.1:{setup.http_port}"},
            "https": {"address": f"127.0.0.1:{setup.https_port}"},
        },
        "providers": {
            "file": {"filename": _write(setup, "traefik-dynamic.yaml", json.dumps(dynamic)), "watch": False},
        },
    }
    return [TRAEFIK or "traefik", f"--configFile={_write(setup, 'traefik.yaml', json.dumps(static))}"]


def _aiohttp(setup: Setup) -> list[str]:
    ports = [str(port) for port in (setup.target_port, setup.http_port, setup.https_port)]
    return [sys.executable, "-m", "tests.bench.aiohttp_proxy", *ports, str(setup.certificate)]


def _edgeproxy(setup: Setup) -> list[str]:
    return run_edgeproxy(setup, http_rules=ten_rules(), https_rules=ten_rules())


def _compiled(setup: Setup) -> list[str]:
    """The same, with the request path as machine code: what `make compiled` has made."""
    python, *arguments = _edgeproxy(setup)
    return ["/usr/bin/env", f"PYTHONPATH={COMPILED}", python, "-P", *arguments]


def run_edgeproxy(
    setup: Setup,
    *,
    http_rules: list[dict[str, object]],
    https_rules: list[dict[str, object]],
    module: str = "edgeproxy",
) -> list[str]:
    """The command of edgeproxy with the given rules, access log on, admin endpoint off."""
    text = configuration(
        http_rules=http_rules,
        https_rules=https_rules,
        target_port=setup.target_port,
        http_port=setup.http_port,
        https_port=setup.https_port,
        certificate=setup.certificate,
    )
    options = ["--access-log", f"{setup.folder}/access.log", "--admin", "off"]
    return [sys.executable, "-m", module, "run", "-c", _write(setup, "edgeproxy.yaml", text), *options]


def _edgeproxy_version() -> list[str] | None:
    """Whether it is there: edgeproxy counts as installed when its command line has the verb we need."""
    probe = [sys.executable, "-m", "edgeproxy", "run", "--help"]
    done = subprocess.run(probe, capture_output=True, timeout=30, check=False)
    return [sys.executable, "-c", "import edgeproxy; print(edgeproxy.__version__)"] if done.returncode == 0 else None


def _compiled_version() -> list[str] | None:
    return _edgeproxy_version() if list(COMPILED.glob("edgeproxy/exchange/exchange.*.so")) else None


def _command(binary: str | None, option: str) -> list[str] | None:
    return [binary, option] if binary else None


def table() -> list[Proxy]:
    """Every proxy that the bench knows, in the order of the run; nginx is the one that ratios refer to."""
    aiohttp_version = [sys.executable, "-c", "import aiohttp; print(aiohttp.__version__)"]
    return [
        Proxy(name="nginx", version_command=_command(NGINX, "-v"), command=_nginx),
        Proxy(name="haproxy", version_command=_command(HAPROXY, "-v"), command=_haproxy),
        Proxy(name="envoy", version_command=_command(ENVOY, "--version"), command=_envoy),
        Proxy(name="caddy", version_command=_command(CADDY, "version"), command=_caddy),
        Proxy(name="traefik", version_command=_command(TRAEFIK, "version"), command=_traefik),
        Proxy(name="aiohttp", version_command=aiohttp_version, command=_aiohttp, speaks_h2=False),
        Proxy(name="edgeproxy", version_command=_edgeproxy_version(), command=_edgeproxy),
        Proxy(name="edgeproxy-compiled", version_command=_compiled_version(), command=_compiled),
    ]
