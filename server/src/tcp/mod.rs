//! Answering over TCP (RFC 7766).
//!
//! Each TCP worker is a thread with its own epoll set, listeners and [`Exchange`]: the buffers and the responder
//! that all its connections take turns with. A connection itself owns little more than its socket, so that
//! thousands of idle ones cost next to nothing.
//!
//! ```text
//!           ┌─▶ ready sockets ─▶ one turn each: one read, answers, one write ─┐
//!    wait ──┤                                                                 ├─▶ wait
//!           └─▶ now and then: connections past their deadline are closed ─────┘
//! ```
//!
//! It is a plain loop rather than a task per connection because a turn is so short: with a task, its wake-up,
//! its timer and the second read that finds the socket empty cost more than all queries of a turn together.

mod admission;
mod connection;
mod table;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};

pub use admission::Admission;
use connection::{Connection, End, Exchange, Next};
use table::Table;

use crate::config::TcpLimits;
use crate::engine::Responder;
use crate::limits;
use crate::telemetry::counters::Counter;
use crate::worker::survive;

/// The token of the word to stop. Listeners have those above, and connections their place in the table.
const STOP: Token = Token(usize::MAX);
/// Above the place of any connection.
const FIRST_LISTENER: usize = usize::MAX / 2;

/// What the workers of a server have in common.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Counts connections of all workers.
    pub admission: Arc<Admission>,
    /// Deadlines.
    pub limits: TcpLimits,
    /// Set when the workers are to end.
    pub stop: Arc<AtomicBool>,
}

/// One worker.
pub struct TcpWorker {
    poll: Poll,
    waker: Arc<Waker>,
    listeners: Vec<TcpListener>,
    connections: Table<Connection>,
    exchange: Exchange,
    shared: Shared,
    /// Connections to go on with although their sockets will not report themselves again.
    pending: Vec<usize>,
    /// The pending connections of the round before; always empty between rounds, kept for its memory.
    turn: Vec<usize>,
    /// The connection that has its turn.
    current: Option<usize>,
    sweep_at: Instant,
}

