//! The loop that accepts connections and ends them in order.
//!
//! HTTP/1.1 with kept-alive connections, over TLS if there is a certificate; plain HTTP then gets an answer that
//! says so. When asked to stop it closes the listening socket, lets requests under
//! way finish within a deadline, and then drops what is left.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use axum::response::IntoResponse;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::front::network_of;
use super::patience::Patient;
use super::tls::Certificate;
use crate::error::ApiError;
use crate::limits;

/// In the extensions of each request that came over TLS.
#[derive(Clone, Copy, Debug)]
pub struct Secure;

/// The address a request came from, in the extensions of each request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The first octet of a connection whose client speaks TLS.
const TLS_HANDSHAKE: u8 = 22;

/// Pause after a failed `accept`, so that a lack of file descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `router` on `listener` until `shutdown` completes, then drains. With a certificate, only over TLS.
///
/// # Errors
///
/// Only when the listener cannot be handed to the runtime, or TLS cannot be set up. Failed connections are not
/// errors.
pub async fn serve(
    listener: std::net::TcpListener,
    router: Router,
    certificate: Option<Arc<Certificate>>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let acceptor = certificate.as_ref().map(Certificate::acceptor).transpose()?;
    let slots = Slots::default();
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut watching = JoinSet::new();
    if let Some(certificate) = certificate {
        watching.spawn(certificate.watch());
    }
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
        let connection = Connection { peer, router: router.clone(), watcher: graceful.watcher() };
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            match acceptor {
                None => connection.serve(stream).await,
                Some(acceptor) => connection.serve_secure(stream, acceptor).await,
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

/// A connection that was accepted.
struct Connection {
    peer: SocketAddr,
    router: Router,
    watcher: Watcher,
}

impl Connection {
    /// Serves requests that come over a plain connection.
    async fn serve(self, stream: TcpStream) {
        let (peer, router) = (self.peer, self.router.clone());
        self.answer(Patient::new(stream), move |mut request| {
            request.extensions_mut().insert(Peer(peer));
            router.clone().oneshot(request)
        })
        .await;
    }

    /// Serves requests that come over TLS, and tells clients that speak plain HTTP.
    async fn serve_secure(self, stream: TcpStream, acceptor: TlsAcceptor) {
        let handshake = async {
            // The first octet of a TLS connection is the type of its first record (RFC 8446, 5.1).
            let mut first = [0];
            if stream.peek(&mut first).await? == 1 && first[0] != TLS_HANDSHAKE {
                return Ok(Err(stream));
            }
            acceptor.accept(Patient::new(stream)).await.map(Ok)
        };
        let peer = self.peer;
        match tokio::time::timeout(limits::TLS_HANDSHAKE_TIMEOUT, handshake).await {
            Ok(Ok(Ok(stream))) => {
                let router = self.router.clone();
                self.answer(stream, move |mut request| {
                    request.extensions_mut().insert(Peer(peer));
                    request.extensions_mut().insert(Secure);
                    router.clone().oneshot(request)
                })
                .await;
            }
            Ok(Ok(Err(stream))) => {
                self.answer(Patient::new(stream), async |_| {
                    let message = "this port is served over TLS: use https:// in the URL";
                    let mut response = ApiError::bad_request(message).into_response();
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                    Ok(response)
                })
                .await;
            }
            Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
        }
    }

    async fn answer<S, F>(self, stream: S, handle: impl Fn(Request<Body>) -> F)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
        F: Future<Output = Result<Response<Body>, Infallible>>,
    {
        let handle = |request: Request<hyper::body::Incoming>| handle(request.map(Body::new));
        let service = hyper::service::service_fn(handle);
        let connection = http_settings().serve_connection(TokioIo::new(stream), service);
        if let Err(error) = self.watcher.watch(connection).await {
            tracing::debug!(peer = %self.peer, %error, "an API connection ended early");
        }
    }
}

fn http_settings() -> http1::Builder {
    let mut settings = http1::Builder::new();
    settings
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEADER_READ_TIMEOUT)
        .max_headers(2 * limits::HEADER_COUNT)
        .max_header_size(2 * limits::HEADER_BYTES)
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
        let address = network_of(address);
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
    use super::super::links::Origin;
    use super::super::tls::{self, tests::Made};
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::{Notify, oneshot};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

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
        let server = tokio::spawn(serve(listener, router, None, shutdown));
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
        let server = tokio::spawn(serve(listener, router, None, async {
            stopped.await.ok();
        }));
        let flood = (0..2 * limits::HEADER_COUNT + 1).map(|n| format!("x-{n}: y\r\n"));
        let flood: String = flood.collect();
        let reply = exchange(address, &format!("GET / HTTP/1.1\r\nhost: a\r\n{flood}\r\n")).await;
        assert!(reply.starts_with("HTTP/1.1 431 "), "{reply}");
        let long = "z".repeat(2 * limits::HEADER_BYTES);
        let reply = exchange(address, &format!("GET / HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n")).await;
        assert!(reply.starts_with("HTTP/1.1 431 "), "{reply}");
        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_given_up() {
        const REPLY_BYTES: usize = 64 * 1024 * 1024;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { vec![b'x'; REPLY_BYTES] }));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, router, None, async {
            stopped.await.ok();
        }));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        // Time is a fake one: it passes when everything waits.
        tokio::time::sleep(2 * limits::WRITE_TIMEOUT).await;
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply).await;
        assert!(reply.len() < REPLY_BYTES, "{} octets came", reply.len());
        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
    }

    #[test]
    fn hosts_of_one_ipv6_network_share_their_places() {
        let slots = Slots::default();
        let take = |address: &str| {
            let permit = Arc::clone(&slots.total).try_acquire_owned().unwrap();
            slots.of_address(address.parse().unwrap(), permit)
        };
        let held: Vec<_> =
            (0..limits::CONNECTIONS_PER_ADDRESS).map(|n| take(&format!("2001:db8::{n:x}"))).collect();
        assert!(held.iter().all(Option::is_some) && take("2001:db8::ffff:1").is_none());
        assert!(take("2001:db8:0:1::1").is_some() && take("192.0.2.1").is_some());
        drop(held);
        assert!(take("2001:db8::1").is_some());
    }

    /// What a client gets that trusts only `root`.
    async fn exchange_secure(
        address: SocketAddr,
        root: CertificateDer<'static>,
        request: &str,
    ) -> io::Result<String> {
        let mut roots = RootCertStore::empty();
        roots.add(root).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await?;
        Ok(reply)
    }

    #[tokio::test]
    async fn a_certificate_makes_it_https_and_links_say_so_and_new_files_are_used() {
        let made = Made::new();
        let certificate = made.open();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let link = async |origin: Origin| [origin.next_page("x")].into_response();
        let router = Router::new().route("/", get(link));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, router, Some(Arc::clone(&certificate)), async {
            stopped.await.ok();
        }));
        let request = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let reply = exchange_secure(address, made.der.clone(), request).await.unwrap();
        assert!(reply.contains("<https://localhost/?after=x>"), "{reply}");
        let plain = exchange(address, request).await;
        assert!(plain.starts_with("HTTP/1.1 400 ") && plain.contains("use https://"), "{plain}");

        let new = tls::tests::write(made.folder.path());
        certificate.reload();
        exchange_secure(address, new, request).await.unwrap();
        assert!(exchange_secure(address, made.der.clone(), request).await.is_err(), "the old one is gone");
        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_or_handshake_that_does_not_come_is_given_up() {
        let made = Made::new();
        for (certificate, begun) in
            [(None, "GET / HTTP/1.1\r\nhost: a\r\nx: "), (Some(made.open()), "\x16\x03")]
        {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let (stop, stopped) = oneshot::channel::<()>();
            let server = tokio::spawn(serve(listener, Router::new(), certificate, async {
                stopped.await.ok();
            }));
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(begun.as_bytes()).await.unwrap();
            let mut rest = Vec::new();
            // Time is a fake one: it passes when everything waits.
            let _ = stream.read_to_end(&mut rest).await;
            assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408 "), "{rest:?}");
            stop.send(()).unwrap();
            server.await.unwrap().unwrap();
        }
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
