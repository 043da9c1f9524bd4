//! `sextant zone`: import, export, list and check.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use crate::{World, launch};

const BINARY: &str = env!("CARGO_BIN_EXE_sextant");

const FILE: &str = "\
$ORIGIN example.test.
$TTL 1h
@ SOA ns.elsewhere.test. admin.example.test. 7 7200 900 1209600 300
  NS ns.elsewhere.test.
  MX 10 mail
mail A 192.0.2.25
$GENERATE 1-3 host${0,2,d} A 192.0.2.$
txt TXT \"a;b\" c\\\"d
odd TYPE65280 \\# 2 abcd
outside.org. A 192.0.2.9
";

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

/// Runs a command of `sextant zone` against the server of a world, and feeds it `input`.
fn zone(world: &World, arguments: &[&str], input: &str) -> Output {
    let mut command = world.server.command_line(BINARY);
    run(command.arg("zone").args(arguments), input)
}

fn run(command: &mut Command, input: &str) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that needs no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn a_zone_goes_into_the_server_and_comes_out_the_same() {
    let world = World::start();
    let file = world.folder.path().join("example.zone");
    std::fs::write(&file, FILE).unwrap();
    let path = file.to_str().unwrap();
    let imported = zone(&world, &["import", "example.test", path], "");
    assert!(imported.status.success(), "{imported:?}");
    let told = text(&imported.stdout);
    assert!(told.starts_with("example.test: Created zone and 8 records, serial "), "{told}");
    let warned = text(&imported.stderr);
    assert!(warned.contains("warning: line 10: outside.org A"), "{warned}");
    assert_eq!(world.server.ask("host02.example.test", RecordType::A).unwrap().answers(), ["A 192.0.2.2"]);

    let again = zone(&world, &["import", "example.test", path], "");
    assert_eq!(
        (again.status.code(), text(&again.stderr)),
        (Some(1), "error: zone already exists\n".to_owned())
    );

    let target = world.folder.path().join("out.zone");
    let exported = zone(&world, &["export", "example.test", "--output", target.to_str().unwrap()], "");
    assert!(exported.status.success(), "{exported:?}");
    let written = std::fs::read_to_string(&target).unwrap();
    let printed = zone(&world, &["export", "example.test"], "");
    assert!(printed.status.success(), "{printed:?}");
    assert_eq!(text(&printed.stdout), written);
    let listed = |name: &str| -> Vec<Value> {
        let zone = world.server.api().get(&format!("/v1/zones/{name}")).unwrap().body;
        let mut records = zone["records"].as_array().unwrap().clone();
        records.iter_mut().for_each(|record| record["id"] = json!(null));
        records
    };
    let before = listed("example.test");
    assert_eq!(world.server.api().delete("/v1/zones/example.test").unwrap().status, 200);
    let piped = zone(&world, &["import", "example.test", "-", "--json"], &written);
    assert!(piped.status.success(), "{piped:?}");
    let job: Value = serde_json::from_slice(&piped.stdout).unwrap();
    assert_eq!((&job["percent"], &job["response"]["warnings"]), (&json!(100), &json!([])));
    assert_eq!(listed("example.test"), before);
    let missing = zone(&world, &["export", "absent.test"], "");
    assert_eq!(
        (missing.status.code(), text(&missing.stderr)),
        (Some(1), "error: zone not found\n".to_owned())
    );
}

#[test]
fn a_faulty_file_is_refused_with_its_line() {
    let world = World::start();
    let refused = zone(&world, &["import", "example.test", "-"], &format!("{FILE}bad A 192.0.2.300\n"));
    assert_eq!(refused.status.code(), Some(1));
    let message = text(&refused.stderr);
    assert!(message.starts_with("error: zonefile: line 11: bad.example.test A: "), "{message}");
    assert_eq!(message.lines().count(), 1);
    let include = zone(&world, &["import", "example.test", "-"], "$INCLUDE /etc/passwd\n");
    assert!(text(&include.stderr).contains("line 1: $INCLUDE is not supported"), "{include:?}");
}

