//! Every type with what its sender sends.

use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::{Push, Sent, SourceType, State, read_push};
use crate::error::ApiError;
use crate::source_types::sns::{Message, is_of_sns};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("fixtures/", $name))
    };
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn read(kind: &str, config: Value, pairs: &[(&str, &str)], body: &str) -> Result<Vec<String>, ApiError> {
    let headers = headers(pairs);
    let sent = Sent { headers: &headers, query: "", body: Some(body.as_bytes()) };
    read_push(kind, &object(config), &sent).map(shown)
}

/// `option=value …: state` of every report.
fn shown(push: Push) -> Vec<String> {
    let Push::Reports(reports) = push else { panic!("{push:?} is not reports") };
    let text = |report: &super::Report| {
        let about: Vec<String> = report.about.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let state = match &report.state {
            State::Values(values) => Value::from(values.clone()).to_string(),
            state => format!("{state:?}"),
        };
        format!("{}: {state}", about.join(" "))
    };
    reports.iter().map(text).collect()
}

#[test]
fn every_type_reads_what_its_sender_sends() {
    let account = json!({"account_id": 4711});
    let rackspace = "entity_id=enOne alarm_id=alOne check_id=chOne: Down";
    let monitor = "monitor_id=29: Down";
    let shodan = "ip=192.0.2.1 port=27017 trigger=open_database";
    let none = json!({});
    for (kind, config, headers, body, expected) in [
        (
            "nsone_monitoring",
            &none,
            &[][..],
            fixture!("nsone_monitoring.json"),
            &["jobid=52a27d4397d5f07003fdbe7b: {\"up\":false}"][..],
        ),
        ("pingdom", &none, &[], fixture!("pingdom_down.json"), &["check_id=12345: Down"]),
        ("pingdom", &none, &[FORM], fixture!("pingdom_up.form"), &["check_id=12345: Up"]),
        ("catchpoint", &none, &[], fixture!("catchpoint_critical.json"), &["test_id=81726: Down"]),
        ("catchpoint", &none, &[], fixture!("catchpoint_warning.json"), &["test_id=81726: Warning"]),
        ("catchpoint", &none, &[], fixture!("catchpoint_improved.json"), &["test_id=81726: Up"]),
        ("rackspace", &none, &[], fixture!("rackspace_critical.json"), &[rackspace]),
        (
            "newrelic_webhook",
            &account,
            &[FORM],
            fixture!("newrelic_webhook_downtime.form"),
            &["resource_name=web-1: Down"],
        ),
        (
            "newrelic_webhook",
            &account,
            &[],
            fixture!("newrelic_webhook_closed.json"),
            &["resource_name=web-1: Up"],
        ),
        (
            "newrelic_webhook",
            &account,
            &[],
            fixture!("newrelic_webhook_activated.json"),
            &["resource_name=web-1: Down", "resource_name=web-2: Down"],
        ),
        ("datadog", &none, &[], fixture!("datadog_triggered.json"), &["monitor_id=55512: Down"]),
        ("datadog", &none, &[], fixture!("datadog_recovered.json"), &["monitor_id=55512: Up"]),
        ("datadog", &none, &[], fixture!("datadog_warn.json"), &["monitor_id=55512: Warning"]),
        ("thousandeyes", &none, &[], fixture!("thousandeyes_trigger.json"), &["test_id=281474: Down"]),
        ("thousandeyes", &none, &[], fixture!("thousandeyes_test.json"), &[]),
        ("webcheck", &none, &[], fixture!("webcheck_down.json"), &["check_id=9: Down"]),
        ("cloudwatch", &none, &[], fixture!("cloudwatch_alarm.json"), &["alarm_name=web-1: Down"]),
        ("cloudwatch", &none, &[], fixture!("cloudwatch_ok.json"), &["alarm_name=web-1: Up"]),
        ("cloudwatch", &none, &[], fixture!("cloudwatch_insufficient.json"), &[]),
        ("cloudwatch", &none, &[], fixture!("cloudwatch_subscription.json"), &[]),
        (
            "prometheus_alertmanager",
            &none,
            &[],
            fixture!("prometheus_alertmanager.json"),
            &[
                "label=web-2:9100 alertname=InstanceDown: Up",
                "label=web-1:9100 alertname=DiskFull: Up",
                "label=web-1:9100 alertname=InstanceDown: Down",
            ],
        ),
        (
            "prometheus_alertmanager",
            &json!({"label_name": "job"}),
            &[],
            fixture!("prometheus_alertmanager.json"),
            &[
                "label=node alertname=InstanceDown: Up",
                "label=node alertname=DiskFull: Up",
                "label=node alertname=InstanceDown: Down",
            ],
        ),
        ("grafana", &none, &[], fixture!("grafana.json"), &["label=web-1 alertname=No answer: Up"]),
        ("grafana", &json!({"label_name": "region"}), &[], fixture!("grafana.json"), &[]),
        ("uptime_kuma", &none, &[], fixture!("uptime_kuma_down.json"), &[monitor]),
        ("uptime_kuma", &none, &[], fixture!("uptime_kuma_test.json"), &[]),
        ("shodan", &none, &[], fixture!("shodan.json"), &[&*format!("{shodan}: {{\"up\":false}}")]),
        (
            "shodan",
            &json!({"values": "{\"priority\":9}"}),
            &[("SHODAN-ALERT-TRIGGER", "malware")],
            fixture!("shodan.json"),
            &["ip=192.0.2.1 port=27017 trigger=malware: {\"priority\":9}"],
        ),
    ] {
        assert_eq!(
            read(kind, config.clone(), headers, body).as_deref(),
            Ok(&expected.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()[..]),
            "{kind}: {body}"
        );
    }
}

