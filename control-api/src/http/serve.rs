//! The loop that accepts connections and ends them in order.
//!
//! HTTP/1.1 with kept-alive connections. When asked to stop it closes the listening socket, lets requests under
//! way finish within a deadline, and then drops what is left.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::limits;

/// The address a request came from, in the extensions of each request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Pause after a failed `accept`, so that a lack of file descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `router` on `listener` until `shutdown` completes, then drains.
///
/// # Errors
///
/// Only when the listener cannot be handed to the runtime. Failed connections are not errors.
pub async fn serve(
    listener: std::net::TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let slots = Slots::default();
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            // Finished connections are joined as they end, so the set holds only live ones.
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, peer, slot)) = accepted else { continue };
        let watcher = graceful.watcher();
        let router = router.clone();
        connections.spawn(async move {
            let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(Peer(peer));
                router.clone().oneshot(request)
            });
            let connection = http_settings().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%peer, %error, "an API connection ended early");
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits::SHUTDOWN_DEADLINE, graceful.shutdown()).await.is_err() {
        tracing::warn!(left = connections.len(), "API requests cut off at shutdown");
    }
    connections.shutdown().await;
    Ok(())
}

fn http_settings() -> http1::Builder {
    let mut settings = http1::Builder::new();
    settings
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEADER_READ_TIMEOUT)
        .max_headers(limits::HEADER_COUNT)
        .max_header_size(limits::HEADER_BYTES)
        .half_close(true);
    settings
}

/// Waits for a free slot, then for a connection. `None` when the connection could not be taken.
async fn accept(listener: &TcpListener, slots: &Slots) -> Option<(TcpStream, SocketAddr, Slot)> {
    let permit = Arc::clone(&slots.total).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Replies are written in one piece; waiting for more to send would only delay them.
            stream.set_nodelay(true).ok();
            let slot = slots.of_address(peer.ip(), permit)?;
            Some((stream, peer, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "an API connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Places for connections: in total, and of each address.
struct Slots {
    total: Arc<Semaphore>,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Default for Slots {
    fn default() -> Self {
        Self { total: Arc::new(Semaphore::new(limits::CONNECTIONS)), by_address: Arc::default() }
    }
}

impl Slots {
    fn of_address(&self, address: IpAddr, permit: OwnedSemaphorePermit) -> Option<Slot> {
        let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_insert(0);
        if *count >= limits::CONNECTIONS_PER_ADDRESS {
            return None;
        }
        *count += 1;
        Some(Slot { address, by_address: Arc::clone(&self.by_address), _permit: permit })
    }
}

/// One place, given back on drop.
struct Slot {
    address: IpAddr,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::{Notify, oneshot};

    async fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        reply
    }

    #[tokio::test]
    async fn a_request_under_way_is_answered_before_the_loop_ends() {
        let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let handler = {
            let (entered, leave) = (entered.clone(), leave.clone());
            move || async move {
                entered.notify_one();
                leave.notified().await;
                "done"
            }
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = Router::new().route("/", get(handler));
        let shutdown = async {
            stopped.await.ok();
        };
        let server = tokio::spawn(serve(listener, router, shutdown));
        let request = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let client = tokio::spawn(exchange(address, request));
        entered.notified().await;
        stop.send(()).unwrap();
        tokio::task::yield_now().await;
        leave.notify_one();
        assert!(client.await.unwrap().ends_with("done"));
        server.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err(), "the socket is closed");
    }

    #[tokio::test]
    async fn a_flood_of_headers_is_refused() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "fine" }));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, router, async {
            stopped.await.ok();
        }));
        let flood = (0..limits::HEADER_COUNT + 1).map(|n| format!("x-{n}: y\r\n"));
        let flood: String = flood.collect();
        let reply = exchange(address, &format!("GET / HTTP/1.1\r\nhost: a\r\n{flood}\r\n")).await;
        assert!(reply.starts_with("HTTP/1.1 431 "), "{reply}");
        let long = "z".repeat(limits::HEADER_BYTES);
        let reply = exchange(address, &format!("GET / HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n")).await;
        assert!(reply.starts_with("HTTP/1.1 431 "), "{reply}");
        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
    }

    #[test]
    fn one_address_cannot_take_every_slot() {
        let slots = Slots::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let permit = || Arc::clone(&slots.total).try_acquire_owned().unwrap();
        let mut held: Vec<Slot> = (0..limits::CONNECTIONS_PER_ADDRESS)
            .map(|_| slots.of_address(address, permit()).unwrap())
            .collect();
        assert!(slots.of_address(address, permit()).is_none());
        assert!(slots.of_address("192.0.2.2".parse().unwrap(), permit()).is_some());
        held.pop();
        assert!(slots.of_address(address, permit()).is_some());
    }
}
