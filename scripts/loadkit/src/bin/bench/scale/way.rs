//! The ways from a gateway to a screen: straight, or through a balancer that has a core of its own.

use super::scene::Scene;
use anyhow::Result;
use loadkit::crowd::Crowd;
use loadkit::figures::Figures;
use loadkit::gateway::Gateway;
use loadkit::meter::{Meter, Watch};
use loadkit::wire::Trust;
use std::fmt;
use std::time::Duration;
use testkit::balancer::{Balancer, HOST, Kind};
use testkit::server::Redis;

/// The control first.
pub(super) const WAYS: [Way; 7] = [
    Way::Straight,
    Way::Tls(Kind::Nginx),
    Way::Tls(Kind::Haproxy),
    Way::Tls(Kind::Caddy),
    Way::Plain(Kind::Nginx),
    Way::Plain(Kind::Haproxy),
    Way::Plain(Kind::Caddy),
];

/// How a stream comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From the gateway.
    Straight,
    /// Through a balancer, encrypted.
    Tls(Kind),
    /// Through a balancer, as it is.
    Plain(Kind),
}

/// One way, fresh, with nobody on it. Dropping it ends every process of it.
pub(super) struct Walk {
    pub(super) crowd: Crowd,
    pub(super) figures: Figures,
    /// Of what is measured: the balancer, or both gateways.
    meters: Vec<Meter>,
    balancer: Option<Balancer>,
    _gateways: [Gateway; 2],
    _redis: Redis,
}

impl Walk {
    /// Starts two gateways, beside the load, and what is before them.
    pub(super) fn begin(scene: &Scene, way: Way) -> Result<Self> {
        let redis = scene.start(Redis::start())?;
        let mut figures = Figures::new(redis.port())?;
        figures.store_all()?;
        let gateway = || Gateway::start(&[scene.cores.load], redis.port());
        let gateways = [gateway()?, gateway()?];
        let addresses = gateways.each_ref().map(|gateway| gateway.address);
        let balancer = match way {
            Way::Straight => None,
            Way::Tls(kind) | Way::Plain(kind) => {
                Some(scene.start_alone(Balancer::before(kind, addresses))?)
            }
        };
        let crowd = match (way, &balancer) {
            (Way::Tls(_), Some(balancer)) => {
                let trust = Trust::of(&balancer.authority.certificate(), HOST)?;
                Crowd::of(balancer.tls)?.with_tls(trust)
            }
            (_, Some(balancer)) => Crowd::of(balancer.plain)?,
            (_, None) => Crowd::of_all(addresses.to_vec())?,
        };
        let meters = match &balancer {
            Some(balancer) => vec![Meter::of(balancer.process().pid())],
            None => gateways.each_ref().map(|gateway| gateway.meter).to_vec(),
        };
        Ok(Self {
            crowd,
            figures,
            meters,
            balancer,
            _gateways: gateways,
            _redis: redis,
        })
    }

    /// What is measured has spent so much so far.
    pub(super) fn cpu(&self) -> Result<Duration> {
        self.meters.iter().map(|meter| meter.cpu()).sum()
    }

    /// What is measured has so many bytes.
    pub(super) fn memory(&self) -> Result<u64> {
        self.meters.iter().map(|meter| meter.memory()).sum()
    }

    /// At the balancer and its core, if there is one.
    pub(super) fn watch(&self, scene: &Scene) -> Result<Option<Watch>> {
        let watched = self.balancer.as_ref().map(Balancer::process);
        let watched = watched.map(|process| Meter::of(process.pid()).watch(scene.cores.server));
        watched.transpose()
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Straight => write!(f, "straight"),
            Self::Tls(kind) => write!(f, "{kind:?} with TLS"),
            Self::Plain(kind) => write!(f, "{kind:?} without TLS"),
        }
    }
}