#[test]
fn our_own_type_reads_labels_and_plain_pairs() {
    let read = |query: &str, body: Option<&str>| {
        let headers = HeaderMap::new();
        let sent = Sent { headers: &headers, query, body: body.map(str::as_bytes) };
        read_push("nsone_v1", &Map::new(), &sent)
    };
    assert!(
        matches!(read("", Some(fixture!("nsone_v1.json"))), Ok(Push::ByLabel(tables)) if tables.len() == 2)
    );
    for push in [read("", Some("{\"up\":false}")), read("up=false", None)] {
        assert!(matches!(push, Ok(Push::ForAll(values)) if values[0].key == filters::MetaKey::Up));
    }
    assert!(read("up=false", Some("")).is_err(), "a query beside a body says nothing");
}

#[test]
fn what_is_malformed_is_refused_with_the_place() {
    let account = json!({"account_id": 4711});
    let none = json!({});
    let webhook =
        json!({"label": "/monitor/name", "value": "/result/status", "values": {"fail": {"up": false}}});
    for (kind, config, body, status, place) in [
        ("pingdom", &none, "{}", 400, "check_id"),
        ("pingdom", &none, "[]", 400, "of type object"),
        ("pingdom", &none, "{\"check_id\":1,\"current_state\":\"SIDEWAYS\"}", 400, "one of UP, SUCCESS"),
        ("pingdom", &none, "{\"check_id\":{},\"current_state\":\"UP\"}", 400, "check_id"),
        ("pingdom", &none, "{\"message\":\"{\"}", 400, "message"),
        ("catchpoint", &none, "{\"test_id\":1}", 400, "level"),
        ("rackspace", &none, "{\"entity\":{\"id\":\"a\"}}", 400, "details"),
        (
            "rackspace",
            &json!({"webhook_token": "secret"}),
            fixture!("rackspace_critical.json"),
            403,
            "X-Rackspace",
        ),
        (
            "newrelic_webhook",
            &json!({"account_id": 1}),
            fixture!("newrelic_webhook_closed.json"),
            403,
            "account",
        ),
        (
            "newrelic_webhook",
            &json!({"account_id": 1}),
            fixture!("newrelic_webhook_activated.json"),
            403,
            "account",
        ),
        ("newrelic_webhook", &account, "{\"state\":\"ACTIVATED\"}", 400, "account"),
        ("newrelic_webhook", &account, "{\"alert\":5}", 400, "alert"),
        ("datadog", &none, "{\"alert_id\":1,\"alert_transition\":\"Exploded\"}", 400, "Recovered"),
        (
            "thousandeyes",
            &none,
            "{\"eventType\":\"ALERT_NOTIFICATION_CLEAR\",\"alert\":{}}",
            400,
            "alert.test",
        ),
        ("webcheck", &none, "{\"check_id\":1}", 400, "check_state"),
        ("nsone_monitoring", &none, "{\"jobid\":\"a\",\"up\":\"perhaps\"}", 400, "up"),
        ("prometheus_alertmanager", &none, "{\"version\":\"3\",\"alerts\":[]}", 400, "version"),
        ("prometheus_alertmanager", &none, "{\"version\":\"4\"}", 400, "alerts"),
        ("grafana", &none, "{\"alerts\":[{\"labels\":{}}]}", 400, "alerts[0].status"),
        ("grafana", &none, "{\"alerts\":[{\"status\":\"firing\"}]}", 400, "alerts[0].labels"),
        ("grafana", &none, "{\"alerts\":[7]}", 400, "alerts[0]"),
        ("uptime_kuma", &none, "{}", 400, "heartbeat"),
        ("uptime_kuma", &none, "{\"heartbeat\":{\"status\":7,\"monitorID\":1}}", 400, "heartbeat.status"),
        ("shodan", &none, "{\"ip_str\":\"nowhere\"}", 400, "ip_str"),
        ("shodan", &json!({"api_key": "k"}), fixture!("shodan.json"), 403, "SHODAN-SIGNATURE-SHA1"),
        ("webhook", &webhook, "{\"result\":{\"status\":1}}", 400, "/monitor/name"),
        ("webhook", &webhook, "{\"monitor\":{\"name\":[]},\"result\":{\"status\":1}}", 400, "/monitor/name"),
        ("cloudwatch", &none, "{\"Type\":\"Greeting\",\"TopicArn\":\"a\"}", 400, "Type"),
        (
            "cloudwatch",
            &none,
            "{\"Type\":\"Notification\",\"TopicArn\":\"a\",\"Message\":\"hello\"}",
            400,
            "Message",
        ),
        ("smoke_signals", &none, "{}", 400, "not a known source type"),
    ] {
        let error = read(kind, config.clone(), &[], body).unwrap_err();
        assert_eq!(error.status.as_u16(), status, "{kind} {body}: {}", error.message);
        assert!(error.message.contains(place), "{kind} {body}: {}", error.message);
    }
}

