//! What can be wrong with a data file.

use std::path::PathBuf;

use maxminddb::MaxMindDbError;

use crate::limits::{MAX_FILE_BYTES, MAX_TREE_NODES};

/// A data file that cannot be used. Every message begins with the file's path.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file is too large to be a database.
    #[error("{}: larger than the {} bytes or {} tree nodes allowed", path.display(), MAX_FILE_BYTES, MAX_TREE_NODES)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a MaxMind DB file, or it is damaged.
    #[error("{}: not a usable MaxMind DB file: {cause}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        cause: MaxMindDbError,
    },
    /// No record of the file says where an address is.
    #[error("{}: a {name:?} database, which holds no places; a City or Country database is needed", path.display())]
    NoPlaces {
        /// The file.
        path: PathBuf,
        /// What the file calls itself.
        name: String,
    },
    /// No record of the file has an AS number.
    #[error("{}: a {name:?} database, which holds no AS numbers; an ASN database is needed", path.display())]
    NoAsNumbers {
        /// The file.
        path: PathBuf,
        /// What the file calls itself.
        name: String,
    },
}
