"""Bytes to messages and back, without I/O: HTTP/1.1 as RFC 9112 writes it and as the ALB speaks it.

`feed(bytes)` calls a sink; `encode_…` returns bytes. A codec knows one connection and nothing of load balancers:

* `H1ServerCodec` faces a client and reads requests; `H1ClientCodec` faces a target and reads responses.
* A message event carries whatever part of the body arrived with the head, so that a small message is one call.
* `head_parser` has two paths. The fast one accepts only lines without anything unusual in them, and remembers each line
  it has seen (`header_lines.py`). Everything else goes to `tolerant`, which knows the limits and says what is wrong.
* Header sections repeat on a keep-alive connection, so both codecs remember whole sections by their exact bytes as well
  (`memo.py`). All memories are bounded in number and in size.

Text is `str` decoded as latin-1: one character is one byte, and encoding it back gives the bytes that came.
"""
