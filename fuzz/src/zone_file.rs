//! Zone files.

use zones::Name;
use zones::zone_file::{Exporter, ImportLimits, ImportedRrset, ZoneFile, parse};

const LIMITS: ImportLimits =
    ImportLimits { records: 2_000, rrset_records: 200, entry_octets: 65_536, warnings: 20 };

/// Text of a zone file: what is read keeps to the limits, is sound, and reads the same after it is written.
pub fn zone_file(text: &[u8]) {
    let apex = Name::parse("example.test").expect("it is a name");
    let Ok(file) = parse(text, &apex, &LIMITS) else { return };
    assert!(file.warnings.len() <= LIMITS.warnings + 10, "{} warnings", file.warnings.len());
    assert!(file.rrsets.iter().map(|rrset| rrset.rdatas.len()).sum::<usize>() <= LIMITS.records);
    for rrset in &file.rrsets {
        assert!(rrset.owner.is_subdomain_of(&apex) && rrset.ttl <= i32::MAX as u32);
        assert!((1..=LIMITS.rrset_records).contains(&rrset.rdatas.len()));
        for rdata in &rrset.rdatas {
            zones::rdata::check(rrset.rtype, rdata).expect("what is read is sound");
        }
    }
    let written = write(&file, &apex);
    let limits = ImportLimits { entry_octets: 512 * 1024, ..LIMITS };
    let again = parse(&written[..], &apex, &limits).expect("what is written can be read");
    // Only what stays in spite of a warning is warned of again.
    let stays = ["has a CNAME record", "a wildcard delegates nothing", "more warnings"];
    let is_known = |warning: &String| stays.iter().any(|text| warning.contains(text));
    assert!(again.warnings.iter().all(is_known), "{:?}", again.warnings);
    assert_eq!(
        (&again.soa, contents(&again)),
        (&file.soa, contents(&file)),
        "{}",
        String::from_utf8_lossy(&written)
    );
}

/// The RRsets without the lines on which they stood.
fn contents(file: &ZoneFile) -> Vec<ImportedRrset> {
    file.rrsets.iter().map(|rrset| ImportedRrset { line: 0, ..rrset.clone() }).collect()
}

fn write(file: &ZoneFile, apex: &Name) -> Vec<u8> {
    let mut exporter = Exporter::new(Vec::new(), apex, 60).expect("memory takes it");
    if let Some(soa) = &file.soa {
        exporter.soa(soa).expect("memory takes it");
    }
    for rrset in &file.rrsets {
        let rdatas = rrset.rdatas.iter().map(Vec::as_slice);
        exporter.rrset(&rrset.owner, rrset.ttl, rrset.rtype, rdatas).expect("sound data can be written");
    }
    exporter.finish().expect("memory takes it")
}
