//! `sextant explain`: why a client gets what it gets.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::Value;

use super::api::{Api, ApiArguments, SubjectArguments, escaped};
use super::array;
use super::table::{Table, fields, plain};

/// Options of `explain`.
#[derive(Debug, clap::Args)]
pub struct ExplainArguments {
    #[command(flatten)]
    subject: SubjectArguments,
    /// Address that the query comes from
    #[arg(long, value_name = "ADDR")]
    client: String,
    /// EDNS client subnet of the query
    #[arg(long, value_name = "PREFIX")]
    ecs: Option<String>,
    /// Seed of all draws, to replay a decision (default: drawn, and printed)
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print the explanation as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArguments,
}

/// Asks for the explanation and puts it into words.
///
/// # Errors
/// What the server says against it, and a server that does not answer.
pub fn run(arguments: &ExplainArguments) -> Result<String> {
    let mut query = format!("?client={}", escaped(&arguments.client));
    if let Some(ecs) = &arguments.ecs {
        let _ = write!(query, "&ecs={}", escaped(ecs));
    }
    if let Some(seed) = arguments.seed {
        let _ = write!(query, "&seed={seed}");
    }
    let SubjectArguments { name, rtype, .. } = &arguments.subject;
    let path = |zone: &str| format!("/v1/explain/{zone}/{}/{}{query}", escaped(name), escaped(rtype));
    let told = Api::open(&arguments.api)?.ask(&arguments.subject, path, None)?;
    if arguments.json {
        return Ok(format!("{}\n", serde_json::to_string_pretty(&told)?));
    }
    let mut text = String::new();
    let mut next = Some(&told);
    while let Some(explanation) = next {
        let is_first = text.is_empty();
        if !is_first {
            text.push('\n');
        }
        print(explanation, is_first, &mut text);
        next = explanation.get("next");
    }
    Ok(text)
}

/// One record; `is_first` when it is the one asked for, and not what an alias led to.
fn print(told: &Value, is_first: bool, text: &mut String) {
    let [zone, domain, rtype] = ["zone", "domain", "type"].map(|key| plain(&told[key]));
    let _ = writeln!(
        text,
        "{domain} {rtype}  (zone {zone}, revision {}, seed {})",
        told["revision"], told["seed"]
    );
    if is_first {
        print_client(&told["client"], text);
    }
    print_record(told, text);
    for (number, step) in (1..).zip(array(&told["steps"])) {
        print_step(number, step, text);
    }
    if let Some(restored) = told.get("restored") {
        let _ = writeln!(
            text,
            "the steps left nothing: on_empty {} puts answers back",
            plain(&restored["on_empty"])
        );
    }
    let answers: Vec<String> = array(&told["final"]).iter().map(|answer| plain(&answer["rdata"])).collect();
    let kind = plain(&told["record"]["type"]);
    match answers.as_slice() {
        [] => text.push_str("answer  none: the chain left nothing\n"),
        answers => {
            for (number, answer) in answers.iter().enumerate() {
                let title = if number == 0 { "answer" } else { "" };
                let _ = writeln!(text, "{title:6}  {kind} {answer}");
            }
        }
    }
    for record in array(&told["additional"]) {
        let [domain, rtype, rdata] = ["domain", "type", "rdata"].map(|key| plain(&record[key]));
        let _ = writeln!(text, "adds    {domain} {rtype} {rdata}");
    }
    let _ = writeln!(text, "ttl     {} s", told["ttl"]);
    let _ = writeln!(text, "scope   /{}", told["scope"]);
}

fn print_client(client: &Value, text: &mut String) {
    let subnet = match &client["ecs"] {
        Value::Null => String::new(),
        ecs => format!(", client subnet {}", plain(ecs)),
    };
    let _ = writeln!(
        text,
        "client  {}{subnet}: answered as {}",
        plain(&client["address"]),
        plain(&client["effective"])
    );
    let place = ["country", "subdivision", "georegion"].map(|key| &client[key]);
    let place: Vec<String> = place.into_iter().filter(|value| !value.is_null()).map(plain).collect();
    let place = if place.is_empty() { "unknown".to_owned() } else { place.join(" ") };
    let position = match (&client["latitude"], &client["longitude"]) {
        (Value::Null, _) | (_, Value::Null) => String::new(),
        (latitude, longitude) => format!(", at {latitude} {longitude}"),
    };
    let _ = writeln!(text, "place   {place}{position}  ({})", plain(&client["source"]["location"]));
    let asn = match &client["asn"] {
        Value::Null => "unknown".to_owned(),
        asn => format!("AS{asn}"),
    };
    let _ = writeln!(text, "network {asn}  ({})", plain(&client["source"]["asn"]));
}

/// Says where the record is where that is not the place asked for.
fn print_record(told: &Value, text: &mut String) {
    let record = &told["record"];
    if ["zone", "domain", "type"].iter().any(|key| record[key] != told[key]) {
        let [zone, domain, rtype] = ["zone", "domain", "type"].map(|key| plain(&record[key]));
        let _ = writeln!(text, "record  {domain} {rtype} of zone {zone}");
    }
    if record["use_client_subnet"] == false {
        text.push_str("        the record ignores client subnets\n");
    }
}

fn print_step(number: usize, step: &Value, text: &mut String) {
    let _ = write!(text, "{number}. {}", plain(&step["filter"]));
    for (key, value) in step["config"].as_object().into_iter().flatten() {
        let _ = write!(text, " {key}={}", plain(value));
    }
    text.push_str(if step["disabled"] == true { " (disabled)\n" } else { "\n" });
    let mut table = Table::default();
    for judged in array(&step["answers"]) {
        table.row(vec![
            plain(&judged["verdict"]),
            fields(&judged["answer"]),
            plain(&judged["reason"]),
            used(&judged["used"]),
        ]);
    }
    text.push_str(&table.print(3));
}

/// Metadata in one line: `country ["DE"] of its region`.
fn used(used: &Value) -> String {
    let describe = |(key, value): (&String, &Value)| {
        let mut text = format!("{key} {}", value["value"]);
        match value["level"].as_str() {
            Some("region") => text.push_str(" of its region"),
            Some("record") => text.push_str(" of the record"),
            _ => {}
        }
        if let Some(feed) = value["feed"].as_str() {
            let _ = write!(text, " from feed {feed}");
            match &value["age_s"] {
                Value::Null => text.push_str(", which never had data"),
                age_s => {
                    let _ = write!(text, ", heard {age_s} s ago");
                }
            }
        }
        text
    };
    let all: Vec<String> = used.as_object().into_iter().flatten().map(describe).collect();
    if all.is_empty() { String::new() } else { format!("[{}]", all.join("; ")) }
}
