//! The permissions of `deploy/rights`, and those that its README adds for several Redis servers.

use crate::fixture::Fixture;
use crate::rights::{GATEWAY, WORKER, redis_rules};
use tempfile::TempDir;
use testkit::server::Redis;

/// An ACL file for all servers, which they read again at each start.
pub(super) struct Rights {
    _folder: TempDir,
    file: String,
    more: &'static str,
}

impl Rights {
    /// Permits everything at first. `more` are the permissions that both accounts need beyond `deploy/rights`.
    pub(super) fn with(more: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("redis.acl").display().to_string();
        std::fs::write(&file, "user default on nopass ~* &* +@all\n").unwrap();
        Self {
            _folder: folder,
            file,
            more,
        }
    }

    /// The arguments of each server.
    pub(super) fn flags(&self) -> [&str; 2] {
        ["--aclfile", &self.file]
    }

    /// Restricts the accounts of worker and gateway. Replication and the test use the default account.
    pub(super) async fn restrict(&self, fixture: &Fixture, servers: &[Redis]) {
        let rules = redis_rules(&fixture.key(""))
            .replace("user default off", "user default on nopass ~* &* +@all")
            .replace(" -@all", &format!(" -@all {}", self.more));
        std::fs::write(&self.file, rules).unwrap();
        for server in servers {
            server.command(&["ACL", "LOAD"]).await.unwrap();
        }
    }
}

/// The user and password of worker and gateway, as in a URL.
pub(super) fn accounts() -> [String; 2] {
    [format!("worker:{WORKER}@"), format!("gateway:{GATEWAY}@")]
}
