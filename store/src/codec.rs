//! How operations are written in the journal and in checkpoints.
//!
//! An operation is: kind (1 byte), table (1 byte), key length (2 bytes), the key, and for a put the value
//! length (4 bytes) and the value. Numbers are little-endian. Reading takes one operation at a time, so a
//! change set of any size is replayed in the memory of its largest operation.

use std::io::{self, Read};

use crate::limits::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::{Op, Table};

/// Kind byte of [`Op::Put`].
const PUT: u8 = 1;
/// Kind byte of [`Op::Delete`].
const DELETE: u8 = 2;
/// Kind byte of [`Op::DeletePrefix`].
const DELETE_PREFIX: u8 = 3;

/// What a put takes beside its key and its value.
pub(crate) const PUT_OCTETS: usize = 8;

/// How many bytes [`encode`] will append for the operation.
pub(crate) fn encoded_bytes(op: &Op) -> u64 {
    match op {
        Op::Put { key, value, .. } => PUT_OCTETS as u64 + key.len() as u64 + value.len() as u64,
        Op::Delete { key, .. } | Op::DeletePrefix { prefix: key, .. } => 4 + key.len() as u64,
        Op::Puts(puts) => puts.octets().len() as u64,
    }
}

/// Appends the operation to `out`. Its sizes have been checked against the limits.
pub(crate) fn encode(op: &Op, out: &mut Vec<u8>) {
    match op {
        Op::Put { table, key, value } => encode_put(*table, key, value, out),
        Op::Delete { table, key } => encode_key(DELETE, *table, key, out),
        Op::DeletePrefix { table, prefix } => encode_key(DELETE_PREFIX, *table, prefix, out),
        Op::Puts(puts) => out.extend(puts.octets()),
    }
}

/// Appends a put.
pub(crate) fn encode_put(table: Table, key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    encode_key(PUT, table, key, out);
    out.extend((value.len() as u32).to_le_bytes());
    out.extend(value);
}

fn encode_key(kind: u8, table: Table, key: &[u8], out: &mut Vec<u8>) {
    out.extend([kind, table.prefix()]);
    out.extend((key.len() as u16).to_le_bytes());
    out.extend(key);
}

/// Takes the key and the value of the next put of a list that holds nothing else.
pub(crate) fn take_put<'a>(puts: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (head, rest) = puts.split_first_chunk::<4>()?;
    let (key, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([head[2], head[3]])))?;
    let (length, rest) = rest.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *puts = rest;
    Some((key, value))
}

/// Reads the next operation; `None` at the end of the input.
///
/// # Errors
/// `InvalidData` or `UnexpectedEof` when the bytes are not operations.
pub(crate) fn decode(input: &mut impl Read) -> io::Result<Option<Op>> {
    let mut kind = [0; 1];
    if input.read(&mut kind)? == 0 {
        return Ok(None);
    }
    let [table, key_low, key_high] = array(input)?;
    let table = Table::from_prefix(table).ok_or_else(|| invalid("unknown table"))?;
    let key = bytes(input, u64::from(u16::from_le_bytes([key_low, key_high])), MAX_KEY_BYTES)?;
    match kind[0] {
        PUT => {
            let length = u32::from_le_bytes(array(input)?);
            let value = bytes(input, u64::from(length), MAX_VALUE_BYTES)?;
            Ok(Some(Op::Put { table, key, value }))
        }
        DELETE => Ok(Some(Op::Delete { table, key })),
        DELETE_PREFIX => Ok(Some(Op::DeletePrefix { table, prefix: key })),
        _ => Err(invalid("unknown operation")),
    }
}

/// Reads a fixed number of bytes.
fn array<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Reads `length` bytes, at most `limit`.
fn bytes(input: &mut impl Read, length: u64, limit: u64) -> io::Result<Vec<u8>> {
    if length > limit {
        return Err(invalid("length out of range"));
    }
    let mut bytes = vec![0; length as usize];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// An error for bytes that are not what they should be.
pub(crate) fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_come_back_as_they_were_written() {
        let ops = [
            Op::Put { table: Table::Zones, key: b"k".to_vec(), value: vec![7; 300] },
            Op::Put { table: Table::Meta, key: vec![], value: vec![] },
            Op::Delete { table: Table::Records, key: vec![0xff; 4096] },
            Op::DeletePrefix { table: Table::Jobs, prefix: vec![] },
        ];
        let mut bytes = Vec::new();
        for op in &ops {
            let before = bytes.len() as u64;
            encode(op, &mut bytes);
            assert_eq!(bytes.len() as u64 - before, encoded_bytes(op));
        }
        let mut input = bytes.as_slice();
        for op in &ops {
            assert_eq!(decode(&mut input).unwrap().as_ref(), Some(op));
        }
        assert_eq!(decode(&mut input).unwrap(), None);
    }

    #[test]
    fn every_cut_and_every_wrong_table_is_an_error() {
        let mut bytes = Vec::new();
        encode(&Op::Put { table: Table::Zones, key: b"key".to_vec(), value: b"value".to_vec() }, &mut bytes);
        for cut in 1..bytes.len() {
            assert!(decode(&mut &bytes[..cut]).is_err(), "cut at {cut}");
        }
        for wrong in [0, 11, 255] {
            bytes[1] = wrong;
            assert!(decode(&mut bytes.as_slice()).is_err());
        }
    }
}
