//! API keys: how they are made, stored and checked.
//!
//! The store keeps only a salted SHA-256 of a key, and a key that is made here has 119 random bits, so a
//! slow hash would protect nothing. A presented key is hashed, looked up by its hash, and compared in
//! constant time.
//!
//! What a key may do is in [`permissions`], how that is decided in [`access`], and which request needs what in
//! [`guard`].

pub mod access;
pub mod guard;
pub mod permissions;
pub mod rights;

pub use self::access::{Access, Reach};
pub use self::permissions::Permissions;
pub use self::rights::Right;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use rand::RngExt;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::ApiError;
use crate::ids;
use crate::service::account::{KeyDoc, Member, SecretDoc};
use crate::service::{Actor, Service};

/// Characters of a key that is made here, as many as clients of this API are used to.
const KEY_LENGTH: usize = 20;

/// Characters that a key may have at least and at most when it is given.
const GIVEN_LENGTHS: std::ops::RangeInclusive<usize> = 1..=256;

/// The file in the data directory that receives the first administrator's key.
const ADMIN_KEY_FILE: &str = "admin.key";

/// Hashes keys with the salt of this installation.
#[derive(Clone)]
pub struct KeyHasher {
    salt: [u8; 16],
}

impl KeyHasher {
    /// A hasher with this salt.
    pub fn new(salt: [u8; 16]) -> Self {
        Self { salt }
    }

    /// The hash under which a key is stored.
    pub fn hash(&self, secret: &str) -> [u8; 32] {
        Sha256::new().chain_update(self.salt).chain_update(secret).finalize().into()
    }
}

/// A fresh key of letters and digits.
pub fn new_secret() -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut rng = rand::rng();
    (0..KEY_LENGTH).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

/// Whether two hashes are equal, in a time that tells nothing about where they differ.
pub(crate) fn equal_hashes(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

/// What became of the first administrator's key.
#[derive(Debug, PartialEq, Eq)]
pub enum AdminKey {
    /// There are keys already; nothing was done.
    Existing,
    /// The key that was given is stored.
    Given,
    /// A key was made: print it once. It is also in the file.
    Made {
        /// The key.
        secret: String,
        /// The file that holds it, readable by its owner only.
        path: PathBuf,
    },
}

/// Why the first administrator's key could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum AdminKeyError {
    /// The given key cannot be sent in a header.
    #[error("admin key: expected 1 to 256 visible ASCII characters without blanks")]
    Unusable,
    /// The file could not be written.
    #[error("cannot write {}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key could not be stored.
    #[error("the admin key could not be stored: {0}")]
    Store(ApiError),
}

/// On the first start makes the key of the first administrator, or stores the one that is given.
///
/// Later starts change nothing. The file is complete before the key is stored, so a crash in between only
/// means that the next start makes another one. Blocks; call it outside of a runtime.
///
/// # Errors
/// See [`AdminKeyError`].
pub fn open_admin_key(
    service: &Service,
    data_dir: &Path,
    given: Option<&str>,
) -> Result<AdminKey, AdminKeyError> {
    if service.has_keys().map_err(AdminKeyError::Store)? {
        return Ok(AdminKey::Existing);
    }
    let (secret, outcome) = match given {
        Some(given) => {
            let visible = given.bytes().all(|byte| byte.is_ascii_graphic());
            if !visible || !GIVEN_LENGTHS.contains(&given.len()) {
                return Err(AdminKeyError::Unusable);
            }
            (given.to_owned(), AdminKey::Given)
        }
        None => {
            let secret = new_secret();
            let path = data_dir.join(ADMIN_KEY_FILE);
            write_private(&path, &secret)
                .map_err(|source| AdminKeyError::File { path: path.clone(), source })?;
            (secret.clone(), AdminKey::Made { secret, path })
        }
    };
    let hash = HEXLOWER.encode(&service.hasher().hash(&secret));
    let stored = service.commit_blocking(&Actor::system(), move |transaction| {
        let created_s = transaction.now_s();
        let id = ids::new_object_id_text(created_s);
        let secrets = vec![SecretDoc::new(ids::new_object_id_text(created_s), hash)];
        let (name, member) = ("admin".to_owned(), Member::default());
        transaction.put_key(KeyDoc { id, name, created_s, secrets, expiry_days: None, member })
    });
    stored.map(|_| outcome).map_err(AdminKeyError::Store)
}

/// Writes a file that only its owner can read, as a whole or not at all.
fn write_private(path: &Path, secret: &str) -> io::Result<()> {
    let aside = path.with_extension("key.new");
    // The mode counts only for a file that is made, so an old one must go first.
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    fs::rename(&aside, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use store::{MemoryStore, Store, Table};

    use super::*;
    use crate::service::ServiceOptions;

    fn service() -> (Service, Arc<MemoryStore>) {
        let store = Arc::new(MemoryStore::new());
        let service = Service::open(store.clone(), ServiceOptions::default()).unwrap();
        (service, store)
    }

    #[test]
    fn the_first_start_makes_a_key_that_works_and_only_its_owner_can_read() {
        let dir = tempfile::tempdir().unwrap();
        let (service, _) = service();
        let AdminKey::Made { secret, path } = open_admin_key(&service, dir.path(), None).unwrap() else {
            panic!("no key was made")
        };
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{secret}\n"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(secret.len(), 20);
        assert_eq!(service.authenticate(&secret, None).unwrap().name, "admin");
        assert!(service.authenticate("wrong", None).is_none());
        assert!(service.authenticate("", None).is_none());
        assert_eq!(open_admin_key(&service, dir.path(), None).unwrap(), AdminKey::Existing);
        assert_eq!(open_admin_key(&service, dir.path(), Some("x")).unwrap(), AdminKey::Existing);
        assert!(service.authenticate("x", None).is_none());
    }

    #[test]
    fn a_given_key_survives_a_restart_and_is_stored_hashed() {
        let dir = tempfile::tempdir().unwrap();
        let (service, store) = service();
        let given = Some("correct-horse-battery");
        assert_eq!(open_admin_key(&service, dir.path(), given).unwrap(), AdminKey::Given);
        service.shutdown();
        assert!(!dir.path().join(ADMIN_KEY_FILE).exists());
        for table in Table::ALL {
            for entry in store.scan(table, b"", None) {
                let (_, value) = entry.unwrap();
                assert!(!String::from_utf8_lossy(&value).contains("correct-horse"));
            }
        }
        let reopened = Service::open(store, ServiceOptions::default()).unwrap();
        assert!(reopened.authenticate("correct-horse-battery", None).is_some());
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (service, _) = service();
        for given in ["", "two words", "ümlaut", &"x".repeat(257)] {
            let refused = open_admin_key(&service, dir.path(), Some(given));
            assert!(matches!(refused, Err(AdminKeyError::Unusable)), "{given}");
        }
    }
}
