//! What a wildcard stands for in the name that was asked for.

/// Octets of the longest labels that spell an IPv4 address: fifteen characters and the length of one label, or
/// four labels of three digits with theirs.
const MAX_OCTETS: usize = 16;

/// The labels that `*` stands for in the name of a query (RFC 4592), as far as they can spell an IPv4 address:
/// longer ones count as none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WildcardLabels {
    octets: [u8; MAX_OCTETS],
    length: u8,
}

impl WildcardLabels {
    /// The labels in wire form, without the root.
    #[inline]
    pub fn of(wire: &[u8]) -> Self {
        let mut labels = Self::default();
        if let (Some(room), Ok(length)) = (labels.octets.get_mut(..wire.len()), u8::try_from(wire.len())) {
            room.copy_from_slice(wire);
            labels.length = length;
        }
        labels
    }

    /// The IPv4 address that the labels spell: four decimals with `separator` between them. Decimals are as in
    /// dotted notation: up to 255, and without leading zeros, which some read as octal (RFC 6943, 3.1.1).
    pub(crate) fn ipv4(&self, separator: u8) -> Option<[u8; 4]> {
        let mut rest = self.octets.get(..usize::from(self.length))?;
        let (mut address, mut parts) = ([0; 4], 0);
        // Labels are joined by dots, which are separators like any other.
        while let Some((&length, tail)) = rest.split_first() {
            let (label, tail) = tail.split_at_checked(usize::from(length))?;
            rest = tail;
            if parts > 0 && separator != b'.' {
                return None;
            }
            for part in label.split(|octet| *octet == separator) {
                *address.get_mut(parts)? = decimal(part)?;
                parts += 1;
            }
        }
        (parts == 4).then_some(address)
    }
}

fn decimal(digits: &[u8]) -> Option<u8> {
    let is_plain =
        digits.iter().all(u8::is_ascii_digit) && (digits.len() == 1 || digits.first() != Some(&b'0'));
    std::str::from_utf8(digits).ok().filter(|_| is_plain)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(wire: &[u8], separator: u8) -> Option<[u8; 4]> {
        WildcardLabels::of(wire).ipv4(separator)
    }

    #[test]
    fn four_decimals_are_an_address_in_one_label_or_with_dots_in_four() {
        assert_eq!(spelled(b"\x0b192-0-2-255", b'-'), Some([192, 0, 2, 255]));
        assert_eq!(spelled(b"\x0f255_255_255_255", b'_'), Some([255; 4]));
        assert_eq!(spelled(b"\x03192\x010\x012\x03255", b'.'), Some([192, 0, 2, 255]));
    }

    #[test]
    fn anything_else_is_no_address() {
        let wrong: [(&[u8], u8); 10] = [
            (b"", b'-'),
            (b"\x09192-0-2-1", b'_'),
            (b"\x09192-0-2-1", b'.'),
            (b"\x07192-0-2", b'-'),
            (b"\x0b192-0-2-1-1", b'-'),
            (b"\x0b192-0-2-256", b'-'),
            (b"\x0a192-0-2-01", b'-'),
            (b"\x08192-0-2-", b'-'),
            (b"\x03192\x010\x012\x03255", b'-'),
            (b"\x12long-1-2-3-4-5-6-7", b'-'),
        ];
        for (wire, separator) in wrong {
            assert_eq!(spelled(wire, separator), None, "{wire:?}");
        }
    }
}
