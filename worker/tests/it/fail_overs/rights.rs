//! The rights of `deploy/rights`, and what its README adds for a Redis of more than one server.

use crate::fixture::Site;
use crate::rights::{GATEWAY, WORKER, redis_rules};
use tempfile::TempDir;
use testkit::server::Redis;

/// A file of accounts for all servers, which they read again whenever they start.
pub(super) struct Rights {
    _folder: TempDir,
    file: String,
    more: &'static str,
}

impl Rights {
    /// Everybody may do everything for now. `more` is what both accounts need beyond the file in `deploy/rights`.
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

    /// For each server.
    pub(super) fn flags(&self) -> [&str; 2] {
        ["--aclfile", &self.file]
    }

    /// From now on worker and gateway are told apart. Servers follow each other, and the test asks, as the default account.
    pub(super) async fn give(&self, site: &Site, servers: &[Redis]) {
        let rules = redis_rules(&site.key(""))
            .replace("user default off", "user default on nopass ~* &* +@all")
            .replace(" -@all", &format!(" -@all {}", self.more));
        std::fs::write(&self.file, rules).unwrap();
        for server in servers {
            server.ask(&["ACL", "LOAD"]).await.unwrap();
        }
    }
}

/// What stands in front of the host in a URL.
pub(super) fn accounts() -> [String; 2] {
    [format!("worker:{WORKER}@"), format!("gateway:{GATEWAY}@")]
}
