//! TLS for the API, from certificate files that may change while the server runs.
//!
//! The files are looked at every few seconds. New ones are used for connections from then on if they can be read
//! and fit together; else the certificate in use stays, and the log says why, once for each change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

/// How often the files are looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Certificate files that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds nothing of what it should.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// There is no certificate in the file.
    #[error("{}: there is no certificate in it", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The key is of a kind that is not supported, or belongs to another certificate.
    #[error("{} with {}: {source}", certificate.display(), key.display())]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of its key.
        key: PathBuf,
        /// What is wrong with them.
        source: rustls::Error,
    },
}

/// A certificate with its key, from two PEM files.
#[derive(Debug)]
pub struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
    /// How the files were when they were read last.
    seen: Mutex<[Stamp; 2]>,
}

/// What tells a changed file: when it was written, and how long it is.
type Stamp = Option<(SystemTime, u64)>;

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

impl Certificate {
    /// Reads a certificate, followed by those that lead to its root, and its key.
    ///
    /// # Errors
    /// When a file cannot be read, or both do not fit together.
    pub fn open(certificate: &Path, key: &Path) -> Result<Arc<Self>, TlsError> {
        let seen = Mutex::new([stamp(certificate), stamp(key)]);
        let current = ArcSwap::from_pointee(read(certificate, key)?);
        Ok(Arc::new(Self { certificate: certificate.to_owned(), key: key.to_owned(), current, seen }))
    }

    /// Takes the files as they are now if they have changed since they were read last.
    pub fn reload(&self) {
        let now = [stamp(&self.certificate), stamp(&self.key)];
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return;
        }
        *seen = now;
        let path = self.certificate.display();
        match read(&self.certificate, &self.key) {
            Ok(pair) => {
                self.current.store(Arc::new(pair));
                tracing::info!(%path, "the certificate of the API was replaced");
            }
            // While two files are being replaced, they do not fit together for a moment; the next look finds
            // the other one changed.
            Err(error) => tracing::warn!(%path, %error, "the certificate of the API stays as it was"),
        }
    }

    /// Looks at the files from time to time, for ever.
    pub(super) async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            let certificate = Arc::clone(&self);
            // A read may wait for a disk. One that panicked would have changed nothing.
            let _ = tokio::task::spawn_blocking(move || certificate.reload()).await;
        }
    }

    /// What makes TLS of a connection.
    ///
    /// # Errors
    /// When the TLS library lacks what it promises to have.
    pub(super) fn acceptor(self: &Arc<Self>) -> io::Result<TlsAcceptor> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let wrong = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::File { path, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(wrong(certificate))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: certificate.to_owned() });
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(wrong(key))?;
    CertifiedKey::from_der(chain, private, &ring::default_provider()).map_err(|source| TlsError::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A certificate for `localhost` that nobody signed but itself.
    pub(crate) struct Made {
        pub(crate) folder: tempfile::TempDir,
        pub(crate) der: CertificateDer<'static>,
    }

    impl Made {
        pub(crate) fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let der = write(folder.path());
            Self { folder, der }
        }

        pub(crate) fn open(&self) -> Arc<Certificate> {
            Certificate::open(&self.folder.path().join("cert.pem"), &self.folder.path().join("key.pem"))
                .unwrap()
        }
    }

    /// Makes a new certificate and key in a folder.
    pub(crate) fn write(folder: &Path) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
        fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    }

    fn in_use(certificate: &Certificate) -> CertificateDer<'static> {
        certificate.current.load().cert[0].clone()
    }

    #[test]
    fn changed_files_replace_the_certificate_and_bad_ones_do_not() {
        let made = Made::new();
        let path = made.folder.path();
        let certificate = made.open();
        assert_eq!(in_use(&certificate), made.der);

        fs::write(path.join("cert.pem"), "not a certificate").unwrap();
        certificate.reload();
        assert_eq!(in_use(&certificate), made.der, "a file without a certificate");

        let other = write(path);
        let other_key = fs::read(path.join("key.pem")).unwrap();
        write(path);
        fs::write(path.join("key.pem"), [&other_key[..], b"\n"].concat()).unwrap();
        certificate.reload();
        assert_eq!(in_use(&certificate), made.der, "a key that is another certificate's");

        fs::remove_file(path.join("key.pem")).unwrap();
        certificate.reload();
        assert_eq!(in_use(&certificate), made.der, "a key that is gone");

        let new = write(path);
        certificate.reload();
        assert_eq!(in_use(&certificate), new);
        assert_ne!(new, other);
    }

    #[test]
    fn what_cannot_be_used_is_named_at_the_start() {
        let made = Made::new();
        let path = made.folder.path();
        let open = |certificate: &str, key: &str| {
            Certificate::open(&path.join(certificate), &path.join(key)).unwrap_err().to_string()
        };
        assert!(open("absent.pem", "key.pem").contains("absent.pem: "));
        assert!(open("cert.pem", "cert.pem").contains("cert.pem: "));
        assert!(open("key.pem", "key.pem").contains("no certificate"));
        let other = Made::new();
        let key = other.folder.path().join("key.pem");
        assert!(
            Certificate::open(&path.join("cert.pem"), &key).unwrap_err().to_string().contains("key.pem: ")
        );
    }
}