#[test]
fn legacy_alerts_of_other_kinds_say_nothing() {
    let alert = |severity: &str, text: &str| {
        let alert = json!({"application_name": "a", "servers": ["s1"], "severity": severity, "short_description": text,
            "alert_url": "https://rpm.newrelic.com/accounts/4711/applications/8"});
        let body = json!({"alert": alert}).to_string();
        read("newrelic_webhook", json!({"account_id": "4711"}), &[], &body).unwrap()
    };
    assert!(alert("critical", "alert opened").is_empty());
    assert_eq!(alert("downtime", "alert opened"), ["resource_name=a: Down", "resource_name=s1: Down"]);
    assert_eq!(alert("downtime", "Alert ended"), ["resource_name=a: Up", "resource_name=s1: Up"]);
}

#[test]
fn a_webhook_maps_values_or_takes_them_as_they_are() {
    let config = |more: Value| {
        let mut config = object(json!({"label": "/monitor/name", "value": "/result/status"}));
        config.extend(object(more));
        Value::Object(config)
    };
    let values = json!({"fail": {"up": false, "priority": 9}, "true": {"up": true}});
    let read = |config: Value, body: &str| read("webhook", config, &[], body).unwrap();
    let mapped = config(json!({"values": values}));
    assert_eq!(
        read(mapped.clone(), fixture!("webhook.json")),
        ["label=web-1: {\"up\":false,\"priority\":9}"]
    );
    let body = |status: &str| format!("{{\"monitor\":{{\"name\":7}},\"result\":{{\"status\":{status}}}}}");
    assert_eq!(read(mapped.clone(), &body("true")), ["label=7: {\"up\":true}"]);
    assert!(read(mapped.clone(), &body("\"unheard of\"")).is_empty());
    assert!(read(mapped, &body("[]")).is_empty());
    let key = json!({"value": "/result/latency_ms", "key": "connections"});
    assert_eq!(read(config(key), fixture!("webhook.json")), ["label=web-1: {\"connections\":1200}"]);
    let kind = SourceType::find("webhook").unwrap();
    for bad in [json!({}), json!({"key": "up", "values": values}), json!({"value": "status", "key": "up"})] {
        assert!(kind.check_config(&object(config(bad.clone()))).is_err(), "{bad}");
    }
    let header = |header: &str| object(config(json!({"key": "up", "hmac_header": header})));
    assert!(kind.check_config(&header("X-Signature")).is_ok());
    assert!(kind.check_config(&header("X Signature")).unwrap_err().message.contains("config.hmac_header"));
}

