//! From RRsets to zone-file text.

use std::fmt;
use std::io::{self, Write};

use thiserror::Error;

use super::Soa;
use crate::name::{self, FinalDot};
use crate::rdata::{self, RdataError};
use crate::{Name, RecordType};

/// Why a zone could not be written.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The writer failed.
    #[error("the zone file cannot be written: {0}")]
    Io(#[from] io::Error),
    /// Data that is not of its type.
    #[error("{owner} {rtype}: {source}")]
    Record {
        /// Whose record it is.
        owner: Name,
        /// Its type.
        rtype: RecordType,
        /// What is wrong with it.
        source: RdataError,
    },
}

/// Writes a zone file, an RRset at a time: one record a line, everything explicit but the origin.
#[derive(Debug)]
pub struct Exporter<W> {
    out: W,
    apex: Name,
}

impl<W: Write> Exporter<W> {
    /// Begins the file of a zone with its origin and default TTL in seconds.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(mut out: W, apex: &Name, default_ttl: u32) -> Result<Self, ExportError> {
        writeln!(out, "$ORIGIN {}\n$TTL {default_ttl}", Absolute(apex))?;
        Ok(Self { out, apex: apex.clone() })
    }

    /// Writes the SOA record, which comes first (RFC 1035, 5.2).
    ///
    /// # Errors
    /// Those of the writer.
    pub fn soa(&mut self, soa: &Soa) -> Result<(), ExportError> {
        let Soa { mname, rname, serial, refresh, retry, expire, minimum, ttl } = soa;
        let (mname, rname) = (Absolute(mname), Absolute(rname));
        writeln!(
            self.out,
            "@\t{ttl}\tIN\tSOA\t{mname} {rname} {serial} {refresh} {retry} {expire} {minimum}"
        )?;
        Ok(())
    }

    /// Writes the records of one name and type.
    ///
    /// # Errors
    /// Those of the writer, and data that is not of its type.
    pub fn rrset<'a>(
        &mut self,
        owner: &Name,
        ttl: u32,
        rtype: RecordType,
        rdatas: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), ExportError> {
        let name = self.relative(owner);
        for octets in rdatas {
            let data = rdata::to_text(rtype, octets).map_err(|source| ExportError::Record {
                owner: owner.clone(),
                rtype,
                source,
            })?;
            writeln!(self.out, "{name}\t{ttl}\tIN\t{rtype}\t{data}")?;
        }
        Ok(())
    }

    /// Writes comment lines, one for each line of the text.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn comment(&mut self, text: &str) -> Result<(), ExportError> {
        for line in text.split(['\n', '\r']) {
            writeln!(self.out, "; {line}")?;
        }
        Ok(())
    }

    /// Flushes the writer and gives it back.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> Result<W, ExportError> {
        self.out.flush()?;
        Ok(self.out)
    }

    /// An owner as text relative to the origin.
    fn relative(&self, owner: &Name) -> String {
        let mut text = String::new();
        match owner.relative_to(&self.apex) {
            Some([]) => text.push('@'),
            Some(labels) => name::write_text(labels, FinalDot::Omitted, &mut text),
            None => name::write_text(owner.as_wire(), FinalDot::Written, &mut text),
        }
        text
    }
}

/// A name with its final dot.
struct Absolute<'a>(&'a Name);

impl fmt::Display for Absolute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        name::write_text(self.0.as_wire(), FinalDot::Written, &mut text);
        f.write_str(&text)
    }
}
