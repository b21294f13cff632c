"""A server of a test ends with its connections, and begins again where it was."""

from __future__ import annotations

import asyncio

import pytest

from tests.helpers.listening import Listening


class Echo(Listening):
    def __init__(self) -> None:
        super().__init__()
        self.ended = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(100):
                writer.write(data)
        finally:
            self.ended += 1
            writer.close()


async def test_a_stop_ends_what_is_open_and_a_start_finds_the_port_again() -> None:
    async with Echo() as echo:
        for ended in (1, 2):
            reader, writer = await asyncio.open_connection("127.0.0.1", echo.port)
            writer.write(b"hello")
            assert b"hello" == await reader.read(100)
            await echo.stop()
            assert b"" == await reader.read()
            writer.close()
            assert ended == echo.ended
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", echo.port)
            await echo.start()


async def test_refusing_leaves_what_is_open() -> None:
    async with Echo() as echo:
        reader, writer = await asyncio.open_connection("127.0.0.1", echo.port)
        writer.write(b"a")
        await reader.read(1)
        echo.refuse()
        writer.write(b"b")
        assert b"b" == await reader.read(1)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", echo.port)
        writer.close()
