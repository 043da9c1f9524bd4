//! What the control plane is given to do.

use std::{
    fs,
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::{
    check::numbered_address,
    data,
    http::Connection,
    query::{Scenario, Sizes},
    servers::sextant::{self, Control},
};

/// Record publishes per second.
const PUBLISHES: u32 = 1_000;
/// Connections that publish.
const PUBLISHERS: u32 = 8;
/// Feeds of the source that is pushed to, all in one request.
const FEEDS: u32 = 1_000;
/// Pushes per second: 100,000 values.
const PUSHES: u32 = 100;
/// Replacements of the geography file per second; the server looks less often.
const REPLACEMENTS: u32 = 2;
/// How long that goes on at least: the server looks every 5 seconds, so that it reads the file once or twice.
const REPLACED_FOR: Duration = Duration::from_secs(7);
/// Records that are put one by one.
const PUTS: u32 = 10_000;
/// Connections that put and create.
const CONNECTIONS: u32 = 16;
/// Connections that push.
const PUSHERS: u32 = 4;
/// How often the state of an export is asked for.
const EXPORT_LOOK: Duration = Duration::from_millis(50);
/// How long an export may take.
const EXPORT_PATIENCE: Duration = Duration::from_secs(60);

/// Something to do. What creates comes before what needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Work {
    /// Records published at a fixed rate.
    Publishes,
    /// Feed values pushed at a fixed rate.
    Feeds,
    /// Feed values pushed as fast as they are taken.
    Pushes,
    /// The geography file replaced and read again and again.
    Geography,
    /// Records put one by one.
    Puts,
    /// A zone as large as the large one imported.
    Import,
    /// The large zone exported and fetched.
    Export,
    /// The small zones created one by one, empty.
    Zones,
    /// All zones listed by pages.
    Listing,
}

/// A figure that is promised.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// So many a second at least.
    PerSecond(f64),
    /// So many seconds at most.
    Seconds(f64),
}

impl Work {
    /// What it is, in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Publishes => "1,000 records published a second",
            Self::Feeds => "100,000 feed values pushed a second",
            Self::Pushes => "feed values pushed, 4 connections",
            Self::Geography => "the geography reloaded",
            Self::Puts => "records put one by one, 16 connections",
            Self::Import => "a zone imported as large as the large one",
            Self::Export => "the large zone exported and fetched again and again",
            Self::Zones => "zones created one by one, 16 connections",
            Self::Listing => "all zones listed by pages again and again",
        }
    }

    /// What is counted.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Publishes | Self::Puts | Self::Import | Self::Export => "records",
            Self::Feeds | Self::Pushes => "values",
            Self::Geography => "files",
            Self::Zones | Self::Listing => "zones",
        }
    }

    /// What is promised of it for data of full size, if anything.
    pub fn target(self) -> Option<Target> {
        match self {
            Self::Puts => Some(Target::PerSecond(2_000.0)),
            Self::Import => Some(Target::Seconds(6.0)),
            Self::Zones => Some(Target::Seconds(60.0)),
            // Work at a fixed rate takes as long as it takes.
            Self::Publishes | Self::Feeds | Self::Geography => None,
            Self::Pushes | Self::Export | Self::Listing => None,
        }
    }

    /// What is asked meanwhile: something that the work could slow down.
    pub fn scenario(self) -> Scenario {
        match self {
            Self::Feeds | Self::Pushes => Scenario::Many,
            Self::Geography => Scenario::Country,
            _ => Scenario::Static,
        }
    }

    /// How often it is done; what fills the server with more and more is done once.
    pub fn rounds(self) -> u32 {
        match self {
            Self::Publishes | Self::Feeds | Self::Pushes => 3,
            Self::Geography | Self::Puts => 2,
            Self::Import | Self::Export | Self::Zones | Self::Listing => 1,
        }
    }
}

/// A client of the control plane.
pub struct Client {
    api: Control,
    sizes: Sizes,
    geography: PathBuf,
    time: Duration,
    source: OnceLock<String>,
    pushes: OnceLock<Vec<String>>,
    zones_made: OnceLock<()>,
    /// The text of the zone to import, made before the clock runs.
    zone_file: OnceLock<String>,
}

impl Client {
    /// A client that has not made anything yet. `geography` is the file that the server watches, and `time` how long
    /// work at a fixed rate goes on.
    pub fn new(api: Control, sizes: Sizes, geography: PathBuf, time: Duration) -> Self {
        let (source, pushes, zones_made, zone_file) = Default::default();
        Self { api, sizes, geography, time, source, pushes, zones_made, zone_file }
    }