#[test]
fn a_signed_body_is_taken_and_a_changed_one_is_not() {
    let config =
        json!({"label": "/a", "value": "/b", "values": {"1": {"up": true}}, "hmac_secret": "s3cret"});
    let body = "{\"a\":\"x\",\"b\":1}";
    // printf '{"a":"x","b":1}' | openssl dgst -sha256 -hmac s3cret
    let digits = "f593d09ec1636f8fb32a83c21e46928a8faf71556ddb8ab6cf33f2b565f8917b";
    let try_with = |name: &str, value: &str, body: &str| {
        read("webhook", config.clone(), &[(name, value)], body).map_err(|error| error.status.as_u16())
    };
    let taken = Ok(vec!["label=x: {\"up\":true}".to_owned()]);
    assert_eq!(try_with("X-Hub-Signature-256", digits, body), taken);
    assert_eq!(try_with("x-hub-signature-256", &format!("sha256={}", digits.to_uppercase()), body), taken);
    for (name, value, body) in [
        ("X-Hub-Signature-256", digits, "{\"a\":\"x\",\"b\":2}"),
        ("X-Hub-Signature-256", "sha256=", body),
        ("X-Hub-Signature-256", &digits[..62], body),
        ("X-Hub-Signature-256", "none", body),
        ("X-Other", digits, body),
    ] {
        assert_eq!(try_with(name, value, body), Err(403), "{name}: {value}");
    }
    let headers = HeaderMap::new();
    let unsigned = Sent { headers: &headers, query: "a=x&b=1", body: None };
    assert!(read_push("webhook", &object(config), &unsigned).is_err());
    // printf '{"ip_str":"192.0.2.1"}' | openssl dgst -sha1 -hmac s3cret
    let signed = [("SHODAN-SIGNATURE-SHA1", "fd74792a4d0f39080dcaf78ed8e348064481d8b4")];
    let pushed = read("shodan", json!({"api_key": "s3cret"}), &signed, "{\"ip_str\":\"192.0.2.1\"}");
    assert_eq!(pushed.unwrap(), ["ip=192.0.2.1: {\"up\":false}"]);
}

fn message(body: &str) -> Message {
    Message::read(&Sent { headers: &HeaderMap::new(), query: "", body: Some(body.as_bytes()) }).unwrap()
}

#[test]
fn messages_of_sns_are_believed_in_both_versions_of_the_signature() {
    let certificate = fixture!("cloudwatch_certificate.pem").as_bytes();
    for body in [
        fixture!("cloudwatch_subscription.json"),
        fixture!("cloudwatch_unsubscribe.json"),
        fixture!("cloudwatch_alarm.json"),
        fixture!("cloudwatch_ok.json"),
        fixture!("cloudwatch_insufficient.json"),
    ] {
        assert_eq!(message(body).verify(certificate), Ok(()), "{body}");
        for (old, new) in [("eu-central-1:1234", "eu-central-1:9999"), ("2026-11-20", "2026-11-21")] {
            let error = message(&body.replace(old, new)).verify(certificate).unwrap_err();
            assert_eq!(error.status.as_u16(), 403, "{body}");
        }
    }
    let body = fixture!("cloudwatch_alarm.json");
    assert!(message(&body.replace("Version\": \"1\"", "Version\": \"2\"")).verify(certificate).is_err());
    assert!(message(&body.replace("Version\": \"1\"", "Version\": \"3\"")).verify(certificate).is_err());
    assert!(message(body).verify(b"no certificate").is_err());
}

