"""Calls the service through the load balancer.

Usage: python3 client.py HOST:PORT CA_FILE SERVICE NAME...
"""
# ruff: noqa: INP001, T201 - a script, not part of a package

import sys
from pathlib import Path

import grpc

address, authority, service, *names = sys.argv[1:]
credentials = grpc.ssl_channel_credentials(Path(authority).read_bytes())

with grpc.secure_channel(address, credentials) as channel:
    try:
        print(channel.unary_unary(f"/{service}/Greet")(names[0].encode(), timeout=10).decode())
        for answer in channel.stream_stream(f"/{service}/GreetEach")((name.encode() for name in names), timeout=10):
            print(answer.decode())
    except grpc.RpcError as error:
        print(error.code().name, error.details())
