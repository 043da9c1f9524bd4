//! The DNS message: reading a query in place, and writing a reply into a fixed buffer.

pub mod build;
pub mod compress;
pub mod parse;
pub mod signature;

/// Octets of the header (RFC 1035, 4.1.1).
pub const HEADER_OCTETS: usize = 12;

/// Flag bits and fields of the second header word.
pub mod flags {
    /// Set in replies.
    pub const RESPONSE: u16 = 0x8000;
    /// Where the opcode sits.
    pub const OPCODE_MASK: u16 = 0x7800;
    /// The answer is authoritative.
    pub const AUTHORITATIVE: u16 = 0x0400;
    /// The reply was cut.
    pub const TRUNCATED: u16 = 0x0200;
    /// The client asks for recursion; copied into the reply.
    pub const RECURSION_DESIRED: u16 = 0x0100;
    /// The client checks signatures itself; copied into the reply (RFC 4035, 3.1.6).
    pub const CHECKING_DISABLED: u16 = 0x0010;
}

/// Record classes.
pub mod class {
    /// The Internet.
    pub const IN: u16 = 1;
    /// Chaosnet: what a server says about itself (RFC 4892).
    pub const CH: u16 = 3;
    /// Any class, in questions only.
    pub const ANY: u16 = 255;
}

/// Codes of EDNS options.
pub mod option_code {
    /// Name server identifier (RFC 5001).
    pub const NSID: u16 = 3;
    /// Client subnet (RFC 7871).
    pub const CLIENT_SUBNET: u16 = 8;
    /// Cookies (RFC 7873).
    pub const COOKIE: u16 = 10;
    /// Idle timeout of a connection (RFC 7828).
    pub const TCP_KEEPALIVE: u16 = 11;
    /// Extended error (RFC 8914).
    pub const EXTENDED_ERROR: u16 = 15;
}

/// What a query asks for (RFC 1035, 4.1.1; RFC 1996; RFC 2136).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// A standard query.
    Query,
    /// A zone has changed.
    Notify,
    /// A dynamic update.
    Update,
    /// Anything else: never supported.
    Other,
}

impl Opcode {
    /// Reads the opcode from the second header word.
    pub fn of(flags: u16) -> Self {
        match (flags & flags::OPCODE_MASK) >> 11 {
            0 => Self::Query,
            4 => Self::Notify,
            5 => Self::Update,
            _ => Self::Other,
        }
    }
}

/// The outcome of a query, with the extended codes of EDNS (RFC 6895, 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum ResponseCode {
    /// An answer, a referral, or an existing name without such data.
    NoError = 0,
    /// The query cannot be read.
    FormatError = 1,
    /// Our own data is at fault.
    ServerFailure = 2,
    /// The name does not exist.
    NameError = 3,
    /// The kind of query is not supported.
    NotImplemented = 4,
    /// Not a name or a service of ours.
    Refused = 5,
    /// A DNAME made a name longer than 255 octets (RFC 6672, 2.2).
    NameTooLong = 6,
    /// Signed with a key that we do not have (RFC 8945, 5.2.1).
    NotAuthorized = 9,
    /// The EDNS version is above ours (RFC 6891, 9).
    BadVersion = 16,
    /// The client is to ask again with the cookie it gets (RFC 7873, 5.2.3).
    BadCookie = 23,
}

impl ResponseCode {
    /// Every code, in the order in which they are counted.
    pub const ALL: [Self; 10] = [
        Self::NoError,
        Self::FormatError,
        Self::ServerFailure,
        Self::NameError,
        Self::NotImplemented,
        Self::Refused,
        Self::NameTooLong,
        Self::NotAuthorized,
        Self::BadVersion,
        Self::BadCookie,
    ];

    /// The mnemonic.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoError => "NOERROR",
            Self::FormatError => "FORMERR",
            Self::ServerFailure => "SERVFAIL",
            Self::NameError => "NXDOMAIN",
            Self::NotImplemented => "NOTIMP",
            Self::Refused => "REFUSED",
            Self::NameTooLong => "YXDOMAIN",
            Self::NotAuthorized => "NOTAUTH",
            Self::BadVersion => "BADVERS",
            Self::BadCookie => "BADCOOKIE",
        }
    }

    /// Place in [`ResponseCode::ALL`].
    pub fn position(self) -> usize {
        match self {
            Self::NotAuthorized => 7,
            Self::BadVersion => 8,
            Self::BadCookie => 9,
            other => usize::from(other as u16),
        }
    }
}

/// Reads a big-endian 16-bit number.
pub(crate) fn read_u16(bytes: &[u8], offset: usize) -> Option<u16> {
    let pair = bytes.get(offset..)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*pair))
}

#[cfg(test)]
mod tests {
    use super::ResponseCode;

    #[test]
    fn every_response_code_sits_at_its_own_position() {
        for (index, code) in ResponseCode::ALL.into_iter().enumerate() {
            assert_eq!(code.position(), index);
            assert!(!code.name().is_empty());
        }
    }
}
