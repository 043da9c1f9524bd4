//! What a run of a chain may look at besides the answers: the client, the geography, the entropy.

use std::net::{IpAddr, Ipv4Addr};

use geoip_data::{GeoData, Located, Place};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use crate::column::LiveReads;
use crate::limits::MAX_ANSWERS;
use crate::prefix::IpPrefix;
use crate::texts::Texts;
use crate::wildcard::WildcardLabels;

/// The generator behind every draw: small, fast, and the same on every platform, so that a seed replays a
/// decision. It is no secret keeper and needs to be none: what it decides is visible in the answer.
pub type Entropy = Xoshiro256PlusPlus;

/// Entropy whose whole future follows from `seed`.
pub fn from_seed_u64(seed: u64) -> Entropy {
    Entropy::seed_from_u64(seed)
}

/// A draw from [0, 1): 53 random bits.
pub(crate) fn draw_unit(entropy: &mut Entropy) -> f64 {
    unit_from_bits(entropy.next_u64())
}

/// The top 53 bits as a number in [0, 1).
pub(crate) fn unit_from_bits(bits: u64) -> f64 {
    const STEP: f64 = 1.0 / (1u64 << 53) as f64;
    (bits >> 11) as f64 * STEP
}

/// Whom the answer is for: the effective client of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The source address of the query, or the address of its EDNS client subnet.
    pub address: IpAddr,
    /// How many leading bits of the address are known: all (32 or 128), or the source prefix length of the
    /// client subnet.
    pub prefix_bits: u8,
    /// Whether the address came in a client subnet option (RFC 7871) that the record honors.
    pub from_subnet: bool,
}

impl Client {
    /// The sender of a query.
    pub fn source(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, prefix_bits: if address.is_ipv4() { 32 } else { 128 }, from_subnet: false }
    }

    /// The subnet named in an EDNS client subnet option.
    pub fn subnet(address: IpAddr, source_prefix_bits: u8) -> Self {
        Self { address, prefix_bits: source_prefix_bits, from_subnet: true }
    }

    /// The same client in the one form that filters use: no IPv4-mapped addresses, no bits past the prefix.
    #[inline]
    fn canonical(self) -> Self {
        if let IpAddr::V4(v4) = self.address {
            let bits = self.prefix_bits.min(32);
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            let address = Ipv4Addr::from_bits(v4.to_bits() & mask).into();
            return Self { address, prefix_bits: bits, ..self };
        }
        let prefix = IpPrefix::new(self.address, self.prefix_bits);
        Self { address: prefix.address(), prefix_bits: prefix.bits(), ..self }
    }
}

/// Everything that one run of a chain may look at, and the scope that its looking gathers.
pub struct Context<'a> {
    client: Client,
    geo: &'a GeoData,
    pub(crate) entropy: &'a mut Entropy,
    pub(crate) scratch: &'a mut Scratch,
    place: Option<Option<&'a Place>>,
    asn: Option<Option<u32>>,
    wildcard: WildcardLabels,
    scope_bits: u8,
}

impl<'a> Context<'a> {
    /// A context for one query.
    #[inline]
    pub fn new(client: Client, geo: &'a GeoData, entropy: &'a mut Entropy, scratch: &'a mut Scratch) -> Self {
        let (client, wildcard) = (client.canonical(), WildcardLabels::default());
        Self { client, geo, entropy, scratch, place: None, asn: None, wildcard, scope_bits: 0 }
    }

    /// The same for a name that a wildcard stands for.
    pub fn with_wildcard(self, wildcard: WildcardLabels) -> Self {
        Self { wildcard, ..self }
    }

    /// What the wildcard stands for; nothing when the name exists.
    pub(crate) fn wildcard(&self) -> WildcardLabels {
        self.wildcard
    }

    /// The client, in its canonical form.
    pub fn client(&self) -> Client {
        self.client
    }

