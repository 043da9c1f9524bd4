//! Names, record data, zone files, records, and the compiled snapshot that queries read.
//!
//! This crate knows what DNS data means and nothing of sockets, HTTP or disks. Text and API fields
//! become wire form once, when a record is stored or loaded; what is read per query is wire form only.
#![forbid(unsafe_code)]

pub mod change;
pub mod compile;
pub mod id;
pub mod limits;
pub mod name;
pub mod rdata;
pub mod record;
pub mod record_type;
pub mod snapshot;
pub mod steering;
pub mod tally;
pub mod validate;
pub mod zone;
pub mod zone_file;

pub use change::{Change, ZoneSettings};
pub use compile::{CompiledRecord, RecordError, ZoneError};
pub use id::{RecordId, ZoneId};
pub use name::{Name, NameError};
pub use rdata::RdataError;
pub use record::{AnswerDoc, RecordDoc};
pub use record_type::RecordType;
pub use snapshot::{
    CompressedName, Lookup, Node, QueryName, RdataList, Rest, Rrset, RrsetBody, Snapshot, SnapshotCell,
    SoaNames, SoaView, Steered, World, Zone, ZoneMatch,
};
pub use steering::{Asker, Chosen, Workspace};
pub use tally::{Answering, TallyKeys};
pub use validate::ValidationError;
pub use zone::ZoneDoc;
