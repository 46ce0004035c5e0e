//! Cached answers: requests a second and p99, beside nginx and a bare hyper with the same body, in the same round.

use crate::stage::Stage;
use anyhow::{Context as _, Result, ensure};
use loadkit::control::Control;
use loadkit::http::{self, Connection};
use loadkit::measure::Rounds;
use loadkit::meter::Meter;
use loadkit::nginx::Nginx;
use loadkit::report::{Report, Row};
use loadkit::wrk;
use std::net::SocketAddr;

const PART: &str = "reads, 64 connections";
const WEEKLY: &str = "/api/visitors/weekly";
/// A small answer, a large one, and the one that a request may wait for.
pub(crate) const PATHS: [&str; 3] = [WEEKLY, "/api/books/summary", "/api/visitors/today"];

/// Someone who answers, and how well.
struct Contender {
    address: SocketAddr,
    meter: Meter,
    headers: Vec<String>,
    rate: Rounds,
    cpu_micros: Rounds,
    /// Percent of its core that others took.
    others: Rounds,
    p50: Rounds,
    p99: Rounds,
    failed: u32,
}

pub(crate) fn measure(stage: &mut Stage, report: &mut Report) -> Result<()> {
    let gateway = stage.gateway()?;
    let answers = PATHS.map(|path| http::get(gateway.address, path));
    let answers = answers.into_iter().collect::<Result<Vec<_>>>()?;
    let bodies = answers.iter().map(|answer| answer.body.clone());
    let bodies: Vec<_> = PATHS.into_iter().zip(bodies).collect();
    let nginx = Nginx::start(stage.cores, &bodies)?;
    for (path, answer) in PATHS.into_iter().zip(&answers) {
        let same = http::get(nginx.address, path)?;
        ensure!(
            same.body == answer.body,
            "nginx does not serve the same {path}"
        );
        let hyper = Control::bare_hyper(stage.cores, answer)?;
        let mut contenders = vec![
            Contender::at(gateway.address, gateway.meter, &[]),
            Contender::at(nginx.address, nginx.meter, &[]),
            Contender::at(hyper.address, hyper.meter, &[]),
        ];
        if path == WEEKLY {
            let tag = answer.header("etag").context("no ETag")?;
            let asked = format!("If-None-Match: {tag}");
            let status = Connection::open(gateway.address)?
                .get(path, &[&asked])?
                .status;
            ensure!(status == 304, "{status} to a client that has it");
            contenders.push(Contender::at(gateway.address, gateway.meter, &[asked]));
        }
        compare(stage, path, &mut contenders)?;
        tell(report, path, answer.body.len(), &contenders);
    }
    Ok(())
}

impl Contender {
    fn at(address: SocketAddr, meter: Meter, headers: &[String]) -> Self {
        Self {
            address,
            meter,
            cpu_micros: Rounds::default(),
            others: Rounds::default(),
            headers: headers.to_vec(),
            rate: Rounds::default(),
            p50: Rounds::default(),
            p99: Rounds::default(),
            failed: 0,
        }
    }
}

/// Each round begins with another contender, so that none is always the one after a pause.
fn compare(stage: &Stage, path: &str, contenders: &mut [Contender]) -> Result<()> {
    let count = contenders.len();
    for contender in &*contenders {
        wrk::run(contender.address, path, &[], crate::seconds(1)).context("warming up")?;
    }
    for round in 0..stage.pace.rounds {
        for turn in 0..count {
            let contender = &mut contenders[(round + turn) % count];
            let headers: Vec<_> = contender.headers.iter().map(String::as_str).collect();
            let watch = contender.meter.watch(stage.cores.server)?;
            let run = wrk::run(contender.address, path, &headers, stage.pace.read)?;
            let used = watch.used()?;
            contender
                .cpu_micros
                .add(used.micros_each(run.requests.into()));
            contender.others.add(used.others * 100.0);
            contender.rate.add(run.rate());
            contender.p50.add(f64::from(run.p50));
            contender.p99.add(f64::from(run.p99));
            contender.failed += run.failed;
        }
    }
    Ok(())
}

fn tell(report: &mut Report, path: &str, length: usize, contenders: &[Contender]) {
    let [ours, nginx, hyper, rest @ ..] = contenders else {
        return;
    };
    let what = format!("200 {path}, {length} bytes");
    let failed: u32 = contenders.iter().map(|contender| contender.failed).sum();
    let row = Row::new(PART, what, "1/s", &ours.rate)
        .goal(">= 1.0 x nginx, >= 0.95 x hyper")
        .against("nginx", &ours.rate, &nginx.rate)
        .against("hyper", &ours.rate, &hyper.rate);
    let others = ours.others.spread().map_or(0.0, |spread| spread.median);
    report.add(row.note(format!(
        "others took {others:.0} % of the server's core; requests that failed: {failed}"
    )));
    report.add(
        Row::new(PART, "  its CPU", "us", &ours.cpu_micros)
            .against("nginx", &ours.cpu_micros, &nginx.cpu_micros)
            .against("hyper", &ours.cpu_micros, &hyper.cpu_micros),
    );
    let row = Row::new(PART, "  its p99", "us", &ours.p99)
        .goal("<= 1.2 x hyper")
        .against("nginx", &ours.p99, &nginx.p99)
        .against("hyper", &ours.p99, &hyper.p99);
    report.add(row);
    report.add(
        Row::new(PART, "  its p50", "us", &ours.p50)
            .against("nginx", &ours.p50, &nginx.p50)
            .against("hyper", &ours.p50, &hyper.p50),
    );
    if let [same] = rest {
        let row = Row::new(PART, format!("304 {path}"), "1/s", &same.rate)
            .goal(">= 1.05 x the 200")
            .against("200", &same.rate, &ours.rate);
        report.add(row);
        report.add(Row::new(PART, "  its CPU", "us", &same.cpu_micros).against(
            "200",
            &same.cpu_micros,
            &ours.cpu_micros,
        ));
    }
}
