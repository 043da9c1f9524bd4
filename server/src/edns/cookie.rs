//! DNS cookies (RFC 7873) with interoperable server cookies (RFC 9018).
//!
//! A client sends eight octets of its own, and gets them back with sixteen of ours, which it repeats from then
//! on. Ours are a hash over the client's cookie, its address and the time, so a server remembers nothing, and
//! servers that share a secret take each other's cookies. A client with a valid cookie is where it says it is.
//!
//! ```text
//! client cookie 8 │ version 1 │ reserved 3 │ time 4 │ hash 8
//!                 └────────── server cookie ───────────────┘
//! ```

use std::fmt;
use std::hash::Hasher;
use std::net::IpAddr;
use std::str::FromStr;

use siphasher::sip::SipHasher24;

const CLIENT_OCTETS: usize = 8;
const SERVER_OCTETS: usize = 16;
/// Other servers' cookies may be this long (RFC 7873, 4).
const LONGEST_SERVER_OCTETS: usize = 32;
const SECRET_OCTETS: usize = 16;
/// Version and reserved octets of the cookies that we make (RFC 9018, 4.1 and 4.2).
const HEAD: [u8; 4] = [1, 0, 0, 0];

/// Octets of the option data in a reply: both cookies.
pub const REPLY_OCTETS: usize = CLIENT_OCTETS + SERVER_OCTETS;

/// How old a server cookie may be, in seconds (RFC 9018, 4.3).
const OLDEST_S: i32 = 3600;
/// How far in the future a server cookie may be made: clocks of servers differ (RFC 9018, 4.3).
const NEWEST_S: i32 = 300;
/// From which age on a valid cookie is replaced (RFC 9018, 4.3).
const RENEWAL_S: i32 = 1800;

/// The option does not follow RFC 7873, 4; the reply is FORMERR (RFC 7873, 5.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed cookie option")]
pub struct MalformedCookie;

/// The cookie option of a query.
///
/// Invariant: eight octets, or 16 to 40.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieOption<'q> {
    client: [u8; CLIENT_OCTETS],
    server: &'q [u8],
}

impl<'q> CookieOption<'q> {
    /// Reads the data of an option as found in a query.
    ///
    /// # Errors
    /// When the client's cookie is not whole, or the server's is neither absent nor of 8 to 32 octets.
    pub fn parse(data: &'q [u8]) -> Result<Self, MalformedCookie> {
        let (&client, server) = data.split_first_chunk::<CLIENT_OCTETS>().ok_or(MalformedCookie)?;
        if matches!(server.len(), 1..CLIENT_OCTETS) || server.len() > LONGEST_SERVER_OCTETS {
            return Err(MalformedCookie);
        }
        Ok(Self { client, server })
    }

    /// Whether there is a server cookie, valid or not.
    pub fn has_server_cookie(&self) -> bool {
        !self.server.is_empty()
    }
}

/// What server cookies are made with. Whoever knows it can forge them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SECRET_OCTETS]);

impl Secret {
    /// A secret of these octets, which should come from a good source of randomness.
    pub fn new(octets: [u8; SECRET_OCTETS]) -> Self {
        Self(octets)
    }

    /// A new secret.
    pub fn random() -> Self {
        Self(rand::random())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// The text is not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cookie secret is 32 hexadecimal digits")]
pub struct InvalidSecret;

impl FromStr for Secret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        if text.len() != 2 * SECRET_OCTETS || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(InvalidSecret);
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| InvalidSecret)?;
        Ok(Self(number.to_be_bytes()))
    }
}

/// What becomes of queries with a cookie but without a valid server cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// They are answered, and learn their server cookie with the answer.
    Nothing,
    /// Over UDP they are told their server cookie and to ask again (RFC 7873, 5.2.3).
    ServerCookie,
}

/// The secrets of a server, and what it demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookies {
    /// Makes cookies, and those it made are taken.
    pub current: Secret,
    /// Cookies made with it are taken as well: the next secret before it comes into use everywhere, or the last
    /// one until the cookies it made are old (RFC 9018, 5).
    pub other: Option<Secret>,
    /// What queries must have.
    pub demand: Demand,
}

/// The cookies for one reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Whether the query had a server cookie that we made for this client, not long ago.
    pub is_valid: bool,
    /// The data of the reply's option.
    pub reply: [u8; REPLY_OCTETS],
}

