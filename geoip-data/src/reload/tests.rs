use std::net::IpAddr;

use super::*;

fn test_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Replaces a file as an updater would: written aside, then renamed.
fn put(name: &str, path: &Path) {
    let aside = path.with_extension("new");
    fs::copy(test_file(name), &aside).unwrap();
    fs::rename(aside, path).unwrap();
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A folder with a city file and an ASN file, and data loaded from them.
struct Setting {
    _folder: tempfile::TempDir,
    files: GeoFiles,
    handle: GeoHandle,
    reloader: Reloader,
}

impl Setting {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (city, asn) = (folder.path().join("city.mmdb"), folder.path().join("asn.mmdb"));
        put("GeoLite2-City-Test.mmdb", &city);
        put("GeoLite2-ASN-Test.mmdb", &asn);
        let files = GeoFiles { city: Some(city), asn: Some(asn) };
        let handle = GeoHandle::new(load(&files).unwrap());
        let reloader = Reloader::new(files.clone(), handle.clone());
        Self { _folder: folder, files, handle, reloader }
    }

    fn city(&self) -> &Path {
        self.files.city.as_deref().unwrap()
    }

    fn name(&self) -> String {
        self.handle.load().sources().location.name
    }
}

const NOTHING: Checked = Checked { replaced: 0, rejected: 0 };
const REPLACED: Checked = Checked { replaced: 1, rejected: 0 };
const REJECTED: Checked = Checked { replaced: 0, rejected: 1 };

#[test]
fn without_files_the_embedded_data_are_loaded() {
    let data = load(&GeoFiles::default()).unwrap();
    assert_eq!(data.sources(), GeoData::embedded().sources());
}

#[test]
fn what_no_file_gives_stays_embedded() {
    let data = load(&GeoFiles { city: None, asn: Some(test_file("GeoLite2-ASN-Test.mmdb")) }).unwrap();
    assert_eq!(data.sources().location, GeoData::embedded().sources().location);
    assert_eq!(data.sources().asn.name, "GeoLite2-ASN");
    assert!(data.place(address("8.8.8.8")).value.is_some());
}

#[test]
fn a_file_that_cannot_be_used_fails_the_load() {
    let bad = test_file("bad/GeoIP2-City-Test-Broken-Double-Format.mmdb");
    assert!(matches!(load(&GeoFiles { city: Some(bad), asn: None }), Err(GeoError::Damaged { .. })));
}

#[test]
fn nothing_happens_while_the_files_stay_the_same() {
    let mut setting = Setting::new();
    let before = setting.handle.cell().load_full();
    assert_eq!(setting.reloader.check(), NOTHING);
    assert!(Arc::ptr_eq(&before, &setting.handle.cell().load_full()));
}

#[test]
fn a_changed_file_replaces_its_kind_of_data_only() {
    let mut setting = Setting::new();
    let before = setting.handle.cell().load_full();
    put("GeoIP2-City-Test.mmdb", setting.city());
    assert_eq!(setting.reloader.check(), REPLACED);
    assert_eq!(setting.name(), "GeoIP2-City");
    assert!(Arc::ptr_eq(&before.asn, &setting.handle.cell().load_full().asn));
    assert_eq!(setting.reloader.check(), NOTHING);
}

#[test]
fn both_files_can_change_at_once() {
    let mut setting = Setting::new();
    put("GeoIP2-City-Test.mmdb", setting.city());
    put("GeoLite2-ASN-Test.mmdb", setting.files.asn.as_deref().unwrap());
    assert_eq!(setting.reloader.check(), Checked { replaced: 2, rejected: 0 });
}

#[test]
fn a_damaged_file_leaves_the_old_data_and_is_tried_once() {
    let mut setting = Setting::new();
    let known = setting.handle.load().place(address("216.160.83.58")).value.copied();
    assert!(known.is_some());
    put("bad/GeoIP2-City-Test-Invalid-Node-Count.mmdb", setting.city());
    assert_eq!(setting.reloader.check(), REJECTED);
    assert_eq!(setting.reloader.check(), NOTHING);
    assert_eq!(setting.handle.load().place(address("216.160.83.58")).value.copied(), known);

    put("GeoIP2-City-Test.mmdb", setting.city());
    assert_eq!(setting.reloader.check(), REPLACED);
}

#[test]
fn a_file_of_another_kind_leaves_the_old_data() {
    let mut setting = Setting::new();
    put("GeoLite2-ASN-Test.mmdb", setting.city());
    assert_eq!(setting.reloader.check(), REJECTED);
    assert_eq!(setting.name(), "GeoLite2-City");
}

#[test]
fn a_file_that_goes_away_leaves_the_old_data_until_it_is_back() {
    let mut setting = Setting::new();
    fs::remove_file(setting.city()).unwrap();
    assert_eq!(setting.reloader.check(), REJECTED);
    assert_eq!(setting.reloader.check(), NOTHING);
    assert_eq!(setting.name(), "GeoLite2-City");
    put("GeoIP2-Country-Test.mmdb", setting.city());
    assert_eq!(setting.reloader.check(), REPLACED);
    assert_eq!(setting.name(), "GeoIP2-Country");
}

#[test]
fn a_change_between_loading_and_watching_is_noticed() {
    let setting = Setting::new();
    put("GeoIP2-City-Test.mmdb", setting.city());
    assert_eq!(Reloader::new(setting.files.clone(), setting.handle.clone()).check(), REPLACED);
    assert_eq!(setting.name(), "GeoIP2-City");
}

#[test]
fn data_in_use_by_a_reader_outlive_their_replacement() {
    let mut setting = Setting::new();
    let guard = setting.handle.load();
    let place = guard.place(address("216.160.83.58")).value.unwrap();
    put("GeoIP2-Country-Test.mmdb", setting.city());
    assert_eq!(setting.reloader.check(), REPLACED);
    assert_eq!(place.subdivision.map(|code| code.to_string()).as_deref(), Some("WA"));
    assert_eq!(setting.handle.load().place(address("216.160.83.58")).value.unwrap().subdivision, None);
}

#[test]
fn replaced_data_are_freed_by_the_reloader_and_not_by_their_last_reader() {
    let mut setting = Setting::new();
    let reader = setting.handle.cell().load_full();
    let data = Arc::downgrade(&reader);
    put("GeoIP2-City-Test.mmdb", setting.city());
    assert_eq!(setting.reloader.check(), REPLACED);
    assert!(!setting.reloader.free_replaced());
    drop(reader);
    assert!(data.upgrade().is_some());
    assert!(setting.reloader.free_replaced());
    assert!(data.upgrade().is_none());
}

#[test]
fn a_watcher_stops_when_it_is_dropped() {
    let setting = Setting::new();
    // The interval is long: the test ends only because dropping does not wait for it.
    drop(watch(setting.files.clone(), setting.handle.clone(), Duration::from_secs(3600)));
    drop(watch(GeoFiles::default(), setting.handle, Duration::from_secs(3600)));
}
