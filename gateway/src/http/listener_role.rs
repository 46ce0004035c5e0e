//! What is served on which port.

use crate::http::router::Resource;
use tokio::net::TcpListener;

/// What a listener offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerRole {
    /// On the one port that there is.
    All,
    /// On `PORT`, beside an `ADMIN_PORT`: what is for everybody, and what balancers ask.
    Public,
    /// On `ADMIN_PORT`: what is for operators alone.
    Admin,
}

/// Where the gateway listens.
pub struct Listeners {
    /// `PORT`.
    pub public: TcpListener,
    /// `ADMIN_PORT`.
    pub admin: Option<TcpListener>,
}

impl ListenerRole {
    /// Whether `resource` is among it.
    pub fn serves(self, resource: Resource) -> bool {
        match resource {
            Resource::Live | Resource::Ready => true,
            Resource::Health | Resource::Metrics => self != Self::Public,
            _ => self != Self::Admin,
        }
    }
}

impl Listeners {
    /// Each with what it offers.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_offered_somewhere_and_probes_everywhere() {
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
