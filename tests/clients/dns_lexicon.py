"""dns-lexicon, with the address of the API replaced, for which it has no setting."""

import requests
from lexicon._private.providers import nsone
from lexicon.client import Client
from lexicon.config import ConfigResolver

from support import API_PORT, HOST, KEY, answered, raises

BASE = f"http://{HOST}:{API_PORT}/v1"
ZONE = "lexicon-test.com"
real_init = nsone.Provider.__init__


def patched(self, config):
    real_init(self, config)
    self.api_endpoint = BASE


nsone.Provider.__init__ = patched


def operations(key=KEY, zone=ZONE):
    settings = {"provider_name": "nsone", "domain": zone, "nsone": {"auth_token": key}}
    return Client(ConfigResolver().with_dict(settings))


requests.put(f"{BASE}/zones/{ZONE}", json={"zone": ZONE}, headers={"X-NSONE-Key": KEY}).raise_for_status()

with operations() as lexicon:
    for _ in range(2):
        lexicon.create_record("A", "www", "192.0.2.1")
        answered(f"www.{ZONE}", "A", ["192.0.2.1"])
    lexicon.create_record("TXT", "_acme-challenge", "token1")
    lexicon.create_record("TXT", f"_acme-challenge.{ZONE}", "token2")
    answered(f"_acme-challenge.{ZONE}", "TXT", ['"token1"', '"token2"'])
    for content in ["10 mail.lexicon-test.com", "20 mail2.lexicon-test.com"]:
        lexicon.create_record("MX", ZONE, content)
    answered(ZONE, "MX", ["10 mail.lexicon-test.com.", "20 mail2.lexicon-test.com."])
    lexicon.create_record("SRV", "_s._tcp", "1 2 80 www.lexicon-test.com")
    answered(f"_s._tcp.{ZONE}", "SRV", ["1 2 80 www.lexicon-test.com."])
    lexicon.create_record("LOC", "loc", "51 30 12.748 N 0 7 39.612 W 0.00")

    listed = lexicon.list_records("TXT", f"_acme-challenge.{ZONE}")
    assert sorted(entry["content"] for entry in listed) == ["token1", "token2"], listed
    address = lexicon.list_records("A")[0]
    lexicon.update_record(address["id"], "A", f"www.{ZONE}", "192.0.2.9")
    answered(f"www.{ZONE}", "A", ["192.0.2.9"])

    lexicon.delete_record(None, "TXT", "_acme-challenge", "token1")
    answered(f"_acme-challenge.{ZONE}", "TXT", ['"token2"'])
    lexicon.delete_record(None, "TXT", "_acme-challenge", "token2")
    answered(f"_acme-challenge.{ZONE}", "TXT", [])
    lexicon.delete_record(None, "A", "www")
    answered(f"www.{ZONE}", "A", [])


def authenticate(**arguments):
    with operations(**arguments):
        pass


raises(Exception, "", authenticate, zone="missing-test.com")
raises(Exception, "", authenticate, key="wrong")
