//! What a whole server takes: memory and times of the two worlds that others are measured with.
//!
//! `cargo run --release -p sextant-benches --example memory -- target/release/sextant [DIR [RECORDS [ZONES]]]`
//!
//! 1. A zone file of a million A records is imported; the server is started again over it.
//! 2. 100,000 zones are made over the API, then records are put into them one by one; started again.
//!
//! Memory is the kernel's proportional set size; the peak is that of the resident set. DIR (default: a
//! folder below the current one, removed afterwards) decides what disk is waited for. 0 skips a world.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// The admin key of the servers started here.
const KEY: &str = "memory-example";

/// Connections over which zones and records are put.
const CONNECTIONS: u32 = 16;

/// Records of each zone beside the name servers that it is made with.
const RECORDS_PER_ZONE: u32 = 4;

/// Single puts that are timed.
const TIMED_PUTS: u32 = 10_000;

/// After this long without work a server has given back what it will give back.
const SETTLED: Duration = Duration::from_secs(12);

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let binary = arguments.first().ok_or("usage: memory SEXTANT [DIR [RECORDS [ZONES]]]")?;
    let dir = Path::new(arguments.get(1).map_or("memory-figures", String::as_str));
    let number = |at: usize, default| arguments.get(at).map_or(Ok(default), |text| text.parse::<u32>());
    let (records, zones) = (number(2, 1_000_000)?, number(3, 100_000)?);
    if fs::exists(dir)? {
        return Err(format!("{} exists", dir.display()).into());
    }
    let outcome = one_large_zone(binary, dir, records).and_then(|()| many_zones(binary, dir, zones));
    if fs::exists(dir)? {
        fs::remove_dir_all(dir)?;
    }
    outcome
}

fn one_large_zone(binary: &str, dir: &Path, records: u32) -> Outcome {
    if records == 0 {
        return Ok(());
    }
    println!("{records} A records in one zone");
    let server = Server::start(binary, dir)?;
    server.report("empty");
    let body = form(&zone_file(records));
    let start = Instant::now();
    let mut connection = server.connect()?;
    connection.send("PUT", "/v1/import/zonefile/big.example", "multipart/form-data; boundary=XX", &body)?;
    println!("  import: {:.2} s", start.elapsed().as_secs_f64());
    drop(body);
    server.report("right after the import");
    thread::sleep(SETTLED);
    server.report("settled");
    let start = Instant::now();
    for page in ["/v1/zones/big.example?limit=10000", "/v1/search?q=host0999&max=1000", "/v1/zones"] {
        connection.send("GET", page, "application/json", b"")?;
    }
    println!("  listings: {:.2} s", start.elapsed().as_secs_f64());
    server.report("after listings");
    drop(connection);
    restart(server, binary, dir, "big.example", "host0000001.big.example")
}

fn many_zones(binary: &str, dir: &Path, zones: u32) -> Outcome {
    if zones == 0 {
        return Ok(());
    }
    println!("{zones} zones of {} records", RECORDS_PER_ZONE + 1);
    let server = Server::start(binary, dir)?;
    let start = Instant::now();
    put_all(&server, zones, |number| {
        let zone = format!("zone{number:06}.example");
        (format!("/v1/zones/{zone}"), format!("{{\"zone\":\"{zone}\"}}"))
    })?;
    let seconds = start.elapsed().as_secs_f64();
    println!("  creation: {seconds:.2} s, {:.0} zones/s", f64::from(zones) / seconds);
    let record = |number: u32| {
        let zone = format!("zone{:06}.example", number / RECORDS_PER_ZONE);
        let owner = format!("{}.{zone}", ["www", "mail", "ftp", "api"][(number % RECORDS_PER_ZONE) as usize]);
        let [_, a, b, c] = number.to_be_bytes();
        let body = format!(
            "{{\"zone\":\"{zone}\",\"domain\":\"{owner}\",\"type\":\"A\",\"answers\":[{{\"answer\":[\"10.{a}.{b}.{c}\"]}}]}}"
        );
        (format!("/v1/zones/{zone}/{owner}/A"), body)
    };
    let all = zones * RECORDS_PER_ZONE;
    let timed = TIMED_PUTS.min(all);
    let start = Instant::now();
    put_all(&server, timed, record)?;
    println!("  {timed} single puts: {:.0}/s", f64::from(timed) / start.elapsed().as_secs_f64());
    let start = Instant::now();
    put_all(&server, all - timed, |number| record(timed + number))?;
    println!("  all other puts: {:.0}/s", f64::from(all - timed) / start.elapsed().as_secs_f64());
    server.report("right after the last put");
    thread::sleep(SETTLED);
    server.report("settled");
    restart(server, binary, dir, "zone000007.example", "www.zone000007.example")
}

