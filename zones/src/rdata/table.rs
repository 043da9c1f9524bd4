//! The fields of every record type that has a presentation of its own.

use crate::RecordType;

/// One field of a record type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// Its name in its RFC, for messages.
    pub name: &'static str,
    /// What it holds and how that is written.
    pub kind: Kind,
}

/// What a field holds: each kind has one wire form and one presentation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A whole number of one octet.
    U8,
    /// A whole number of two octets.
    U16,
    /// A whole number of four octets.
    U32,
    /// Seconds in four octets; text may use the units of zone files (`1h30m`).
    Period,
    /// A DNSSEC algorithm of one octet; text may use its mnemonic.
    Algorithm,
    /// A certificate type of two octets; text may use its mnemonic (RFC 4398, 2.1).
    CertificateType,
    /// A record type.
    Type,
    /// Seconds since 1970 in four octets, written `YYYYMMDDHHmmSS` (RFC 4034, 3.2).
    Timestamp,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A hardware address of so many octets, written `00-00-5e-00-53-2a` (RFC 7043).
    HardwareAddress(usize),
    /// 64 bits, written as four groups of hexadecimal digits (RFC 6742).
    Groups,
    /// A domain name, uncompressed.
    Name,
    /// A domain name that API clients may leave empty for the root.
    NameOrEmpty,
    /// One character-string: up to 255 octets behind a length octet.
    Text,
    /// One or more character-strings up to the end; text longer than 255 octets is split.
    Texts,
    /// Octets up to the end without a length, written as one string.
    Remainder,
    /// One character-string of letters and digits (RFC 8659, 4.1).
    Tag,
    /// One character-string that is a decimal number, of at most this size when that is not 0 (RFC 1712).
    Decimal(u16),
    /// Octets up to the end in hexadecimal, at least one.
    Hex,
    /// Octets up to the end in base64, at least one.
    Base64,
    /// Octets up to the end in base64, or nothing.
    OptionalBase64,
    /// A length octet and octets in hexadecimal, `-` for none (RFC 5155, 3.3).
    Salt,
    /// A length octet and octets in base32 with the extended hex alphabet (RFC 5155, 3.3).
    Hash,
    /// A bitmap of record types up to the end (RFC 4034, 4.1.2).
    Types,
    /// Address prefixes up to the end (RFC 3123).
    Prefixes,
    /// A whole LOC record (RFC 1876).
    Location,
    /// What the second octet of the record says: nothing, an address or a name (RFC 4025, 2.5).
    Gateway,
    /// Service parameters up to the end (RFC 9460, 2.1).
    Parameters,
}

impl Kind {
    /// Whether the field takes all tokens that are left.
    pub fn takes_rest(self) -> bool {
        match self {
            Self::Texts | Self::Hex | Self::Base64 | Self::OptionalBase64 => true,
            Self::Types | Self::Prefixes | Self::Location | Self::Parameters => true,
            Self::U8 | Self::U16 | Self::U32 | Self::Period => false,
            Self::Algorithm | Self::CertificateType | Self::Type | Self::Timestamp => false,
            Self::Ipv4 | Self::Ipv6 | Self::HardwareAddress(_) | Self::Groups => false,
            Self::Name | Self::NameOrEmpty | Self::Gateway => false,
            Self::Text | Self::Remainder | Self::Tag | Self::Decimal(_) | Self::Salt | Self::Hash => false,
        }
    }

    /// Whether nothing at all is a value of the field.
    pub fn may_be_absent(self) -> bool {
        matches!(self, Self::OptionalBase64 | Self::Types | Self::Prefixes | Self::Parameters)
    }
}

/// A list of fields that lives as long as the program.
macro_rules! fields {
    ($($name:literal $kind:expr),*) => {{
        use Kind::*;
        const FIELDS: &[Field] = &[$(Field { name: $name, kind: $kind }),*];
        FIELDS
    }};
}

