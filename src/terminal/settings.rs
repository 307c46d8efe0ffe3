//! Values of settings and of commands' fields on a command line: refused where the page could not set them.

use faultline::sim::declare::settings::{Control, Unit};
use faultline::sim::kernel::time;

/// The value that a text stands for. The error says what there is: `takes 1 to 5, not '9'`.
pub fn value(control: &Control, text: &str) -> Result<i64, String> {
    let (min, max) = control.bounds();
    let found = match control {
        Control::Choice(options) => options.iter().position(|option| is_name(option, text)).map(|at| at as i64),
        Control::Toggle => match text {
            "on" | "1" => Some(1),
            "off" | "0" => Some(0),
            _ => None,
        },
        Control::Slider { unit, .. } => number(*unit, text).filter(|value| (min..=max).contains(value)),
    };
    found.ok_or_else(|| format!("takes {}, not '{text}'", range(control)))
}

/// Whether a text is a choice's name; on a command line `-` is easier than a blank.
fn is_name(option: &str, text: &str) -> bool {
    let plain = |name: &str| name.to_lowercase().replace(' ', "-");
    plain(option) == plain(text)
}

/// A whole number, or a length of time with its unit.
fn number(unit: Unit, text: &str) -> Option<i64> {
    let lengths = [("us", 1.0), ("µs", 1.0), ("ms", 1e3), ("s", 1e6)];
    let length = lengths.iter().filter(|_| unit == Unit::Micros).find_map(|(name, micros)| {
        let count: f64 = text.strip_suffix(name)?.trim_end().parse().ok()?;
        Some((count * micros).round() as i64)
    });
    text.parse().ok().or(length)
}

/// What a control can be set to, in words.
fn range(control: &Control) -> String {
    match control {
        Control::Choice(options) => options.join(" or "),
        Control::Toggle => "on or off".to_owned(),
        Control::Slider { min, max, unit: Unit::Micros, .. } => {
            let show = |micros: &i64| time::show(micros.unsigned_abs());
            format!("{} to {} (as a plain number, {min} to {max} microseconds)", show(min), show(max))
        }
        Control::Slider { min, max, .. } => format!("{min} to {max}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faultline::guides::catalogue;

    #[test]
    fn every_choice_has_a_name_of_its_own_and_no_number() {
        for scenario in catalogue() {
            for (_, setting, _) in scenario.info().settings {
                let Control::Choice(options) = setting.control else { continue };
                for (at, option) in options.iter().enumerate() {
                    let typed = option.to_uppercase().replace(' ', "-");
                    assert_eq!(value(&setting.control, &typed), Ok(at as i64), "{}: {option}", setting.id);
                    let is_number = options.contains(&at.to_string().as_str());
                    assert_eq!(value(&setting.control, &at.to_string()).is_ok(), is_number, "{}: {at}", setting.id);
                }
            }
        }
    }

    #[test]
    fn what_a_control_cannot_be_set_to_is_refused_with_its_range() {
        let slider = |unit| Control::Slider { min: 1_000, max: 2_000_000, step: 1_000, unit };
        let (length, count) = (slider(Unit::Micros), slider(Unit::Count));
        assert_eq!((value(&length, "250ms"), value(&length, "1.5s")), (Ok(250_000), Ok(1_500_000)));
        assert_eq!((value(&count, "2000000"), value(&Control::Toggle, "on")), (Ok(2_000_000), Ok(1)));
        assert_eq!(value(&count, "999"), Err("takes 1000 to 2000000, not '999'".to_owned()));
        let why = value(&length, "1e99s").expect_err("it is too long");
        assert!(why.starts_with("takes 1 ms to 2.00 s"), "{why}");
        for wrong in ["", "2000001", "250m", "-5", "NaNs", "on"] {
            assert!(value(&length, wrong).is_err(), "{wrong}");
        }
        assert_eq!(value(&Control::Toggle, "yes"), Err("takes on or off, not 'yes'".to_owned()));
    }
}
