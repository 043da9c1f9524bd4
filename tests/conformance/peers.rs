//! The servers, each a child process on a loopback port of its own, over the same zone files.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use sextant_tests::{HOSTMASTER, Launch, NAMESERVERS, Server, ZoneText};
use tempfile::TempDir;

use crate::message::{AA, Reply};

/// How long a server may take to load the zones.
const PATIENCE: Duration = Duration::from_secs(60);

/// All servers over the same zones. They end when this goes.
pub struct Peers {
    /// NSD, Knot, BIND if it is installed, and Sextant as the last.
    pub servers: Vec<Named>,
    _children: Vec<Process>,
    _sextant: Server,
    _folder: TempDir,
}

/// A server and where it answers.
pub struct Named {
    pub name: &'static str,
    pub address: SocketAddr,
    /// The zones that it serves without what it refuses. What it says of them does not count.
    pub altered: BTreeSet<usize>,
}

/// A child that does not outlive its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a program can be started by its name.
pub fn is_installed(name: &str) -> bool {
    let search = std::env::var_os("PATH").unwrap_or_default();
    // Where Debian puts servers is not on everyone's path.
    let folders = std::env::split_paths(&search).chain(["/usr/sbin".into()]);
    folders.into_iter().any(|folder| folder.join(name).is_file())
}

/// Starts all servers and waits until each serves every zone.
pub fn start(zones: &[ZoneText]) -> Result<Peers> {
    let folder = tempfile::tempdir()?;
    for zone in zones {
        std::fs::write(folder.path().join(format!("{}.zone", zone.apex)), &zone.text)?;
    }
    type Start = fn(&Path, &[ZoneText], u16) -> Result<Child>;
    let mut others: Vec<(&'static str, Start)> = vec![("NSD", start_nsd), ("Knot", start_knot)];
    if is_installed("named") {
        others.push(("BIND", start_bind));
    }
    let (mut servers, mut children) = (Vec::new(), Vec::new());
    for (name, start) in others {
        let started = on_a_free_port(zones, |port| start(folder.path(), zones, port));
        let (address, process) = started.context(name)?;
        let is_altered = |(_, zone): &(usize, &ZoneText)| name == "BIND" && for_bind(zone) != zone.text;
        let altered = zones.iter().enumerate().filter(is_altered).map(|(index, _)| index).collect();
        servers.push(Named { name, address, altered });
        children.push(process);
    }
    let sextant = start_sextant(&folder.path().join("sextant"), zones)?;
    wait_for_zones(sextant.dns(), zones, None)?;
    servers.push(Named { name: "Sextant", address: sextant.dns(), altered: BTreeSet::new() });
    Ok(Peers { servers, _children: children, _sextant: sextant, _folder: folder })
}

/// Starts a server on a port that was free a moment ago, on another one if it was taken meanwhile.
fn on_a_free_port(zones: &[ZoneText], start: impl Fn(u16) -> Result<Child>) -> Result<(SocketAddr, Process)> {
    const ATTEMPTS: usize = 5;
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let port = free_port()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut process = Process(start(port)?);
        match wait_for_zones(address, zones, Some(&mut process.0)) {
            Ok(()) => return Ok((address, process)),
            // Only a server that ended may have found its port taken.
            Err(error) if process.0.try_wait()?.is_none() => return Err(error),
            Err(error) => last = Some(error),
        }
    }
    Err(last.context("no attempt was made")?)
}

fn free_port() -> Result<u16> {
    for _ in 0..100 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free for both UDP and TCP")
}

/// Asks for the SOA record of each zone until it is there.
fn wait_for_zones(server: SocketAddr, zones: &[ZoneText], mut child: Option<&mut Child>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    // Not connected, so that a port where nothing listens yet is silent, and the time-out is what is waited.
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    for zone in zones {
        let mut query = b"\0\0\0\0\0\x01\0\0\0\0\0\0".to_vec();
        for label in zone.apex.split('.') {
            query.push(u8::try_from(label.len())?);
            query.extend(label.as_bytes());
        }
        query.extend(b"\0\0\x06\0\x01");
        loop {
            ensure!(Instant::now() < deadline, "{server} does not serve {}", zone.apex);
            if let Some(status) = child.as_deref_mut().and_then(|child| child.try_wait().transpose()) {
                bail!("the server at {server} ended: {}", status?);
            }
            let mut buffer = [0; 4096];
            socket.send_to(&query, server)?;
            let received = socket.recv(&mut buffer).ok();
            let reply = received.and_then(|length| Reply::read(&buffer[..length], &query).ok());
            if reply.is_some_and(|reply| reply.flags & AA != 0) {
                break;
            }
        }
    }
    Ok(())
}

