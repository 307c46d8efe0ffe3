//! The app in the browser; the terminal front end everywhere else.
fn main() {}
