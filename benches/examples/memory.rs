//! What a whole server takes: memory and times of the two worlds that others are measured with.
//!
//! `cargo run --release -p sextant-benches --example memory -- target/release/sextant [DIR [RECORDS [ZONES [CHAINS]]]]`
//!
//! 1. A zone file of a million A records is imported; the server is started again over it.
//! 2. 100,000 zones are made over the API, then records are put into them one by one; started again.
//! 3. Records with chains (country, then weight) are put; started again.
//! 4. Live values are pushed to feeds, many to a push.
//!
//! After each restart it says what one zone, record or chain takes of the whole process. Memory is the kernel's proportional set size; the peak is that of the resident set. DIR (default: a
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

/// Feeds of each source.
const FEEDS: u32 = 100;

/// What each feed is given beside `up`.
const VALUES: [&str; 4] = ["weight", "priority", "connections", "requests"];

/// How long values are pushed.
const PUSHING: Duration = Duration::from_secs(5);

/// After this long without work a server has given back what it will give back.
const SETTLED: Duration = Duration::from_secs(12);

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let binary = arguments.first().ok_or("usage: memory SEXTANT [DIR [RECORDS [ZONES [CHAINS]]]]")?;
    let dir = Path::new(arguments.get(1).map_or("memory-figures", String::as_str));
    let number = |at: usize, default| arguments.get(at).map_or(Ok(default), |text| text.parse::<u32>());
    let (records, zones, chains) = (number(2, 1_000_000)?, number(3, 100_000)?, number(4, 50_000)?);
    if fs::exists(dir)? {
        return Err(format!("{} exists", dir.display()).into());
    }
    let outcome = one_large_zone(binary, dir, records)
        .and_then(|()| many_zones(binary, dir, zones))
        .and_then(|()| many_chains(binary, dir, chains))
        .and_then(|()| live_values(binary, dir));
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
    let empty = server.report("empty");
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
    let pss = restart(server, binary, dir, "big.example/host0000001.big.example")?;
    per_unit("A RRset", pss - empty, records);
    Ok(())
}

fn many_zones(binary: &str, dir: &Path, zones: u32) -> Outcome {
    if zones == 0 {
        return Ok(());
    }
    println!("{zones} zones of {} records", RECORDS_PER_ZONE + 1);
    let server = Server::start(binary, dir)?;
    let empty = server.report("empty");
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
    let pss = restart(server, binary, dir, "zone000007.example/www.zone000007.example")?;
    per_unit("zone with its records", pss - empty, zones);
    Ok(())
}

fn many_chains(binary: &str, dir: &Path, chains: u32) -> Outcome {
    if chains == 0 {
        return Ok(());
    }
    println!("{chains} records of 4 answers, by country, then by weight");
    let server = Server::start(binary, dir)?;
    let empty = server.report("empty");
    server.connect()?.send("PUT", "/v1/zones/c.example", "application/json", b"{\"zone\":\"c.example\"}")?;
    let countries = ["[\"DE\",\"FR\"]", "[\"US\"]", "[\"JP\"]", "[\"BR\",\"AR\"]"];
    put_all(&server, chains, |number| {
        let [_, a, b, c] = number.to_be_bytes();
        let answer = |(at, countries): (usize, &&str)| {
            let meta = format!("{{\"country\":{countries},\"weight\":{}}}", at + 1);
            format!("{{\"answer\":[\"10.{}.{b}.{c}\"],\"meta\":{meta}}}", usize::from(a) * 4 + at)
        };
        let answers: Vec<String> = countries.iter().enumerate().map(answer).collect();
        let filters = ["geotarget_country", "weighted_shuffle", "select_first_n"];
        let filter = |name: &&str| {
            let count = if *name == "select_first_n" { "{\"N\":1}" } else { "{}" };
            format!("{{\"filter\":\"{name}\",\"config\":{count}}}")
        };
        let filters: Vec<String> = filters.iter().map(filter).collect();
        let owner = format!("c{number:06}.c.example");
        let body = format!(
            "{{\"zone\":\"c.example\",\"domain\":\"{owner}\",\"type\":\"A\",\"answers\":[{}],\"filters\":[{}]}}",
            answers.join(","),
            filters.join(",")
        );
        (format!("/v1/zones/c.example/{owner}/A"), body)
    })?;
    server.report("right after the last put");
    let pss = restart(server, binary, dir, "c.example/c000001.c.example")?;
    per_unit("record with its chain", pss - empty, chains);
    Ok(())
}

