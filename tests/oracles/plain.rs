//! Moves computed the simplest way, on whole worlds: the explorer is compared with these.

use faultline::sim::NodeId;
use faultline::sim::explore::Budget;
use faultline::sim::kernel::PendingKind;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Input;

/// Every move out of a world, with the budget that is left after it, computed the simplest way.
pub fn moves<W: Simulation + ?Sized>(world: &W, budget: Budget) -> Vec<(Input, Budget)> {
    let choices = world.choices();
    let mut found: Vec<(Input, Budget)> =
        choices.iter().map(|choice| (Input::Choose { id: choice.id }, budget)).collect();
    let kernel = world.kernel();
    let messages = || kernel.pending().filter(|entry| matches!(entry.kind, PendingKind::Deliver { .. }));
    if let Some(drops) = budget.drops.checked_sub(1) {
        found.extend(messages().map(|entry| (Input::Drop { id: entry.id }, Budget { drops, ..budget })));
    }
    if let Some(duplicates) = budget.duplicates.checked_sub(1) {
        found.extend(messages().map(|entry| (Input::Duplicate { id: entry.id }, Budget { duplicates, ..budget })));
    }
    if let Some(cuts) = budget.cuts.checked_sub(1) {
        let links = messages().filter_map(|entry| match entry.kind {
            PendingKind::Deliver { from, .. } if kernel.connected(from, entry.node) => Some((from, entry.node)),
            _ => None,
        });
        found.extend(links.map(|(from, to)| (Input::Cut { from, to }, Budget { cuts, ..budget })));
    }
    for (id, node) in kernel.nodes().iter().enumerate() {
        let id = NodeId::from(id);
        match (node.up, budget.crashes.checked_sub(1), budget.restarts.checked_sub(1)) {
            (true, Some(crashes), _) => found.push((Input::Crash { node: id }, Budget { crashes, ..budget })),
            (false, _, Some(restarts)) => found.push((Input::Restart { node: id }, Budget { restarts, ..budget })),
            _ => {}
        }
        if let (true, Some(power_cuts)) = (node.up, budget.power_cuts.checked_sub(1)) {
            found.push((Input::PowerCut { node: id }, Budget { power_cuts, ..budget }));
        }
    }
    found
}
