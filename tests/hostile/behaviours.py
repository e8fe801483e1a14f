# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a hostile server can do: functions of the client, and what makes such functions.

A behaviour ends when the client leaves.
"""

import ssl

from server import *


def says(data):
    """Sends it instead of a greeting."""

    def behave(c):
        c.send(data)
        c.listen()

    return behave


def says_and_closes(data):
    def behave(c):
        c.send(data)
        c.close()

    return behave


def drips(data, pause):
    def behave(c):
        c.drip(data, pause)
        c.listen()

    return behave


def answers(option, data):
    """A good server but for its answer to that option."""

    def behave(c):
        c.greet()
        c.serve({option: data})

    return behave


def after(option, then):
    """Greets, takes that option, and then…"""

    def behave(c):
        c.greet()
        c.serve(until=option)
        then(c)

    return behave


def not_fixed(flags):
    def behave(c):
        c.greet(flags)
        c.serve(export=EXPORT + bytes(0 if flags & 2 else 124))

    return behave


def byte_by_byte(c):
    c.pause = 0.001
    c.greet()
    c.serve()


def byte_by_byte_to_tls(c):
    c.pause = 0.001
    c.greet()
    c.ack_starttls()
    c.upgrade()
    c.serve()


def byte_by_byte_tls(c):
    c.pause = 0
    c.serve()


def tls_then(then, flags=3, extra=b"", **upgrade):
    """A good server up to and including the TLS handshake, and then…"""

    def behave(c):
        c.greet(flags)
        c.ack_starttls(extra)
        c.upgrade(**upgrade)
        then(c)

    return behave


def handshake(then):
    """Agrees to STARTTLS, takes the ClientHello, and then…"""

    def behave(c):
        c.greet()
        c.ack_starttls()
        c.receive(5)
        then(c)

    return behave


def injected(data):
    """Plaintext behind the ACK of STARTTLS, and then TLS as if nothing had been."""
    return tls_then(Client.serve, extra=data)


listen, close, reset, serve = Client.listen, Client.close, Client.reset, Client.serve
send = says


def in_tls(option, data):
    return tls_then(lambda c: c.serve({option: data}))


def raw_under_tls(data):
    """Bytes on the socket that TLS knows nothing of."""

    def then(c):
        c.option()
        c.go_under_tls()
        c.send(data)
        c.listen()

    return tls_then(then)


def torn(first):
    """Says the first part, and closes TCP below TLS, without close_notify."""

    def then(c):
        c.option()
        c.send(first)
        c.go_under_tls()
        c.close()

    return tls_then(then)


def ended(first):
    """Says the first part, and ends TLS as it should be."""

    def then(c):
        c.option()
        c.send(first)
        c.sock.unwrap()

    return tls_then(then)


def refuse_export_name(c):
    c.serve({INFO: reply(INFO, UNSUP)}, until=EXPORT_NAME)
    c.go_under_tls()
    c.close()


def entered(c):
    """A server without INFO tells about an export by letting it be entered."""
    c.serve({INFO: reply(INFO, UNSUP)}, until=EXPORT_NAME)
    c.send(EXPORT[2:])
    c.disconnection()
    c.listen()


def at_export_name(then):
    """A server of old that knows neither INFO nor GO, and after EXPORT_NAME…"""

    def behave(c):
        c.greet()
        c.serve({INFO: reply(INFO, UNSUP)}, until=EXPORT_NAME)
        then(c)

    return behave


def half_a_handshake(c):
    """Hello and certificate, but nothing after them, where the client waits for more."""
    c.greet()
    c.ack_starttls()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = c.tls_context("server").wrap_bio(incoming, outgoing, server_side=True)
    header = c.receive(5)
    incoming.write(header + c.receive(int.from_bytes(header[3:])))
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        c.send(outgoing.read()[:-100])
    c.listen()


def for_ever(data):
    def behave(c):
        while True:
            c.send(data * 50)

    return behave
