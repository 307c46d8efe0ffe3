//! Where the Tab key stops on the stage: once for the nodes, once for the links, once for the messages. The arrow keys move
//! among those of a kind, and the one that was reached last is its kind's stop.

use web_sys::Element;

use crate::focus::next_among;

/// What can be chosen in a layer of the picture, and is in sight; and the one at which Tab stops.
const IN_SIGHT: &str = "[tabindex]:not([visibility='hidden'])";
const STOP: &str = "[tabindex='0']:not([visibility='hidden'])";

/// Sees to it that Tab stops at something in a layer, if anything is in sight there.
pub fn keep(layer: &Element) {
    let find = |what: &str| layer.query_selector(what).ok().flatten();
    if find(STOP).is_none() {
        find(IN_SIGHT).iter().for_each(make_stop);
    }
}

/// Makes this the one in its layer at which Tab stops.
pub fn make_stop(element: &Element) {
    let layer = element.parent_element();
    let known = layer.and_then(|layer| layer.query_selector("[tabindex='0']").ok().flatten());
    for (element, index) in known.iter().map(|known| (known, "-1")).chain([(element, "0")]) {
        // The name and the value are ours and valid, so this cannot fail.
        let _ = element.set_attribute("tabindex", index);
    }
}

/// Where a key leads from one thing on the stage, among those of its kind.
pub fn next(from: &Element, key: &str) -> Option<Element> {
    next_among(from, key, IN_SIGHT)
}
