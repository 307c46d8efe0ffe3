//! `cargo xtask serve`: from a fresh machine to a page in the browser.

use crate::build::Terminal;
use crate::steps::{self, Step};
use crate::{Outcome, build, files, setup};

/// See the module's header.
pub fn serve(options: &[&str]) -> Outcome {
    let (mut port, mut only_build, mut debug, mut base, mut built) = (8080, false, false, "/".to_owned(), None);
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        match *option {
            "--port" => {
                let value = rest.next().and_then(|value| value.parse().ok());
                port = value.ok_or("--port takes a number from 0 to 65535.")?;
            }
            "--base" => base = (*rest.next().ok_or("--base takes a path such as /guide/.")?).to_owned(),
            "--site" => built = Some(*rest.next().ok_or("--site takes the folder of a site that is built.")?),
            "--no-serve" => only_build = true,
            "--debug" => debug = true,
            other => return Err(format!("There is no option {other} here.")),
        }
    }
    if let Some(built) = built {
        return files::serve(crate::root().join(built), port, &base);
    }
    steps::take(if debug { setup::site()? } else { first_start()? })?;
    match (debug, only_build) {
        (true, _) => build::watch(port),
        (false, true) => Ok(()),
        (false, false) => files::serve(crate::root().join("dist"), port, &base),
    }
}

/// Everything that this machine still needs for a site. The apps compile at the same time as their tools.
fn first_start() -> Outcome<Vec<Step>> {
    let mut steps = setup::basics()?;
    let mut site = build::site_steps(Terminal::Own)?.into_iter();
    match (setup::tools()?, site.next()) {
        (Some(tools), Some(compile)) => steps.push(tools.beside(compile, "5 min")),
        (tools, compile) => steps.extend(tools.into_iter().chain(compile)),
    }
    Ok(steps.into_iter().chain(site).collect())
}
