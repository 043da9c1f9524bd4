"""What the client tests share: where the server is, and questions to it over DNS."""

import os

import dns.edns
import dns.message
import dns.query
import dns.rdatatype

KEY = os.environ["SEXTANT_KEY"]
API_PORT = int(os.environ["SEXTANT_API_PORT"])
DNS_PORT = int(os.environ["SEXTANT_DNS_PORT"])
HOST = "127.0.0.1"


def resolve(name, rtype="A", subnet=None):
    """The answers of the server, as sorted texts; for a client in `subnet` if one is given."""
    options = [dns.edns.ECSOption.from_text(subnet)] if subnet else []
    query = dns.message.make_query(name, rtype, use_edns=0, options=options, payload=1232)
    reply = dns.query.tcp(query, HOST, port=DNS_PORT, timeout=20)
    return sorted(rdata.to_text() for rrset in reply.answer for rdata in rrset)


def answered(name, rtype, expected, subnet=None):
    """Fails unless the server answers exactly `expected`."""
    got = resolve(name, rtype, subnet)
    assert got == sorted(expected), f"{name} {rtype} {subnet or ''}: got {got}, expected {expected}"


def raises(kind, text, action, *arguments, **named):
    """Fails unless `action` raises `kind` with `text` in its message."""
    try:
        result = action(*arguments, **named)
    except kind as error:
        assert text in str(error), f"{error!r} does not say {text!r}"
        return
    raise AssertionError(f"{action} returned {result!r} instead of raising {kind.__name__}")
