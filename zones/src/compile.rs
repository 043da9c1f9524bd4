//! From stored documents to what queries read.
//!
//! A record that compiles can be served: names are names, rdata is in wire form, metadata is typed and the
//! chain is ready to run. A write that does not compile is refused before it is stored.

use std::collections::HashSet;
use std::sync::Arc;

use filters::{AnswerInput, Chain, ChainError, ChainInput, FeedCell, FeedId, MetaError, MetaTable, OnEmpty};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::change::ZoneSettings;
use crate::limits::{MAX_ANSWERS, MAX_REGIONS, MAX_STATIC_RDATA, MAX_STEERED_RDATA, MAX_TTL};
use crate::name::{Name, NameError};
use crate::rdata::{self, RdataError};
use crate::record::{AnswerDoc, RecordDoc};
use crate::record_type::RecordType;
use crate::snapshot::{RdataList, RrsetBody, Steered, SteeredAnswer, pack};
use crate::zone::ZoneDoc;

/// A record ready to be served.
#[derive(Clone, Debug)]
pub struct CompiledRecord {
    pub(crate) owner: Name,
    pub(crate) rtype: RecordType,
    pub(crate) ttl: u32,
    pub(crate) body: CompiledBody,
    pub(crate) tier: u8,
}

/// What a record gives.
#[derive(Clone, Debug)]
pub(crate) enum CompiledBody {
    /// Packed rdata, without duplicates; see [`pack`].
    Static(Box<[u8]>),
    Steered(Arc<Steered>),
    /// What the record of the same type at another name gives.
    Link(Name),
}

impl CompiledRecord {
    /// A record that always gives the same rdata, which is in wire form. Duplicates are left out.
    ///
    /// # Errors
    /// [`RecordError::RdataTotal`] and [`RecordError::Ttl`].
    pub fn from_rdata(
        owner: Name,
        rtype: RecordType,
        ttl: u32,
        rdatas: &[impl AsRef<[u8]>],
    ) -> Result<Self, RecordError> {
        check_ttl(ttl)?;
        let packed = match rdatas {
            [only] => pack_one(only.as_ref())?,
            _ => pack_static(rtype, &rdatas.iter().map(AsRef::as_ref).collect::<Vec<_>>())?,
        };
        Ok(Self { owner, rtype, ttl, body: CompiledBody::Static(packed), tier: 1 })
    }

    /// Whether [`Self::from_rdata`] makes a record of this, which has no more answers than a stored record.
    ///
    /// # Errors
    /// As [`Self::from_rdata`], and [`RecordError::TooManyAnswers`].
    pub fn check_rdata(rtype: RecordType, ttl: u32, rdatas: &[impl AsRef<[u8]>]) -> Result<(), RecordError> {
        check_ttl(ttl)?;
        match rdatas {
            [only] => check_total(only.as_ref().len()),
            _ if rdatas.len() > MAX_ANSWERS => Err(RecordError::TooManyAnswers { count: rdatas.len() }),
            _ => pack_static(rtype, &rdatas.iter().map(AsRef::as_ref).collect::<Vec<_>>()).map(drop),
        }
    }

    /// The name at which the record is.
    pub fn owner(&self) -> &Name {
        &self.owner
    }

    /// The record's type.
    pub fn rtype(&self) -> RecordType {
        self.rtype
    }

    /// The service tier: 1 without filters, else the highest of the chain's filters.
    pub fn tier(&self) -> u8 {
        self.tier
    }

    /// What queries would get; `None` for a linked record, which has what its target has.
    pub fn body(&self) -> Option<RrsetBody<'_>> {
        match &self.body {
            CompiledBody::Static(packed) => Some(RrsetBody::Static(RdataList::new(packed))),
            CompiledBody::Steered(steered) => Some(RrsetBody::Steered(steered)),
            CompiledBody::Link(_) => None,
        }
    }

    /// The owner of the record that this one stands for.
    pub fn link(&self) -> Option<&Name> {
        match &self.body {
            CompiledBody::Link(target) => Some(target),
            CompiledBody::Static(_) | CompiledBody::Steered(_) => None,
        }
    }
}