#[test]
fn zones_are_listed_by_name() {
    let world = World::with_zone("b.test");
    world.server.api().put("/v1/zones/a.test", &json!({"zone": "a.test", "link": "b.test"})).unwrap();
    let table = text(&zone(&world, &["list"], "").stdout);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["ZONE", "SERIAL", "TTL", "LINKED", "TO"]);
    assert_eq!((lines[1][0], lines[1][3]), ("a.test", "b.test"));
    assert_eq!((lines[2][0], lines[2].len()), ("b.test", 3));
    let zones = text(&zone(&world, &["list", "--json"], "").stdout);
    let names: Vec<Value> =
        zones.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["zone"].clone()).collect();
    assert_eq!(names, ["a.test", "b.test"]);
    let none = zone(&World::start(), &["list"], "");
    assert_eq!(
        (none.status.success(), text(&none.stdout), text(&none.stderr)),
        (true, "".into(), "no zones\n".into())
    );
}

#[test]
fn a_file_is_checked_without_a_server_fault_by_fault() {
    let check = |arguments: &[&str], input: &str| {
        let output = run(Command::new(BINARY).args(["zone", "check"]).args(arguments), input);
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, told, _) = check(&["-"], FILE);
    assert_eq!(code, Some(0), "{told}");
    let expected = "-:10: warning: outside.org A is outside of example.test and left out\n\
                    zone example.test: 8 records, 0 errors, 1 warnings: can be imported\n";
    assert_eq!(told, expected);
    assert_eq!(check(&["-", "--strict"], FILE).0, Some(1));

    let faulty = format!("{FILE}a A nowhere\nb CNAME c\nb A 192.0.2.1\n$BOGUS\n");
    let (code, told, _) = check(&["-"], &faulty);
    assert_eq!(code, Some(1));
    let errors: Vec<&str> = told.lines().filter(|line| line.contains(": error: ")).collect();
    let starts =
        ["-:11: error: a.example.test A", "-:13: error: b.example.test A", "-:14: error: unknown directive"];
    assert_eq!(errors.len(), starts.len(), "{told}");
    for (error, start) in errors.iter().zip(starts) {
        assert!(error.starts_with(start), "{error}");
    }
    let (code, _, message) = check(&["-"], "@ 60 A 192.0.2.1\n");
    assert_eq!(code, Some(1));
    assert!(message.contains("--origin"), "{message}");
    assert_eq!(check(&["-", "--origin", "example.test"], "@ 60 A 192.0.2.1\n").0, Some(0));
    assert_eq!(check(&["/nowhere/a.zone"], "").0, Some(1));
}

#[test]
fn what_became_of_an_import_is_known_after_a_restart() {
    let world = World::start();
    let imported = zone(&world, &["import", "example.test", "-", "--json"], FILE);
    let job: Value = serde_json::from_slice(&imported.stdout).unwrap();
    let path = format!("/v1/import/zonefile/{}", job["id"].as_str().unwrap());
    let failed = world.server.api().import("bad.test", "?async=true", "$BOGUS\n").unwrap().body;
    let failed_path = format!("/v1/import/zonefile/{}", failed["id"].as_str().unwrap());
    while world.server.api().get(&failed_path).unwrap().body["percent"] != 100 {
        std::thread::yield_now();
    }
    let folder = world.folder;
    world.server.terminate().unwrap();
    let server = launch(&folder).start().unwrap();
    let after = server.api().get(&path).unwrap().body;
    assert_eq!((&after["status"], &after["response_code"]), (&job["status"], &json!(200)));
    assert_eq!(after["response"], job["response"]);
    let after = server.api().get(&failed_path).unwrap().body;
    assert_eq!((&after["status"], &after["response_code"]), (&json!("Failed"), &json!(400)));
}

#[test]
fn a_server_with_a_certificate_of_its_own_is_trusted_when_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (path("api.pem"), path("api.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let options = ["--api-tls-cert", &certificate, "--api-tls-key", &key];
    let server = launch(&folder).arguments(&options).start().unwrap();

    let api = format!("https://{}", server.api_address());
    let list = |more: &[&str]| {
        let mut command = server.command_line(BINARY);
        run(command.args(["zone", "list", "--api", &api]).args(more), "")
    };
    let distrusted = list(&[]);
    assert_eq!(distrusted.status.code(), Some(1), "{distrusted:?}");
    assert!(text(&distrusted.stderr).contains("certificate"), "{distrusted:?}");
    let trusted = list(&["--api-ca", &certificate]);
    assert!(trusted.status.success(), "{trusted:?}");
    let wrong = list(&["--api-ca", &key]);
    assert!(text(&wrong.stderr).contains("there is no certificate in it"), "{wrong:?}");
}
