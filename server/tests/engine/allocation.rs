//! Answering does not allocate.

use std::sync::Arc;
use std::time::Duration;

use server::{Disposition, Peer, Responder, TallyReader, Transport};

use super::counting::allocator_calls;
use super::kinds::{kinds, policy, zones};
use super::support::*;

fn answer(responder: &mut Responder, query: &[u8], transport: Transport, out: &mut [u8]) -> Disposition {
    responder.answer(query, Peer { address: CLIENT.parse().unwrap(), transport }, out)
}

#[test]
fn no_kind_of_answer_allocates() {
    let responder = zones().into_responder().with_policy(Arc::new(policy()));
    let mut tallies = TallyReader::default();
    let mut responder = responder.with_idle_timeout(Duration::from_secs(10)).with_tally(tallies.new_writer());
    let mut out = vec![0; 65_535];
    for (kind, ask) in kinds() {
        let query = ask.octets();
        // The first answer may set up what the process shares, such as hash keys.
        assert!(matches!(answer(&mut responder, &query, ask.transport, &mut out), Disposition::Reply(_)));
        let calls = allocator_calls(|| {
            for _ in 0..100 {
                answer(&mut responder, &query, ask.transport, &mut out);
            }
            let peer = Peer { address: CLIENT.parse().unwrap(), transport: ask.transport };
            let mut together = responder.read_ahead(std::iter::repeat_n(query.as_slice(), 40));
            for index in 0..40 {
                together.answer(index, &query, peer, &mut out);
            }
        });
        assert_eq!(calls, 0, "{kind}");
    }
}

#[test]
fn the_count_counts() {
    assert_eq!(allocator_calls(|| drop(std::hint::black_box(Box::new(1)))), 2);
}