/// Why a record cannot be served. Answers are counted from 1.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The owner is not a name.
    #[error("domain: {0}")]
    Owner(NameError),
    /// The link is not a name.
    #[error("link: {0}")]
    Link(NameError),
    /// A linked record takes everything from its target.
    #[error("link: a linked record has no answers, filters, on_empty, regions or meta of its own")]
    LinkWithContent,
    /// TTLs have 31 bits (RFC 2181, 8).
    #[error("ttl: {ttl} is above {MAX_TTL}")]
    Ttl {
        /// The TTL, in seconds.
        ttl: u32,
    },
    /// More answers than a chain can choose among.
    #[error("answers: {count} answers; at most {MAX_ANSWERS} are allowed")]
    TooManyAnswers {
        /// How many there are.
        count: usize,
    },
    /// More regions than answers could have.
    #[error("regions: {count} regions; at most {MAX_REGIONS} are allowed")]
    TooManyRegions {
        /// How many there are.
        count: usize,
    },
    /// All rdata together is too long.
    #[error("answers: {octets} octets of record data; at most {limit} are allowed")]
    RdataTotal {
        /// How many there are.
        octets: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The fields of an answer are not rdata of the record's type.
    #[error("answer {number}: {source}")]
    Answer {
        /// Which answer.
        number: usize,
        /// What is wrong.
        source: RdataError,
    },
    /// An answer's metadata is wrong.
    #[error("answer {number}: meta: {source}")]
    AnswerMeta {
        /// Which answer.
        number: usize,
        /// What is wrong.
        source: MetaError,
    },
    /// A region is not an object, or its `meta` is not one.
    #[error("regions.{name}: expected an object with an object meta")]
    RegionShape {
        /// Which region.
        name: String,
    },
    /// A region's metadata is wrong.
    #[error("regions.{name}.meta: {source}")]
    RegionMeta {
        /// Which region.
        name: String,
        /// What is wrong.
        source: MetaError,
    },
    /// The record's metadata is wrong.
    #[error("meta: {0}")]
    RecordMeta(MetaError),
    /// Metadata points at a feed that does not exist.
    #[error("{place}invalid feed pointer: there is no feed {feed}")]
    UnknownFeed {
        /// Where: empty, or ending with a colon and a blank.
        place: String,
        /// The feed.
        feed: FeedId,
    },
    /// The chain is wrong.
    #[error("{}", chain_message(.0))]
    Chain(#[from] ChainError),
}

/// What is wrong with a chain, with names for record types, which filters know as numbers only.
fn chain_message(error: &ChainError) -> String {
    let ChainError::RecordType { index, filter } = error else { return error.to_string() };
    let allowed: Vec<String> =
        filter.record_types.iter().map(|number| RecordType(*number).to_string()).collect();
    format!("filters[{index}]: filter {} is for records of type {} only", filter.name, allowed.join(", "))
}

/// Why a zone cannot be served.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ZoneError {
    /// A field is not a name.
    #[error("{field}: {source}")]
    Name {
        /// Which field.
        field: &'static str,
        /// What is wrong.
        source: NameError,
    },
    /// A field has more than 31 bits.
    #[error("{field}: {value} is above {MAX_TTL}")]
    Number {
        /// Which field.
        field: &'static str,
        /// Its value.
        value: u32,
    },
}

/// Owner (compressed), type, class, TTL and length: what a record takes in a message beside its data.
const RR_OCTETS: usize = 12;

type Feeds<'a> = &'a dyn Fn(FeedId) -> Option<Arc<FeedCell>>;

/// Compiles a record. `feeds` finds the live cell of a feed; a feed that it does not find is an error.
///
/// Where the record may be is another question: see [`crate::validate`].
///
/// # Errors
/// See [`RecordError`]; messages name the place.
pub fn record(record: &RecordDoc, feeds: Feeds<'_>) -> Result<CompiledRecord, RecordError> {
    let owner = Name::parse(&record.domain).map_err(RecordError::Owner)?;
    check_ttl(record.ttl)?;
    let (rtype, ttl) = (record.rtype, record.ttl);
    let (body, tier) = match &record.link {
        Some(target) => (link(record, target)?, 1),
        None => content(record, feeds)?,
    };
    Ok(CompiledRecord { owner, rtype, ttl, body, tier })
}

