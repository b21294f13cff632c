"""A gRPC service without generated code: messages are text as bytes.

Usage: python3 service.py PORT
"""
# ruff: noqa: INP001 - a script, not part of a package

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc


def greet(name: bytes, _context: grpc.ServicerContext) -> bytes:
    """One greeting."""
    return b"Hello, " + name


def greet_each(names: Iterator[bytes], _context: grpc.ServicerContext) -> Iterator[bytes]:
    """A greeting for every name, as soon as it comes."""
    for name in names:
        yield b"Hello, " + name


METHODS = {
    "Greet": grpc.unary_unary_rpc_method_handler(greet),
    "GreetEach": grpc.stream_stream_rpc_method_handler(greet_each),
}

if __name__ == "__main__":
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("hello.Greeter", METHODS),))
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    server.start()
    server.wait_for_termination()
