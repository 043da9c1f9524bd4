"""octoDNS: one sync that makes everything, and a second plan that finds nothing left to do."""

import pathlib

from octodns.manager import Manager

from support import API_PORT, KEY, answered, resolve

FOLDER = pathlib.Path(__file__).parent / "octodns"
# The working directory is the test's own. The port must be a text, which octoDNS would not read from a variable.
CONFIG = pathlib.Path("octodns.yaml")
settings = (FOLDER / "config.yaml").read_text()
for name, value in {"ZONES": FOLDER / "zones", "KEY": KEY, "PORT": API_PORT}.items():
    settings = settings.replace(f"${name}", str(value))
CONFIG.write_text(settings)


def changes(dry_run):
    """How many changes octoDNS sees, and makes unless it is a dry run."""
    return Manager(str(CONFIG)).sync(dry_run=dry_run)


made = changes(dry_run=False)
assert made > 10, f"only {made} changes were made"
left = changes(dry_run=True)
assert left == 0, f"{left} changes are left"

answered("octo.test", "A", ["192.0.2.1", "192.0.2.2"])
answered("octo.test", "MX", ["10 mx1.octo.test.", "20 mx2.octo.test."])
answered("any.wild.octo.test", "A", ["192.0.2.9"])
answered("_s._tcp.octo.test", "SRV", ["1 2 80 www.octo.test."])
assert len(resolve("octo.test", "TXT")) == 5

answered("geo.octo.test", "A", ["192.0.2.21"], subnet="91.0.0.0/24")
answered("geo.octo.test", "A", ["192.0.2.21"], subnet="203.0.113.0/24")
american = {tuple(resolve("geo.octo.test", "A", subnet="8.8.8.0/24")) for _ in range(30)}
assert american <= {("192.0.2.11",), ("192.0.2.12",), ("192.0.2.31",)}, american
assert "us.octo.test." in resolve("geoc.octo.test", "CNAME", subnet="8.8.8.0/24")
assert "eu.octo.test." in resolve("geoc.octo.test", "CNAME", subnet="91.0.0.0/24")
