//! Cutting a zone file into entries and tokens.
//!
//! An entry is a line, or several when parentheses hold them together. One entry is in memory at a time.

use std::io::{BufRead, Read};
use std::ops::Range;

use super::ZoneFileError;
use crate::rdata::Token;

/// The mark that some editors put at the start of a file in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads entries from text.
pub(super) struct Lexer<R> {
    input: R,
    /// The line last read, from 1.
    line: u64,
    entry_octets: usize,
    /// The line being cut, kept for its memory.
    buffer: Vec<u8>,
}

/// One entry; reused from entry to entry.
#[derive(Default)]
pub(super) struct Entry {
    text: Vec<u8>,
    tokens: Vec<Piece>,
    /// The line where it begins.
    pub line: u64,
    /// Whether it begins with a blank, so that its owner is that of the entry before.
    pub continues_owner: bool,
}

/// Where a token is in the text of its entry.
struct Piece {
    range: Range<usize>,
    quoted: bool,
    glued: bool,
}

impl Entry {
    /// The tokens in order, at least one after [`Lexer::next_entry`] has returned true.
    pub fn tokens(&self) -> Vec<Token<'_>> {
        let token = |piece: &Piece| Token {
            text: &self.text[piece.range.clone()],
            quoted: piece.quoted,
            glued: piece.glued,
        };
        self.tokens.iter().map(token).collect()
    }

    fn push(&mut self, text: &[u8], quoted: bool, glued: bool) {
        let start = self.text.len();
        self.text.extend_from_slice(text);
        self.tokens.push(Piece { range: start..self.text.len(), quoted, glued });
    }
}

impl<R: BufRead> Lexer<R> {
    /// Reads from the start of `input`; an entry may have at most so many octets.
    pub fn new(input: R, entry_octets: usize) -> Self {
        Self { input, line: 0, entry_octets, buffer: Vec::new() }
    }

    /// Fills `entry` with the next one that has tokens; false at the end of the text.
    pub fn next_entry(&mut self, entry: &mut Entry) -> Result<bool, ZoneFileError> {
        entry.text.clear();
        entry.tokens.clear();
        let mut depth = 0_usize;
        let mut octets = 0;
        while self.read_line()? {
            if depth == 0 {
                entry.line = self.line;
                entry.continues_owner = matches!(self.buffer.first(), Some(b' ' | b'\t'));
            }
            octets += self.buffer.len();
            if octets > self.entry_octets {
                return Err(self.too_long(entry.line));
            }
            let line = self.line;
            cut_line(&self.buffer, entry, &mut depth)
                .map_err(|message| ZoneFileError { line, message: message.into() })?;
            if depth > 0 {
                continue;
            }
            if !entry.tokens.is_empty() {
                return Ok(true);
            }
            octets = 0;
        }
        match depth {
            0 => Ok(false),
            _ => Err(ZoneFileError { line: entry.line, message: "a parenthesis is not closed".into() }),
        }
    }

    /// Reads one line with its end; false when there is none.
    fn read_line(&mut self) -> Result<bool, ZoneFileError> {
        self.buffer.clear();
        self.line += 1;
        let limit = self.entry_octets as u64 + 1;
        let result = self.input.by_ref().take(limit).read_until(b'\n', &mut self.buffer);
        let read = result.map_err(|error| ZoneFileError {
            line: self.line,
            message: format!("cannot be read: {error}"),
        })?;
        if self.line == 1 && self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.buffer.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(read > 0)
    }

    fn too_long(&self, line: u64) -> ZoneFileError {
        let message = format!("an entry may have at most {} octets", self.entry_octets);
        ZoneFileError { line, message }
    }
}

/// Adds the tokens of a line to an entry and follows its parentheses.
fn cut_line(line: &[u8], entry: &mut Entry, depth: &mut usize) -> Result<(), &'static str> {
    let mut at = 0;
    let mut glued = false;
    while let Some(&octet) = line.get(at) {
        match octet {
            b';' => break,
            b' ' | b'\t' | b'\r' | b'\n' | b'(' | b')' => {
                match octet {
                    b'(' => *depth += 1,
                    b')' => {
                        *depth = depth.checked_sub(1).ok_or("a parenthesis is closed that was not opened")?;
                    }
                    _ => {}
                }
                glued = false;
                at += 1;
            }
            b'"' => {
                let end = at + 1 + extent(&line[at + 1..], |octet| octet == b'"')?;
                // A line end inside quotes is most often a forgotten quote, which would swallow what follows.
                if line.get(end) != Some(&b'"') {
                    return Err("a quoted string is not closed on its line");
                }
                entry.push(&line[at + 1..end], true, glued);
                glued = true;
                at = end + 1;
            }
            _ => {
                let ends = |octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' | b'"');
                let end = at + extent(&line[at..], ends)?;
                entry.push(&line[at..end], false, glued);
                glued = true;
                at = end;
            }
        }
    }
    Ok(())
}

/// How far a token goes: to the first octet that ends it and has no backslash before it, or to the end.
fn extent(text: &[u8], ends: impl Fn(u8) -> bool) -> Result<usize, &'static str> {
    let mut at = 0;
    while let Some(&octet) = text.get(at) {
        if octet == b'\\' {
            if matches!(text.get(at + 1), None | Some(b'\n' | b'\r')) {
                return Err("a backslash stands at the end of a line");
            }
            at += 1;
        } else if ends(octet) {
            break;
        }
        at += 1;
    }
    Ok(at)
}