impl TcpWorker {
    /// A worker that accepts from non-blocking `listeners`.
    ///
    /// # Errors
    /// When the kernel has no room for another epoll set.
    pub fn new(
        listeners: Vec<std::net::TcpListener>,
        responder: Responder,
        shared: Shared,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), STOP)?);
        let mut listeners: Vec<_> = listeners.into_iter().map(TcpListener::from_std).collect();
        for (token, listener) in (FIRST_LISTENER..).zip(&mut listeners) {
            poll.registry().register(listener, Token(token), Interest::READABLE)?;
        }
        Ok(Self {
            poll,
            waker,
            listeners,
            connections: Table::default(),
            exchange: Exchange::new(responder),
            shared,
            pending: Vec::new(),
            turn: Vec::new(),
            current: None,
            sweep_at: Instant::now(),
        })
    }

    /// Wakes the worker, so that it looks at its stop flag.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Serves until told to stop, and then until every connection got its replies.
    ///
    /// A panic would be a bug; it costs the connection it happens in and is counted.
    pub fn run(mut self) {
        let mut events = Events::with_capacity(limits::STREAM_EVENTS);
        while !survive(|| self.serve(&mut events)) {
            self.recover();
        }
    }

    fn serve(&mut self, events: &mut Events) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            self.round(events);
        }
        self.drain(events);
    }

    /// Waits for sockets to become ready and gives each connection among them its turn.
    fn round(&mut self, events: &mut Events) {
        let now = Instant::now();
        if now >= self.sweep_at {
            self.sweep(now);
        }
        let is_pending = !self.pending.is_empty();
        let wait = if is_pending { Duration::ZERO } else { self.sweep_at.saturating_duration_since(now) };
        if self.poll.poll(events, Some(wait)).is_err() {
            // A signal; there is no other reason to fail. The list of events may be that of the last round.
            return;
        }
        let now = Instant::now();
        std::mem::swap(&mut self.turn, &mut self.pending);
        for event in events.iter() {
            self.handle(event, now);
        }
        while let Some(place) = self.turn.pop() {
            if let Some(connection) = self.connections.get_mut(place) {
                connection.is_pending = false;
                self.advance(place, now);
            }
        }
        self.exchange.finish_batch();
    }

    fn handle(&mut self, event: &Event, now: Instant) {
        match event.token() {
            STOP => {}
            Token(token) if token >= FIRST_LISTENER => self.accept(token - FIRST_LISTENER, now),
            Token(place) => {
                // An event may be for a connection that is gone, even for another one in its place; a turn
                // too many does no harm.
                if let Some(connection) = self.connections.get_mut(place) {
                    if event.is_read_closed() {
                        connection.expect_end();
                    }
                    self.advance(place, now);
                }
            }
        }
    }

    /// Gives a connection its turn, and another one in the next round if it has more to do.
    fn advance(&mut self, place: usize, now: Instant) {
        if self.take_turn(place, now) == Next::GoOn
            && let Some(connection) = self.connections.get_mut(place)
            && !std::mem::replace(&mut connection.is_pending, true)
        {
            self.pending.push(place);
        }
    }

    fn take_turn(&mut self, place: usize, now: Instant) -> Next {
        let Some(connection) = self.connections.get_mut(place) else { return Next::Wait };
        self.current = Some(place);
        let next = connection.advance(&mut self.exchange, now);
        self.current = None;
        next.unwrap_or_else(|end| {
            self.close(place, end);
            Next::Wait
        })
    }

    fn close(&mut self, place: usize, end: End) {
        if let Some(counter) = end.counter() {
            self.exchange.counters().count(counter);
        }
        self.connections.remove(place);
    }

    /// Accepts all connections that wait at a listener.
    fn accept(&mut self, listener: usize, now: Instant) {
        let counters = Arc::clone(self.exchange.counters());
        while let Some(listener) = self.listeners.get(listener) {
            match listener.accept() {
                Ok((mut stream, peer)) => {
                    let Some(permit) = self.shared.admission.admit(peer.ip()) else {
                        counters.count(Counter::TcpRefused);
                        continue;
                    };
                    counters.count(Counter::TcpAccepted);
                    // A reply is one write; waiting for more to send with it only delays.
                    let _ = stream.set_nodelay(true);
                    let token = Token(self.connections.next_place());
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    if self.poll.registry().register(&mut stream, token, interest).is_err() {
                        counters.count(Counter::TcpAcceptErrors);
                        continue;
                    }
                    self.connections.insert(Connection::new(stream, peer, permit, self.shared.limits, now));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The client changed its mind.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    counters.count(Counter::TcpAcceptErrors);
                    self.sweep_at = self.sweep_at.min(now + limits::ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }

    /// Does what is to be done now and then: closes connections past their deadlines, accepts those that could
    /// not be accepted when they came, and lets go of replaced data.
    fn sweep(&mut self, now: Instant) {
        self.exchange.refresh();
        for place in 0..self.connections.places() {
            if let Some(end) = self.connections.get_mut(place).and_then(|connection| connection.overdue(now))
            {
                self.close(place, end);
            }
        }
        let TcpLimits { idle, write, .. } = self.shared.limits;
        let interval = (idle.min(write) / limits::SWEEPS_PER_DEADLINE)
            .clamp(limits::SHORTEST_SWEEP_INTERVAL, limits::IDLE_REFRESH);
        self.sweep_at = now + interval;
        for listener in 0..self.listeners.len() {
            self.accept(listener, now);
        }
    }

    /// Closes the connection that a panic happened in. What was ready in that round will not be reported
    /// again, so that every other connection gets a turn.
    fn recover(&mut self) {
        self.exchange.counters().count(Counter::WorkerPanics);
        if let Some(place) = self.current.take() {
            self.connections.remove(place);
        }
        self.turn.clear();
        self.pending.clear();
        for place in 0..self.connections.places() {
            if let Some(connection) = self.connections.get_mut(place) {
                connection.is_pending = true;
                self.pending.push(place);
            }
        }
        self.sweep_at = Instant::now();
    }

    /// Answers what has arrived, and closes each connection when its replies are written.
    fn drain(&mut self, events: &mut Events) {
        let start = Instant::now();
        for listener in 0..self.listeners.len() {
            self.accept(listener, start);
        }
        self.listeners.clear();
        for place in 0..self.connections.places() {
            let mut turns = 0..limits::DRAIN_BATCHES;
            while self.take_turn(place, start) == Next::GoOn && turns.next().is_some() {}
            if let Some(connection) = self.connections.get_mut(place) {
                connection.finish();
                self.take_turn(place, start);
            }
        }
        // Connections end by themselves; the deadline is for clients that do not read.
        while !self.connections.is_empty() && start.elapsed() < limits::STREAM_DRAIN {
            self.sweep_at = Instant::now() + limits::SHORTEST_SWEEP_INTERVAL;
            self.round(events);
        }
        // There may have been no further round.
        self.exchange.finish_batch();
    }
}
