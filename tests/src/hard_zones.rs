//! Zones that are hard to serve right, as zone files.
//!
//! Every way in which answers come about has its zone: wildcards and what blocks them, cuts and glue,
//! aliases that end anywhere, long names, large RRsets, parents and children served side by side. They refer
//! to each other, so they belong together. All have the same SOA fields and name servers at the apex, those
//! of [`NAMESERVERS`] and [`HOSTMASTER`], so that a server which sets its own can be told to set these.

use std::fmt::Write;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// The name servers at the apex of each zone; the first is the primary.
pub const NAMESERVERS: [&str; 2] = ["ns1.main.test", "ns2.far.invalid"];

/// The mailbox in each SOA record.
pub const HOSTMASTER: &str = "hostmaster@main.test";

/// Random zones among the hard ones.
const RANDOM_ZONES: usize = 12;

/// One zone file.
#[derive(Clone, Debug)]
pub struct ZoneText {
    /// The apex, without the final dot.
    pub apex: String,
    /// The text, with `$ORIGIN`.
    pub text: String,
}

/// The files in `zones/`.
macro_rules! files {
    ($($apex:literal)*) => { [$(($apex, include_str!(concat!("../zones/", $apex, ".zone")))),*] };
}

/// All hard zones: those written by hand, those with too many records for that, and random ones.
pub fn hard_zones() -> Vec<ZoneText> {
    let files = files![
        "main.test" "wild.test" "wcname.test" "ent.test" "glue.test" "far.occ.glue.test" "sibling.test"
        "a.test" "b.test" "dname.test" "dnapex.test" "dnself.test" "svcb.test" "unk.test"
        "esc.test" "2.0.192.in-addr.arpa" "8.b.d.0.1.0.0.2.ip6.arpa" "parent.test" "child.parent.test"
        "grand.child.parent.test" "dsless.parent.test" "nocut.parent.test" "g.mid.parent.test" "solo"
        "ttl.test" "wcut.test" "mixed.test" "a.b.c.deep.test"
    ];
    let mut zones: Vec<ZoneText> =
        files.into_iter().map(|(apex, text)| ZoneText { apex: apex.into(), text: text.into() }).collect();
    zones.extend([alias_chains(), large_rrsets(), longest_names()]);
    zones.extend(random_zones(7, RANDOM_ZONES, &RANDOM_TYPES));
    zones
}

/// A zone of `records` below the usual records at the apex.
fn zone(apex: &str, records: &str) -> ZoneText {
    let text = format!(
        "$ORIGIN {apex}.\n$TTL 3600\n\
         @ 3600 IN SOA ns1.main.test. hostmaster.main.test. 1 7200 900 1209600 300\n\
         @ 3600 IN NS ns1.main.test.\n@ 3600 IN NS ns2.far.invalid.\n{records}"
    );
    ZoneText { apex: apex.into(), text }
}

/// `write!` to a string, which cannot fail.
macro_rules! line {
    ($to:expr, $($format:tt)*) => { writeln!($to, $($format)*).expect("a string takes what is written") };
}

/// CNAME chains of many lengths, and circles.
fn alias_chains() -> ZoneText {
    let mut records = String::from(
        "l1 CNAME l2\nl2 CNAME l1\nself CNAME self\nla CNAME lb\nlb CNAME lc\nlc CNAME ld\nld CNAME lb\n\
         end A 192.0.2.1\nend TXT \"t\"\ntonx CNAME nx\ntond CNAME nd\nnd TXT \"nd\"\ntocn CNAME tonx\n",
    );
    for length in [3, 7, 8, 10, 12, 15, 16, 17, 18, 20, 25, 40] {
        for step in 1..length {
            line!(records, "c{length}-{} CNAME c{length}-{step}", step - 1);
        }
        line!(records, "c{length}-{} CNAME end", length - 1);
    }
    zone("loop.test", &records)
}

/// RRsets around the limits of UDP and TCP, repeated records, and referrals with much glue.
fn large_rrsets() -> ZoneText {
    let mut records = String::new();
    for count in [28, 29, 30, 70, 76, 200] {
        for index in 0..count {
            line!(records, "a{count} A 10.0.{}.{}", index / 100, index % 100 + 1);
        }
    }
    for index in 0..40 {
        line!(records, "aaaa40 AAAA 2001:db8::{:x}", index + 1);
    }
    for index in 0..20 {
        line!(records, "txt20 TXT \"{}\"", format!("{index:02}").repeat(100));
        line!(records, "mx20 MX {index} host{index}\nsrv20 SRV 0 0 {index} host{index}");
        line!(records, "host{index} A 192.0.2.{0}\nhost{index} AAAA 2001:db8::{0}", index + 1);
    }
    line!(records, "txtl TXT {}", format!("\"{}\" ", "x".repeat(255)).repeat(30));
    line!(records, "txt4 TXT {}", format!("\"{}\" ", "x".repeat(100)).repeat(4));
    for index in 0..30 {
        line!(records, "nsmany NS ns{index}.nsmany\nns{index}.nsmany A 192.0.2.{index}");
        line!(records, "ns{index}.nsmany AAAA 2001:db8::{index}");
    }
    for index in 0..9 {
        line!(records, "ns9 NS ns{index}.ns9\nns{index}.ns9 A 192.0.2.{index}");
    }
    for index in 0..250 {
        line!(records, "t64k TXT \"{}\"", format!("{index:03}").repeat(80));
    }
    records += "toa200 CNAME a200\ndup A 192.0.2.1\ndup A 192.0.2.1\ndup A 192.0.2.2\ndupt TXT \"a\"\n\
                dupt TXT \"A\"\ndupm MX 10 host1\ndupm MX 10 HOST1\n";
    zone("big.test", &records)
}

