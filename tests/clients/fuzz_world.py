"""Fills a server with objects for schemathesis to find, and prints schemathesis' configuration.

Random paths meet nothing but 404. So each path parameter is often the name of something that is there.
"""

import json
import os
import pathlib

import requests

KEY = os.environ["SEXTANT_KEY"]
BASE = f"http://127.0.0.1:{os.environ['SEXTANT_API_PORT']}/v1"


def put(path, body):
    reply = requests.put(f"{BASE}{path}", json=body, headers={"X-NSONE-Key": KEY}, timeout=60)
    assert reply.ok, (path, reply.text)
    return reply.json()


put("/zones/fuzz.test", {"zone": "fuzz.test"})
source = put("/data/sources", {"name": "fuzz", "sourcetype": "nsone_v1"})["id"]
feed = put(f"/data/feeds/{source}", {"name": "fuzz", "config": {"label": "fuzz"}})["id"]
put(
    "/zones/fuzz.test/www.fuzz.test/A",
    {
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"up": {"feed": feed}, "country": ["US"]}},
            {"answer": ["192.0.2.2"], "region": "eu"},
        ],
        "regions": {"eu": {"meta": {"georegion": ["EUROPE"]}}},
        "filters": [{"filter": "up"}, {"filter": "geotarget_regional"}, {"filter": "select_first_n"}],
    },
)
team = put("/account/teams", {"name": "fuzz"})["id"]
put("/account/users", {"username": "fuzz", "name": "Fuzz", "email": "fuzz@example.test"})
key = put("/account/apikeys", {"name": "other than ours"})["id"]
whitelist = put("/account/whitelist", {"name": "fuzz", "values": ["192.0.2.0/24"]})["id"]
put("/zones/gone.test", {"zone": "gone.test"})
gone = {"zone": "gone.test", "domain": "gone.test", "type": "NS"}
known = {
    "zone": ["fuzz.test", "new.test"],
    "domain": ["www.fuzz.test", "new.fuzz.test", "fuzz.test"],
    "type": ["A", "TXT", "mx"],
    "source": [source],
    "feed": [feed],
    "teamid": [team],
    "username": ["fuzz"],
    "keyid": [key],
    "secretid": [key],
    "whitelistid": [whitelist],
    "client": ["192.0.2.1", "2001:db8::1"],
}

print("seed = 20250101")
print("workers = 2")
# A machine that is busy with other tests is no fault of the server.
print("request-timeout = 60")
print(f"hooks = {json.dumps(str(pathlib.Path(__file__).with_name('fuzz_hooks.py')))}")
print(f'headers = {{ "X-NSONE-Key" = "{KEY}" }}')
# Whether a value fits is decided by more than types: names are taken already, data depend on the type of the record,
# lists on each other. What no schema allows is refused, though, and that is checked.
print("[checks.positive_data_acceptance]\nenabled = false")
for name, values in known.items():
    print(f"[dictionaries.{name}]\nvalues = {json.dumps(values)}")
    print(f'[parameters.{name}]\ndictionary = "{name}"\nprobability = 0.8')
# What the others need stays: only objects that nobody else names are removed.
print('[[operations]]\ninclude-method = "DELETE"\n[operations.parameters]')
for name in known:
    print(f'{name} = "{gone.get(name, "gone")}"')
# Other methods than GET are 501 here: they come with a later version.
print('[[operations]]\ninclude-path = "/v1/monitoring/jobs"\nenabled = false')
# Adding and removing payment methods is refused with a reason, without being part of the contract.
print('[[operations]]\ninclude-path = "/v1/account/paymentmethods"')
for check in ("unsupported_method", "allow_header_conformance"):
    print(f"[operations.checks.{check}]\nenabled = false")