/// The fields of a type in wire order, which is also their order in text; `None` for types that have only
/// the generic form of RFC 3597.
pub(super) fn fields(rtype: RecordType) -> Option<&'static [Field]> {
    Some(match rtype {
        RecordType::A => fields!["address" Ipv4],
        RecordType::AAAA => fields!["address" Ipv6],

        RecordType::CNAME | RecordType::DNAME => fields!["target" Name],
        RecordType::NS => fields!["name server" Name],
        RecordType::PTR | RecordType::NSAP_PTR => fields!["name" Name],
        RecordType::MB | RecordType::MD | RecordType::MF => fields!["host" Name],
        RecordType::MG | RecordType::MR => fields!["mailbox" Name],
        RecordType::MINFO => fields!["responsible mailbox" Name, "error mailbox" Name],
        RecordType::RP => fields!["mailbox" Name, "text name" Name],
        RecordType::TALINK => fields!["previous name" Name, "next name" Name],
        RecordType::MX => fields!["preference" U16, "exchange" Name],
        RecordType::AFSDB => fields!["subtype" U16, "host" Name],
        RecordType::RT => fields!["preference" U16, "host" Name],
        RecordType::KX => fields!["preference" U16, "exchanger" Name],
        RecordType::LP => fields!["preference" U16, "name" Name],
        RecordType::PX => fields!["preference" U16, "MAP822" Name, "MAPX400" Name],
        RecordType::SRV => fields!["priority" U16, "weight" U16, "port" U16, "target" Name],
        RecordType::SOA => fields![
            "primary server" Name, "responsible mailbox" Name, "serial" U32,
            "refresh" Period, "retry" Period, "expire" Period, "minimum" Period],
        RecordType::NAPTR => fields![
            "order" U16, "preference" U16, "flags" Text, "services" Text, "regexp" Text,
            "replacement" NameOrEmpty],

        RecordType::TXT | RecordType::SPF | RecordType::NINFO => fields!["text" Texts],
        RecordType::AVC | RecordType::RESINFO | RecordType::WALLET => fields!["text" Texts],
        RecordType::HINFO => fields!["cpu" Text, "os" Text],
        RecordType::X25 => fields!["address" Text],
        RecordType::ISDN => fields!["address" Texts],
        RecordType::GPOS => {
            // The sample of the RFC itself has its latitude where the longitude belongs, so both have one range.
            fields!["longitude" Decimal(180), "latitude" Decimal(180), "altitude" Decimal(0)]
        }
        RecordType::LOC => fields!["location" Location],

        RecordType::SVCB | RecordType::HTTPS => {
            fields!["priority" U16, "target" Name, "parameters" Parameters]
        }
        RecordType::URI => fields!["priority" U16, "weight" U16, "target" Remainder],
        RecordType::CAA => fields!["flags" U8, "tag" Tag, "value" Remainder],
        RecordType::APL => fields!["prefixes" Prefixes],
        RecordType::L32 => fields!["preference" U16, "locator" Ipv4],
        RecordType::L64 => fields!["preference" U16, "locator" Groups],
        RecordType::NID => fields!["preference" U16, "node identifier" Groups],
        RecordType::EUI48 => fields!["address" HardwareAddress(6)],
        RecordType::EUI64 => fields!["address" HardwareAddress(8)],

        RecordType::CERT => fields![
            "type" CertificateType, "key tag" U16, "algorithm" Algorithm, "certificate" Base64],
        RecordType::OPENPGPKEY => fields!["key" Base64],
        RecordType::DHCID => fields!["identity" Base64],
        RecordType::IPSECKEY => fields![
            "precedence" U8, "gateway type" U8, "algorithm" U8, "gateway" Gateway, "key" OptionalBase64],
        RecordType::TLSA | RecordType::SMIMEA => {
            fields!["usage" U8, "selector" U8, "matching type" U8, "data" Hex]
        }
        RecordType::SSHFP => fields!["algorithm" U8, "fingerprint type" U8, "fingerprint" Hex],
        RecordType::DS | RecordType::CDS | RecordType::DLV | RecordType::TA => {
            fields!["key tag" U16, "algorithm" Algorithm, "digest type" U8, "digest" Hex]
        }
        RecordType::DNSKEY | RecordType::CDNSKEY | RecordType::RKEY => {
            fields!["flags" U16, "protocol" U8, "algorithm" Algorithm, "key" Base64]
        }
        RecordType::KEY => fields!["flags" U16, "protocol" U8, "algorithm" Algorithm, "key" OptionalBase64],
        RecordType::RRSIG | RecordType::SIG => fields![
            "type covered" Type, "algorithm" Algorithm, "labels" U8, "original TTL" U32,
            "expiration" Timestamp, "inception" Timestamp, "key tag" U16, "signer" Name,
            "signature" Base64],
        RecordType::NSEC => fields!["next name" Name, "types" Types],
        RecordType::NSEC3 => fields![
            "hash algorithm" U8, "flags" U8, "iterations" U16, "salt" Salt, "next hash" Hash,
            "types" Types],
        RecordType::NSEC3PARAM => fields!["hash algorithm" U8, "flags" U8, "iterations" U16, "salt" Salt],
        RecordType::CSYNC => fields!["serial" U32, "flags" U16, "types" Types],
        RecordType::ZONEMD => fields!["serial" U32, "scheme" U8, "hash algorithm" U8, "digest" Hex],
        _ => return None,
    })
}

/// All fields of a type as a list in words, for messages.
pub(super) fn describe(fields: &[Field]) -> String {
    let names: Vec<_> = fields.iter().map(|field| field.name).collect();
    names.join(", ")
}