/// Says what one of many takes, beyond an empty server.
fn per_unit(what: &str, mebibytes: f64, count: u32) {
    println!("  each {what}: {:.0} octets of the whole process", mebibytes * 1_048_576.0 / f64::from(count));
}

/// Pushes values for [`PUSHING`], each to [`FEEDS`] feeds at once.
fn live_values(binary: &str, dir: &Path) -> Outcome {
    println!("live values, {} in a push, over {CONNECTIONS} connections", FEEDS * (VALUES.len() as u32 + 1));
    let server = Server::start(binary, dir)?;
    let mut connection = server.connect()?;
    let mut sources = Vec::new();
    for _ in 0..CONNECTIONS {
        let source = "{\"name\":\"s\",\"sourcetype\":\"nsone_v1\",\"config\":{}}";
        let reply = connection.send("PUT", "/v1/data/sources", "application/json", source.as_bytes())?;
        let id = reply.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let id = id.ok_or("a source has an id")?.to_owned();
        for label in 0..FEEDS {
            let feed = format!("{{\"name\":\"f{label}\",\"config\":{{\"label\":\"l{label}\"}}}}");
            connection.send("PUT", &format!("/v1/data/feeds/{id}"), "application/json", feed.as_bytes())?;
        }
        sources.push(id);
    }
    let pushes = AtomicU32::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        let (server, pushes) = (&server, &pushes);
        let push = |source: String| {
            move || -> Outcome {
                let mut connection = server.connect()?;
                while start.elapsed() < PUSHING {
                    let round = pushes.fetch_add(1, Ordering::Relaxed);
                    let values: Vec<String> =
                        VALUES.iter().map(|key| format!("\"{key}\":{}", round % 1000)).collect();
                    let label =
                        |label| format!("\"l{label}\":{{\"up\":{},{}}}", round % 2 == 0, values.join(","));
                    let body = format!("{{{}}}", (0..FEEDS).map(label).collect::<Vec<_>>().join(","));
                    let path = format!("/v1/feed/{source}");
                    connection.send("POST", &path, "application/json", body.as_bytes())?;
                }
                Ok(())
            }
        };
        let workers: Vec<_> = sources.into_iter().map(|source| scope.spawn(push(source))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a client panicked")?)
    })?;
    let values = f64::from(pushes.into_inner()) * f64::from(FEEDS) * (VALUES.len() + 1) as f64;
    println!("  {:.0} values/s", values / start.elapsed().as_secs_f64());
    server.report("right after the last push");
    server.stop()?;
    fs::remove_dir_all(dir)?;
    Ok(())
}

/// Ends the server in order and starts it again. Returns its PSS then, in MiB.
fn restart(server: Server, binary: &str, dir: &Path, record: &str) -> Outcome<f64> {
    let start = Instant::now();
    server.stop()?;
    println!("  stop: {:.2} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let server = Server::start(binary, dir)?;
    println!("  restart, to readiness: {:.2} s", start.elapsed().as_secs_f64());
    server.report("after the restart");
    thread::sleep(SETTLED);
    let pss = server.report("settled");
    server.connect()?.send("GET", &format!("/v1/zones/{record}/A"), "application/json", b"")?;
    server.stop()?;
    fs::remove_dir_all(dir)?;
    Ok(pss)
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

    /// Prints the memory of the server, and returns its PSS in MiB.
    fn report(&self, when: &str) -> f64 {
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
        pss
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
    /// Sends a request and returns the body of the answer, which must be a success.
    fn send(&mut self, method: &str, path: &str, content: &str, body: &[u8]) -> Outcome<String> {
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
        let answer = String::from_utf8_lossy(&answer).into_owned();
        match status.split(' ').nth(1) {
            Some("200") => Ok(answer),
            _ => Err(format!("{method} {path}: {} {answer}", status.trim()).into()),
        }
    }
}
