//! What the terminal prints. The standard library's macros panic when nobody reads on or a device is full; these, under
//! the same names, end the program: quietly, or with a sentence.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::process::exit;

use super::CANNOT_WRITE;

macro_rules! println {
    () => { $crate::terminal::output::print(format_args!("\n")) };
    ($($what:tt)*) => { $crate::terminal::output::print(format_args!("{}\n", format_args!($($what)*))) };
}

macro_rules! eprintln {
    ($($what:tt)*) => { $crate::terminal::output::complain(format_args!($($what)*)) };
}

/// Prints to standard output, which is written out at the end of every line.
pub fn print(what: Arguments) {
    match stdout().write_fmt(what) {
        Ok(()) => {}
        // Whoever read it has seen enough: `faultline list | head -1`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(0),
        Err(error) => {
            complain(format_args!("Standard output cannot be written ({error})."));
            exit(i32::from(CANNOT_WRITE));
        }
    }
}

/// Prints a line to standard error. If nobody can read it, there is nobody to tell.
pub fn complain(what: Arguments) {
    let _ = writeln!(stderr(), "{what}");
}
