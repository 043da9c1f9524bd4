"""ns1-python: the official SDK, over both of its transports."""

import pathlib
import sys
import tempfile
import time

from ns1 import NS1, Config
from ns1.rest.errors import AuthException, ResourceException

from support import API_PORT, HOST, KEY, answered, raises, resolve


def client(transport, key=KEY):
    config = Config()
    config.loadFromDict(
        {
            "default_key": "tests",
            "verbosity": 0,
            "endpoint": HOST,
            "port": str(API_PORT),
            "transport": transport,
            "follow_pagination": True,
            "ignore-ssl-errors": True,
            "keys": {"tests": {"key": key, "desc": "", "ignore-ssl-errors": True}},
        }
    )
    return NS1(config=config)


def zones_and_records(api, zone_name):
    raises(ResourceException, "zone not found", api.loadZone, zone_name)
    zone = api.createZone(zone_name, nx_ttl=60, ttl=1800, retry=100, refresh=200, expiry=3000)
    assert zone.data["nx_ttl"] == 60 and zone.data["expiry"] == 3000, zone.data
    assert "100" in resolve(zone_name, "SOA")[0].split()
    raises(ResourceException, "zone already exists", api.createZone, zone_name)

    www = zone.add_A("www", ["192.0.2.4", "192.0.2.8"])
    answered(f"www.{zone_name}", "A", ["192.0.2.4", "192.0.2.8"])
    raises(ResourceException, "record already exists", zone.add_A, "www", ["192.0.2.4"])
    www.addAnswers("192.0.2.9")
    answered(f"www.{zone_name}", "A", ["192.0.2.4", "192.0.2.8", "192.0.2.9"])
    www.update(answers=["192.0.2.1"], use_client_subnet=False, ttl=77)
    assert www.data["ttl"] == 77 and www.data["use_client_subnet"] is False, www.data
    answered(f"www.{zone_name}", "A", ["192.0.2.1"])

    domains = {
        "MX": [[10, f"mail.{zone_name}"]],
        "AAAA": ["2001:db8::1"],
        "CNAME": [f"www.{zone_name}"],
        "SRV": [[1, 2, 80, f"www.{zone_name}"]],
        "CAA": [[0, "issue", "ca.test"]],
        "PTR": [f"www.{zone_name}"],
        "NAPTR": [[1, 2, "S", "http", "", "hi.test"]],
        "DS": [[1, 13, 2, "ab" * 32]],
        "TLSA": [[3, 1, 1, "ab" * 32]],
        "SSHFP": [[1, 1, "ab" * 20]],
        "HTTPS": [[1, ".", "alpn=h2,h3"]],
        "SVCB": [[1, "x.test", "port=53"]],
        "DNAME": ["other.test"],
        "AFSDB": [[1, "a.test"]],
        "RP": [["a.test", "b.test"]],
        "HINFO": [["fancy", "potato"]],
        "SPF": [["v=spf1 -all"]],
        "CERT": [[3, 0, 0, "dGVzdA=="]],
        "TXT": [["a b", "c"]],
    }
    for rtype, answers in domains.items():
        owner = f"t{rtype.lower()}"
        record = getattr(zone, f"add_{rtype}")(owner, answers)
        assert len(record.data["answers"]) == 1, record.data
        assert resolve(f"{owner}.{zone_name}", rtype), f"{rtype} is not served"
        stored = api.loadRecord(f"{owner}.{zone_name}", rtype, zone=zone_name)
        assert stored.data == record.data, (stored.data, record.data)
    answered(f"ttxt.{zone_name}", "TXT", ['"a b" "c"'])

    raises(ResourceException, "record not found", zone.loadRecord, "nope", "A")
    loaded = api.loadZone(zone_name)
    assert len(loaded.data["records"]) == len(domains) + 2, loaded.data
    loaded.update(ttl=900, hostmaster="me@other.test")
    assert "me.other.test." in resolve(zone_name, "SOA")[0]
    assert any(entry["zone"] == zone_name for entry in api.searchZone(zone_name, type="zone"))
    assert any(entry["zone"] == zone_name for entry in api.zones().list())
    zone.loadRecord("www", "A").delete()
    answered(f"www.{zone_name}", "A", [])
    return zone


