//! `cargo xtask serve`: from a fresh machine to a page in the browser.

use crate::{Outcome, build, files, setup};

/// See the module's header.
pub fn serve(options: &[&str]) -> Outcome {
    let (mut port, mut only_build, mut debug, mut base) = (8080, false, false, "/".to_owned());
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        match *option {
            "--port" => {
                let value = rest.next().and_then(|value| value.parse().ok());
                port = value.ok_or("--port takes a number from 0 to 65535.")?;
            }
            "--base" => base = (*rest.next().ok_or("--base takes a path such as /guide/.")?).to_owned(),
            "--no-serve" => only_build = true,
            "--debug" => debug = true,
            other => return Err(format!("There is no option {other} here.")),
        }
    }
    setup::site()?;
    if debug {
        return build::watch(port);
    }
    build::site()?;
    if only_build { Ok(()) } else { files::serve(crate::root().join("dist"), port, &base) }
}
