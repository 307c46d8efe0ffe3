//! Histories as text: Jepsen's log lines of a register (`0 :invoke :write 3`) and lines of a key-value store
//! (`{:process 0, :type :invoke, :f :append, :key "k", :value "v"}`), as in Porcupine's test data.

use super::order::{Call, Misfit, Sequence, Spec, linearize};
use super::register::{Register, RegisterOp};

/// How a history was judged: key by key, where the model has keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Operations in it.
    pub operations: usize,
    /// Each key, its operations in words, and an order that fits or what fits nowhere.
    pub keys: Vec<(String, Vec<String>, Result<Sequence, Misfit>)>,
}

impl Report {
    /// Whether every key's operations fit into an order.
    pub fn is_linearizable(&self) -> bool {
        self.keys.iter().all(|key| key.2.is_ok())
    }
}

/// Reads and judges a history. The error says which line cannot be read, and what was expected instead.
pub fn check_text(text: &str) -> Result<Report, String> {
    let is_store = text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with('{'));
    if is_store { check_store(text) } else { check_register(text) }
}

/// A line: a call or a return.
struct Said<'a> {
    process: u32,
    what: &'a str,
    f: &'a str,
    value: &'a str,
}

fn check_register(text: &str) -> Result<Report, String> {
    let mut calls: Vec<Call<RegisterOp>> = Vec::new();
    let mut open: Vec<(u32, usize)> = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|line| line.1.contains("jepsen.util")) {
        let wrong = || format!("Line {} is not a line of a register's log: {line}", at + 1);
        let said = register_line(line).ok_or_else(wrong)?;
        let index = open.iter().position(|known| known.0 == said.process);
        match (said.what, index) {
            (":invoke", None) => {
                let op = register_call(&said).ok_or_else(wrong)?;
                open.push((said.process, calls.len()));
                calls.push(Call { client: said.process, op, called: at as u64, returned: None });
            }
            // An operation that timed out stays open for ever: it may or may not have happened.
            (":info", Some(index)) => drop(open.remove(index)),
            (":ok" | ":fail", Some(index)) => {
                let (_, op) = open.remove(index);
                register_return(&mut calls[op], &said, at as u64).ok_or_else(wrong)?;
            }
            (":info", None) => {}
            _ => return Err(wrong()),
        }
    }
    let known: Vec<Call<RegisterOp>> = calls.iter().filter(|call| !is_void(call)).copied().collect();
    let verdict = linearize(&Register { start: Some(None) }, &known);
    let words = known.iter().map(|call| format!("client {}: {:?}", call.client, call.op)).collect();
    Ok(Report { operations: calls.len(), keys: vec![("register".to_owned(), words, verdict)] })
}

/// What certainly did not happen, or says nothing: a failed write, a read without an answer.
fn is_void(call: &Call<RegisterOp>) -> bool {
    call.op == RegisterOp::Read(Err(())) || call.returned == Some(u64::MAX)
}

fn register_line(line: &str) -> Option<Said<'_>> {
    let rest = line.split("jepsen.util - ").nth(1)?.trim();
    let (process, rest) = rest.split_once(char::is_whitespace)?;
    let (what, rest) = rest.trim_start().split_once(char::is_whitespace)?;
    let (f, value) = rest.trim_start().split_once(char::is_whitespace).unwrap_or((rest, "nil"));
    Some(Said { process: process.parse().ok()?, what, f, value: value.trim() })
}

fn numbers(value: &str) -> Option<(i64, i64)> {
    let (from, to) = value.trim_matches(['[', ']']).split_once(' ')?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

fn register_call(said: &Said) -> Option<RegisterOp> {
    match said.f {
        ":read" => Some(RegisterOp::Read(Err(()))),
        ":write" => Some(RegisterOp::Write(said.value.parse().ok()?)),
        ":cas" => numbers(said.value).map(|(from, to)| RegisterOp::CompareAndSet { from, to, done: None }),
        _ => None,
    }
}

fn register_return(call: &mut Call<RegisterOp>, said: &Said, at: u64) -> Option<()> {
    let ok = said.what == ":ok";
    call.returned = Some(at);
    match &mut call.op {
        // A read that failed has no answer, and says nothing.
        RegisterOp::Read(answer) if ok => {
            *answer = Ok(if said.value == "nil" { None } else { Some(said.value.parse().ok()?) });
        }
        RegisterOp::CompareAndSet { done, .. } => *done = Some(ok),
        RegisterOp::Write(_) if !ok => call.returned = Some(u64::MAX),
        _ => {}
    }
    Some(())
}

/// A text as the value of its bytes as a polynomial (Karp and Rabin): appending is quick, however long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Digest {
    value: u64,
    /// The base to the power of its length.
    power: u64,
    length: u32,
}

/// A prime: 2 to the 61st, less one.
const PRIME: u64 = (1 << 61) - 1;
const BASE: u64 = 0x1234_5678_9abc_def1 % PRIME;

fn times(a: u64, b: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(PRIME)) as u64
}

impl Digest {
    const EMPTY: Digest = Digest { value: 0, power: 1, length: 0 };

    fn of(text: &str) -> Digest {
        text.bytes().fold(Digest::EMPTY, Digest::with)
    }

    fn with(self, byte: u8) -> Digest {
        self.then(Digest { value: u64::from(byte) + 1, power: BASE, length: 1 })
    }

