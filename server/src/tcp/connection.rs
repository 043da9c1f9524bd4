//! One connection: messages in, replies out.
//!
//! ```text
//!            read            whole messages answered          all written
//!  waiting ───────▶ answering ──────────────────────▶ writing ──────────▶ waiting
//!     │ idle, stop, end of stream                        │ not read in time
//!     ▼                                                  ▼
//!   closed                                             closed
//! ```
//!
//! Everything that arrived together is taken with one read, answered, and sent with one write. While a client
//! does not read, nothing more is read from it. Only what the socket did not take at once, and messages that
//! are not whole yet, are kept in memory of the connection's own.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use mio::net::TcpStream;

use super::admission::Permit;
use crate::config::TcpLimits;
use crate::engine::{Disposition, Peer, Responder, Transport};
use crate::limits;
use crate::telemetry::counters::{Counter, Counters};

const PREFIX_OCTETS: usize = 2;
const LARGEST_FRAME: usize = PREFIX_OCTETS + limits::STREAM_MESSAGE_OCTETS;

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client closed it, or the server stops.
    Closed,
    /// No query for too long.
    Idle,
    /// Replies were not read in time.
    Slow,
    /// An error, the end of the stream within a message, or something other than queries.
    Broken,
}

impl End {
    /// How the end is counted, if at all.
    pub fn counter(self) -> Option<Counter> {
        match self {
            Self::Closed => None,
            Self::Idle => Some(Counter::TcpIdle),
            Self::Slow => Some(Counter::TcpSlow),
            Self::Broken => Some(Counter::TcpBroken),
        }
    }
}

/// What the connections of a worker take turns with.
pub struct Exchange {
    responder: Responder,
    input: Box<[u8]>,
    output: Box<[u8]>,
}

impl Exchange {
    /// Allocates the buffers.
    pub fn new(responder: Responder) -> Self {
        let input = vec![0; LARGEST_FRAME + limits::STREAM_READ_OCTETS].into_boxed_slice();
        let output = vec![0; LARGEST_FRAME + limits::STREAM_WRITE_OCTETS].into_boxed_slice();
        Self { responder, input, output }
    }

    /// See [`Responder::refresh`].
    pub fn refresh(&mut self) {
        self.responder.refresh();
    }

    /// See [`Responder::finish_batch`].
    pub fn finish_batch(&mut self) {
        self.responder.finish_batch();
    }

    /// See [`Responder::counters`].
    pub fn counters(&self) -> &Arc<Counters> {
        self.responder.counters()
    }
}

/// What to do with a connection after its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Its socket will report itself.
    Wait,
    /// There may be more that the socket has reported already: another turn after those of others.
    GoOn,
}

/// How far an exchange got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// All that had arrived is answered.
    Done,
    /// More than one read takes may have arrived.
    MayHaveMore,
    /// Whole messages are left because replies must be written first.
    Blocked,
    /// The client has nothing more to say; all whole messages are answered.
    EndOfStream,
    /// Not to be continued.
    Broken,
}

/// One connection, registered for the edges of both reading and writing.
pub struct Connection {
    /// Whether another turn is due although the socket will not report itself.
    pub is_pending: bool,
    stream: TcpStream,
    peer: Peer,
    limits: TcpLimits,
    /// Input not answered yet, at most one read and one partial message.
    kept: Vec<u8>,
    /// Output the socket did not take yet, at most one full output buffer.
    unsent: Vec<u8>,
    /// How much of the unsent output is sent after all.
    sent_octets: usize,
    /// Whether what is kept has whole messages.
    is_blocked: bool,
    /// Whether the end of the stream is known to come after what has arrived.
    ends: bool,
    /// Why to close as soon as everything is written.
    ending: Option<End>,
    /// When a query must have come, or, if there is unsent output, when it must be gone.
    deadline: Instant,
    _permit: Permit,
}

