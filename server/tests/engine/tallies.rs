//! Which zone and record a query is counted for.

use server::{Counter, TallyReader};
use zones::{Name, RecordType, TallyKeys};

use super::kinds::zones;
use super::support::*;

const ZONE: &str = "example.com";

fn record(owner: &str, rtype: RecordType) -> u64 {
    TallyKeys::of_record(&Name::parse(ZONE).unwrap(), &Name::parse(owner).unwrap(), rtype)
}

#[test]
fn a_query_counts_for_its_zone_and_for_the_record_that_answered_it() {
    let mut tallies = TallyReader::default();
    let mut responder = zones().into_responder().with_tally(tallies.new_writer());
    let zone = TallyKeys::of_zone(&Name::parse(ZONE).unwrap());
    for (name, rtype, expected) in [
        ("WWW.example.com", A, record("www.example.com", RecordType::A)),
        ("steered.example.com", A, record("steered.example.com", RecordType::A)),
        ("example.com", MX, record("example.com", RecordType::MX)),
        ("a.b.wild.example.com", A, record("*.wild.example.com", RecordType::A)),
        // The alias is what was asked for; what it leads to is not asked for once more.
        ("alias.example.com", A, record("alias.example.com", RecordType::CNAME)),
        ("www.example.com", TXT, 0),
        ("nope.example.com", A, 0),
        ("www.child.example.com", A, 0),
        ("x.tree.example.com", A, 0),
        ("example.com", ANY, 0),
        ("example.com", SOA, 0),
    ] {
        ask(name, rtype).of(&mut responder);
        responder.finish_batch();
        let mut taken = Vec::new();
        tallies.take(|keys| taken.extend_from_slice(keys));
        assert_eq!(taken, [TallyKeys { zone, record: expected }], "{name} {rtype}");
    }
}

#[test]
fn a_query_for_nobodys_zone_is_not_counted_and_an_overflow_is() {
    let mut tallies = TallyReader::default();
    let mut responder = zones().into_responder().with_tally(tallies.new_writer());
    ask("example.org", A).of(&mut responder);
    responder.finish_batch();
    tallies.take(|keys| panic!("{keys:?}"));
    for _ in 0..server::limits::TALLY_RING + 3 {
        ask("www.example.com", A).of(&mut responder);
    }
    responder.finish_batch();
    let lost = server::CounterTotals::sum(&[responder.counters().clone()]).get(Counter::TallyLost);
    assert_eq!(lost, 3);
    let mut count = 0;
    tallies.take(|keys| count += keys.len());
    assert_eq!(count, server::limits::TALLY_RING);
}
