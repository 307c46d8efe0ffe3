//! The golden runs, natively: read the lines that change before you commit them.

use crate::catalogue::check;
use crate::golden;
use crate::pinned::pinned;

#[test]
fn golden_runs_are_what_they_were() {
    let found = check(|scenario, info| Ok((info.path(), golden::runs(scenario, info))));
    pinned("tests/golden/runs.txt", &found, |line| {
        let words = line.split(' ').take_while(|word| word.len() < 16 || word.contains('/'));
        words.collect::<Vec<_>>().join(" ")
    });
}
