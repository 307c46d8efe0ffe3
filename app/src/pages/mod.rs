//! What the app has on a page: a scenario's workbench. All else on the site's pages is static: `faultline pages`.

pub mod scenario;
