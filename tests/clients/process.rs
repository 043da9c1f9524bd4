//! Programs that are run to their end.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Runs a program and gives what it printed. Errors are texts with all output.
pub fn run(command: &mut Command, patience: Duration) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    let (sender, receiver) = mpsc::channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as _),
        child.stderr.take().map(|stream| Box::new(stream) as _),
    ];
    for (place, mut stream) in streams.into_iter().flatten().enumerate() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut octets = Vec::new();
            let _ = stream.read_to_end(&mut octets);
            let _ = sender.send((place, String::from_utf8_lossy(&octets).into_owned()));
        });
    }
    drop(sender);
    let deadline = Instant::now() + patience;
    let mut printed = [String::new(), String::new()];
    for _ in 0..2 {
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok((place, text)) => printed[place] = text,
            Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{program} has not ended after {} s", patience.as_secs()));
            }
        }
    }
    let status = child.wait().map_err(|error| format!("{program}: {error}"))?;
    let [output, errors] = printed;
    if status.success() {
        Ok(output)
    } else {
        Err(format!("{program} ended with {status}:\n{output}\n{errors}"))
    }
}
