//! The cast: who is which node. A system lists its roles in the order of their nodes, each with how many there are.

use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;

/// A role: what its nodes are called, and how many there are under these settings.
#[derive(Clone, Copy)]
pub struct Role {
    /// One node: "cache". Several: "client 2", counted from 1.
    pub word: &'static str,
    /// How many nodes play it.
    pub count: fn(&Settings) -> usize,
    /// Whether they are told apart by number, even where there is but one.
    pub numbered: bool,
}

impl Role {
    /// A role of one node.
    pub const fn one(word: &'static str) -> Role {
        Role { word, count: |_| 1, numbered: false }
    }

    /// A role of several nodes.
    pub const fn many(word: &'static str, count: fn(&Settings) -> usize) -> Role {
        Role { word, count, numbered: true }
    }
}

/// The roles of a system, in the order of their nodes.
pub struct Cast(pub &'static [Role]);

impl Cast {
    /// Number of nodes.
    pub fn nodes(&self, settings: &Settings) -> usize {
        self.0.iter().map(|role| (role.count)(settings)).sum()
    }

    /// The role of a node, as its place in the list, and the node's place within the role. A node beyond the last counts
    /// on in the last role.
    pub fn who(&self, settings: &Settings, node: NodeId) -> (usize, usize) {
        let mut at = node.index();
        for (place, role) in self.0.iter().enumerate() {
            let count = (role.count)(settings);
            if at < count || place + 1 == self.0.len() {
                return (place, at);
            }
            at -= count;
        }
        (0, at)
    }

    /// The `at`-th node of a role; the last one where there are fewer.
    pub fn node(&self, settings: &Settings, role: usize, at: usize) -> NodeId {
        let most = self.0.get(role).map_or(0, |role| (role.count)(settings)).saturating_sub(1);
        NodeId::from(self.first(settings, role) + at.min(most))
    }

    /// All nodes of a role.
    pub fn all(&self, settings: &Settings, role: usize) -> impl Iterator<Item = NodeId> + use<> {
        let (first, count) = (self.first(settings, role), self.0.get(role).map_or(0, |role| (role.count)(settings)));
        (first..first + count).map(NodeId::from)
    }

    /// What the reader calls a node: "cache", "client 2".
    pub fn name(&self, settings: &Settings, node: NodeId) -> String {
        let (role, at) = self.who(settings, node);
        match self.0.get(role) {
            Some(role) if role.numbered => format!("{} {}", role.word, at + 1),
            Some(role) => role.word.to_owned(),
            None => String::new(),
        }
    }

    fn first(&self, settings: &Settings, role: usize) -> usize {
        self.0.iter().take(role).map(|role| (role.count)(settings)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAST: Cast = Cast(&[Role::many("client", |_| 2), Role::one("cache"), Role::many("server", |_| 3)]);

    #[test]
    fn everybody_is_somebody_and_found_again() {
        let settings = Settings::defaults(&[]);
        assert_eq!(CAST.nodes(&settings), 6);
        for node in (0..6).map(NodeId::from) {
            let (role, at) = CAST.who(&settings, node);
            assert_eq!(CAST.node(&settings, role, at), node);
            assert!(CAST.all(&settings, role).any(|other| other == node));
        }
        let names: Vec<String> = (0..6).map(|node| CAST.name(&settings, NodeId::from(node))).collect();
        assert_eq!(names, ["client 1", "client 2", "cache", "server 1", "server 2", "server 3"]);
    }

    #[test]
    fn what_is_out_of_range_stays_within_the_cast() {
        let settings = Settings::defaults(&[]);
        assert_eq!(CAST.node(&settings, 0, 9), NodeId(1));
        assert_eq!(CAST.node(&settings, 7, 0), NodeId(6));
        assert_eq!(CAST.who(&settings, NodeId(40)), (2, 37));
        assert_eq!(CAST.all(&settings, 7).count(), 0);
    }
}
