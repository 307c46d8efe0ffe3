//! Commands of clients on a command line: `12 write client=Ann value=7`.

use faultline::guides::kit::info::Info;
use faultline::sim::declare::commands::{Command, CommandCall, Entry, Field};
use faultline::sim::declare::text;
use faultline::sim::run::tape::{Input, Stamped};

use super::{Failure, settings};

/// Reads `EVENT NAME [FIELD=VALUE ...]`: after how many events, which command, and what is filled in.
pub fn stamped(info: &Info, line: &str) -> Result<Stamped, Failure> {
    let mut words = line.split_whitespace();
    let after = words.next().and_then(|word| word.parse().ok());
    let after = after.ok_or_else(|| wrong(line, "begins with a number of events, such as '12 NAME'"))?;
    let name = words.next().ok_or_else(|| wrong(line, "names no command"))?;
    let known = info.commands.iter().find(|known| known.1.id == name);
    let (id, command) = known.ok_or_else(|| {
        let names: Vec<&str> = info.commands.iter().map(|known| known.1.id).collect();
        wrong(line, &format!("must name a command of {}: {}", info.path(), names.join(", ")))
    })?;
    let pairs: Vec<&str> = words.collect();
    Ok(Stamped { after, input: Input::Command(CommandCall { command: *id, values: values(command, &pairs, line)? }) })
}

fn wrong(line: &str, why: &str) -> Failure {
    Failure::Usage(format!("--do '{line}': it {why}."))
}

/// A value for each field: the one given by name, or the default.
fn values(command: &Command, pairs: &[&str], line: &str) -> Result<Vec<i64>, Failure> {
    let names: Vec<String> = command.fields.iter().map(name).collect();
    let is_known = |pair: &&&str| pair.split_once('=').is_some_and(|(key, _)| names.iter().any(|name| name == key));
    if let Some(unknown) = pairs.iter().find(|pair| !is_known(pair)) {
        let takes = names.iter().map(|name| format!("{name}=VALUE")).collect::<Vec<_>>().join(" ");
        return Err(wrong(line, &format!("may not have '{unknown}'; {} takes {takes}", command.id)));
    }
    let default = command.complete(&[]);
    let fields = command.parts(&default).zip(&names).map(|((field, stands), name)| {
        let given = pairs.iter().filter_map(|pair| pair.split_once('=')).find(|(key, _)| key == name);
        given.map_or(Ok(stands.to_vec()), |(_, value)| {
            read(field, value).map_err(|why| wrong(line, &format!("is wrong: {name} {why}")))
        })
    });
    Ok(fields.collect::<Result<Vec<_>, _>>()?.concat())
}

/// A field's title as one word: `key-size`.
fn name(field: &Field) -> String {
    field.title.to_lowercase().split_whitespace().collect::<Vec<_>>().join("-")
}

/// A number within bounds, the name of a choice, or a text.
fn read(field: &Field, value: &str) -> Result<Vec<i64>, String> {
    let Entry::Value(control, _) = field.entry else {
        let packed = text::pack(value).map(|values| values.to_vec());
        return packed.ok_or_else(|| format!("takes a text of up to {} letters, not '{value}'", text::MOST));
    };
    settings::value(&control, value).map(|number| vec![number])
}

#[cfg(test)]
mod tests {
    use super::*;
    use faultline::guides::find;

    fn agreement() -> Info {
        find("consensus/agreement").expect("it is in the catalogue").info()
    }

    fn refusal(line: &str) -> String {
        match stamped(&agreement(), line) {
            Err(Failure::Usage(sentence)) => sentence,
            _ => String::new(),
        }
    }

    #[test]
    fn a_line_is_a_command_on_the_tape() {
        let info = agreement();
        let (id, command) = info.commands[0];
        let field = name(&command.fields[0]);
        let one = stamped(&info, &format!("12 {} {field}=Bob", command.id)).ok().expect("it is a command");
        let Input::Command(call) = one.input else { panic!("{:?}", one.input) };
        assert_eq!((one.after, call.command, call.values.len()), (12, id, command.width()));
        assert_eq!(call.values[0], 1);
    }

    #[test]
    fn a_wrong_line_says_what_there_is() {
        assert!(refusal("write").contains("number of events"), "{}", refusal("write"));
        assert!(refusal("3 nothing").contains("write"), "{}", refusal("3 nothing"));
        assert!(refusal("3 write client=1").contains("client takes Ann or Bob"), "{}", refusal("3 write client=1"));
        assert!(refusal("3 write colour=2").contains("=VALUE"), "{}", refusal("3 write colour=2"));
    }
}