#[test]
fn only_hosts_of_sns_are_asked() {
    for url in [
        "https://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com:443/?Action=ConfirmSubscription",
        "https://sns.cn-north-1.amazonaws.com.cn/a.pem",
    ] {
        assert!(is_of_sns(url), "{url}");
    }
    for url in [
        "http://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com:8443/a.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/a.pem",
        "https://user@sns.us-east-1.amazonaws.com/a.pem",
        "https://evil.sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.evil.example/.amazonaws.com",
        "https://sns.a.b.amazonaws.com/a.pem",
        "https://sns..amazonaws.com/a.pem",
        "https://s3.us-east-1.amazonaws.com/a.pem",
        "//sns.us-east-1.amazonaws.com/a.pem",
        "file:///etc/passwd",
        "",
    ] {
        assert!(!is_of_sns(url), "{url}");
    }
    let body = fixture!("cloudwatch_subscription.json");
    assert!(message(body).certificate_url().is_ok() && message(body).subscribe_url().is_ok());
    let elsewhere = body.replace("https://sns.eu-central-1.amazonaws.com", "https://192.0.2.1");
    let elsewhere = message(&elsewhere);
    assert!(elsewhere.certificate_url().is_err() && elsewhere.subscribe_url().is_err());
    for other in [".php", ".pem?a=.pem", "/a.pem", "%2e.pem"] {
        assert!(message(&body.replace(".pem", other)).certificate_url().is_err(), "{other}");
    }
    let called = body.replace("SimpleNotificationService-", "?Action=GetTopicAttributes&x=");
    assert!(message(&called).certificate_url().is_err(), "what an API of SNS replies may be anyone's");
    let topic = json!({"topic_arn": "arn:aws:sns:eu-central-1:1:other"});
    assert_eq!(message(body).check_topic(&object(topic)).unwrap_err().status.as_u16(), 403);
}

#[test]
fn kinds_that_cannot_be_served_are_told_from_those_that_do_not_exist() {
    assert!(SourceType::find("nsone_v1").is_ok());
    for name in ["monitis", "monitor_us", "boundary", "a10"] {
        let error = SourceType::find(name).unwrap_err();
        assert_eq!(error.status.as_u16(), 400);
        assert!(
            error.message.contains("not published") && error.message.contains("pingdom"),
            "{}",
            error.message
        );
    }
    assert!(SourceType::find("smoke_signals").unwrap_err().message.contains("not a known source type"));
}

#[test]
fn a_feed_needs_what_its_type_matches_with() {
    let kind = SourceType::find("nsone_v1").unwrap();
    let check = |config: Value| kind.check_feed_config(&object(config));
    assert!(check(json!({"label": "web-1"})).is_ok());
    assert!(check(json!({"label": 7, "other": [1]})).is_ok());
    for bad in [json!({}), json!({"label": null}), json!({"label": ""}), json!({"label": ["a"]})] {
        let error = check(bad.clone()).unwrap_err();
        assert!(error.message.contains("config.label"), "{bad}: {}", error.message);
    }
    assert!(check(json!({"label": "x".repeat(300)})).is_err());
    assert!(check(json!({"label": "x", "more": "y".repeat(5000)})).is_err());
    for kind in SourceType::ALL {
        let first = kind.matched_options().next().map(|option| option.name).unwrap();
        assert!(kind.check_feed_config(&Map::new()).unwrap_err().message.contains(first), "{}", kind.name);
    }
}