impl Connection {
    /// A connection that was accepted from `address`.
    pub fn new(
        stream: TcpStream,
        address: SocketAddr,
        permit: Permit,
        limits: TcpLimits,
        now: Instant,
    ) -> Self {
        Self {
            is_pending: false,
            stream,
            peer: Peer { address, transport: Transport::Tcp },
            limits,
            kept: Vec::new(),
            unsent: Vec::new(),
            sent_octets: 0,
            is_blocked: false,
            ends: false,
            ending: None,
            deadline: now + limits.idle,
            _permit: permit,
        }
    }

    /// Tells that the client has ended its side of the stream. The end is behind what has arrived, and its
    /// socket will not report it again.
    pub fn expect_end(&mut self) {
        self.ends = true;
    }

    /// Closes the connection as soon as everything is written.
    pub fn finish(&mut self) {
        self.ending.get_or_insert(End::Closed);
    }

    /// Why to close the connection at this time, if its deadline is over.
    pub fn overdue(&self, now: Instant) -> Option<End> {
        let is_slow = !self.unsent.is_empty();
        (now >= self.deadline).then_some(if is_slow { End::Slow } else { End::Idle })
    }

    /// Goes on for as long as the socket takes output: writes what is left, or reads, answers and writes once.
    ///
    /// # Errors
    /// Why the connection is to be closed.
    pub fn advance(&mut self, exchange: &mut Exchange, now: Instant) -> Result<Next, End> {
        if !self.unsent.is_empty() {
            self.write_unsent()?;
            if !self.unsent.is_empty() {
                return Ok(Next::Wait);
            }
            self.deadline = now + self.limits.idle;
        }
        if let Some(end) = self.ending {
            return Err(end);
        }
        let outcome = self.exchange(exchange, now);
        self.is_blocked = outcome == Outcome::Blocked;
        self.ending = match outcome {
            Outcome::Done | Outcome::MayHaveMore | Outcome::Blocked => None,
            Outcome::EndOfStream if self.kept.is_empty() => Some(End::Closed),
            Outcome::EndOfStream | Outcome::Broken => Some(End::Broken),
        };
        if !self.unsent.is_empty() {
            // Replies to what came before the end or the error still go out.
            self.deadline = now + self.limits.write;
            return Ok(Next::Wait);
        }
        match self.ending {
            Some(end) => Err(end),
            None if outcome == Outcome::Done => Ok(Next::Wait),
            None => Ok(Next::GoOn),
        }
    }

    fn write_unsent(&mut self) -> Result<(), End> {
        let rest = self.unsent.get(self.sent_octets..).unwrap_or(&[]);
        self.sent_octets += write_some(&self.stream, rest).map_err(|_| End::Broken)?;
        if self.sent_octets >= self.unsent.len() {
            // Memory is for connections that are behind, and this one no longer is.
            self.unsent = Vec::new();
            self.sent_octets = 0;
        }
        Ok(())
    }

    /// Reads once, answers whole messages, writes once.
    fn exchange(&mut self, exchange: &mut Exchange, now: Instant) -> Outcome {
        let Exchange { responder, input, output } = exchange;
        let kept = self.kept.len();
        let Some((front, space)) = input.split_at_mut_checked(kept) else { return Outcome::Broken };
        front.copy_from_slice(&self.kept);
        let (mut arrived, mut outcome) = (0, Outcome::Done);
        if !self.is_blocked {
            arrived = match (&self.stream).read(space) {
                Ok(0) => return Outcome::EndOfStream,
                Ok(count) => count,
                Err(error) if is_later(&error) => return Outcome::Done,
                Err(_) => return Outcome::Broken,
            };
        }
        // A read that leaves room has emptied the socket: what comes later is reported.
        if self.is_blocked || self.ends || arrived == space.len() {
            outcome = Outcome::MayHaveMore;
        }
        let messages = input.get(..kept + arrived).unwrap_or(&[]);
        let batch = answer_messages(responder, self.peer, messages, output);
        if batch.answered > 0 {
            self.deadline = now + self.limits.idle;
        }
        keep(&mut self.kept, messages.get(batch.taken_octets..).unwrap_or(&[]));
        let replies = output.get(..batch.reply_octets).unwrap_or(&[]);
        match write_some(&self.stream, replies) {
            Ok(written) => self.unsent.extend_from_slice(replies.get(written..).unwrap_or(&[])),
            Err(_) => return Outcome::Broken,
        }
        batch.interruption.unwrap_or(outcome)
    }
}

