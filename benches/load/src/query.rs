//! What is asked: the scenarios, and their queries on the wire.

use std::net::Ipv4Addr;

use clap::ValueEnum;

use crate::data::DataSet;

/// Octets that hold any query written here.
pub const QUERY_OCTETS: usize = 128;

/// What a round asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Scenario {
    /// A record of one large zone.
    Static,
    /// A record of one of many small zones.
    Zones,
    /// A name that a large zone does not hold.
    Nxdomain,
    /// One of four answers by the country of a random ECS /24.
    Country,
    /// One of four answers by weight.
    Weighted,
    /// One of eight answers: the country of a random ECS /24, then weight.
    Chain,
    /// One of 64 answers: those that are up, then weight.
    Many,
    /// As `static`, pipelined over TCP.
    Tcp,
}

impl Scenario {
    /// Its name on the command line and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Zones => "zones",
            Self::Nxdomain => "nxdomain",
            Self::Country => "country",
            Self::Weighted => "weighted",
            Self::Chain => "chain",
            Self::Many => "many",
            Self::Tcp => "tcp",
        }
    }

    /// What the scenario asks of whom, in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Static => "A record of one large zone",
            Self::Zones => "A record of one of many small zones",
            Self::Nxdomain => "name that the large zone does not hold",
            Self::Country => "one of 4 answers by country, a random ECS /24 each",
            Self::Weighted => "one of 4 answers by weight",
            Self::Chain => "one of 8 answers by country, then weight, a random ECS /24 each",
            Self::Many => "one of 64 answers: up, then weight",
            Self::Tcp => "A record of one large zone, 20 TCP connections, pipelined",
        }
    }

    /// The data that it asks for.
    pub fn data_set(self) -> DataSet {
        match self {
            Self::Static | Self::Nxdomain | Self::Tcp => DataSet::Large,
            Self::Zones => DataSet::Small,
            Self::Country | Self::Weighted | Self::Chain | Self::Many => DataSet::Steered,
        }
    }

    fn has_client_subnet(self) -> bool {
        matches!(self, Self::Country | Self::Chain)
    }
}

impl std::fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How much there is to ask for.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Names of the large zone.
    pub names: u32,
    /// Small zones.
    pub zones: u32,
}

/// A cheap source of numbers that need not be good (xorshift64*).
#[derive(Clone, Debug)]
pub struct Draw(u64);

impl Draw {
    /// A source that begins with `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// The next number.
    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.next()) * u64::from(bound)) >> 32) as u32
    }
}

/// Writes the queries of one scenario, each with a key drawn at random: the number in the name, or the
/// network of the client.
#[derive(Clone, Debug)]
pub struct Queries {
    scenario: Scenario,
    sizes: Sizes,
    draw: Draw,
}

impl Queries {
    /// The queries of `scenario`; `seed` decides their order.
    pub fn new(scenario: Scenario, sizes: Sizes, seed: u64) -> Self {
        Self { scenario, sizes, draw: Draw::new(seed) }
    }

    /// The scenario.
    pub fn scenario(&self) -> Scenario {
        self.scenario
    }

    /// Draws the key of the next query.
    pub fn draw(&mut self) -> u32 {
        match self.scenario {
            Scenario::Static | Scenario::Nxdomain | Scenario::Tcp => self.draw.below(self.sizes.names),
            Scenario::Zones => self.draw.below(self.sizes.zones),
            Scenario::Country | Scenario::Chain => loop {
                let network = self.draw.next() & 0xffff_ff00;
                if is_public(network) {
                    break network;
                }
            },
            Scenario::Weighted | Scenario::Many => 0,
        }
    }

    /// Writes the query for `key` under message id `id`; returns its length.
    pub fn write(&self, id: u16, key: u32, out: &mut [u8; QUERY_OCTETS]) -> usize {
        let mut writer = Writer { out, at: 0 };
        let additional = u8::from(self.scenario.has_client_subnet());
        writer.put(&id.to_be_bytes());
        writer.put(&[0, 0, 0, 1, 0, 0, 0, 0, 0, additional]);
        match self.scenario {
            Scenario::Static | Scenario::Tcp => writer.numbered_label(b'h', key),
            Scenario::Nxdomain => writer.numbered_label(b'x', key),
            Scenario::Zones => {
                writer.label(b"www");
                writer.numbered_label(b'z', key);
            }
            Scenario::Country | Scenario::Weighted | Scenario::Chain | Scenario::Many => {
                writer.label(self.scenario.name().as_bytes());
            }
        }
        match self.scenario {
            Scenario::Static | Scenario::Tcp | Scenario::Nxdomain => writer.label(b"bench"),
            Scenario::Country | Scenario::Weighted | Scenario::Chain | Scenario::Many => {
                writer.label(b"steer");
            }
            Scenario::Zones => {}
        }
        writer.label(b"test");
        writer.put(&[0, 0, 1, 0, 1]);
        if self.scenario.has_client_subnet() {
            // OPT: root, type 41, 1232 octets, no flags, 11 octets of data: option 8, family 1, /24, scope 0.
            writer.put(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0]);
            writer.put(&key.to_be_bytes()[..3]);
        }
        writer.at
    }
}

/// Whether `address` belongs to the unicast space that geography tables know.
fn is_public(address: u32) -> bool {
    let address = Ipv4Addr::from(address);
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.octets()[0] == 0
        || address.octets()[0] >= 224)
}

/// Appends to a buffer that is long enough for every query.
struct Writer<'a> {
    out: &'a mut [u8; QUERY_OCTETS],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    fn label(&mut self, label: &[u8]) {
        self.put(&[label.len() as u8]);
        self.put(label);
    }

    /// A label of one letter and a decimal number.
    fn numbered_label(&mut self, letter: u8, mut number: u32) {
        let mut digits = [0; 11];
        let mut first = digits.len();
        loop {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        first -= 1;
        digits[first] = letter;
        self.label(&digits[first..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { names: 1_000_000, zones: 100_000 };

    fn written(scenario: Scenario, key: u32) -> Vec<u8> {
        let mut out = [0; QUERY_OCTETS];
        let length = Queries::new(scenario, SIZES, 1).write(0x1234, key, &mut out);
        out[..length].to_vec()
    }

    #[test]
    fn a_name_carries_its_number() {
        let expected = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x07h123450\x05bench\x04test\0\0\x01\0\x01";
        assert_eq!(written(Scenario::Static, 123_450), expected);
        let expected = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x03www\x02z0\x04test\0\0\x01\0\x01";
        assert_eq!(written(Scenario::Zones, 0), expected);
    }

    #[test]
    fn a_client_subnet_is_of_24_bits() {
        let expected = b"\x12\x34\0\0\0\x01\0\0\0\0\0\x01\x07country\x05steer\x04test\0\0\x01\0\x01\
            \0\0\x29\x04\xd0\0\0\0\0\0\x0b\0\x08\0\x07\0\x01\x18\0\xc0\0\x02";
        assert_eq!(written(Scenario::Country, 0xc000_0200), expected);
    }

    #[test]
    fn draws_stay_in_bounds_and_reach_both_ends() {
        let mut queries = Queries::new(Scenario::Static, Sizes { names: 10, zones: 1 }, 7);
        let mut seen = [0; 10];
        for _ in 0..1_000 {
            seen[queries.draw() as usize] += 1;
        }
        assert!(seen.iter().all(|count| (50..200).contains(count)), "{seen:?}");
        let mut queries = Queries::new(Scenario::Country, SIZES, 7);
        for _ in 0..1_000 {
            let network = queries.draw();
            assert!(is_public(network) && network & 255 == 0);
        }
    }
}