/// Ends the server in order and starts it again.
fn restart(server: Server, binary: &str, dir: &Path, zone: &str, owner: &str) -> Outcome {
    let start = Instant::now();
    server.stop()?;
    println!("  stop: {:.2} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let server = Server::start(binary, dir)?;
    println!("  restart, to readiness: {:.2} s", start.elapsed().as_secs_f64());
    server.report("after the restart");
    thread::sleep(SETTLED);
    server.report("settled");
    server.connect()?.send("GET", &format!("/v1/zones/{zone}/{owner}/A"), "application/json", b"")?;
    server.stop()?;
    fs::remove_dir_all(dir)?;
    Ok(())
}

/// Puts many objects over [`CONNECTIONS`] connections, each with one request under way.
fn put_all(server: &Server, count: u32, object: impl Fn(u32) -> (String, String) + Sync) -> Outcome {
    let next = AtomicU32::new(0);
    thread::scope(|scope| {
        let worker = || -> Outcome {
            let mut connection = server.connect()?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok(());
                }
                let (path, body) = object(number);
                connection.send("PUT", &path, "application/json", body.as_bytes())?;
            }
        };
        let workers: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a client panicked")?)
    })
}

fn zone_file(records: u32) -> String {
    let mut text =
        String::from("$ORIGIN big.example.\n$TTL 3600\n@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns1\n");
    for number in 0..records {
        let [_, a, b, c] = number.to_be_bytes();
        text.push_str(&format!("host{number:07} A 10.{a}.{b}.{c}\n"));
    }
    text
}

fn form(file: &str) -> Vec<u8> {
    let head = "--XX\r\nContent-Disposition: form-data; name=\"zonefile\"; filename=\"zone\"\r\n\r\n";
    [head, file, "\r\n--XX--\r\n"].concat().into_bytes()
}

/// A running server; killed when dropped.
struct Server {
    child: Child,
    api: SocketAddr,
}

impl Server {
    /// Starts a server and waits until `/readyz` says yes.
    fn start(binary: &str, dir: &Path) -> Outcome<Self> {
        let mut command = Command::new(binary);
        command.args(["serve", "--dns", "127.0.0.1:0", "--api", "127.0.0.1:0", "--workers", "1"]);
        command.args(["--log", "warn", "--admin-key", KEY, "--data-dir"]).arg(dir);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("stdout is piped")?).lines();
        let api = loop {
            let line = lines.next().ok_or("the server ended early")??;
            if let Some(rest) = line.trim().strip_prefix("API  http://") {
                break rest.split('/').next().unwrap_or_default().parse()?;
            }
        };
        thread::spawn(move || lines.for_each(drop));
        let server = Self { child, api };
        while server.connect().and_then(|mut one| one.send("GET", "/readyz", "text/plain", b"")).is_err() {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(server)
    }

    fn connect(&self) -> Outcome<Connection> {
        let stream = TcpStream::connect(self.api)?;
        stream.set_nodelay(true)?;
        Ok(Connection(BufReader::new(stream)))
    }

    fn report(&self, when: &str) {
        let file = |name| fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).unwrap_or_default();
        let (rollup, status) = (file("smaps_rollup"), file("status"));
        let mebibytes = |text: &str, key| {
            let line = text.lines().find_map(|line| line.strip_prefix(key));
            let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            kibibytes.unwrap_or_default() / 1024.0
        };
        let (pss, anonymous) = (mebibytes(&rollup, "Pss:"), mebibytes(&rollup, "Pss_Anon:"));
        let peak = mebibytes(&status, "VmHWM:");
        println!("  {when}: PSS {pss:.0} MiB ({anonymous:.0} anonymous), peak so far {peak:.0} MiB");
    }

    /// Asks for an orderly end and waits for it.
    fn stop(mut self) -> Outcome {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection with one request at a time.
struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Sends a request and reads the answer, which must be a success.
    fn send(&mut self, method: &str, path: &str, content: &str, body: &[u8]) -> Outcome {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nX-NSONE-Key: {KEY}\r\nContent-Type: {content}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if body.len() < 4096 {
            self.0.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        } else {
            self.0.get_mut().write_all(head.as_bytes())?;
            self.0.get_mut().write_all(body)?;
        }
        let mut status = String::new();
        self.0.read_line(&mut status)?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            chunked |= line == "transfer-encoding: chunked";
        }
        if chunked {
            return Err("a chunked answer is not expected".into());
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer)?;
        if status.split(' ').nth(1) == Some("200") {
            return Ok(());
        }
        Err(format!("{method} {path}: {} {}", status.trim(), String::from_utf8_lossy(&answer)).into())
    }
}