/// What became of the messages of one turn.
struct Answered {
    answered: usize,
    taken_octets: usize,
    reply_octets: usize,
    /// Why not all whole messages were answered.
    interruption: Option<Outcome>,
}

/// Answers the whole messages in `messages` for as long as the largest reply fits into `output`.
fn answer_messages(responder: &mut Responder, peer: Peer, messages: &[u8], output: &mut [u8]) -> Answered {
    let (mut taken_octets, mut reply_octets, mut answered) = (0, 0, 0);
    let interruption = 'all: loop {
        let rest = messages.get(taken_octets..).unwrap_or(&[]);
        let mut group = whole_messages(rest).take(limits::READ_AHEAD).enumerate().peekable();
        if group.peek().is_none() {
            break None;
        }
        let mut together = responder.read_ahead(whole_messages(rest));
        for (index, message) in group {
            let Some((prefix, space)) = output
                .get_mut(reply_octets..)
                .filter(|space| space.len() >= LARGEST_FRAME)
                .and_then(<[u8]>::split_first_chunk_mut::<PREFIX_OCTETS>)
            else {
                break 'all Some(Outcome::Blocked);
            };
            let Disposition::Reply(length) = together.answer(index, message, peer, space) else {
                break 'all Some(Outcome::Broken);
            };
            // A reply is no longer than a stream's largest message.
            *prefix = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
            reply_octets += PREFIX_OCTETS + length;
            taken_octets += PREFIX_OCTETS + message.len();
            answered += 1;
        }
    };
    Answered { answered, taken_octets, reply_octets, interruption }
}

/// The messages that are whole, in order.
fn whole_messages(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    std::iter::from_fn(move || {
        let (message, frame_octets) = first_message(bytes)?;
        bytes = bytes.get(frame_octets..)?;
        Some(message)
    })
}

/// The first message behind its length prefix, if it is whole, and the octets of both.
fn first_message(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (&prefix, rest) = bytes.split_first_chunk::<PREFIX_OCTETS>()?;
    let length = usize::from(u16::from_be_bytes(prefix));
    Some((rest.get(..length)?, PREFIX_OCTETS + length))
}

/// Replaces what is kept, and lets go of memory that is no longer needed.
fn keep(kept: &mut Vec<u8>, rest: &[u8]) {
    if rest.is_empty() {
        *kept = Vec::new();
    } else {
        kept.clear();
        kept.extend_from_slice(rest);
    }
}

/// Writes what the socket takes at once: possibly nothing.
fn write_some(mut stream: &TcpStream, octets: &[u8]) -> io::Result<usize> {
    if octets.is_empty() {
        return Ok(0);
    }
    match stream.write(octets) {
        Ok(written) => Ok(written),
        Err(error) if is_later(&error) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Whether the socket has nothing, or takes nothing, at the moment.
fn is_later(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_only_when_whole() {
        assert_eq!(first_message(&[]), None);
        assert_eq!(first_message(&[0]), None);
        assert_eq!(first_message(&[0, 2, 7]), None);
        assert_eq!(first_message(&[0, 2, 7, 8, 9]), Some((&[7, 8][..], 4)));
        assert_eq!(first_message(&[0, 0, 9]), Some((&[][..], 2)));
    }

    #[test]
    fn whole_messages_end_where_one_is_not_whole() {
        let messages: Vec<_> = whole_messages(&[0, 1, 7, 0, 0, 0, 2, 8, 9, 0, 3, 1]).collect();
        assert_eq!(messages, [&[7][..], &[], &[8, 9]]);
    }

    #[test]
    fn memory_is_kept_only_while_something_is_left() {
        let mut kept = Vec::new();
        keep(&mut kept, &[1, 2, 3]);
        assert_eq!(kept, [1, 2, 3]);
        keep(&mut kept, &[]);
        assert_eq!(kept.capacity(), 0);
    }
}