/// Compiles the settings of a zone.
///
/// # Errors
/// See [`ZoneError`].
pub fn zone(zone: &ZoneDoc) -> Result<ZoneSettings, ZoneError> {
    let name = |field, text: &str| Name::parse(text).map_err(|source| ZoneError::Name { field, source });
    let number =
        |field, value| if value <= MAX_TTL { Ok(value) } else { Err(ZoneError::Number { field, value }) };
    let hostmaster = Name::from_mail_address(&zone.hostmaster);
    Ok(ZoneSettings {
        apex: name("zone", &zone.zone)?,
        primary_master: name("primary_master", &zone.primary_master)?,
        hostmaster: hostmaster.map_err(|source| ZoneError::Name { field: "hostmaster", source })?,
        serial: zone.serial,
        refresh_s: number("refresh", zone.refresh)?,
        retry_s: number("retry", zone.retry)?,
        expire_s: number("expiry", zone.expiry)?,
        ttl_s: number("ttl", zone.ttl)?,
        negative_ttl_s: number("nx_ttl", zone.nx_ttl)?,
        link: zone.link.as_deref().map(|target| name("link", target)).transpose()?,
        is_served: !zone.networks.is_empty(),
    })
}

fn check_ttl(ttl: u32) -> Result<(), RecordError> {
    if ttl <= MAX_TTL { Ok(()) } else { Err(RecordError::Ttl { ttl }) }
}

fn link(record: &RecordDoc, target: &str) -> Result<CompiledBody, RecordError> {
    let is_bare = record.answers.is_empty()
        && record.filters.is_empty()
        && record.on_empty == OnEmpty::default()
        && record.regions.is_empty()
        && record.meta.is_empty();
    if is_bare {
        Name::parse(target).map(CompiledBody::Link).map_err(RecordError::Link)
    } else {
        Err(RecordError::LinkWithContent)
    }
}

/// The answers of a record, with their chain if one is to run.
fn content(record: &RecordDoc, feeds: Feeds<'_>) -> Result<(CompiledBody, u8), RecordError> {
    let count = record.answers.len();
    if count > MAX_ANSWERS {
        return Err(RecordError::TooManyAnswers { count });
    }
    let rdatas = rdatas(record)?;
    let chain = chain(record, feeds)?;
    if chain.is_empty() {
        let rdatas: Vec<&[u8]> = rdatas.iter().map(Vec::as_slice).collect();
        return Ok((CompiledBody::Static(pack_static(record.rtype, &rdatas)?), chain.tier()));
    }
    let octets = rdatas.iter().map(Vec::len).sum();
    if octets > MAX_STEERED_RDATA {
        return Err(RecordError::RdataTotal { octets, limit: MAX_STEERED_RDATA });
    }
    let tier = chain.tier();
    let answers: Vec<SteeredAnswer> = record
        .answers
        .iter()
        .zip(rdatas)
        .map(|(answer, rdata)| SteeredAnswer { id: answer.id, rdata })
        .collect();
    let steered = Steered::new(record.id, record.use_client_subnet, chain, &answers);
    Ok((CompiledBody::Steered(Arc::new(steered)), tier))
}

fn rdatas(record: &RecordDoc) -> Result<Vec<Vec<u8>>, RecordError> {
    let rdata = |(index, answer): (usize, &AnswerDoc)| {
        let rdata = rdata::from_fields(record.rtype, &answer.answer)
            .map_err(|source| RecordError::Answer { number: index + 1, source })?;
        match rdata.len() {
            octets if octets > MAX_STATIC_RDATA => {
                Err(RecordError::RdataTotal { octets, limit: MAX_STATIC_RDATA })
            }
            _ => Ok(rdata),
        }
    };
    record.answers.iter().enumerate().map(rdata).collect()
}

