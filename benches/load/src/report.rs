//! What is printed and written.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    control::{self, Cost},
    data::DataSet,
    rounds::{Figures, Results},
    servers::Server,
};

/// Memory and load time of one server with one data set.
#[derive(Clone, Debug)]
pub struct Footprint {
    data_set: DataSet,
    server: String,
    pss_mib: f64,
    load_s: Vec<(&'static str, f64)>,
}

impl Footprint {
    /// That of `server` now.
    ///
    /// # Errors
    /// When it is gone.
    pub fn of(data_set: DataSet, server: &Server) -> Result<Self> {
        let pss_bytes = server.process.pss_bytes().with_context(|| server.name.clone())?;
        Ok(Self {
            data_set,
            server: server.name.clone(),
            pss_mib: pss_bytes as f64 / f64::from(1 << 20),
            load_s: server.load.iter().map(|(what, time)| (*what, time.as_secs_f64())).collect(),
        })
    }
}

/// All that was measured.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Per scenario.
    pub results: Vec<Results>,
    /// Per data set and server.
    pub footprints: Vec<Footprint>,
    /// Per kind of work of the control plane.
    pub costs: Vec<Cost>,
}

impl Report {
    /// Memory and load times as a Markdown table.
    pub fn footprints_markdown(&self) -> String {
        let mut text = String::from(
            "\n### memory and load\n\n| data | server | PSS MiB | load |\n| --- | --- | ---: | --- |\n",
        );
        for footprint in &self.footprints {
            let load: Vec<_> =
                footprint.load_s.iter().map(|(what, seconds)| format!("{what} {seconds:.2} s")).collect();
            let _ = writeln!(
                text,
                "| {} | {} | {:.1} | {} |",
                footprint.data_set.name(),
                footprint.server,
                footprint.pss_mib,
                load.join(", ")
            );
        }
        text
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let scenarios: Vec<_> = self.results.iter().map(scenario_json).collect();
        let footprints: Vec<_> = self
            .footprints
            .iter()
            .map(|footprint| {
                let load: serde_json::Map<_, _> = footprint
                    .load_s
                    .iter()
                    .map(|(what, seconds)| ((*what).to_owned(), json!(seconds)))
                    .collect();
                json!({
                    "data": footprint.data_set.name(),
                    "server": footprint.server,
                    "pss_mib": footprint.pss_mib,
                    "load_s": load,
                })
            })
            .collect();
        json!({"scenarios": scenarios, "footprints": footprints, "control_plane": control::json(&self.costs)})
    }
}

/// The figures of one scenario as a Markdown table.
pub fn scenario_markdown(result: &Results) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "\n### {}: {}\n", result.scenario.name(), result.scenario.title());
    text.push_str("| server | CPU µs/answer | ± % | × echo | answers/s | p50 µs | p99 µs | lost |\n");
    text.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for figures in &result.figures {
        row(&mut text, figures);
    }
    text
}

fn row(text: &mut String, figures: &Figures) {
    if let Some(fault) = &figures.fault {
        let fault = fault.replace(['|', '\n'], " ");
        let _ = writeln!(text, "| {} | not ranked: {fault} | | | | | | |", figures.server);
        return;
    }
    let ratio = figures.ratio.map(|ratio| format!("{ratio:.3}")).unwrap_or_default();
    let (p50, p99) =
        figures.latency_us.map(|(p50, p99)| (format!("{p50:.0}"), format!("{p99:.0}"))).unwrap_or_default();
    let _ = writeln!(
        text,
        "| {} | {:.3} | {:.1} | {ratio} | {:.0} | {p50} | {p99} | {} |",
        figures.server, figures.cpu_us, figures.spread_percent, figures.rate, figures.lost
    );
}

fn scenario_json(results: &Results) -> Value {
    let servers: Vec<_> = results
        .figures
        .iter()
        .map(|figures| {
            json!({
                "server": figures.server,
                "fault": figures.fault,
                "cpu_us": figures.cpu_us,
                "spread_percent": figures.spread_percent,
                "ratio": figures.ratio,
                "rate": figures.rate,
                "lost": figures.lost,
                "wrong": figures.wrong,
                "p50_us": figures.latency_us.map(|(p50, _)| p50),
                "p99_us": figures.latency_us.map(|(_, p99)| p99),
            })
        })
        .collect();
    json!({"scenario": results.scenario.name(), "servers": servers})
}
