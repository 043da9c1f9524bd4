//! The real server as a child process on ports that the system picks.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use hickory_proto::rr::RecordType;

use crate::{Answered, Api, Question, exchange_udp};

/// The admin key of every server started here.
const KEY: &str = "integration-test-key";

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Launch {
    binary: PathBuf,
    data_dir: PathBuf,
    extra: Vec<String>,
}

impl Launch {
    /// A launch of `binary` over `data_dir`.
    pub fn new(binary: &str, data_dir: &Path) -> Self {
        Self { binary: binary.into(), data_dir: data_dir.into(), extra: Vec::new() }
    }

    /// Adds command-line arguments.
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.extra.extend(arguments.iter().map(ToString::to_string));
        self
    }

    /// The command, on ephemeral loopback ports and without anything from this process's environment
    /// that would configure it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SEXTANT_"))
        {
            command.env_remove(name);
        }
        command.args([
            "serve",
            "--dns",
            "127.0.0.1:0",
            "--api",
            "127.0.0.1:0",
            "--workers",
            "1",
            "--admin-key",
            KEY,
        ]);
        command.arg("--data-dir").arg(&self.data_dir).args(&self.extra);
        command
    }

    /// Starts the server and waits until it says that it is ready.
    ///
    /// # Errors
    /// When it exits or stays silent; the message holds what it printed.
    pub fn start(&self) -> Result<Server> {
        let mut child = self.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (sender, lines) = mpsc::channel();
        let stdout = child.stdout.take().context("stdout is piped")?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        for stream in [Box::new(stdout) as Box<dyn std::io::Read + Send>, Box::new(stderr)] {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        drop(sender);
        let mut server = Server { child, printed: Vec::new(), dns: None, api: None, lines };
        server.wait_until_ready()?;
        Ok(server)
    }
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    printed: Vec<String>,
    dns: Option<SocketAddr>,
    api: Option<SocketAddr>,
    lines: mpsc::Receiver<String>,
}

impl Server {
    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !self.printed.last().is_some_and(|line| line.contains("Sextant is ready")) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                bail!("the server did not become ready; it printed:\n{}", self.printed.join("\n"));
            };
            if let Some(address) = line.trim().strip_prefix("DNS  ") {
                self.dns = Some(first_word(address).parse()?);
            }
            let api = line.trim().strip_prefix("API  ");
            if let Some(address) = api.and_then(|url| Some(url.split_once("://")?.1)) {
                self.api = Some(first_word(address).parse()?);
            }
            self.printed.push(line);
        }
        Ok(())
    }

    /// Where it answers DNS.
    pub fn dns(&self) -> SocketAddr {
        self.dns.expect("a ready server has said where it answers DNS")
    }

    /// Where its control API listens.
    pub fn api_address(&self) -> SocketAddr {
        self.api.expect("a ready server has said where its API is")
    }

    /// Its admin key.
    pub fn key(&self) -> &'static str {
        KEY
    }

    /// Its control API, with the admin key.
    pub fn api(&self) -> Api {
        Api::new(self.api_address(), KEY)
    }

    /// A command of `binary` that asks this server: without anything from this process's environment, but for
    /// the server's API and key.
    pub fn command_line(&self, binary: &str) -> Command {
        let mut command = Command::new(binary);
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SEXTANT_"))
        {
            command.env_remove(name);
        }
        let api = self.api_address();
        command.env("SEXTANT_API", format!("http://{api}")).env("SEXTANT_ADMIN_KEY", KEY);
        command
    }

    /// What it printed until it was ready.
    pub fn printed(&self) -> &[String] {
        &self.printed
    }

    /// Asks it a plain question over UDP.
    ///
    /// # Errors
    /// As for [`exchange_udp`].
    pub fn ask(&self, name: &str, rtype: RecordType) -> Result<Answered> {
        exchange_udp(self.dns(), &Question::new(name, rtype))
    }

    /// Asks it over UDP for a client in `prefix`.
    ///
    /// # Errors
    /// As for [`exchange_udp`].
    pub fn ask_for(&self, name: &str, rtype: RecordType, prefix: &str) -> Result<Answered> {
        exchange_udp(self.dns(), &Question::new(name, rtype).subnet(prefix))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without any chance to clean up, as a crash would.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop (SIGTERM) and waits for it.
    ///
    /// # Errors
    /// When it has not ended after thirty seconds.
    pub fn terminate(mut self) -> Result<ExitStatus> {
        let status = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        anyhow::ensure!(status.success(), "kill failed");
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("still running thirty seconds after SIGTERM")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address at the front of what is printed behind a label: up to a blank or a slash.
fn first_word(text: &str) -> &str {
    text.split([' ', '/']).next().unwrap_or_default()
}
