//! A connection to the control API that costs next to nothing, as it shares a core with what is measured.
//!
//! One request after the other, each in one write. It understands what the API sends: HTTP/1.1 with a `Content-Length`.

use std::{
    io::{BufRead, BufReader, Read, Write, copy, sink},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Time for a reply.
const PATIENCE: Duration = Duration::from_secs(120);
/// Octets of a reply that may be kept.
const REPLY_OCTETS: u64 = 16 << 20;
/// Headers of a reply.
const HEADERS: usize = 100;

/// An open connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
    key: &'static str,
}

/// What is said of a reply before its body.
struct Head {
    status: u16,
    octets: u64,
    next_path: Option<String>,
}

/// What is known of a body that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its length.
    pub octets: u64,
    /// Where the next page is, if there is one.
    pub next_path: Option<String>,
}

impl Connection {
    /// Connects to the API at `address`; every request carries `key`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn open(address: SocketAddr, key: &'static str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::with_capacity(64 << 10, stream), key })
    }

    /// Sends `body` to `path`; returns the body of a reply that says yes.
    ///
    /// # Errors
    /// When the API says no or nothing.
    pub fn send(&mut self, method: &str, path: &str, content_type: &str, body: &str) -> Result<Value> {
        self.request(method, path, content_type, body)?;
        let head = self.head()?;
        ensure!(head.octets <= REPLY_OCTETS, "{path}: a reply of {} octets", head.octets);
        let mut reply = Vec::with_capacity(head.octets as usize);
        (&mut self.stream).take(head.octets).read_to_end(&mut reply)?;
        let text = String::from_utf8_lossy(&reply);
        ensure!(head.status == 200, "{method} {path}: the API said {}: {text}", head.status);
        serde_json::from_slice(&reply).with_context(|| format!("{path}: not JSON: {text}"))
    }

    /// [`Self::send`] of JSON.
    ///
    /// # Errors
    /// Likewise.
    pub fn send_json(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        self.send(method, path, "application/json", &body.to_string())
    }

    /// Makes `zone` of a zone file.
    ///
    /// # Errors
    /// As for [`Self::send`].
    pub fn import(&mut self, zone: &str, zone_file: &str) -> Result<Value> {
        let boundary = "load-tool-boundary";
        let form = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"zonefile\"; filename=\"zone\"\r\n\r\n{zone_file}\r\n--{boundary}--\r\n"
        );
        let form_type = format!("multipart/form-data; boundary={boundary}");
        self.send("PUT", &format!("/v1/import/zonefile/{zone}"), &form_type, &form)
    }

    /// GETs `path`; the body is counted and not kept.
    ///
    /// # Errors
    /// When the API says no or nothing.
    pub fn fetch(&mut self, path: &str) -> Result<Fetched> {
        self.request("GET", path, "application/json", "")?;
        let head = self.head()?;
        ensure!(head.status == 200, "GET {path}: the API said {}", head.status);
        let octets = copy(&mut (&mut self.stream).take(head.octets), &mut sink())?;
        ensure!(octets == head.octets, "GET {path}: {octets} of {} octets came", head.octets);
        Ok(Fetched { octets, next_path: head.next_path })
    }

    fn request(&mut self, method: &str, path: &str, content_type: &str, body: &str) -> Result<()> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: sextant\r\nX-NSONE-Key: {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            self.key,
            body.len()
        );
        Ok(self.stream.get_mut().write_all(&[head.as_bytes(), body.as_bytes()].concat())?)
    }

    fn head(&mut self) -> Result<Head> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut head = Head { status: status.with_context(|| line.clone())?, octets: 0, next_path: None };
        let mut is_bounded = false;
        for _ in 0..HEADERS {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else {
                ensure!(line.is_empty() && is_bounded, "a reply without Content-Length");
                return Ok(head);
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => (head.octets, is_bounded) = (value.parse()?, true),
                "link" => head.next_path = next_path(value),
                _ => {}
            }
        }
        anyhow::bail!("more than {HEADERS} headers")
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        (&mut self.stream).take(REPLY_OCTETS).read_line(&mut line)?;
        ensure!(line.ends_with("\r\n"), "the connection ended");
        line.truncate(line.len() - 2);
        Ok(line)
    }
}

/// The path of `<http://sextant/PATH>; rel="next"`.
fn next_path(link: &str) -> Option<String> {
    let address = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
    Some(address.strip_prefix("http://sextant")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers requests without a body with `replies`, one after the other on one connection.
    fn serve(replies: &'static [&str], work: impl FnOnce(&mut Connection)) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut stream = BufReader::new(listener.accept().unwrap().0);
                for reply in replies {
                    let mut line = String::new();
                    while stream.read_line(&mut line).unwrap() > 2 {
                        line.clear();
                    }
                    stream.get_mut().write_all(reply.as_bytes()).unwrap();
                }
            });
            work(&mut Connection::open(address, "key").unwrap());
        });
    }

    #[test]
    fn replies_follow_each_other_on_one_connection() {
        let replies = &[
            "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"a\": 1}",
            "HTTP/1.1 200 OK\r\nlink: <http://sextant/v1/zones?after=b>; rel=\"next\"\r\nContent-Length: 3\r\n\r\n[1]",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 4\r\n\r\n\"no\"",
        ];
        serve(replies, |connection| {
            assert_eq!(connection.send("PUT", "/a", "text/plain", "").unwrap()["a"], 1);
            let page = connection.fetch("/b").unwrap();
            assert_eq!(page, Fetched { octets: 3, next_path: Some("/v1/zones?after=b".into()) });
            let refusal = connection.send("PUT", "/c", "text/plain", "").unwrap_err().to_string();
            assert!(refusal.contains("400") && refusal.contains("no"), "{refusal}");
        });
    }

    #[test]
    fn a_reply_that_does_not_say_where_it_ends_is_no_reply() {
        serve(&["HTTP/1.1 200 OK\r\n\r\n"], |connection| assert!(connection.fetch("/").is_err()));
        serve(&["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"], |connection| {
            assert!(connection.fetch("/").is_err());
        });
    }
}
