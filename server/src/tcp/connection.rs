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

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::config::TcpLimits;
use crate::engine::{Disposition, Peer, Responder, Transport};
use crate::limits;
use crate::telemetry::counters::Counter;

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

/// What the connections of a worker take turns with. Borrowed between two awaits only.
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
}

/// How a turn with the [`Exchange`] went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// All whole messages are answered; more may come.
    Done { answered: usize },
    /// Whole messages are left because replies must be written first.
    Blocked { answered: usize },
    /// The client has nothing more to say; all whole messages are answered.
    EndOfStream,
    /// Not to be continued.
    Broken,
}

/// Whether a turn starts with a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Socket,
    Kept,
}

/// One connection.
pub struct Connection {
    stream: TcpStream,
    peer: Peer,
    exchange: Rc<RefCell<Exchange>>,
    limits: TcpLimits,
    /// Input not answered yet, at most one read and one partial message.
    kept: Vec<u8>,
    /// Output the socket did not take yet, at most one full output buffer.
    unsent: Vec<u8>,
}

impl Connection {
    /// A connection that was accepted from `address`.
    pub fn new(
        stream: TcpStream,
        address: SocketAddr,
        exchange: Rc<RefCell<Exchange>>,
        limits: TcpLimits,
    ) -> Self {
        let peer = Peer { address, transport: Transport::Tcp };
        Self { stream, peer, exchange, limits, kept: Vec::new(), unsent: Vec::new() }
    }

    /// Serves the connection to its end.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> End {
        let mut idle_at = Instant::now() + self.limits.idle;
        // Armed once and moved only when it fires: a timer that moves with each query costs more than the
        // query.
        let mut alarm = Box::pin(sleep_until(idle_at));
        loop {
            let is_stopping = tokio::select! {
                biased;
                _ = stop.wait_for(|&stop| stop) => true,
                ready = self.stream.readable() => {
                    if ready.is_err() {
                        return End::Broken;
                    }
                    false
                }
                () = &mut alarm => {
                    if Instant::now() >= idle_at {
                        return End::Idle;
                    }
                    alarm.as_mut().reset(idle_at);
                    continue;
                }
            };
            match self.answer_arrived().await {
                Ok(0) => {}
                Ok(_) => idle_at = Instant::now() + self.limits.idle,
                Err(end) => return end,
            }
            if is_stopping {
                return End::Closed;
            }
        }
    }

    /// Answers everything that has arrived, and returns how many messages that was.
    async fn answer_arrived(&mut self) -> Result<usize, End> {
        let mut source = Source::Socket;
        let mut total = 0;
        loop {
            let turn = self.take_turn(source);
            // Replies to what came before the end or the error still go out.
            self.write_unsent().await?;
            match turn {
                Turn::Done { answered } => return Ok(total + answered),
                Turn::Blocked { answered } => total += answered,
                Turn::EndOfStream if self.kept.is_empty() => return Err(End::Closed),
                Turn::EndOfStream | Turn::Broken => return Err(End::Broken),
            }
            source = Source::Kept;
        }
    }

    async fn write_unsent(&mut self) -> Result<(), End> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        let (stream, unsent) = (&self.stream, &mut self.unsent);
        let write_all = async {
            let mut written = 0;
            while let Some(rest @ [_, ..]) = unsent.get(written..) {
                stream.writable().await?;
                written += write_some(stream, rest)?;
            }
            io::Result::Ok(())
        };
        match timeout(self.limits.write, write_all).await {
            Ok(Ok(())) => {
                // Memory is for connections that are behind, and this one no longer is.
                self.unsent = Vec::new();
                Ok(())
            }
            Ok(Err(_)) => Err(End::Broken),
            Err(_) => Err(End::Slow),
        }
    }

    /// Reads once, answers whole messages, writes once.
    fn take_turn(&mut self, source: Source) -> Turn {
        let exchange = Rc::clone(&self.exchange);
        let mut exchange = exchange.borrow_mut();
        let Exchange { responder, input, output } = &mut *exchange;

        let kept = self.kept.len();
        let Some((front, space)) = input.split_at_mut_checked(kept) else { return Turn::Broken };
        front.copy_from_slice(&self.kept);
        let mut arrived = 0;
        if source == Source::Socket {
            match self.stream.try_read(space) {
                Ok(0) => return Turn::EndOfStream,
                Ok(count) => arrived = count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Turn::Done { answered: 0 },
                Err(_) => return Turn::Broken,
            }
        }
        let messages = input.get(..kept + arrived).unwrap_or(&[]);
        let batch = answer_messages(responder, self.peer, messages, output);
        keep(&mut self.kept, messages.get(batch.taken_octets..).unwrap_or(&[]));
        let replies = output.get(..batch.reply_octets).unwrap_or(&[]);
        match write_some(&self.stream, replies) {
            Ok(written) => self.unsent.extend_from_slice(replies.get(written..).unwrap_or(&[])),
            Err(_) => return Turn::Broken,
        }
        batch.turn
    }
}

/// What became of the messages of one turn.
struct Answered {
    taken_octets: usize,
    reply_octets: usize,
    turn: Turn,
}

/// Answers the whole messages in `messages` for as long as the largest reply fits into `output`.
fn answer_messages(responder: &mut Responder, peer: Peer, messages: &[u8], output: &mut [u8]) -> Answered {
    let (mut taken_octets, mut reply_octets, mut answered) = (0, 0, 0);
    let turn = loop {
        let Some((message, frame_octets)) = messages.get(taken_octets..).and_then(first_message) else {
            break Turn::Done { answered };
        };
        let Some((prefix, space)) = output
            .get_mut(reply_octets..)
            .filter(|space| space.len() >= LARGEST_FRAME)
            .and_then(<[u8]>::split_first_chunk_mut::<PREFIX_OCTETS>)
        else {
            break Turn::Blocked { answered };
        };
        let Disposition::Reply(length) = responder.answer(message, peer, space) else {
            break Turn::Broken;
        };
        // A reply is no longer than a stream's largest message.
        *prefix = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        reply_octets += PREFIX_OCTETS + length;
        taken_octets += frame_octets;
        answered += 1;
    };
    Answered { taken_octets, reply_octets, turn }
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
fn write_some(stream: &TcpStream, octets: &[u8]) -> io::Result<usize> {
    if octets.is_empty() {
        return Ok(0);
    }
    match stream.try_write(octets) {
        Ok(written) => Ok(written),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        Err(error) => Err(error),
    }
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
    fn memory_is_kept_only_while_something_is_left() {
        let mut kept = Vec::new();
        keep(&mut kept, &[1, 2, 3]);
        assert_eq!(kept, [1, 2, 3]);
        keep(&mut kept, &[]);
        assert_eq!(kept.capacity(), 0);
    }
}
