//! What views are made of, in as few types as possible: each separate type (a closure, a list of elements) would bring
//! its own copy of the code that builds, changes and removes it, and those copies were a third of the app.
//!
//! The rules: handlers go through [`on`], [`click`] or [`typed`]; what changes is written `move || ...` in place,
//! where the macro erases it, and gives a text, a flag or an [`AnyView`]; lists go through [`Views::views`]. What only
//! shows texts, and has nothing to press, is written as HTML: see [`tagged`].

use leptos::prelude::*;
use web_sys::{Event, MouseEvent};

use faultline::picture::svg::escape;

/// A handler of events, whatever it does.
pub type Handler<E> = Box<dyn FnMut(E)>;

/// A handler of any event.
pub fn on<E>(handle: impl FnMut(E) + 'static) -> Handler<E> {
    Box::new(handle)
}

/// A handler of clicks that does not care where they are.
pub fn click(act: impl Fn() + 'static) -> Handler<MouseEvent> {
    on(move |_| act())
}

/// A handler of what is typed or chosen.
pub fn typed(take: impl Fn(String) + 'static) -> Handler<Event> {
    on(move |event| take(event_target_value(&event)))
}

/// A handler of what is ticked.
pub fn ticked(take: impl Fn(bool) + 'static) -> Handler<Event> {
    on(move |event| take(event_target_checked(&event)))
}

/// Several views, whatever each is made of.
pub trait Views {
    /// The list of them.
    fn views(self) -> Vec<AnyView>;
}

impl<I: IntoIterator<Item: IntoAny>> Views for I {
    fn views(self) -> Vec<AnyView> {
        self.into_iter().map(IntoAny::into_any).collect()
    }
}

/// Does this now, and again whenever something it reads changes.
pub fn effect(run: impl FnMut() + 'static) {
    let run: Box<dyn FnMut()> = Box::new(run);
    Effect::new(run);
}

/// A view that is there while something holds; it is rebuilt only when that changes.
pub fn when(holds: impl Fn() -> bool + Send + Sync + 'static, view: impl Fn() -> AnyView + Send + 'static) -> AnyView {
    let (holds, view): (Condition, Box<dyn Fn() -> AnyView + Send>) = (Box::new(holds), Box::new(view));
    let holds = Memo::new(move |_| holds());
    view! { {move || holds.get().then(&view)} }.into_any()
}

type Condition = Box<dyn Fn() -> bool + Send + Sync>;

/// An option of a choice.
pub fn option(value: impl ToString, title: impl ToString, is_chosen: bool) -> AnyView {
    option_of(value.to_string(), title.to_string(), is_chosen)
}

fn option_of(value: String, title: String, is_chosen: bool) -> AnyView {
    view! { <option value=value selected=is_chosen>{title}</option> }.into_any()
}

/// An element with a text in it, as HTML. The opening tag may have attributes.
pub fn tagged(opening: &str, text: &str) -> String {
    let tag = opening.split(' ').next().unwrap_or(opening);
    format!("<{opening}>{}</{tag}>", escape(text))
}

/// A row of a table, as HTML: its head and its cells.
pub fn row(head: &str, cells: &[String]) -> String {
    let cells: String = cells.iter().map(|cell| tagged("td", cell)).collect();
    // A row without a name has no header to read out.
    let kind = if head.is_empty() { "td" } else { "th scope=\"row\"" };
    format!("<tr>{}{cells}</tr>", tagged(kind, head))
}

/// A term and what is said about it, as HTML.
pub fn described(term: &str, what: &str) -> String {
    format!("<div>{}{}</div>", tagged("dt", term), tagged("dd", what))
}
