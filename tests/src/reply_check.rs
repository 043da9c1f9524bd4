//! What holds of the reply to any packet whatever.

use hickory_proto::op::Message;
use server::Transport;

/// What options may add to the reply to a message that is understood but asks for no data: an extended error
/// (RFC 8914), and what the client asked for with options of its own, such as a server cookie.
const OPTIONS_OCTETS: usize = 128;

/// Checks a reply, or that there is none.
///
/// *Garbage* is a packet that nobody means: it is not a query, notification or update with exactly one whole
/// question, followed by whole records to its end ([`is_well_formed`]). Nothing is gained by sending garbage
/// under a false source: the reply is never larger than the packet.
///
/// # Panics
/// When the reply is not as it must be.
pub fn check_reply(packet: &[u8], reply: Option<&[u8]>, transport: Transport) {
    let is_query = packet.len() >= 12 && packet[2] & 0x80 == 0;
    let Some(reply) = reply else {
        assert!(!is_query, "no reply to a query");
        return;
    };
    assert!(is_query, "a reply to what is no query");
    assert!(reply.len() >= 12 && reply[..2] == packet[..2], "the identifier is repeated");
    assert_eq!(reply[2] & 0xf9, 0x80 | packet[2] & 0x79, "it is a reply; opcode and RD are the query's");
    assert_eq!(reply[3] & 0xf0, packet[3] & 0x10, "no recursion, nothing validated; CD is the query's");
    if transport == Transport::Udp {
        assert!(reply.len() <= 1232, "{} octets over UDP", reply.len());
    }
    let (sent, received) = (packet.len(), reply.len());
    if !is_well_formed(packet) {
        assert!(received <= sent, "{received} octets for {sent} octets of garbage");
    } else if !is_for_data(packet) {
        assert!(received <= sent + OPTIONS_OCTETS, "{received} octets for {sent} octets without a use");
    }
    let parsed = match Message::from_vec(reply) {
        Ok(parsed) => parsed,
        // The codec cannot read the echo of a client subnet of family 0, which `dig +subnet=0` sends, nor what follows.
        Err(_) if word(reply, 4) == Some(1) && has_subnet_of_no_family(reply) => return,
        Err(error) => panic!("{error}: {reply:02x?}"),
    };
    if parsed.queries.is_empty() {
        assert!(parsed.answers.is_empty() && parsed.authorities.is_empty() && parsed.additionals.is_empty());
    } else {
        let question = reply.len().min(packet.len()).min(question_end(reply).unwrap_or(usize::MAX));
        assert_eq!(reply[12..question], packet[12..question], "the question is repeated as it was");
    }
}

/// Whether a packet is a query, notification or update with one whole question, whole records behind it, and
/// nothing else.
pub fn is_well_formed(packet: &[u8]) -> bool {
    let is_known = packet.len() >= 12 && matches!(packet[2] & 0xf8, 0x00 | 0x20 | 0x28);
    let Some(end) = question_end(packet).filter(|_| is_known && word(packet, 4) == Some(1)) else {
        return false;
    };
    let records: usize = [6, 8, 10].iter().filter_map(|&at| word(packet, at)).map(usize::from).sum();
    (0..records).try_fold(end, |at, _| record_end(packet, at)) == Some(packet.len())
}

/// Whether a well-formed packet is a query for data of class IN or ANY.
fn is_for_data(packet: &[u8]) -> bool {
    let Some(end) = question_end(packet) else { return false };
    let is_meta = matches!(word(packet, end - 4), Some(41 | 128 | 249..=254));
    packet[2] & 0x78 == 0 && !is_meta && matches!(word(packet, end - 2), Some(1 | 255))
}

/// The response code of a reply, the upper bits in its OPT record included, and the data of an option.
///
/// # Panics
/// When the reply is not whole.
pub fn option_of(reply: &[u8], code: u16) -> (u16, Option<Vec<u8>>) {
    let records: usize = [6, 8, 10].iter().filter_map(|&at| word(reply, at)).map(usize::from).sum();
    let mut at = question_end(reply).expect("the reply repeats the question");
    let mut response_code = u16::from(reply[3] & 0xf);
    let mut found = None;
    for _ in 0..records {
        let end = record_end(reply, at).expect("a reply is whole");
        // Only the OPT record has the root for its owner and this type.
        if reply[at] == 0 && word(reply, at + 1) == Some(41) {
            response_code |= u16::from(reply[at + 5]) << 4;
            let mut rest = &reply[at + 11..end];
            while let [c0, c1, l0, l1, behind @ ..] = rest {
                let (data, behind) = behind.split_at(usize::from(u16::from_be_bytes([*l0, *l1])));
                if u16::from_be_bytes([*c0, *c1]) == code {
                    found = Some(data.to_vec());
                }
                rest = behind;
            }
        }
        at = end;
    }
    (response_code, found)
}

fn has_subnet_of_no_family(reply: &[u8]) -> bool {
    option_of(reply, 8).1.is_some_and(|subnet| subnet.starts_with(&[0, 0]))
}

fn word(packet: &[u8], at: usize) -> Option<u16> {
    packet.get(at..at + 2).map(|octets| u16::from_be_bytes([octets[0], octets[1]]))
}

/// Where the question ends: a name of up to 255 octets without pointers, type and class.
fn question_end(packet: &[u8]) -> Option<usize> {
    let mut at = 12;
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1 + length;
        match length {
            0 if at - 12 <= 255 && at + 4 <= packet.len() => return Some(at + 4),
            1..=63 => {}
            _ => return None,
        }
    }
}

/// Where the record at `at` ends; its owner may be a pointer or end in one.
fn record_end(packet: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *packet.get(at)? {
            0 => at += 1,
            length @ 1..=63 => {
                at += 1 + usize::from(length);
                continue;
            }
            0xc0.. => at += 2,
            _ => return None,
        }
        let length = packet.get(at + 8..at + 10)?;
        let end = at + 10 + usize::from(u16::from_be_bytes([length[0], length[1]]));
        return (end <= packet.len()).then_some(end);
    }
}
