//! Where the focus is, and where keys lead it.

use leptos::prelude::document;
use wasm_bindgen::JsCast;
use web_sys::Element;

/// Gives an element the focus. One that cannot take it leaves it where it is.
pub fn focus(element: &Element) {
    // Elements of HTML and of SVG take the focus by a method of the same name.
    let _ = element.unchecked_ref::<web_sys::SvgElement>().focus();
}

/// Gives the focus to the first element that a selector finds. False if there is none.
pub fn focus_first(what: &str) -> bool {
    let found = document().query_selector(what).ok().flatten();
    found.iter().for_each(focus);
    found.is_some()
}

/// Whether an element has the focus.
pub fn has_focus(element: &Element) -> bool {
    element.matches(":focus").unwrap_or(false)
}

/// Where a key leads from an element, among its siblings of this kind: round and round.
pub fn next_among(from: &Element, key: &str, kind: &str) -> Option<Element> {
    let parent = from.parent_element()?;
    let (first, last) = (parent.first_element_child()?, parent.last_element_child()?);
    let go = |element: &Element, forth: bool| match forth {
        true => element.next_element_sibling().unwrap_or_else(|| first.clone()),
        false => element.previous_element_sibling().unwrap_or_else(|| last.clone()),
    };
    let (start, forth) = match key {
        "ArrowRight" | "ArrowDown" => (go(from, true), true),
        "ArrowLeft" | "ArrowUp" => (go(from, false), false),
        "Home" => (first.clone(), true),
        "End" => (last.clone(), false),
        _ => return None,
    };
    let all = std::iter::successors(Some(start), |element| Some(go(element, forth)));
    all.take(parent.child_element_count() as usize).find(|element| element.matches(kind).unwrap_or(false))
}
