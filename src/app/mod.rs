//! The Leptos app.

/// Puts the app on the page.
pub fn start() {}
