"""apache-libcloud: its NS1 driver, over plain HTTP."""

from libcloud.dns.providers import get_driver
from libcloud.dns.types import (
    Provider,
    RecordAlreadyExistsError,
    RecordDoesNotExistError,
    RecordType,
    ZoneAlreadyExistsError,
    ZoneDoesNotExistError,
)

from support import API_PORT, HOST, KEY, answered, raises

driver = get_driver(Provider.NSONE)(KEY, host=HOST, port=API_PORT, secure=False)

zone = driver.create_zone("libcloud.test")
raises(ZoneAlreadyExistsError, "", driver.create_zone, "libcloud.test")
assert driver.get_zone("libcloud.test").id == zone.id
assert "libcloud.test" in [one.domain for one in driver.list_zones()]
raises(ZoneDoesNotExistError, "", driver.get_zone, "missing.test")

record = driver.create_record("www", zone, RecordType.A, "192.0.2.1")
answered("www.libcloud.test", "A", ["192.0.2.1"])
raises(RecordAlreadyExistsError, "", driver.create_record, "www", zone, RecordType.A, "192.0.2.1")
driver.create_record("", zone, RecordType.TXT, "hello world")
answered("libcloud.test", "TXT", ['"hello world"'])
assert sorted(one.type for one in driver.list_records(zone)) == ["A", "NS", "TXT"]
assert driver.get_record("libcloud.test", "TXT").data
raises(RecordDoesNotExistError, "", driver.get_record, "libcloud.test", "MX")

driver.update_record(record, "www", RecordType.A, "192.0.2.7")
answered("www.libcloud.test", "A", ["192.0.2.7"])
assert driver.delete_record(record)
answered("www.libcloud.test", "A", [])
raises(RecordDoesNotExistError, "", driver.delete_record, record)

assert driver.delete_zone(zone)
answered("libcloud.test", "SOA", [])
raises(ZoneDoesNotExistError, "", driver.delete_zone, zone)
