//! The configuration file: TOML, the option names with underscores, unknown keys refused.

use std::path::{Path, PathBuf};

use super::Settings;

/// Why a configuration file was refused. The message is one line and names file, line and column.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file could not be read.
    #[error("cannot read configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML of the expected shape.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1, in characters.
        column: usize,
        /// What was expected.
        message: String,
    },
}

/// Reads the settings of `path`.
///
/// # Errors
/// When the file cannot be read, is not TOML, has an unknown key or a value of the wrong type.
pub fn read(path: &Path) -> Result<Settings, FileError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| FileError::Read { path: path.into(), source })?;
    toml::from_str(&text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let (line, column) = position(&text, offset);
        let message = error.message().replace('\n', " ");
        FileError::Parse { path: path.into(), line, column, message }
    })
}

/// Line and column, both from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn parse(text: &str) -> Result<Settings, FileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sextant.toml");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place() {
        let message = parse("log = 'info'\nlistne = '127.0.0.1:53'\n").unwrap_err().to_string();
        assert!(message.contains("sextant.toml:2:1: unknown field `listne`"), "{message}");
        assert_eq!(message.lines().count(), 1);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_with_its_place() {
        let message = parse("\n\nworkers = 'four'").unwrap_err().to_string();
        assert!(message.contains(":3:11:"), "{message}");
    }

    #[test]
    fn the_example_file_lists_every_key_with_its_default() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config.example.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let enabled: String =
            text.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).collect::<Vec<_>>().join("\n");
        let settings = parse(&enabled).unwrap();
        let Settings {
            dns,
            api,
            api_tls_cert,
            api_tls_key,
            data_dir,
            admin_key,
            workers,
            cores,
            udp_receive_buffer,
            geoip_city,
            geoip_asn,
            nameservers,
            hostmaster,
            outgoing,
            cookies,
            cookie_secret,
            cookie_secret_other,
            nsid,
            version_bind,
            id_server,
            any,
            enforce_whitelist,
            log,
            demo,
            accept_loss,
        } = settings;
        let default = Config::default();
        assert_eq!(dns, Some(default.dns.addresses));
        assert_eq!(api, Some(default.api));
        assert!(api_tls_cert.is_some() && api_tls_key.is_some());
        assert_eq!(data_dir, Some(default.data_dir));
        assert!(cores.is_some() && udp_receive_buffer.is_some());
        assert!(admin_key.is_some() && workers.is_some() && geoip_city.is_some() && geoip_asn.is_some());
        assert_eq!(nameservers, Some(default.nameservers));
        assert_eq!((hostmaster, outgoing), (Some(default.hostmaster), Some(default.outgoing)));
        assert_eq!((cookies, any), (Some(default.replies.cookies), Some(default.replies.any)));
        assert!(cookie_secret.is_some() && cookie_secret_other.is_some() && nsid.is_some());
        assert!(version_bind.is_some() && id_server.is_some());
        assert_eq!(enforce_whitelist, Some(default.enforce_whitelist));
        assert_eq!(log, Some(default.log));
        assert_eq!((demo, accept_loss), (Some(default.demo), Some(default.accept_loss)));
    }
}