    /// Where the client is. Looked up once; looking widens the scope to the network the place is known for.
    pub fn place(&mut self) -> Option<&'a Place> {
        if let Some(place) = self.place {
            return place;
        }
        let Located { value, prefix_bits } = self.geo.place(self.client.address);
        self.widen_scope(prefix_bits);
        self.place = Some(value);
        value
    }

    /// The AS number of the client. Looked up once; looking widens the scope likewise.
    pub fn asn(&mut self) -> Option<u32> {
        if let Some(asn) = self.asn {
            return asn;
        }
        let Located { value, prefix_bits } = self.geo.asn(self.client.address);
        self.widen_scope(prefix_bits);
        self.asn = Some(value);
        value
    }

    /// The scope gathered so far, in bits of the client's address family: for every address that shares this
    /// many leading bits with the client's, the same entropy leads to the same decision. 0 when nothing looked
    /// at the client. It may be longer than the client's own prefix (RFC 7871, 7.2.1).
    pub fn scope_bits(&self) -> u8 {
        self.scope_bits
    }

    /// Makes the scope at least this long.
    pub(crate) fn widen_scope(&mut self, bits: u8) {
        self.scope_bits = self.scope_bits.max(bits);
    }
}

/// Buffers that filters work in, made once per worker.
#[derive(Debug)]
pub struct Scratch {
    pub(crate) live: LiveReads,
    /// One mark for each position of the selection.
    pub(crate) marks: Vec<Mark>,
    /// One sort key for each position of the selection.
    pub(crate) keys: Vec<SortEntry>,
    /// One weight for each position of the selection.
    pub(crate) weights: Vec<f64>,
    /// The entries before the last step that may have emptied the selection.
    pub(crate) previous: Vec<u16>,
    /// Entries while a filter puts others in their place.
    pub(crate) entries: Vec<u16>,
    pub(crate) texts: Texts,
    keeps_texts: bool,
}

/// What a filter decided about the answer at one position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Keep,
    Drop,
    /// A fence has no opinion on the answer.
    Untagged,
}

/// A key that an entry is sorted by. Entries with equal keys keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SortEntry {
    pub(crate) key: u64,
    pub(crate) position: u16,
    /// The entry of the selection.
    pub(crate) entry: u16,
}

impl SortEntry {
    /// Orders by key, and equal keys by position.
    #[inline]
    pub(crate) fn rank(&self) -> u128 {
        u128::from(self.key) << 16 | u128::from(self.position)
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// Buffers large enough for every chain that compiles.
    pub fn new() -> Self {
        Self {
            live: LiveReads::new(),
            marks: Vec::with_capacity(MAX_ANSWERS),
            keys: Vec::with_capacity(MAX_ANSWERS),
            weights: Vec::with_capacity(MAX_ANSWERS),
            previous: Vec::with_capacity(MAX_ANSWERS),
            entries: Vec::with_capacity(MAX_ANSWERS),
            texts: Texts::new(),
            keeps_texts: false,
        }
    }

    /// Forgets the texts of the query before.
    #[inline]
    pub fn begin_query(&mut self) {
        self.texts.clear();
        self.keeps_texts = false;
    }

    /// Whether a chain added TXT records to the reply.
    #[inline]
    pub fn has_texts(&self) -> bool {
        !self.texts.is_empty()
    }

    /// Keeps the texts that are there; runs for other names of the same reply add none.
    pub fn keep_texts(&mut self) {
        self.keeps_texts = true;
    }

    /// Makes room for the texts of a run; false when those of an earlier run stay.
    pub(crate) fn begin_texts(&mut self) -> bool {
        if !self.keeps_texts {
            self.texts.clear();
        }
        !self.keeps_texts
    }

    /// The TXT record data that the last run added: for each the position of its answer, counted from 0, among
    /// those that there were when it was added.
    pub fn texts(&self) -> impl Iterator<Item = (u16, &[u8])> {
        self.texts.iter()
    }
}
