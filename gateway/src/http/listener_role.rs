//! Decides which resources each port serves.

use crate::config::Config;
use crate::http::resource::{Asset, Resource};
use tokio::net::TcpListener;

/// Determines which resources a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerRole {
    /// `PORT` without an `ADMIN_PORT`: everything.
    All,
    /// `PORT` when there is an `ADMIN_PORT`: everything but `/health` and `/metrics`.
    Public,
    /// `ADMIN_PORT`: `/health`, `/metrics` and the probes.
    Admin,
}

/// The listening sockets.
pub struct Listeners {
    /// `PORT`.
    pub public: TcpListener,
    /// `ADMIN_PORT`.
    pub admin: Option<TcpListener>,
}

impl ListenerRole {
    /// Returns whether a listener with this role serves `resource`.
    pub fn serves(self, resource: Resource) -> bool {
        match resource {
            Resource::Live | Resource::Ready => true,
            Resource::Health | Resource::Metrics => self != Self::Public,
            _ => self != Self::Admin,
        }
    }
}

impl Listeners {
    /// Returns each listener with its role.
    pub fn with_roles(self) -> Vec<(TcpListener, ListenerRole)> {
        match self.admin {
            None => vec![(self.public, ListenerRole::All)],
            Some(admin) => vec![
                (self.public, ListenerRole::Public),
                (admin, ListenerRole::Admin),
            ],
        }
    }
}

impl From<TcpListener> for Listeners {
    fn from(public: TcpListener) -> Self {
        let admin = None;
        Self { public, admin }
    }
}

/// Returns whether the configuration enables `resource`.
pub fn is_enabled(config: &Config, resource: Resource) -> bool {
    match resource {
        Resource::Stream => config.streams_enabled,
        Resource::Logo | Resource::Page(Asset::Dashboard(_)) => config.dashboard_enabled,
        Resource::Page(_) => config.docs_enabled,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_resource_has_a_port_and_probes_are_on_both() {
        for resource in Resource::ALL {
            assert!(ListenerRole::All.serves(resource));
            let both =
                ListenerRole::Public.serves(resource) && ListenerRole::Admin.serves(resource);
            let probe = matches!(resource, Resource::Live | Resource::Ready);
            assert_eq!(both, probe, "{resource:?}");
            assert!(ListenerRole::Public.serves(resource) || ListenerRole::Admin.serves(resource));
        }
    }
}