/// Names of 255 octets and just below, as owners and in data.
fn longest_names() -> ZoneText {
    let room = 255 - wire_octets("max.test");
    let longest = name_of(room);
    let mut records = format!("{longest} A 192.0.2.1\n");
    line!(records, "{} TXT \"as many labels as can be\"", vec!["a"; room / 2].join("."));
    line!(records, "*.{} A 192.0.2.2", name_of(room - 3).replace('a', "w"));
    line!(records, "{} CNAME {longest}", name_of(room - 2).replace('a', "q"));
    line!(records, "t CNAME {longest}\nmx MX 1 {longest}\n*.w CNAME {longest}");
    line!(records, "d DNAME {}", name_of(room - 10));
    zone("max.test", &records)
}

/// Labels of as many octets in wire form, each of them as long as can be.
fn name_of(octets: usize) -> String {
    let mut labels = Vec::new();
    let mut left = octets;
    while left > 0 {
        // A label takes at least two octets.
        let length = if left == 65 { 62 } else { (left - 1).min(63) };
        let letter = char::from(b'a' + (labels.len() % 26) as u8);
        labels.push(letter.to_string().repeat(length));
        left -= length + 1;
    }
    labels.join(".")
}

fn wire_octets(name: &str) -> usize {
    name.split('.').map(|label| label.len() + 1).sum::<usize>() + 1
}

/// The types of random records. A third of the zones has neither cuts nor DNAMEs.
pub const RANDOM_TYPES: [&str; 8] = ["A", "A", "TXT", "CNAME", "MX", "AAAA", "NS", "DNAME"];
const TYPES_WITHOUT_CUTS: usize = 6;

/// Random zones `r0.test`, `r1.test`, … of few labels, so that names meet, with targets in any of them.
/// They hold what a zone may hold and nothing else. `types` are [`RANDOM_TYPES`] or others in the same order: those
/// that are in every zone come first.
pub fn random_zones(seed: u64, count: usize, types: &[&str]) -> Vec<ZoneText> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..count)
        .map(|index| {
            let most = if index % 3 == 0 { TYPES_WITHOUT_CUTS } else { types.len() };
            let types = &types[..most.min(types.len())];
            zone(&format!("r{index}.test"), &random_records(&mut random, types, index, count))
        })
        .collect()
}

fn random_records(random: &mut StdRng, types: &[&str], zone: usize, zones: usize) -> String {
    let mut records: Vec<(String, &str, String)> = Vec::new();
    for _ in 0..25 {
        let owner = random_name(random);
        let rtype = *types.choose(random).expect("there are types");
        let present = || records.iter().filter(|(other, _, _)| *other == owner).map(|(_, rtype, _)| *rtype);
        let is_excluded = match rtype {
            "CNAME" => present().next().is_some(),
            "DNAME" => present().any(|other| matches!(other, "CNAME" | "NS" | "DNAME")),
            "NS" => present().any(|other| matches!(other, "CNAME" | "DNAME")),
            _ => present().any(|other| other == "CNAME"),
        };
        let is_undefined = matches!(rtype, "NS" | "DNAME") && owner.contains('*');
        if is_excluded || is_undefined {
            continue;
        }
        let number = random.random_range(1..255);
        let elsewhere = if random.random_bool(0.25) { random.random_range(0..zones) } else { zone };
        let target = format!("{}.r{elsewhere}.test.", random_name(random));
        let data = match rtype {
            "A" => format!("192.0.2.{number}"),
            "AAAA" => format!("2001:db8::{number:x}"),
            "TXT" => format!("\"text {number}\""),
            "MX" => format!("10 {target}"),
            "SRV" => format!("1 {number} 443 {target}"),
            "CAA" => format!("0 issue \"ca{number}.test\""),
            _ => target,
        };
        if !records.iter().any(|(o, t, d)| (o, t, d) == (&owner, &rtype, &data)) {
            records.push((owner, rtype, data));
        }
    }
    let redirected: Vec<String> = records
        .iter()
        .filter(|(_, rtype, _)| *rtype == "DNAME")
        .map(|(owner, _, _)| format!(".{owner}"))
        .collect();
    records.retain(|(owner, _, _)| !redirected.iter().any(|above| owner.ends_with(above.as_str())));
    records.iter().map(|(owner, rtype, data)| format!("{owner} 60 IN {rtype} {data}\n")).collect()
}

/// One to four labels of a few.
fn random_name(random: &mut StdRng) -> String {
    let count = random.random_range(1..=4);
    let labels = ["a", "b", "c", "d", "*"];
    (0..count).map(|_| *labels.choose(random).expect("there are labels")).collect::<Vec<_>>().join(".")
}