def steering(zone):
    name = zone.zone
    geo = zone.add_A(
        "geo",
        [
            {"answer": ["192.0.2.1"], "meta": {"up": True, "country": ["US"]}},
            {"answer": ["192.0.2.2"], "region": "eu"},
        ],
        filters=[
            {"filter": "up", "config": {}},
            {"filter": "geotarget_country", "config": {}},
            {"filter": "select_first_n", "config": {"N": 1}},
        ],
        regions={"eu": {"meta": {"up": True, "country": "DE"}}},
        meta={"note": "x"},
    )
    assert geo.data["tier"] == 3, geo.data
    answered(f"geo.{name}", "A", ["192.0.2.1"], subnet="8.8.8.0/24")
    answered(f"geo.{name}", "A", ["192.0.2.2"], subnet="91.0.0.0/24")
    clone = zone.cloneRecord("geo", "geo2", "A")
    assert clone.data["id"] != geo.data["id"] and clone.data["regions"] == geo.data["regions"]
    zone.linkRecord("geo", "linked", "A")
    answered(f"linked.{name}", "A", ["192.0.2.2"], subnet="91.0.0.0/24")
    before = geo.data
    geo.update(answers=before["answers"], filters=before["filters"], regions=before["regions"])
    assert geo.data == before, "a record that is sent back is no change"


def feeds(api, zone):
    name = zone.zone
    sources, feeds = api.datasource(), api.datafeed()
    source = sources.create("probes", "nsone_v1")["id"]
    assert len(source) == 32 and any(entry["id"] == source for entry in sources.list())
    feed = feeds.create(source, "one", config={"label": "server-1"})["id"]
    assert feeds.retrieve(source, feed)["config"] == {"label": "server-1"}
    assert feeds.update(source, feed, name="renamed", config={"label": "server-1"})["name"] == "renamed"
    assert sources.update(source, "nsone_v1", name="renamed")["name"] == "renamed"
    zone.add_A(
        "fed",
        [
            {"answer": ["192.0.2.1"], "meta": {"up": {"feed": feed}}},
            {"answer": ["192.0.2.2"], "meta": {"up": True}},
        ],
        filters=[{"filter": "up", "config": {}}, {"filter": "select_first_n", "config": {"N": "1"}}],
    )
    assert feeds.list(source)[0]["destinations"], "the feed knows who listens"
    sources.publish(source, {"server-1": {"up": False}})
    answered(f"fed.{name}", "A", ["192.0.2.2"])
    sources.publish(source, {"up": "true"})
    answered(f"fed.{name}", "A", ["192.0.2.1"])
    assert feeds.retrieve(source, feed)["data"] == {"up": "true"}
    feeds.delete(source, feed)
    sources.delete(source)
    raises(ResourceException, "source not found", sources.retrieve, source)


def linked_zone(api, zone):
    zone.add_A("shared", ["192.0.2.1"])
    linked = api.createZone(f"l-{zone.zone}", link=zone.zone)
    answered(f"shared.l-{zone.zone}", "A", ["192.0.2.1"])
    raises(ResourceException, "", linked.add_A, "x", "192.0.2.1")
    linked.delete()


def imported_zone(api, zone_name):
    text = (
        f"$TTL 300\n$ORIGIN {zone_name}.\n@ SOA ns.x. h.x. 1 43200 7200 1209600 3600\n"
        '@ NS ns.x.\nwww A 192.0.2.1\nwww A 192.0.2.2\n* TXT "a;b" c\n'
    )
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "zone")
        path.write_text(text)
        zone = api.createZone(zone_name, zoneFile=str(path))
    answered(f"www.{zone_name}", "A", ["192.0.2.1", "192.0.2.2"])
    answered(f"any.{zone_name}", "TXT", ['"a;b" "c"'])
    zone.delete()
    assert not resolve(zone_name, "SOA")


def exported_zone(zone):
    zone.add_A("exported", ["192.0.2.77"])
    text = zone.export(poll_interval=0.1)
    assert "192.0.2.77" in text and "SOA" in text, text
    zone.loadRecord("exported", "A").delete()