fn start_nsd(folder: &Path, zones: &[ZoneText], port: u16) -> Result<Child> {
    let own = folder.join("nsd");
    std::fs::create_dir_all(&own)?;
    let (folder, own) = (folder.display(), own.display());
    let mut config = format!(
        "server:\n ip-address: 127.0.0.1@{port}\n username: \"\"\n chroot: \"\"\n zonesdir: {folder}\n \
         database: \"\"\n logfile: {own}/log\n pidfile: {own}/pid\n xfrdfile: {own}/xfrd\n \
         zonelistfile: {own}/zones\n xfrdir: {own}\n rrl-ratelimit: 0\n ipv4-edns-size: 1232\n \
         minimal-responses: yes\n \
         nsid: ascii_probe\n answer-cookie: yes\n server-count: 1\n refuse-any: no\n tcp-count: 100\n\
         remote-control:\n control-enable: no\n"
    );
    for ZoneText { apex, .. } in zones {
        writeln!(config, "zone:\n name: {apex}\n zonefile: {apex}.zone")?;
    }
    let path = format!("{own}/nsd.conf");
    std::fs::write(&path, config)?;
    spawn("nsd", &["-d", "-c", &path])
}

fn start_knot(folder: &Path, zones: &[ZoneText], port: u16) -> Result<Child> {
    let own = folder.join("knot");
    std::fs::create_dir_all(&own)?;
    let (folder, own) = (folder.display(), own.display());
    let mut config = format!(
        "server:\n  listen: 127.0.0.1@{port}\n  rundir: {own}\n  udp-max-payload: 1232\n  nsid: probe\n  \
         udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\nlog:\n  - target: {own}/log\n    any: info\n\
         database:\n  storage: {own}\ntemplate:\n  - id: default\n    \
         global-module: mod-cookies\n    storage: {folder}\n    \
         zonefile-sync: -1\n    journal-content: none\nzone:\n"
    );
    for ZoneText { apex, .. } in zones {
        writeln!(config, "  - domain: \"{apex}\"\n    file: \"{apex}.zone\"")?;
    }
    let path = format!("{own}/knot.conf");
    std::fs::write(&path, config)?;
    spawn("knotd", &["-c", &path])
}

/// BIND puts additional records into its answers, as the others do, and NS records into the authority section only
/// where they are needed.
fn start_bind(folder: &Path, zones: &[ZoneText], port: u16) -> Result<Child> {
    let own = folder.join("bind");
    std::fs::create_dir_all(&own)?;
    let own = own.display();
    let mut config = format!(
        "options {{ directory \"{own}\"; managed-keys-directory \"{own}\"; pid-file none; lock-file none; \
         session-keyfile none; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no; \
         allow-query {{ any; }}; allow-transfer {{ none; }}; notify no; dnssec-validation no; \
         empty-zones-enable no; minimal-responses no-auth; minimal-any no; max-udp-size 1232; \
         edns-udp-size 1232; nocookie-udp-size 1232; server-id \"probe\"; check-names primary ignore; \
         check-integrity no; max-records-per-type 0; max-types-per-name 0; }};\ncontrols {{ }};\n\
         logging {{ channel all {{ file \"{own}/log\"; }}; category default {{ all; }}; }};\n"
    );
    for zone in zones {
        let apex = &zone.apex;
        std::fs::write(format!("{own}/{apex}.zone"), for_bind(zone))?;
        writeln!(config, "zone \"{apex}\" {{ type primary; file \"{apex}.zone\"; }};")?;
    }
    let path = format!("{own}/named.conf");
    std::fs::write(&path, config)?;
    spawn("named", &["-f", "-n", "1", "-c", &path])
}

/// A zone file without NS records at wildcards, which BIND does not load. That is its right (RFC 4592, 4.2).
fn for_bind(zone: &ZoneText) -> String {
    let is_refused = |line: &&str| line.starts_with('*') && line.split(' ').any(|field| field == "NS");
    zone.text.lines().filter(|line| !is_refused(line)).flat_map(|line| [line, "\n"]).collect()
}

fn spawn(program: &str, arguments: &[&str]) -> Result<Child> {
    let path = Path::new("/usr/sbin").join(program);
    let program = if path.is_file() { path } else { program.into() };
    let mut command = Command::new(&program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().with_context(|| format!("{} does not start", program.display()))
}

/// Starts Sextant and imports the zones. It has its own name servers at each apex; they are set to what the files
/// say.
fn start_sextant(folder: &Path, zones: &[ZoneText]) -> Result<Server> {
    std::fs::create_dir_all(folder)?;
    let [first, second] = NAMESERVERS;
    let server = Launch::new(env!("CARGO_BIN_EXE_sextant"), folder)
        .arguments(&[
            "--nameserver",
            first,
            "--nameserver",
            second,
            "--hostmaster",
            HOSTMASTER,
            "--nsid",
            "probe",
        ])
        .start()?;
    let api = server.api();
    for ZoneText { apex, text } in zones {
        let reply = api.import(apex, "", text)?;
        ensure!(reply.status == 200, "{apex}: {reply:?}");
        let reply = api.post(&format!("/v1/zones/{apex}/{apex}/NS"), &json!({"ttl": 3600}))?;
        ensure!(reply.status == 200, "{apex} NS: {reply:?}");
    }
    Ok(server)
}
