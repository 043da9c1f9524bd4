//! The echo, as a process of its own.

use anyhow::Result;

use super::{Server, Setting, wait_for};
use crate::process::{Process, free_port};

/// The name under which ratios find it.
pub const NAME: &str = "echo";

/// Starts it.
///
/// # Errors
/// When it does not start.
pub fn start(setting: &Setting) -> Result<Server> {
    let log = setting.folder_of(NAME)?.join("log");
    let address = ([127, 0, 0, 1], free_port()?).into();
    let arguments = ["echo".to_owned(), format!("{address}")];
    let mut process = Process::spawn(&setting.cores, &std::env::current_exe()?, &arguments, &log)?;
    wait_for(&mut process, &log, || std::net::TcpStream::connect(address).is_ok())?;
    Ok(Server {
        name: NAME.into(),
        process,
        address,
        scenarios: setting.data_set.scenarios(),
        load: Vec::new(),
    })
}
