//! What grows with the number of screens: the cost of one more gateway, one more replica and one more stream, for
//! deploy/SCALING.md, which is made of these figures alone.

mod balancers;
mod bytes;
mod climb;
mod followers;
mod primary;
mod scene;
mod way;

use anyhow::Result;
use clap::{Args, ValueEnum};
use loadkit::report::Report;
use scene::Scene;

/// What is wanted of a run.
#[derive(Args)]
pub(crate) struct Wishes {
    /// Short rounds and few of them: to see that it works, not what it is worth. About 8 minutes.
    #[arg(long)]
    quick: bool,
    /// This part alone; may be given several times.
    #[arg(long, value_enum, value_name = "NAME")]
    only: Vec<Part>,
    /// How many rounds, each of which measures every contender once.
    #[arg(long)]
    rounds: Option<usize>,
    /// How many gateways follow one Redis, from few to many; each is a real one and takes 10 MB.
    #[arg(long, value_name = "COUNT", value_delimiter = ',', default_value = "1,50,200",
        value_parser = clap::value_parser!(u16).range(1..=1_000))]
    gateways: Vec<u16>,
    /// How many replicas follow one Redis, from few to many.
    #[arg(long, value_name = "COUNT", value_delimiter = ',', default_value = "1,20",
        value_parser = clap::value_parser!(u16).range(1..=100))]
    replicas: Vec<u16>,
    /// How many streams there are through each balancer; 2,000, or 1,000 with --quick.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(100..=7_000))]
    streams: Option<u16>,
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// CPU and bytes of Redis for each gateway that follows it, beside bare subscriptions.
    Redis,
    /// CPU and bytes of a Redis for each replica of it, beside gateways.
    Replica,
    /// CPU and memory of nginx, HAProxy and Caddy for each stream, beside the gateways without one.
    Balancers,
    /// How long a stream's head and a delivery are on the wire.
    Bytes,
}

/// Runs it all and tells it.
pub(crate) fn measure(wishes: &Wishes) -> Result<()> {
    let _folder = crate::folders::keep_in_one()?;
    let mut report = Report::default();
    let scene = Scene::set(wishes, &mut report)?;
    for part in Part::value_variants() {
        if !wishes.only.is_empty() && !wishes.only.contains(part) {
            continue;
        }
        let name = format!("{part:?}").to_lowercase();
        println!("measuring {name} ...");
        let measured = match part {
            Part::Redis => followers::measure_gateways(&scene, &wishes.gateways, &mut report),
            Part::Replica => followers::measure_replicas(&scene, &wishes.replicas, &mut report),
            Part::Balancers => balancers::measure(&scene, &mut report),
            Part::Bytes => bytes::measure(&scene, &mut report),
        };
        if let Err(e) = measured {
            report.add_failure(&name, &e);
        }
    }
    crate::tell(&report, "scale")
}