impl Cookies {
    /// Checks the cookie of a query from `address` at `now` (seconds since 1970, modulo 2^32), and makes the
    /// one of its reply: the same until half an hour has passed, then a new one (RFC 9018, 4.3).
    pub fn check(&self, option: &CookieOption<'_>, address: IpAddr, now: u32) -> Checked {
        let accepted = self.accepted(option, address, now);
        let server = match accepted {
            Some(Accepted { cookie, is_renewed: false }) => cookie,
            _ => make(&self.current, option.client, address, now),
        };
        let mut reply = [0; REPLY_OCTETS];
        for (slot, octet) in reply.iter_mut().zip(option.client.into_iter().chain(server)) {
            *slot = octet;
        }
        Checked { is_valid: accepted.is_some(), reply }
    }

    fn accepted(&self, option: &CookieOption<'_>, address: IpAddr, now: u32) -> Option<Accepted> {
        let cookie: [u8; SERVER_OCTETS] = option.server.try_into().ok()?;
        let [1, _, _, _, a, b, c, d, ..] = cookie else { return None };
        let time = u32::from_be_bytes([a, b, c, d]);
        // The difference as a serial number: right beyond the year 2106, too (RFC 9018, 4.3; RFC 1982).
        let age_s = now.wrapping_sub(time).cast_signed();
        if !(-NEWEST_S..=OLDEST_S).contains(&age_s) {
            return None;
        }
        // What others put into the reserved octets counts as well, but we would not send it.
        let is_made_with = |secret: &Secret| is_equal(&seal(secret, option.client, cookie, address), &cookie);
        if is_made_with(&self.current) {
            let is_renewed = age_s >= RENEWAL_S || !cookie.starts_with(&HEAD);
            return Some(Accepted { cookie, is_renewed });
        }
        let other = self.other.as_ref()?;
        is_made_with(other).then_some(Accepted { cookie, is_renewed: true })
    }
}

/// A server cookie that was found valid.
#[derive(Clone, Copy)]
struct Accepted {
    cookie: [u8; SERVER_OCTETS],
    /// The client gets a new one.
    is_renewed: bool,
}

fn make(secret: &Secret, client: [u8; CLIENT_OCTETS], address: IpAddr, now: u32) -> [u8; SERVER_OCTETS] {
    let [a, b, c, d] = now.to_be_bytes();
    let [version, r0, r1, r2] = HEAD;
    seal(secret, client, [version, r0, r1, r2, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0], address)
}

/// Replaces the hash of a server cookie by the right one (RFC 9018, 4.4).
fn seal(
    secret: &Secret,
    client: [u8; CLIENT_OCTETS],
    cookie: [u8; SERVER_OCTETS],
    address: IpAddr,
) -> [u8; SERVER_OCTETS] {
    let [v, r0, r1, r2, a, b, c, d, ..] = cookie;
    let mut hasher = SipHasher24::new_with_key(&secret.0);
    hasher.write(&client);
    hasher.write(&[v, r0, r1, r2, a, b, c, d]);
    match address.to_canonical() {
        IpAddr::V4(address) => hasher.write(&address.octets()),
        IpAddr::V6(address) => hasher.write(&address.octets()),
    }
    let [h0, h1, h2, h3, h4, h5, h6, h7] = hasher.finish().to_le_bytes();
    [v, r0, r1, r2, a, b, c, d, h0, h1, h2, h3, h4, h5, h6, h7]
}

