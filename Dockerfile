# syntax=docker/dockerfile:1
# amd64 and arm64: every dependency publishes wheels for both. What is compiled here is edgeproxy's own request path.
#
#   docker build -t edgeproxy .
#   docker run --rm -p 80:80 -p 443:443 -v "$PWD/edgeproxy.yaml:/etc/edgeproxy/edgeproxy.yaml:ro" edgeproxy
#
# The root file system may be read-only (`docker run --read-only`): all that is written is the development CA, and that
# lives in the volume /var/lib/edgeproxy.

FROM python:3.13-slim AS build
WORKDIR /src
RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/edgeproxy
# The dependencies change seldom and the code often: they are a layer of their own.
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY edgeproxy/__init__.py edgeproxy/__init__.py
RUN /opt/edgeproxy/bin/pip install --no-cache-dir --disable-pip-version-check .
COPY edgeproxy edgeproxy
RUN EDGEPROXY_COMPILE=1 \
    /opt/edgeproxy/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --force-reinstall . \
 && /opt/edgeproxy/bin/pip uninstall --quiet --yes pip \
 && /opt/edgeproxy/bin/python -m compileall -q /opt/edgeproxy/lib

FROM python:3.13-slim
# Others may look into the folder: containers that trust the CA mount the volume, as whatever user they run. The key is
# the owner's alone.
RUN useradd --uid 10001 --home-dir /var/lib/edgeproxy --create-home --shell /usr/sbin/nologin edgeproxy \
 && chmod 0755 /var/lib/edgeproxy
COPY --from=build /opt/edgeproxy /opt/edgeproxy
ENV PATH=/opt/edgeproxy/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    EDGEPROXY_CERTS_DIR=/var/lib/edgeproxy/certs
USER 10001
WORKDIR /etc/edgeproxy
VOLUME /var/lib/edgeproxy
# Ports below 1024 need no privilege in here: since 20.10 Docker sets net.ipv4.ip_unprivileged_port_start=0 for its
# containers. Elsewhere (Kubernetes): set that sysctl, or run with --bind 80=8000 --bind 443=8443.
EXPOSE 80 443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["edgeproxy", "health"]
ENTRYPOINT ["edgeproxy"]
CMD ["run"]
