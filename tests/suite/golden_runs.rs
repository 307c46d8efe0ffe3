//! The golden runs, natively. FAULTLINE_BLESS=1 rewrites tests/golden/runs.txt; read its diff before it is committed.

#[test]
fn golden_runs_are_what_they_were() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/runs.txt");
    let now = crate::golden::runs();
    if std::env::var_os("FAULTLINE_BLESS").is_some() {
        assert!(std::fs::write(file, &now).is_ok(), "{file} cannot be written");
    }
    let before = std::fs::read_to_string(file).unwrap_or_default();
    let changed: Vec<&str> = now.lines().filter(|line| !before.lines().any(|known| known == *line)).collect();
    let names: Vec<String> =
        changed.iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" seed ")).collect();
    assert!(changed.is_empty() && now.lines().count() == before.lines().count(), "these runs changed: {names:?}");
}
