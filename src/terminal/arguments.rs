//! Options of a command line: `--name value` pairs, flags, and plain words.

use super::Failure;

/// A command line, taken apart.
pub struct Arguments {
    words: Vec<String>,
    options: Vec<(String, String)>,
}

impl Arguments {
    /// Splits the words after a command. `with_value` names the options that take a value, `flags` those that do not.
    pub fn parse(words: &[String], with_value: &[&str], flags: &[&str]) -> Result<Arguments, Failure> {
        let mut parsed = Arguments { words: Vec::new(), options: Vec::new() };
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            if flags.contains(&word.as_str()) {
                parsed.options.push((word.clone(), String::new()));
            } else if with_value.contains(&word.as_str()) {
                let value = rest.next().ok_or_else(|| Failure::Usage(format!("{word} needs a value.")))?;
                parsed.options.push((word.clone(), value.clone()));
            } else if word.starts_with("--") {
                return Err(Failure::Usage(format!("There is no option {word} here.")));
            } else {
                parsed.words.push(word.clone());
            }
        }
        Ok(parsed)
    }

    /// Whether a flag was given.
    pub fn flag(&self, name: &str) -> bool {
        self.options.iter().any(|option| option.0 == name)
    }

    /// Every value of an option, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.options.iter().filter(move |option| option.0 == name).map(|option| option.1.as_str())
    }

    /// The last value of a whole-number option.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        let parse = |text: &str| {
            text.parse().map_err(|_| Failure::Usage(format!("{name} takes a whole number, 0 or more, not '{text}'.")))
        };
        self.all(name).last().map(parse).transpose()
    }

    /// The last value of an option that is a whole number and not 0.
    pub fn at_least_one(&self, name: &str) -> Result<Option<u64>, Failure> {
        match self.number(name)? {
            Some(0) => Err(Failure::Usage(format!("{name} takes a whole number, 1 or more, not '0'."))),
            number => Ok(number),
        }
    }

    /// The plain words.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The only plain word.
    pub fn only_word(&self, what: &str) -> Result<&str, Failure> {
        match self.words.as_slice() {
            [word] => Ok(word),
            [] => Err(Failure::Usage(format!("Which {what}?"))),
            _ => Err(Failure::Usage(format!("Only one {what} at a time."))),
        }
    }

    /// Rejects plain words.
    pub fn no_words(&self) -> Result<(), Failure> {
        match self.words.first() {
            Some(word) => Err(Failure::Usage(format!("'{word}' has no place here."))),
            None => Ok(()),
        }
    }
}
