"""Bytes to messages and back, without I/O: HTTP/1.1 as RFC 9112 writes it and as the ALB speaks it.

`feed(bytes)` calls a sink; `encode_…` returns bytes. A codec knows one connection and nothing of load balancers:

* `H1ServerCodec` faces a client and reads requests; `H1ClientCodec` faces a target and reads responses.
* A message event carries whatever part of the body arrived with the head, so that a small message is one call.
* `head_parser` has two paths. The fast one accepts only lines without anything unusual in them, and remembers each line
  it has seen (`header_lines.py`). Everything else goes to `tolerant`, which knows the limits and says what is wrong.
* Header sections repeat on a keep-alive connection, so both codecs remember whole sections by their exact bytes as well
  (`memo.py`). All memories are bounded in number and in size.

Text is `str` decoded as latin-1: one character is one byte, and encoding it back gives the bytes that came.

Threat model
------------
*What an attacker controls.* A client: every byte on its connections, how they are cut into packets, when they come,
when it reads, when it leaves; many connections at once. A target that was broken into, or is merely broken: every byte
of its responses, likewise. Neither controls the configuration, the clock or the other side's network.

*What is promised*, with desync mitigation in `defensive` or `strictest` mode:

1. One request in, at most one request out. A target connection that goes back to the pool carried exactly one request,
   whichever way its parser reads Content-Length, Transfer-Encoding, folded lines, line ends, and the names that HTTP
   Desync Guardian takes for lookalikes; where two readings are possible, both connections end with the response
   (tests/exchange/test_smuggling.py).
2. What is forwarded states the length of its body once, in our own words, and bodies in chunks are framed anew: sizes,
   extensions and trailers of the sender go no further (tests/protocol/test_body.py).
3. No value of one side becomes a line of the other: NUL, CR and LF end with the header that holds them, and no value
   that we write (X-Forwarded-For, X-Amzn-Trace-Id, Host, Location, cookies, log fields) can end its line
   (tests/exchange/test_smuggling.py, tests/runtime/test_access_log_line.py).
4. Bounded work and memory: heads, lines, chunk lines, trailers, pipelined bytes and memories of parsed heads have
   limits (`limits.py`, `memo.py`), every expression that meets foreign bytes is linear, and bytes that arrive one by
   one are not scanned again from the start (tests/protocol/test_limits.py).
5. Time is bounded by whoever owns the connection: a head or body that stops coming is a 408, a client or target that
   does not read is cut (`runtime/deadlines.py`).
6. A violation is one `ProtocolError` with a status, never another exception, and nothing that follows it on the
   connection is read (tests/fuzz).
7. A response that is malformed is a 502; one that broke off is cut, never completed.

*What is not promised.* In `monitor` mode requests of every class are forwarded on connections that are used again, as
the name says; points 2 to 7 hold, point 1 does not. Names, methods and targets that are merely strange are forwarded:
a target has to be able to bear them. A client that sends one byte in each idle timeout keeps
its connection, as it does with the real load balancer (user guide, load-balancer-troubleshooting, HTTP 408); it costs
that connection and, by point 4, a bounded buffer. Nothing here authenticates anybody.
"""