/// Compares without telling by the time it takes where the difference is.
fn is_equal(left: &[u8; SERVER_OCTETS], right: &[u8; SERVER_OCTETS]) -> bool {
    u128::from_ne_bytes(*left) ^ u128::from_ne_bytes(*right) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn cookies(current: &str, other: Option<&str>) -> Cookies {
        let secret = |text: &str| text.parse().unwrap();
        Cookies { current: secret(current), other: other.map(secret), demand: Demand::Nothing }
    }

    /// Asks with an option and returns whether it is valid, and the reply's option.
    fn asked(cookies: &Cookies, option: &str, address: &str, now: u32) -> (bool, Vec<u8>) {
        let option = octets(option);
        let checked = cookies.check(&CookieOption::parse(&option).unwrap(), address.parse().unwrap(), now);
        (checked.is_valid, checked.reply.to_vec())
    }

    const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";

    #[test]
    fn a_new_client_gets_the_cookie_of_the_rfc() {
        // RFC 9018, A.1.
        let (is_valid, reply) =
            asked(&cookies(SECRET, None), "2464c4abcf10c957", "198.51.100.100", 1_559_731_985);
        assert!(!is_valid);
        assert_eq!(reply, octets("2464c4abcf10c957010000005cf79f111f8130c3eee29480"));
    }

    #[test]
    fn a_cookie_of_the_other_secret_is_valid_and_replaced() {
        // RFC 9018, A.4.
        let old = "dd3bdf9344b678b185a6f5cb60fca715";
        let new = "445536bcd2513298075a5d379663c962";
        let client = "2001:db8:220:1:59de:d0f4:8769:82b8";
        let option = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
        let renewed = octets("22681ab97d52c298010000005cf7c609a6bb79d16625507a");
        let now = 1_559_741_961;
        assert_eq!(asked(&cookies(new, Some(old)), option, client, now), (true, renewed.clone()));
        assert_eq!(asked(&cookies(new, None), option, client, now), (false, renewed));
        assert_eq!(asked(&cookies(old, Some(new)), option, client, now), (true, octets(option)));
    }

    #[test]
    fn a_cookie_is_valid_for_its_client_only() {
        let cookies = cookies(SECRET, None);
        let good = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
        let now = 1_559_731_985;
        assert!(asked(&cookies, good, "198.51.100.100", now).0);
        assert!(asked(&cookies, good, "::ffff:198.51.100.100", now).0, "the same address, mapped");
        assert!(!asked(&cookies, good, "198.51.100.101", now).0);
        for at in 0..24 {
            let mut other = octets(good);
            other[at] ^= 1;
            let option = CookieOption::parse(&other).unwrap();
            let checked = cookies.check(&option, "198.51.100.100".parse().unwrap(), now);
            assert!(!checked.is_valid, "octet {at} differs");
        }
        for length in (16..24).chain(25..=40) {
            let mut other = octets(good);
            other.resize(length, 0);
            let option = CookieOption::parse(&other).unwrap();
            assert!(!cookies.check(&option, "198.51.100.100".parse().unwrap(), now).is_valid);
        }
    }

    #[test]
    fn a_cookie_is_valid_for_an_hour_and_renewed_after_half_of_it() {
        let cookies = cookies(SECRET, None);
        for made in [1_559_731_985, 0, u32::MAX - 1000, 100] {
            let address = "192.0.2.1".parse().unwrap();
            let server = make(&cookies.current, [7; 8], address, made);
            let option = [&[7; 8][..], &server].concat();
            let option = CookieOption::parse(&option).unwrap();
            for (age, is_valid, is_same) in [
                (-301, false, false),
                (-300, true, true),
                (0, true, true),
                (1799, true, true),
                (1800, true, false),
                (3600, true, false),
                (3601, false, false),
                (i32::MIN, false, false),
            ] {
                let checked = cookies.check(&option, address, made.wrapping_add_signed(age));
                assert_eq!(checked.is_valid, is_valid, "{made} {age}");
                assert_eq!(checked.reply[8..] == server, is_same, "{made} {age}");
            }
        }
    }

    #[test]
    fn reserved_octets_are_hashed_and_not_repeated() {
        // RFC 9018, 4.2: they are ignored but for the hash.
        let cookies = cookies(SECRET, None);
        let address = "192.0.2.1".parse().unwrap();
        let made = [1, 0xab, 0xcd, 0xef, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0];
        let server = seal(&cookies.current, [7; 8], made, address);
        let option = [&[7; 8][..], &server].concat();
        let checked = cookies.check(&CookieOption::parse(&option).unwrap(), address, 9);
        assert!(checked.is_valid);
        assert_eq!(checked.reply[8..], make(&cookies.current, [7; 8], address, 9));
    }

    #[test]
    fn lengths_are_checked() {
        for length in 0..60 {
            let is_good = length == 8 || (16..=40).contains(&length);
            assert_eq!(CookieOption::parse(&vec![0; length]).is_ok(), is_good, "{length}");
        }
    }

    #[test]
    fn a_secret_is_32_digits_and_is_not_shown() {
        assert_eq!(Secret::from_str(SECRET), Ok(Secret::new(octets(SECRET).try_into().unwrap())));
        for text in
            ["", "00", &SECRET[1..], "g5e973e5a6b2a43f48e7dc849e37bfcf", "+5e973e5a6b2a43f48e7dc849e37bfcf"]
        {
            assert_eq!(Secret::from_str(text), Err(InvalidSecret), "{text}");
        }
        assert!(!format!("{:?}", cookies(SECRET, None)).contains("229"));
    }
}
