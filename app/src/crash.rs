//! If the engine panics despite everything, the page says what happened and offers to replay the run.

use std::cell::RefCell;

use leptos::prelude::document;

thread_local! {
    static REPLAY: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Remembers the address that replays the current run.
pub fn remember(address: String) {
    REPLAY.with(|replay| *replay.borrow_mut() = address);
}

/// Reports panics to the console and on the page.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        let replay = REPLAY.with(|replay| replay.try_borrow().map(|text| text.clone()).unwrap_or_default());
        if let (Some(body), Ok(note)) = (document().body(), document().create_element("div")) {
            note.set_class_name("crash");
            // What is written here is escaped; if the page cannot show it, there is still the console.
            let escape = faultline::picture::svg::escape;
            note.set_inner_html(&format!(
                "<p><strong>Faultline stopped. This is a bug in Faultline.</strong> {}</p><p><a href=\"{}\">Replay this run up to here</a></p>",
                escape(&info.to_string()),
                escape(&replay),
            ));
            let _ = body.prepend_with_node_1(&note);
        }
    }));
}
