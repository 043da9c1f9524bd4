//! Starting, refusing to start, and stopping.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use sextant_tests::Api;

use crate::{World, launch};

fn refused(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    let errors: Vec<_> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{text}");
    errors[0].to_owned()
}

#[test]
fn sigterm_ends_the_server_with_code_zero() {
    let world = World::start();
    let status = world.server.terminate().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn readiness_is_said_once_the_first_snapshot_is_live() {
    let world = World::start();
    assert_eq!(world.server.api().get("/readyz").unwrap().status, 200);
    assert_eq!(world.server.api().get("/healthz").unwrap().status, 200);
}

#[test]
fn a_bad_flag_is_one_line_and_code_two() {
    let folder = tempfile::tempdir().unwrap();
    let line = refused(&launch(&folder).arguments(&["--dns", "nowhere"]).command().output().unwrap());
    assert!(line.contains("--dns"), "{line}");
    let line = refused(&launch(&folder).arguments(&["--colour"]).command().output().unwrap());
    assert!(line.contains("--colour"), "{line}");
    let line =
        refused(&Command::new(env!("CARGO_BIN_EXE_sextant")).args(["zone", "import"]).output().unwrap());
    assert!(line.contains("<ZONE>") && line.contains("<FILE>"), "{line}");
}

#[test]
fn the_environment_is_read_and_a_flag_beats_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut refused_by_variable = launch(&folder).command();
    let line =
        refused(&refused_by_variable.env("SEXTANT_GEOIP_CITY", "/nowhere/city.mmdb").output().unwrap());
    assert!(line.contains("/nowhere/city.mmdb"), "{line}");
    let mut beaten_by_flag = launch(&folder).arguments(&["--colour"]).command();
    let line = refused(&beaten_by_flag.env("SEXTANT_DNS", "nowhere").output().unwrap());
    assert!(line.contains("--colour") && !line.contains("nowhere"), "{line}");
}

#[test]
fn a_dns_port_in_use_is_one_line_and_code_two() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let line = refused(&launch(&folder).arguments(&["--dns", &address]).command().output().unwrap());
    assert!(line.contains(&address), "{line}");
}

#[test]
fn an_api_port_in_use_is_one_line_and_code_two() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_sextant"))
        .args(["--dns", "127.0.0.1:0", "--api", &address, "--data-dir"])
        .arg(folder.path())
        .output()
        .unwrap();
    let line = refused(&output);
    assert!(line.contains(&address), "{line}");
}

#[test]
fn a_data_folder_in_use_is_one_line_and_code_two() {
    let world = World::start();
    let line = refused(&launch(&world.folder).command().output().unwrap());
    assert!(line.contains("in use"), "{line}");
}

#[test]
fn an_unknown_configuration_key_is_refused_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sextant.toml");
    std::fs::write(&file, "log = 'info'\nport = 53\n").unwrap();
    let file = file.to_str().unwrap();
    let line = refused(&launch(&folder).arguments(&["--config", file]).command().output().unwrap());
    assert!(line.contains("sextant.toml:2:1") && line.contains("port"), "{line}");
}

#[test]
fn a_geography_file_that_is_not_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("city.mmdb");
    std::fs::write(&file, "not a database").unwrap();
    let file = file.to_str().unwrap();
    let line = refused(&launch(&folder).arguments(&["--geoip-city", file]).command().output().unwrap());
    assert!(line.contains("city.mmdb"), "{line}");
}

#[test]
fn the_first_start_makes_an_admin_key_only_its_owner_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut child = Command::new(env!("CARGO_BIN_EXE_sextant"))
        .args(["--dns", "127.0.0.1:0", "--api", "127.0.0.1:0", "--workers", "1", "--data-dir"])
        .arg(&data)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = String::new();
    let mut reader = std::io::BufReader::new(child.stdout.take().unwrap());
    while !printed.contains("Sextant is ready") {
        assert_ne!(std::io::BufRead::read_line(&mut reader, &mut printed).unwrap(), 0, "{printed}");
    }
    let file = data.join("admin.key");
    let key = std::fs::read_to_string(&file).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(printed.matches(key.trim()).count(), 1, "printed once: {printed}");
    let address = printed.lines().find_map(|line| line.trim().strip_prefix("API  http://")).unwrap();
    let api = Api::new(address.split('/').next().unwrap().parse().unwrap(), key.trim());
    assert_eq!(api.get("/v1/zones").unwrap().status, 200);
    assert_eq!(api.with_key("wrong").get("/v1/zones").unwrap().status, 401);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_admin_key_given_later_does_not_replace_the_first() {
    let world = World::start();
    let folder = world.folder;
    assert_eq!(world.server.terminate().unwrap().code(), Some(0));
    let again = launch(&folder).arguments(&["--log", "warn"]).start().unwrap();
    assert_eq!(again.api().get("/v1/zones").unwrap().status, 200);
    drop(again);
    // The harness's own flag comes first, so this run asks for another key on the same folder.
    let output = Command::new(env!("CARGO_BIN_EXE_sextant")).args(["--help"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("first start only"));
}
