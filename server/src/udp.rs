//! Answering over UDP: one plain thread for each socket.
//!
//! A worker takes what has arrived with one system call, answers it, and sends the replies with another. It
//! shares nothing that anyone writes to on the way, except what a feed or a publish changes.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::engine::{Disposition, Peer, Responder, Together, Transport};
use crate::limits;
use crate::sys::batch::{Batch, Datagram, ReplySource};
use crate::telemetry::counters::Counter;
use crate::worker::survive;

/// Pause after an error of the kernel, so that a lasting one does not burn a processor.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// One worker.
pub struct UdpWorker {
    /// Where queries come from and replies go to.
    pub socket: Arc<UdpSocket>,
    /// Answers them.
    pub responder: Responder,
    /// Set when the worker is to end.
    pub stop: Arc<AtomicBool>,
}

impl UdpWorker {
    /// Answers until told to stop, then answers what had arrived by then.
    ///
    /// A panic would be a bug; it costs the batch it happens in and is counted. Ending the worker instead
    /// would leave a socket that the kernel goes on to give its share of the clients.
    pub fn run(mut self) {
        while !survive(|| self.serve()) {
            self.responder.counters().count(Counter::WorkerPanics);
        }
    }

    fn serve(&mut self) {
        let mut batch = self.new_batch();
        while !self.stop.load(Ordering::Relaxed) {
            match batch.receive(&self.socket) {
                Ok(_) => self.answer(&mut batch),
                Err(error) if is_wake_up(&error) => self.responder.refresh(),
                Err(_) => {
                    self.responder.counters().count(Counter::UdpReceiveErrors);
                    std::thread::sleep(ERROR_PAUSE);
                }
            }
        }
        self.drain(&mut batch);
    }

    fn new_batch(&self) -> Batch {
        let is_wildcard = self.socket.local_addr().is_ok_and(|address| address.ip().is_unspecified());
        let source = if is_wildcard { ReplySource::Destination } else { ReplySource::Bound };
        Batch::new(limits::UDP_BATCH, limits::UDP_QUERY_OCTETS, self.responder.udp_payload(), source)
    }

    fn answer(&mut self, batch: &mut Batch) {
        let mut together = self.responder.read_ahead(batch.queries());
        batch.answer_each(|datagram, reply| answer_datagram(&mut together, &datagram, reply));
        let report = batch.send(&self.socket);
        if report.failed > 0 {
            self.responder.counters().add(Counter::UdpSendErrors, report.failed as u64);
        }
        self.responder.finish_batch();
    }

    fn drain(&mut self, batch: &mut Batch) {
        if self.socket.set_nonblocking(true).is_err() {
            return;
        }
        for _ in 0..limits::DRAIN_BATCHES {
            // The wake-up leaves a socket that reports empty datagrams for ever.
            match batch.receive(&self.socket) {
                Ok(_) if !batch.is_first_empty() => self.answer(batch),
                _ => return,
            }
        }
    }
}

fn answer_datagram(together: &mut Together<'_>, datagram: &Datagram<'_>, reply: &mut [u8]) -> Option<usize> {
    if datagram.is_cut {
        together.counters().count(Counter::DroppedLong);
        return None;
    }
    let peer = Peer { address: datagram.peer, transport: Transport::Udp };
    match together.answer(datagram.index, datagram.bytes, peer, reply) {
        Disposition::Reply(length) => Some(length),
        Disposition::Drop(_) => None,
    }
}

/// The timeout that makes a worker look at its stop flag, or a signal.
fn is_wake_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