    /// The digest of this text followed by another.
    fn then(self, other: Digest) -> Digest {
        let value = (times(self.value, other.power) + other.value) % PRIME;
        Digest { value, power: times(self.power, other.power), length: self.length + other.length }
    }
}

/// What a get returned: the digests of the text's prefixes, from the empty one to the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer(Vec<Digest>);

impl Answer {
    fn of(text: &str) -> Answer {
        let mut beginnings = vec![Digest::EMPTY];
        for byte in text.bytes() {
            beginnings.push(beginnings[beginnings.len() - 1].with(byte));
        }
        Answer(beginnings)
    }

    fn begins_with(&self, text: Digest) -> bool {
        self.0.get(text.length as usize) == Some(&text)
    }

    fn is(&self, text: Digest) -> bool {
        self.0.last() == Some(&text)
    }
}

/// An operation on a key of a store that appends to texts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum StoreOp {
    Get(Option<Answer>),
    Put(Digest),
    Append(Digest),
}

/// One key of the store: a text, empty at first.
struct Text;

impl Spec for Text {
    type State = Digest;
    type Op = StoreOp;

    fn start(&self) -> Digest {
        Digest::EMPTY
    }

    fn apply(&self, state: &Digest, op: &StoreOp) -> Option<Digest> {
        match op {
            StoreOp::Get(None) => Some(*state),
            StoreOp::Get(Some(answer)) => answer.is(*state).then_some(*state),
            StoreOp::Put(text) => Some(*text),
            StoreOp::Append(text) => Some(state.then(*text)),
        }
    }

    fn only_looks(&self, op: &StoreOp) -> bool {
        matches!(op, StoreOp::Get(_))
    }

    fn is_telling(&self, op: &StoreOp) -> bool {
        matches!(op, StoreOp::Get(Some(_)))
    }

    fn could_give(&self, state: &Digest, telling: &StoreOp, open: &[&StoreOp]) -> bool {
        let StoreOp::Get(Some(answer)) = telling else { return true };
        let begins_anew = |op: &&StoreOp| matches!(op, StoreOp::Put(text) if answer.begins_with(*text));
        answer.begins_with(*state) || open.iter().any(begins_anew)
    }
}

fn check_store(text: &str) -> Result<Report, String> {
    let mut keys: Vec<(String, Vec<Call<StoreOp>>, Vec<String>)> = Vec::new();
    let mut open: Vec<(u32, usize, usize)> = Vec::new();
    let mut operations = 0;
    for (at, line) in text.lines().enumerate().filter(|line| !line.1.trim().is_empty()) {
        let wrong = || format!("Line {} is not a line of a store's history: {line}", at + 1);
        let (said, key) = store_line(line).ok_or_else(wrong)?;
        let index = open.iter().position(|known| known.0 == said.process);
        match (said.what, index) {
            (":invoke", None) => {
                let place = keys.iter().position(|known| known.0 == key).unwrap_or_else(|| {
                    keys.push((key.to_owned(), Vec::new(), Vec::new()));
                    keys.len() - 1
                });
                let op = store_call(&said).ok_or_else(wrong)?;
                open.push((said.process, place, keys[place].1.len()));
                keys[place].2.push(format!("client {}: {} {:?}", said.process, said.f, said.value));
                keys[place].1.push(Call { client: said.process, op, called: at as u64, returned: None });
                operations += 1;
            }
            (":ok", Some(index)) => {
                let (_, place, number) = open.remove(index);
                let call = &mut keys[place].1[number];
                call.returned = Some(at as u64);
                if let StoreOp::Get(answer) = &mut call.op {
                    *answer = Some(Answer::of(said.value));
                }
            }
            _ => return Err(wrong()),
        }
    }
    let judged = keys.into_iter().map(|(key, calls, words)| {
        let verdict = linearize(&Text, &calls);
        (key, words, verdict)
    });
    Ok(Report { operations, keys: judged.collect() })
}

fn store_line(line: &str) -> Option<(Said<'_>, &str)> {
    let field = |name: &str| {
        let rest = line.split_once(name)?.1.trim_start();
        Some(match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?.0,
            None => rest.split([',', '}']).next()?.trim(),
        })
    };
    let said = Said {
        process: field(":process ")?.parse().ok()?,
        what: field(":type ")?,
        f: field(":f ")?,
        value: field(":value ")?,
    };
    Some((said, field(":key ")?))
}

fn store_call(said: &Said) -> Option<StoreOp> {
    match said.f {
        ":get" => Some(StoreOp::Get(None)),
        ":put" => Some(StoreOp::Put(Digest::of(said.value))),
        ":append" => Some(StoreOp::Append(Digest::of(said.value))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_log_is_read_and_judged() {
        let log = |value: u32| {
            format!(
                "INFO  jepsen.util - 0\t:invoke\t:write\t3\nINFO  jepsen.util - 0\t:ok\t:write\t3\n\
                 INFO  jepsen.util - 1\t:invoke\t:read\tnil\nINFO  jepsen.util - 1\t:ok\t:read\t{value}\n"
            )
        };
        assert_eq!(check_text(&log(3)).map(|report| report.is_linearizable()), Ok(true));
        assert_eq!(check_text(&log(4)).map(|report| report.is_linearizable()), Ok(false));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = check_text("{:process 0, :type :ok}").expect_err("a return without a call");
        assert!(error.starts_with("Line 1"), "{error}");
        assert!(check_text("INFO jepsen.util - x\t:invoke").is_err());
        assert_eq!(check_text("").map(|report| report.operations), Ok(0));
    }
}