def versions(api, zone):
    zones, name = api.zones(), zone.zone
    zone.add_A("versioned", ["192.0.2.1"])
    version = zones.create_version(name)["id"]
    assert [entry["id"] for entry in zones.list_versions(name)] == [version]
    zone.loadRecord("versioned", "A").update(answers=["192.0.2.2"])
    answered(f"versioned.{name}", "A", ["192.0.2.2"])
    zones.activate_version(name, version)
    answered(f"versioned.{name}", "A", ["192.0.2.1"])
    for entry in zones.list_versions(name):
        if not entry.get("active"):
            zones.delete_version(name, entry["id"])
    zone.loadRecord("versioned", "A").delete()


def tsig(api, name):
    keys = api.tsig()
    keys.create(name, "hmac-sha256", "aaaabbbbccccddddeeeeffffgggghhhhiiiijjjjkkk=")
    assert name in [key["name"].rstrip(".") for key in keys.list()]
    keys.update(name, "hmac-sha512", "bbbbbbbbccccddddeeeeffffgggghhhhiiiijjjjkkk=")
    assert keys.retrieve(name)["algorithm"] == "hmac-sha512"
    keys.delete(name)
    raises(ResourceException, "not found", keys.retrieve, name)


def account(api, transport, zone):
    teams, users, keys = api.team(), api.user(), api.apikey()
    team = teams.create(f"readers-{transport}", permissions={"dns": {"view_zones": True}})["id"]
    assert team in [entry["id"] for entry in teams.list()]
    assert teams.update(team, name=f"viewers-{transport}")["name"] == f"viewers-{transport}"
    person = f"jane-{transport}"
    assert users.create("Jane", person, f"{person}@example.test", teams=[team])["username"] == person
    assert users.update(person, name="Jane Doe")["name"] == "Jane Doe"
    assert person in [entry["username"] for entry in users.list()]

    made = keys.create(f"ci-{transport}", permissions={"dns": {"manage_zones": False, "view_zones": True}})
    assert "key" not in keys.retrieve(made["id"]), "a key is shown once"
    raises(ResourceException, "exists", keys.create, f"ci-{transport}")
    limited = client(transport, key=made["key"])
    assert limited.loadZone(zone.zone).zone == zone.zone
    raises(ResourceException, "", limited.loadZone(zone.zone).update, ttl=5)
    renamed = keys.update(made["id"], name=f"renamed-{transport}", permissions=made["permissions"])
    assert renamed["name"] == f"renamed-{transport}" and made["id"] in [entry["id"] for entry in keys.list()]
    keys.delete(made["id"])
    raises(AuthException, "", limited.loadZone, zone.zone)
    users.delete(person)
    teams.delete(team)
    raises(ResourceException, " not found", teams.retrieve, team)


def statistics(api, zone):
    record = zone.add_A("counted", ["192.0.2.1"])
    for _ in range(5):
        answered(f"counted.{zone.zone}", "A", ["192.0.2.1"])
    for rates in (api.stats().qps(), zone.qps(), record.qps()):
        assert isinstance(rates["qps"], (int, float)), rates
    deadline = time.monotonic() + 60
    while (row := record.usage(period="1h")[0])["queries"] < 5:  # merged each second
        assert time.monotonic() < deadline, row
        time.sleep(0.2)
    assert zone.usage(period="24h", expand=False)[0]["queries"] >= 5
    assert api.stats().usage()[0]["zones"] >= 1
    record.delete()


def main(transport):
    api = client(transport)
    zone = zones_and_records(api, f"{transport}.test")
    steering(zone)
    feeds(api, zone)
    linked_zone(api, zone)
    versions(api, zone)
    tsig(api, f"key-{transport}")
    account(api, transport, zone)
    statistics(api, zone)
    if transport != "basic":  # which neither sends nor receives files
        exported_zone(zone)
        imported_zone(api, f"imported-{transport}.test")
    zone.delete()
    answered(f"geo.{transport}.test", "A", [])
    raises(AuthException, "", client(transport, key="wrong").loadZone, "x.test")


main(sys.argv[1])
