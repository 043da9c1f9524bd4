//! HTTP as it stands on the wire: some clients match raw text.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use sextant_tests::Server;

/// A reply as it came.
#[derive(Debug)]
pub struct RawReply {
    /// Such as `404 Not Found`.
    pub status: String,
    /// The header lines.
    headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl RawReply {
    /// The value of a header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }
}

/// Sends one request with the server's key, exactly these headers and this body.
pub fn send(server: &Server, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> RawReply {
    let key = ("X-NSONE-Key", server.key());
    send_without_key(server, method, target, &[&[key], headers].concat(), body)
}

/// The same without a key.
pub fn send_without_key(
    server: &Server,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> RawReply {
    let address = server.api_address();
    let mut stream = TcpStream::connect(address).expect("the API listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout can be set");
    let mut request = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        request += &format!("Host: {address}\r\n");
    }
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        request += &format!("Content-Length: {}\r\n", body.len());
    }
    request += &format!("\r\n{body}");
    stream.write_all(request.as_bytes()).expect("the request is taken");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("the reply comes");
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head ends with an empty line");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).expect("a status line");
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    RawReply { status: status.to_owned(), headers: lines.filter_map(header).collect(), body: body.to_owned() }
}