    /// Makes the feeds and the steered records; one answer listens to each of the first feeds.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn make_feeds(&self) -> Result<()> {
        let mut api = self.api.connect()?;
        let body = json!({"name": "load", "sourcetype": "nsone_v1", "config": {}});
        let source = api.send_json("PUT", "/v1/data/sources", &body)?;
        let source = source["id"].as_str().context("a source has an id")?;
        let mut ids = Vec::new();
        for number in 0..FEEDS {
            let body = json!({"name": format!("f{number}"), "config": {"label": format!("f{number}")}});
            let feed = api.send_json("PUT", &format!("/v1/data/feeds/{source}"), &body)?;
            ids.push(feed["id"].clone());
        }
        sextant::put_steered_records(&mut api, |label, record| {
            if label == "many" {
                let answers = record["answers"].as_array_mut();
                for (answer, id) in answers.into_iter().flatten().zip(&ids) {
                    answer["meta"]["weight"] = json!({"feed": id});
                }
            }
        })?;
        self.source.get_or_init(|| source.to_owned());
        self.pushes.get_or_init(|| (0..8).map(push).collect());
        Ok(())
    }

    /// Makes what `work` needs and does not make itself.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn prepare(&self, work: Work) -> Result<()> {
        match work {
            Work::Import => {
                self.zone_file.get_or_init(|| data::large_zone(self.sizes));
            }
            Work::Listing if self.zones_made.get().is_none() => drop(self.create_zones()?),
            _ => {}
        }
        Ok(())
    }

    /// Does `work`; returns how many of its units were done.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn work(&self, work: Work, round: u32) -> Result<u64> {
        match work {
            Work::Publishes => self.publish(),
            Work::Feeds => self.push_at_a_rate(),
            Work::Pushes => self.push_as_fast_as_it_goes(),
            Work::Geography => self.replace_geography(),
            Work::Puts => self.put_records(round),
            Work::Import => self.import(),
            Work::Export => self.again_and_again(|api, turn| self.export(api, turn)),
            Work::Zones => self.create_zones(),
            Work::Listing => self.again_and_again(|api, _| self.list(api)),
        }
    }

    fn publish(&self) -> Result<u64> {
        self.at_once(PUBLISHERS, |api, publisher| {
            paced(PUBLISHES / PUBLISHERS, self.time, |turn| {
                let number = (publisher + turn * PUBLISHERS) % self.sizes.names;
                let domain = format!("h{number}.{}", data::LARGE);
                let record = plain_record(&domain, number, 60 + turn % 60);
                let path = format!("/v1/zones/{}/{domain}/A", data::LARGE);
                api.send_json("POST", &path, &record).map(|_| 1)
            })
        })
    }

    fn push_at_a_rate(&self) -> Result<u64> {
        self.at_once(PUSHERS, |api, pusher| {
            paced(PUSHES / PUSHERS, self.time, |turn| self.push(api, pusher + turn * PUSHERS))
        })
    }

    fn push_as_fast_as_it_goes(&self) -> Result<u64> {
        let begun = Instant::now();
        self.at_once(PUSHERS, |api, pusher| {
            let mut values = 0;
            for turn in (pusher..).step_by(PUSHERS as usize) {
                if begun.elapsed() >= self.time {
                    break;
                }
                values += self.push(api, turn)?;
            }
            Ok(values)
        })
    }

    fn push(&self, api: &mut Connection, turn: u32) -> Result<u64> {
        let source = self.source.get().context("the feeds are made first")?;
        let bodies = self.pushes.get().context("likewise")?;
        let body = &bodies[turn as usize % bodies.len()];
        api.send("POST", &format!("/v1/feed/{source}"), "application/json", body)?;
        Ok(u64::from(FEEDS))
    }

    /// Puts the same file in place again and again, so that it is read whenever the server looks.
    fn replace_geography(&self) -> Result<u64> {
        paced(REPLACEMENTS, self.time.max(REPLACED_FOR), |_| {
            let aside = self.geography.with_extension("new");
            fs::copy(&self.geography, &aside)?;
            fs::rename(&aside, &self.geography)?;
            Ok(1)
        })
    }

    fn put_records(&self, round: u32) -> Result<u64> {
        self.at_once(CONNECTIONS, |api, first| {
            let mut count = 0;
            for number in (first..PUTS).step_by(CONNECTIONS as usize) {
                let domain = format!("put{round}-{number}.{}", data::LARGE);
                let record = plain_record(&domain, number, 300);
                let path = format!("/v1/zones/{}/{domain}/A", data::LARGE);
                api.send_json("PUT", &path, &record)?;
                count += 1;
            }
            Ok(count)
        })
    }

    fn import(&self) -> Result<u64> {
        let text = self.zone_file.get().context("the zone file is made first")?;
        self.api.connect()?.import("import.test", text)?;
        Ok(u64::from(self.sizes.names))
    }

    /// Calls `work` until the time is over; returns the sum.
    fn again_and_again(&self, mut work: impl FnMut(&mut Connection, u32) -> Result<u64>) -> Result<u64> {
        let mut api = self.api.connect()?;
        let begun = Instant::now();
        let mut sum = 0;
        for turn in 0.. {
            if begun.elapsed() >= self.time {
                break;
            }
            sum += work(&mut api, turn)?;
        }
        Ok(sum)
    }

    fn export(&self, api: &mut Connection, turn: u32) -> Result<u64> {
        // The export of a zone that has not changed is not made again.
        let domain = format!("export.{}", data::LARGE);
        let record = plain_record(&domain, 1, 60 + turn);
        let method = if turn == 0 { "PUT" } else { "POST" };
        api.send_json(method, &format!("/v1/zones/{}/{domain}/A", data::LARGE), &record)?;
        let path = format!("/v1/export/zonefile/{}", data::LARGE);
        let mut export = api.send_json("PUT", &path, &json!({}))?;
        let begun = Instant::now();
        while export["status"] != "COMPLETED" {
            let status = &export["status"];
            ensure!(status != "FAILED" && begun.elapsed() < EXPORT_PATIENCE, "the export is {status}");
            std::thread::sleep(EXPORT_LOOK);
            export = api.send("GET", &format!("{path}/status"), "application/json", "")?;
        }
        let text = api.fetch(&path)?;
        ensure!(text.octets > u64::from(self.sizes.names) * 10, "{} octets are no export", text.octets);
        Ok(u64::from(self.sizes.names))
    }

    fn create_zones(&self) -> Result<u64> {
        self.zones_made.get_or_init(|| ());
        self.at_once(CONNECTIONS, |api, first| {
            let mut count = 0;
            for number in (first..self.sizes.zones).step_by(CONNECTIONS as usize) {
                let zone = data::small_apex(number);
                api.send_json("PUT", &format!("/v1/zones/{zone}"), &json!({"zone": zone}))?;
                count += 1;
            }
            Ok(count)
        })
    }

    fn list(&self, api: &mut Connection) -> Result<u64> {
        let mut path = "/v1/zones".to_owned();
        let mut octets = 0;
        loop {
            let page = api.fetch(&path)?;
            octets += page.octets;
            let Some(next) = page.next_path else { break };
            path = next;
        }
        ensure!(octets > u64::from(self.sizes.zones) * 100, "{octets} octets are no list of all zones");
        Ok(u64::from(self.sizes.zones))
    }

    /// Calls `work` on so many threads, each with a connection of its own and its number; returns the sum.
    fn at_once(
        &self,
        threads: u32,
        work: impl Fn(&mut Connection, u32) -> Result<u64> + Sync,
    ) -> Result<u64> {
        let sum = AtomicU64::new(0);
        std::thread::scope(|scope| {
            let start = |thread| {
                let (work, sum) = (&work, &sum);
                scope.spawn(move || -> Result<()> {
                    sum.fetch_add(work(&mut self.api.connect()?, thread)?, Relaxed);
                    Ok(())
                })
            };
            let threads: Vec<_> = (0..threads).map(start).collect();
            threads.into_iter().try_for_each(|thread| match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })?;
        Ok(sum.load(Relaxed))
    }
}

/// A value for each feed, other ones in each turn.
fn push(turn: u32) -> String {
    let values = (0..FEEDS).map(|number| (format!("f{number}"), json!({"weight": 1 + (number + turn) % 8})));
    Value::Object(values.collect()).to_string()
}

fn plain_record(domain: &str, number: u32, ttl: u32) -> Value {
    json!({
        "zone": data::LARGE,
        "domain": domain,
        "type": "A",
        "ttl": ttl,
        "answers": [{"answer": [numbered_address(number).to_string()]}],
    })
}

/// Calls `work` so many times a second for `time`, each time with the next number; returns the sum.
fn paced(per_second: u32, time: Duration, mut work: impl FnMut(u32) -> Result<u64>) -> Result<u64> {
    ensure!(per_second > 0, "a rate of nothing");
    let interval = Duration::from_secs(1) / per_second;
    let begun = Instant::now();
    let mut due = begun;
    let mut sum = 0;
    for turn in 0.. {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if begun.elapsed() >= time {
            break;
        }
        sum += work(turn)?;
        due += interval;
    }
    Ok(sum)
}
