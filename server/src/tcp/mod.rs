//! Answering over TCP (RFC 7766).
//!
//! Each TCP worker is a thread with its own single-threaded runtime, listeners and [`Exchange`]: the buffers
//! and the responder that all its connections take turns with. A connection itself owns little more than its
//! socket, so that thousands of idle ones cost next to nothing.

mod admission;
mod connection;

use std::cell::RefCell;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};

pub use admission::Admission;
use connection::{Connection, Exchange};

use crate::config::TcpLimits;
use crate::engine::Responder;
use crate::limits;
use crate::telemetry::counters::{Counter, Counters};

/// One worker.
pub struct TcpWorker {
    /// Non-blocking listeners, one for each address.
    pub listeners: Vec<TcpListener>,
    /// Answers queries.
    pub responder: Responder,
    /// Counts connections of all workers.
    pub admission: Arc<Admission>,
    /// Deadlines.
    pub limits: TcpLimits,
    /// Becomes true when the worker is to end.
    pub stop: watch::Receiver<bool>,
}

impl TcpWorker {
    /// Serves until told to stop, and then until every connection got its replies.
    ///
    /// # Errors
    /// When the runtime cannot be made.
    pub fn run(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let local = LocalSet::new();
        local.block_on(&runtime, self.serve())
    }

    async fn serve(self) -> io::Result<()> {
        let mut acceptors = JoinSet::new();
        let counters = self.responder.counters().clone();
        let exchange = Rc::new(RefCell::new(Exchange::new(self.responder)));
        for listener in self.listeners {
            let acceptor = Acceptor {
                listener: tokio::net::TcpListener::from_std(listener)?,
                exchange: Rc::clone(&exchange),
                counters: Arc::clone(&counters),
                admission: Arc::clone(&self.admission),
                limits: self.limits,
                stop: self.stop.clone(),
            };
            acceptors.spawn_local(acceptor.run());
        }
        let mut pause = tokio::time::interval(limits::IDLE_REFRESH);
        loop {
            tokio::select! {
                ended = acceptors.join_next() => {
                    if ended.is_none() {
                        return Ok(());
                    }
                }
                _ = pause.tick() => exchange.borrow_mut().refresh(),
            }
        }
    }
}

/// Accepts the connections of one listener and owns their tasks.
struct Acceptor {
    listener: tokio::net::TcpListener,
    exchange: Rc<RefCell<Exchange>>,
    counters: Arc<Counters>,
    admission: Arc<Admission>,
    limits: TcpLimits,
    stop: watch::Receiver<bool>,
}

impl Acceptor {
    async fn run(self) {
        let mut connections = JoinSet::new();
        let mut stop = self.stop.clone();
        loop {
            tokio::select! {
                biased;
                // An error means that the server is gone, which ends the worker as well.
                _ = stop.wait_for(|&stop| stop) => break,
                Some(ended) = connections.join_next() => if let Err(error) = ended {
                    tracing::error!(%error, "a TCP connection ended by a bug");
                },
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let Some(permit) = self.admission.admit(peer.ip()) else {
                            self.counters.count(Counter::TcpRefused);
                            continue;
                        };
                        self.counters.count(Counter::TcpAccepted);
                        // A reply is one write; waiting for more to send with it only delays.
                        let _ = stream.set_nodelay(true);
                        let connection = Connection::new(stream, peer, Rc::clone(&self.exchange), self.limits);
                        let (counters, stop) = (Arc::clone(&self.counters), self.stop.clone());
                        connections.spawn_local(async move {
                            let end = connection.run(stop).await;
                            if let Some(counter) = end.counter() {
                                counters.count(counter);
                            }
                            drop(permit);
                        });
                    }
                    Err(_) => {
                        self.counters.count(Counter::TcpAcceptErrors);
                        tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                    }
                }
            }
        }
        drop(self.listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        // Connections end by themselves; the deadline is for a bug or a stalled kernel.
        let _ = tokio::time::timeout(limits::STREAM_DRAIN, drained).await;
    }
}