/// Compiles the chain; metadata is checked whether or not a filter reads it.
fn chain(record: &RecordDoc, feeds: Feeds<'_>) -> Result<Chain, RecordError> {
    let record_meta = MetaTable::parse(&record.meta).map_err(RecordError::RecordMeta)?;
    check_feeds(&record_meta, feeds, String::new)?;
    let regions = regions(record, feeds)?;
    let mut metas = Vec::with_capacity(record.answers.len());
    for (index, answer) in record.answers.iter().enumerate() {
        let number = index + 1;
        let meta =
            MetaTable::parse(&answer.meta).map_err(|source| RecordError::AnswerMeta { number, source })?;
        check_feeds(&meta, feeds, || format!("answer {number}: "))?;
        metas.push(meta);
    }
    if record.filters.is_empty() {
        return Ok(Chain::default());
    }
    let answers: Vec<AnswerInput<'_>> = record
        .answers
        .iter()
        .zip(&metas)
        .map(|(answer, meta)| AnswerInput { id: answer.id, meta, region: answer.region.as_deref() })
        .collect();
    let input = ChainInput {
        steps: &record.filters,
        answers: &answers,
        regions: &regions,
        record: &record_meta,
        record_type: record.rtype.0,
        on_empty: record.on_empty,
    };
    Ok(Chain::compile(&input, feeds)?)
}

fn regions<'a>(record: &'a RecordDoc, feeds: Feeds<'_>) -> Result<Vec<(&'a str, MetaTable)>, RecordError> {
    let count = record.regions.len();
    if count > MAX_REGIONS {
        return Err(RecordError::TooManyRegions { count });
    }
    let mut regions = Vec::with_capacity(count);
    for (name, region) in &record.regions {
        let none = Map::new();
        let meta = match region.as_object().map(|region| region.get("meta")) {
            Some(Some(Value::Object(meta))) => meta,
            Some(None | Some(Value::Null)) => &none,
            _ => return Err(RecordError::RegionShape { name: name.clone() }),
        };
        let meta = MetaTable::parse(meta)
            .map_err(|source| RecordError::RegionMeta { name: name.clone(), source })?;
        check_feeds(&meta, feeds, || format!("regions.{name}: "))?;
        regions.push((name.as_str(), meta));
    }
    Ok(regions)
}

fn check_feeds(meta: &MetaTable, feeds: Feeds<'_>, place: impl Fn() -> String) -> Result<(), RecordError> {
    match meta.feeds().find(|feed| feeds(*feed).is_none()) {
        Some(feed) => Err(RecordError::UnknownFeed { place: place(), feed }),
        None => Ok(()),
    }
}

/// Refuses data of one record that no message could hold.
fn check_total(rdata_octets: usize) -> Result<(), RecordError> {
    let octets = rdata_octets + RR_OCTETS;
    let too_long = RecordError::RdataTotal { octets, limit: MAX_STATIC_RDATA };
    if octets > MAX_STATIC_RDATA { Err(too_long) } else { Ok(()) }
}

/// [`pack_static`] for the most common case, without the detour over lists.
fn pack_one(rdata: &[u8]) -> Result<Box<[u8]>, RecordError> {
    check_total(rdata.len())?;
    pack([rdata]).map_err(|_| RecordError::RdataTotal { octets: rdata.len(), limit: MAX_STATIC_RDATA })
}

/// Packs the rdata that a record without a chain gives: each once, and one only where the type allows one.
fn pack_static(rtype: RecordType, rdatas: &[&[u8]]) -> Result<Box<[u8]>, RecordError> {
    let served = match rtype {
        // One name has one canonical name (RFC 2181, 10.1), and one DNAME (RFC 6672, 2.4).
        RecordType::CNAME | RecordType::DNAME => &rdatas[..rdatas.len().min(1)],
        _ => rdatas,
    };
    let mut seen = HashSet::new();
    let unique: Vec<&[u8]> = match served {
        [_] => served.to_vec(),
        _ => served.iter().copied().filter(|rdata| seen.insert(*rdata)).collect(),
    };
    let octets = unique.iter().map(|rdata| rdata.len() + RR_OCTETS).sum();
    let too_long = RecordError::RdataTotal { octets, limit: MAX_STATIC_RDATA };
    if octets > MAX_STATIC_RDATA { Err(too_long) } else { pack(unique).map_err(|_| too_long) }
}

#[cfg(test)]
mod tests;
