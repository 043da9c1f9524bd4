//! Lists of rdata, packed one after the other.

/// The rdata of a static RRset, each in wire form.
#[derive(Clone, Copy)]
pub struct RdataList<'a>(&'a [u8]);

impl<'a> RdataList<'a> {
    /// Takes packed rdata, as [`super::pack`] makes it.
    #[inline]
    pub(crate) fn new(packed: &'a [u8]) -> Self {
        Self(packed)
    }

    /// The rdata in the order of the record's answers.
    #[inline]
    pub fn iter(&self) -> Rdatas<'a> {
        Rdatas(self.0)
    }

    /// How many there are. Counts them: keep the number where it is needed twice.
    pub fn count(&self) -> usize {
        self.iter().count()
    }

    /// The octets of all rdata, each with a length of two octets.
    #[inline]
    pub fn wire_octets(&self) -> usize {
        self.0.len()
    }
}

impl<'a> IntoIterator for RdataList<'a> {
    type Item = &'a [u8];
    type IntoIter = Rdatas<'a>;

    #[inline]
    fn into_iter(self) -> Rdatas<'a> {
        self.iter()
    }
}

impl std::fmt::Debug for RdataList<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

/// Goes through a [`RdataList`].
#[derive(Clone, Debug)]
pub struct Rdatas<'a>(&'a [u8]);

impl<'a> Iterator for Rdatas<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<2>()?;
        let (rdata, rest) = rest.split_at(usize::from(u16::from_le_bytes(*length)));
        self.0 = rest;
        Some(rdata)
    }
}

/// Packs rdata one after the other, each with a little-endian length of two octets before it.
///
/// # Errors
/// [`RdataTooLong`].
pub(crate) fn pack<'a>(rdatas: impl IntoIterator<Item = &'a [u8]>) -> Result<Box<[u8]>, RdataTooLong> {
    let mut packed = Vec::new();
    for rdata in rdatas {
        let length = u16::try_from(rdata.len()).map_err(|_| RdataTooLong)?;
        packed.extend_from_slice(&length.to_le_bytes());
        packed.extend_from_slice(rdata);
    }
    Ok(packed.into())
}

/// Rdata of more than 65,535 octets, which no message can hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RdataTooLong;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_rdata_comes_back_in_order() {
        let rdatas: [&[u8]; 3] = [b"one", b"", b"three"];
        let packed = pack(rdatas).unwrap();
        let list = RdataList::new(&packed);
        assert!(list.iter().eq(rdatas));
        assert_eq!((list.count(), list.wire_octets()), (3, 8 + 6));
        assert_eq!(pack([vec![0; 65_536].as_slice()]), Err(RdataTooLong));
    }
}
