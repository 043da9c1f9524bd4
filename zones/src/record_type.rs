//! Record types and their mnemonics.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A record type by its number; every number is a type, named or not (RFC 3597).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RecordType(pub u16);

/// One line per type: constant, number, mnemonic, what it holds.
macro_rules! record_types {
    ($($constant:ident = $number:literal $mnemonic:literal $purpose:literal;)*) => {
        impl RecordType {
            $(#[doc = $purpose] pub const $constant: RecordType = RecordType($number);)*
        }

        /// Numbers and mnemonics, by number.
        const MNEMONICS: &[(u16, &str)] = &[$(($number, $mnemonic),)*];
    };
}

record_types! {
    A = 1 "A" "An IPv4 address (RFC 1035).";
    NS = 2 "NS" "A name server (RFC 1035).";
    MD = 3 "MD" "A mail destination; obsolete (RFC 1035).";
    MF = 4 "MF" "A mail forwarder; obsolete (RFC 1035).";
    CNAME = 5 "CNAME" "The canonical name of an alias (RFC 1035).";
    SOA = 6 "SOA" "The start of a zone of authority (RFC 1035).";
    MB = 7 "MB" "A mailbox host; experimental (RFC 1035).";
    MG = 8 "MG" "A mail group member; experimental (RFC 1035).";
    MR = 9 "MR" "A mailbox rename; experimental (RFC 1035).";
    NULL = 10 "NULL" "Anything; experimental (RFC 1035).";
    WKS = 11 "WKS" "Well-known services; obsolete (RFC 1035).";
    PTR = 12 "PTR" "A pointer to a name (RFC 1035).";
    HINFO = 13 "HINFO" "Processor and operating system of a host (RFC 1035).";
    MINFO = 14 "MINFO" "Mailbox or list information; experimental (RFC 1035).";
    MX = 15 "MX" "A mail exchange (RFC 1035).";
    TXT = 16 "TXT" "Text strings (RFC 1035).";
    RP = 17 "RP" "The person responsible (RFC 1183).";
    AFSDB = 18 "AFSDB" "An AFS cell database (RFC 1183).";
    X25 = 19 "X25" "An X.25 address (RFC 1183).";
    ISDN = 20 "ISDN" "An ISDN address (RFC 1183).";
    RT = 21 "RT" "A route through (RFC 1183).";
    NSAP = 22 "NSAP" "An NSAP address (RFC 1706).";
    NSAP_PTR = 23 "NSAP-PTR" "A pointer of the NSAP tree (RFC 1706).";
    SIG = 24 "SIG" "A signature of the first DNSSEC (RFC 2535).";
    KEY = 25 "KEY" "A key of the first DNSSEC (RFC 2535).";
    PX = 26 "PX" "X.400 mail mapping (RFC 2163).";
    GPOS = 27 "GPOS" "A geographical position as text (RFC 1712).";
    AAAA = 28 "AAAA" "An IPv6 address (RFC 3596).";
    LOC = 29 "LOC" "A geographical location (RFC 1876).";
    NXT = 30 "NXT" "The next name of the first DNSSEC (RFC 2535).";
    EID = 31 "EID" "A Nimrod endpoint.";
    NIMLOC = 32 "NIMLOC" "A Nimrod locator.";
    SRV = 33 "SRV" "A service location (RFC 2782).";
    ATMA = 34 "ATMA" "An ATM address.";
    NAPTR = 35 "NAPTR" "A naming authority pointer (RFC 3403).";
    KX = 36 "KX" "A key exchanger (RFC 2230).";
    CERT = 37 "CERT" "A certificate (RFC 4398).";
    A6 = 38 "A6" "An IPv6 address in parts; historic (RFC 2874).";
    DNAME = 39 "DNAME" "The canonical name of a subtree (RFC 6672).";
    SINK = 40 "SINK" "A kitchen sink.";
    OPT = 41 "OPT" "The EDNS pseudo record (RFC 6891).";
    APL = 42 "APL" "A list of address prefixes (RFC 3123).";
    DS = 43 "DS" "A digest of a child's key (RFC 4034).";
    SSHFP = 44 "SSHFP" "A fingerprint of an SSH host key (RFC 4255).";
    IPSECKEY = 45 "IPSECKEY" "An IPsec key and gateway (RFC 4025).";
    RRSIG = 46 "RRSIG" "A signature (RFC 4034).";
    NSEC = 47 "NSEC" "The next name and the types here (RFC 4034).";
    DNSKEY = 48 "DNSKEY" "A zone's key (RFC 4034).";
    DHCID = 49 "DHCID" "A DHCP client's identity (RFC 4701).";
    NSEC3 = 50 "NSEC3" "The next hashed name and the types here (RFC 5155).";
    NSEC3PARAM = 51 "NSEC3PARAM" "How names of a zone are hashed (RFC 5155).";
    TLSA = 52 "TLSA" "A TLS certificate association (RFC 6698).";
    SMIMEA = 53 "SMIMEA" "An S/MIME certificate association (RFC 8162).";
    HIP = 55 "HIP" "A host identity (RFC 8005).";
    NINFO = 56 "NINFO" "A zone's status as text.";
    RKEY = 57 "RKEY" "A key for encrypting records.";
    TALINK = 58 "TALINK" "A link between trust anchors.";
    CDS = 59 "CDS" "The DS that the child wants (RFC 7344).";
    CDNSKEY = 60 "CDNSKEY" "The key whose DS the child wants (RFC 7344).";
    OPENPGPKEY = 61 "OPENPGPKEY" "An OpenPGP key (RFC 7929).";
    CSYNC = 62 "CSYNC" "What the parent should copy (RFC 7477).";
    ZONEMD = 63 "ZONEMD" "A digest of the zone (RFC 8976).";
    SVCB = 64 "SVCB" "A service binding (RFC 9460).";
    HTTPS = 65 "HTTPS" "A service binding for HTTPS (RFC 9460).";
    DSYNC = 66 "DSYNC" "Where to send notifications (RFC 9859).";
    SPF = 99 "SPF" "Sender policy as text; obsolete (RFC 7208, 3.1).";
    UINFO = 100 "UINFO" "Reserved.";
    UID = 101 "UID" "Reserved.";
    GID = 102 "GID" "Reserved.";
    UNSPEC = 103 "UNSPEC" "Reserved.";
    NID = 104 "NID" "An ILNP node identifier (RFC 6742).";
    L32 = 105 "L32" "An ILNP IPv4 locator (RFC 6742).";
    L64 = 106 "L64" "An ILNP IPv6 locator (RFC 6742).";
    LP = 107 "LP" "An ILNP locator pointer (RFC 6742).";
    EUI48 = 108 "EUI48" "A 48-bit hardware address (RFC 7043).";
    EUI64 = 109 "EUI64" "A 64-bit hardware address (RFC 7043).";
    NXNAME = 128 "NXNAME" "The marker of a name that does not exist (RFC 9824).";
    TKEY = 249 "TKEY" "The transaction key pseudo record (RFC 2930).";
    TSIG = 250 "TSIG" "The transaction signature pseudo record (RFC 8945).";
    IXFR = 251 "IXFR" "A question for an incremental transfer (RFC 1995).";
    AXFR = 252 "AXFR" "A question for a transfer (RFC 5936).";
    MAILB = 253 "MAILB" "A question for mailbox records (RFC 1035).";
    MAILA = 254 "MAILA" "A question for mail agents; obsolete (RFC 1035).";
    ANY = 255 "ANY" "A question for whatever there is (RFC 1035, RFC 8482).";
    URI = 256 "URI" "A URI (RFC 7553).";
    CAA = 257 "CAA" "Which authorities may issue certificates (RFC 8659).";
    AVC = 258 "AVC" "Application visibility and control.";
    DOA = 259 "DOA" "A digital object.";
    AMTRELAY = 260 "AMTRELAY" "A multicast relay (RFC 8777).";
    RESINFO = 261 "RESINFO" "What a resolver can do (RFC 9606).";
    WALLET = 262 "WALLET" "A public wallet address.";
    TA = 32768 "TA" "A DNSSEC trust anchor.";
    DLV = 32769 "DLV" "DNSSEC look-aside validation; obsolete (RFC 8749).";
}

impl RecordType {
    /// Reads a mnemonic or `TYPE123`, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(&(number, _)) = MNEMONICS.iter().find(|(_, mnemonic)| mnemonic.eq_ignore_ascii_case(text))
        {
            return Some(Self(number));
        }
        let (prefix, digits) = text.split_at_checked(4)?;
        let written =
            prefix.eq_ignore_ascii_case("TYPE") && digits.bytes().all(|octet| octet.is_ascii_digit());
        if written { digits.parse().ok().map(Self) } else { None }
    }

    /// The mnemonic, when the type has one.
    pub fn mnemonic(self) -> Option<&'static str> {
        let index = MNEMONICS.binary_search_by_key(&self.0, |&(number, _)| number).ok()?;
        Some(MNEMONICS[index].1)
    }

    /// Whether no zone can hold records of this type: it is reserved, the EDNS pseudo type, or one of
    /// the types for questions and transactions (RFC 6895, 3.1).
    pub fn is_meta(self) -> bool {
        matches!(self, Self(0) | Self::OPT | Self(128..=255) | Self(65535))
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(mnemonic) => f.pad(mnemonic),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for RecordType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecordType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format_args!("unknown record type {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mnemonics_and_numbers_are_read_in_any_case_and_printed_in_upper_case() {
        assert_eq!(RecordType::parse("aaaa"), Some(RecordType::AAAA));
        assert_eq!(RecordType::parse("type28"), Some(RecordType::AAAA));
        assert_eq!(RecordType::parse("nsap-ptr"), Some(RecordType::NSAP_PTR));
        assert_eq!(RecordType::parse("TYPE65280"), Some(RecordType(65280)));
        assert_eq!(RecordType(65280).to_string(), "TYPE65280");
        assert_eq!(RecordType::HTTPS.to_string(), "HTTPS");
        for text in ["", "B", "TYPE", "TYPE-1", "TYPE+1", "TYPE65536", "ALIAS", "URLFWD", "TYPÉ1"] {
            assert_eq!(RecordType::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_table_is_sorted_by_number() {
        assert!(MNEMONICS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn question_types_are_not_data() {
        let meta = [RecordType::OPT, RecordType::ANY, RecordType::AXFR, RecordType::TSIG, RecordType(0)];
        assert!(meta.into_iter().all(RecordType::is_meta));
        assert!(![RecordType::A, RecordType::URI, RecordType(65280)].into_iter().any(RecordType::is_meta));
    }
}
