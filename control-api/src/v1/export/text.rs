//! A stored zone as the text of a zone file.

use std::collections::HashSet;
use std::io::Write;

use zones::compile;
use zones::limits::MAX_LINKS;
use zones::rdata;
use zones::zone_file::{ExportError, Exporter, Soa};
use zones::{Name, RecordDoc, RecordType, ZoneDoc};

use crate::error::ApiError;
use crate::service::Service;

/// Writes a zone a record at a time: the SOA, the name servers of the apex, then the rest by owner and type.
///
/// Records with a chain are written with all their answers, those with a link with the answers of their target. A
/// linked zone is written as it is served: with the records of its target under its own name.
///
/// # Errors
/// 500 when `out` fails or something stored is damaged.
pub(super) fn write(service: &Service, zone: &ZoneDoc, out: impl Write) -> Result<(), ApiError> {
    let settings = compile::zone(zone).map_err(ApiError::internal)?;
    let apex = settings.apex;
    let content = content_of(service, zone, &apex)?;
    let mut text = Text { file: Exporter::new(out, &apex, zone.nx_ttl).map_err(failed)?, apex, content };
    text.file
        .soa(&Soa {
            mname: settings.primary_master,
            rname: settings.hostmaster,
            serial: settings.serial,
            refresh: settings.refresh_s,
            retry: settings.retry_s,
            expire: settings.expire_s,
            minimum: settings.negative_ttl_s,
            ttl: settings.ttl_s,
        })
        .map_err(failed)?;
    if let Some(servers) = service.record(&text.content, &text.content, RecordType::NS)? {
        text.record(service, servers)?;
    }
    for entry in service.records(&text.content.clone(), None) {
        let record = entry?.document()?;
        if record.rtype != RecordType::NS || record.domain != record.zone {
            text.record(service, record)?;
        }
    }
    text.file.finish().map_err(failed)?;
    Ok(())
}

/// The zone whose records a zone has: its own name, or the end of its links.
fn content_of(service: &Service, zone: &ZoneDoc, apex: &Name) -> Result<Name, ApiError> {
    let (mut content, mut link) = (apex.clone(), zone.link.clone());
    for _ in 0..MAX_LINKS {
        let Some(target) = link else { break };
        content = Name::parse(&target).map_err(ApiError::internal)?;
        link = service.zone(&content)?.and_then(|target| target.link);
    }
    Ok(content)
}

/// A file being written.
struct Text<W> {
    file: Exporter<W>,
    apex: Name,
    /// The apex of the zone whose records these are.
    content: Name,
}

impl<W: Write> Text<W> {
    fn record(&mut self, service: &Service, record: RecordDoc) -> Result<(), ApiError> {
        let owner = self.owner(&record.domain)?;
        let rtype = record.rtype;
        if let Some(target) = &record.link {
            self.remark(format!("{owner} {rtype} is linked to {target}; these are its answers"))?;
        }
        let Some(record) = service.behind_links(record)? else { return Ok(()) };
        if !record.filters.is_empty() {
            let steps = record.filters.len();
            self.remark(format!(
                "{owner} {rtype} has a filter chain of {steps} steps, which is not in this file"
            ))?;
        }
        let mut seen = HashSet::new();
        let mut rdatas = Vec::with_capacity(record.answers.len());
        for answer in &record.answers {
            let octets = rdata::from_fields(rtype, &answer.answer).map_err(ApiError::internal)?;
            if seen.insert(rdata::canonical(rtype, &octets).into_owned()) {
                rdatas.push(octets);
            }
        }
        if matches!(rtype, RecordType::CNAME | RecordType::DNAME) && rdatas.len() > 1 {
            let others = rdatas.len() - 1;
            self.remark(format!("{owner} {rtype} has {others} more answers; a zone file can hold only one"))?;
            rdatas.truncate(1);
        }
        self.file.rrset(&owner, record.ttl, rtype, rdatas.iter().map(Vec::as_slice)).map_err(failed)
    }

    /// The owner of a record in the file.
    fn owner(&self, domain: &str) -> Result<Name, ApiError> {
        let owner = Name::parse(domain).map_err(ApiError::internal)?;
        if self.content == self.apex {
            return Ok(owner);
        }
        let labels = owner
            .relative_to(&self.content)
            .ok_or_else(|| ApiError::internal("a record outside its zone"))?;
        Name::from_wire(&[labels, self.apex.as_wire()].concat()).map_err(ApiError::internal)
    }

    fn remark(&mut self, text: String) -> Result<(), ApiError> {
        self.file.comment(&text).map_err(failed)
    }
}

fn failed(error: ExportError) -> ApiError {
    ApiError::internal(error)
}
